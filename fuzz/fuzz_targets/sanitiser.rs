//! The sanitiser: never panics, always leaves JSON, and sanitising twice is sanitising once.
#![no_main]

use activity_policy::json::Json;
use activity_policy::sanitise;
use libfuzzer_sys::fuzz_target;

/// The text of `data` after sanitising, or none when there is no object in it.
fn sanitised(text: &str) -> Option<String> {
    let mut value = Json::parse(text, 64).ok()?;
    value.as_object()?;
    sanitise::data(&mut value, &mut Vec::new());
    let mut out = String::new();
    value.write(&mut out);
    Some(out)
}

fuzz_target!(|input: &str| {
    if let Some(once) = sanitised(input) {
        assert_eq!(sanitised(&once).as_deref(), Some(once.as_str()), "twice is once");
    }
    // Any text at all, as the value of an innocent field and as a name.
    let mut wrapped = String::from("{\"text\":");
    activity_policy::json::write_string(input, &mut wrapped);
    wrapped.push('}');
    let once = sanitised(&wrapped).expect("an object stays one");
    assert_eq!(sanitised(&once).as_deref(), Some(once.as_str()), "twice is once");
    if let Some(clean) = sanitise::field("source", input, &mut Vec::new()) {
        assert_eq!(sanitise::field("source", &clean, &mut Vec::new()), None, "twice is once");
    }
    let _ = sanitise::secret_kind(input);
});
