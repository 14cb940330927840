//! `bench` (contract section 10): what it measures, in one JSON object, for each of the measures.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use activity_feed_tests::binary;
use serde_json::Value;

#[test]
fn measures_have_their_numbers_and_nothing_is_lost() {
    let args = ["bench", "--json", "--seconds", "1", "--connections", "20", "--rate", "50"];
    let output = binary::run(&args);
    assert!(output.status.success(), "{}", binary::stderr(&output));
    let report: Value = serde_json::from_str(&binary::stdout(&output)).unwrap();
    let positive = |path: &str| {
        let value = report.pointer(path).and_then(Value::as_f64);
        assert!(value.is_some_and(|value| value > 0.0), "{path}: {value:?} in {report}");
    };
    for path in [
        "/append/sync_ms",
        "/append/runs/0/events_per_second",
        "/append/runs/1/publishers",
        "/policy/event_log/component_us",
        "/policy/event_log/native_us",
        "/policy/broadcaster/component_us",
        "/policy/broadcaster/native_us",
        "/fanout/0/cpu_us_a_delivery",
        "/fanout/0/p50_ms",
        "/fanout/0/p99_ms",
        "/fanout/0/bare_loop/cpu_us_a_delivery",
        "/idle/connections",
        "/replay/events_per_second",
    ] {
        positive(path);
    }
    for step in report["fanout"].as_array().unwrap() {
        assert_eq!(step["lost"], 0, "{step}");
        assert!(step["deliveries"].as_u64().unwrap() > 0, "{step}");
    }
}

#[test]
fn one_measure_alone_is_a_table() {
    let output = binary::run(&["bench", "--only", "policy"]);
    let table = binary::stdout(&output);
    assert!(table.contains("event-log") && table.contains("broadcaster") && !table.contains("fanout"), "{table}");
}
