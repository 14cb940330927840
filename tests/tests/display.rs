//! Contract section 5: how events read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use activity_feed_tests::{Server, event};
use serde_json::{Value, json};

/// How these events are shown, in order.
fn shown(events: &[Value]) -> Vec<Value> {
    let server = Server::start(&[]);
    server.publish(&Value::from(events));
    let page = server.http().history("since=earliest&limit=100");
    page["events"].as_array().unwrap().iter().map(|event| event["display"].clone()).collect()
}

#[test]
fn every_row_of_the_table_reads_as_it_says() {
    let rows = [
        ("task.created", json!({"description": "Fix it"}), "📝", "New task: Fix it"),
        ("task.assigned", json!({"agent": "forge"}), "👤", "Task assigned to forge"),
        ("task.completed", json!({}), "✓", "Task completed"),
        ("agent.joined", json!({"name": "Echo"}), "🟢", "Agent Echo joined"),
        ("agent.left", json!({"name": "Echo"}), "🔴", "Agent Echo left"),
        ("bid.submitted", json!({"amount": 50, "agent": "forge"}), "💰", "Bid: 50sats from forge"),
        ("bid.submitted", json!({"bid_sats": 7, "agent_name": "x"}), "💰", "Bid: 7sats from x"),
        ("tool.called", json!({"tool_name": "grep"}), "🔧", "Tool: grep"),
        ("tool.called", json!({"tool": "sed"}), "🔧", "Tool: sed"),
        ("system.error", json!({"message": "disk full"}), "⚠️", "Error: disk full"),
    ];
    let events: Vec<Value> = rows.iter().map(|(kind, data, ..)| event(kind, data.clone())).collect();
    for ((kind, _, icon, text), display) in rows.iter().zip(shown(&events)) {
        assert_eq!((&display["icon"], &display["text"]), (&json!(icon), &json!(text)), "{kind}");
        assert!(display["label"].as_str().is_some_and(|label| !label.is_empty()), "{kind}: {display}");
    }
}

#[test]
fn a_missing_field_leaves_a_sentence_that_reads_well() {
    let icons = [
        ("task.created", "📝"),
        ("task.assigned", "👤"),
        ("agent.joined", "🟢"),
        ("agent.left", "🔴"),
        ("bid.submitted", "💰"),
        ("tool.called", "🔧"),
        ("system.error", "⚠️"),
        ("task.bidding", "⏳"),
        ("task.started", "▶️"),
        ("task.failed", "❌"),
        ("agent.status_changed", "🔄"),
        ("auction.closed", "🏁"),
        ("tool.completed", "⚙️"),
        ("tool.failed", "💥"),
        ("system.warning", "🔶"),
        ("system.info", "ℹ️"),
        ("error.captured", "🐛"),
        ("bug_report.created", "📋"),
        ("never.heard_of", "•"),
    ];
    let events: Vec<Value> = icons.iter().map(|(kind, _)| event(kind, json!({}))).collect();
    for ((kind, icon), display) in icons.iter().zip(shown(&events)) {
        assert_eq!(display["icon"], *icon, "{kind}");
        let text = display["text"].as_str().unwrap();
        assert!(!text.contains(['{', '}']) && !text.contains("undefined") && !text.contains("null"), "{kind}: {text}");
        assert!(!text.is_empty() && !text.ends_with([' ', ':']) && !text.contains("  "), "{kind}: {text:?}");
    }
}

#[test]
fn text_is_cut_between_graphemes_and_cleaned() {
    let family = "👩‍👩‍👧‍👦";
    let shown = shown(&[
        event("system.error", json!({"message": family.repeat(130)})),
        event("never.heard_of", json!({"message": "why\u{202e}\u{7} \u{1b}[31mnot\u{200b}"})),
        event("system.info", json!({"message": "two\nlines\r\n\tand a tab"})),
    ]);
    let long = shown[0]["text"].as_str().unwrap();
    let whole =
        long.strip_prefix("Error: ").and_then(|rest| rest.strip_suffix('…')).unwrap_or_else(|| panic!("{long}"));
    assert_eq!(whole.replace(family, ""), "", "cut between graphemes");
    let families = whole.matches(family).count();
    assert!((110..=113).contains(&families), "at 120 characters, the start and the … included: {families}");
    for display in &shown {
        let text = display["text"].as_str().unwrap();
        assert!(!text.contains(|c: char| c.is_control() || matches!(c, '\u{202e}' | '\u{200b}')), "{text:?}");
    }
    let clean = shown[1]["text"].as_str().unwrap();
    assert!(clean.contains("never.heard_of") && clean.contains("why"), "the type and the message: {clean}");
}
