//! Bodies of `POST /api/events`, in each of their formats: refused or accepted without a panic, and what is accepted is an
//! event by every rule, whose data any reader can read.
#![no_main]

use activity_policy::filter::is_event_type;
use activity_policy::stamp::Stamp;
use activity_policy::submission::{BodyFormat, Limits, accept_body, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((first, body)) = input.split_first() else { return };
    let format = match first % 4 {
        0 => BodyFormat::Json,
        1 => BodyFormat::Ndjson,
        2 => BodyFormat::CloudEvent,
        _ => BodyFormat::CloudEventBatch,
    };
    let limits = Limits { max_event_bytes: 65_536, max_events: 1_000 };
    let _ = parse(format, body, limits);
    let mut stamp = Stamp::new(1_705_314_600_000, (7, 9));
    let Ok(accepted) = accept_body(format, body, limits, &mut stamp) else { return };
    for event in accepted.into_iter().map(|accepted| accepted.event) {
        assert!(is_event_type(&event.event_type) && event.event_type.len() <= 64);
        assert!(!event.source.is_empty() && event.source.len() <= 128);
        assert!(!event.id.is_empty() && event.id.len() <= 128);
        let data: serde_json::Value = serde_json::from_str(&event.data).expect("data is JSON to others too");
        assert!(data.is_object());
    }
});
