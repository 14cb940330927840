//! The queries of history and of streams: read without a panic, within their bounds.
#![no_main]

use activity_policy::query::{read_history, read_stream};
use activity_policy::words::Settings;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let grant = ["task.*".to_owned()];
    if let Ok(asked) = read_history(input, Some(&grant)) {
        assert!((1..=1_000).contains(&asked.limit) && asked.wait_ms <= 30_000);
        assert!(!asked.filter.types.is_empty(), "no types would be all of them");
    }
    let _ = read_history(input, None);
    let settings = Settings::default();
    let (id, query) = input.split_once('\n').unwrap_or(("", input));
    for socket in [false, true] {
        let _ = read_stream(query, Some(id), socket, &settings, Some(&grant));
        let _ = read_stream(query, None, socket, &settings, None);
    }
});
