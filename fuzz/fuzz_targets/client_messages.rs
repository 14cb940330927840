//! What a client says over a WebSocket: read without a panic, within its bounds, and never beyond its token.
#![no_main]

use activity_policy::filter::allows;
use activity_policy::protocol::{ClientMessage, read_message};
use activity_policy::words::{Channel, Settings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let settings = Settings::default();
    let grant = ["task.*".to_owned(), "agent.joined".to_owned()];
    let _ = read_message(input, &settings, None);
    if let ClientMessage::Subscribe(subscription) = read_message(input, &settings, Some(&grant)) {
        let key = subscription.lane;
        assert!(key.channel == Channel::Events, "the state shows every type");
        assert!((1..=settings.rate.max(1)).contains(&key.rate));
        assert!(!key.filter.types.is_empty(), "no types would be all of them");
        for list in [&key.filter.types, &key.filter.sources, &key.filter.task_ids, &key.filter.agent_ids] {
            assert!(list.len() <= 64 && list.is_sorted());
        }
        for pattern in &key.filter.types {
            let sample = pattern.strip_suffix('*').map_or(pattern.clone(), |prefix| format!("{prefix}x"));
            assert!(allows(&grant, &sample), "{pattern} is more than the token allows");
        }
    }
});
