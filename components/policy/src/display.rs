//! How an event reads: an icon, a label, and one sentence of at most 120 characters. Plain text that is always clean
//! (no control, ANSI or direction characters), never empty, and reads well whatever is missing from the event.

use std::borrow::Cow;

use crate::body::Body;
use crate::text;
use crate::words::Display;

/// Graphemes of a sentence.
pub const MAX_TEXT: usize = 120;
/// Graphemes of a label.
const MAX_LABEL: usize = 60;
/// Graphemes of an icon that a user's rules give: one is meant, a few do not break a page.
const MAX_ICON: usize = 4;

/// Word an event, in the words of the user's rules where they gave some.
#[must_use]
pub fn display(body: &Body, given: Option<&Display>) -> Display {
    let event = body.event();
    let given = |field: fn(&Display) -> &String, graphemes: usize| {
        let text = text::clean(field(given?));
        let text = text::cut(text.trim(), graphemes);
        (!text.is_empty()).then(|| text.into_owned())
    };
    Display {
        icon: given(|d| &d.icon, MAX_ICON).unwrap_or_else(|| icon(&event.event_type).to_owned()),
        label: given(|d| &d.label, MAX_LABEL).unwrap_or_else(|| label(&event.event_type)),
        text: given(|d| &d.text, MAX_TEXT).unwrap_or_else(|| {
            let sentence = sentence(body);
            match text::cut(&sentence, MAX_TEXT) {
                Cow::Borrowed(whole) if whole.len() == sentence.len() => sentence,
                cut => cut.into_owned(),
            }
        }),
    }
}

/// The symbol of a type.
#[must_use]
pub fn icon(event_type: &str) -> &'static str {
    match event_type {
        "task.created" => "📝",
        "task.bidding" => "⏳",
        "task.assigned" => "👤",
        "task.started" => "▶️",
        "task.completed" => "✓",
        "task.failed" => "❌",
        "agent.joined" => "🟢",
        "agent.left" => "🔴",
        "agent.status_changed" => "🔄",
        "bid.submitted" => "💰",
        "auction.closed" => "🏁",
        "tool.called" => "🔧",
        "tool.completed" => "⚙️",
        "tool.failed" => "💥",
        "system.error" => "⚠️",
        "system.warning" => "🔶",
        "system.info" => "ℹ️",
        "error.captured" => "🐛",
        "bug_report.created" => "📋",
        _ => "•",
    }
}

/// A type in words: `task.assigned` is "Task assigned".
fn label(event_type: &str) -> String {
    let mut words = text::clean(event_type).into_owned().into_bytes();
    for byte in &mut words {
        if matches!(byte, b'.' | b'_' | b'-') {
            *byte = b' ';
        }
    }
    // ASCII gave way to ASCII, so it is a text still.
    let mut label = String::from_utf8(words).unwrap_or_default();
    if let Some(first) = label.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    match text::cut(&label, MAX_LABEL) {
        Cow::Borrowed(whole) if whole.len() == label.len() => label,
        cut => cut.into_owned(),
    }
}

fn sentence(body: &Body) -> String {
    let (event, fields) = (body.event(), body.fields());
    let agent_id = || event.agent_id.as_deref().map(text::clean).filter(|id| !id.trim().is_empty());
    let agent = || fields.text(&["agent", "agent_name"]).or_else(agent_id);
    let name = || fields.text(&["name"]).or_else(agent_id);
    let tool = || fields.text(&["tool_name", "tool"]);
    let amount = || fields.text(&["amount", "bid_sats"]);
    let reason = || fields.text(&["reason", "message", "error", "description"]);

    match event.event_type.as_str() {
        "task.created" => with("New task", ": ", fields.text(&["description"])),
        "task.bidding" => "Task open for bids".to_owned(),
        "task.assigned" => with("Task assigned", " to ", agent()),
        "task.started" => with("Task started", " by ", agent()),
        "task.completed" => "Task completed".to_owned(),
        "task.failed" => with("Task failed", ": ", reason()),
        "agent.joined" => of_agent(name(), " joined"),
        "agent.left" => of_agent(name(), " left"),
        "agent.status_changed" => match fields.text(&["status", "new_status"]) {
            Some(status) => of_agent(name(), &with(" is now", " ", Some(status))),
            None => of_agent(name(), " changed status"),
        },
        "bid.submitted" => match (amount(), agent()) {
            (Some(amount), agent) => with(&joined(&["Bid: ", &amount, "sats"]), " from ", agent),
            (None, Some(agent)) => joined(&["Bid from ", &agent]),
            (None, None) => "New bid".to_owned(),
        },
        "auction.closed" => match (fields.text(&["winner", "agent", "agent_name"]).or_else(agent_id), amount()) {
            (Some(winner), Some(amount)) => joined(&["Auction closed: ", &winner, " won at ", &amount, "sats"]),
            (Some(winner), None) => joined(&["Auction closed: ", &winner, " won"]),
            (None, _) => "Auction closed".to_owned(),
        },
        "tool.called" => match tool() {
            Some(tool) => joined(&["Tool: ", &tool]),
            None => "Tool called".to_owned(),
        },
        "tool.completed" => with("Tool completed", ": ", tool()),
        "tool.failed" => with("Tool failed", ": ", tool()),
        "system.error" => match fields.text(&["message"]) {
            Some(message) => joined(&["Error: ", &message]),
            None => "System error".to_owned(),
        },
        "system.warning" => match fields.text(&["message"]) {
            Some(message) => joined(&["Warning: ", &message]),
            None => "System warning".to_owned(),
        },
        "system.info" => match fields.text(&["message"]) {
            Some(message) => joined(&["Info: ", &message]),
            None => "System info".to_owned(),
        },
        "error.captured" => with("Error captured", ": ", fields.text(&["message", "error", "description"])),
        "bug_report.created" => with("Bug report", ": ", fields.text(&["title", "description", "message"])),
        other => with(&text::clean(other), ": ", fields.text(&["message", "reason", "description"])),
    }
}

fn joined(parts: &[&str]) -> String {
    parts.concat()
}

/// The words, and what is known after them.
fn with(words: &str, link: &str, known: Option<Cow<'_, str>>) -> String {
    match known {
        Some(known) => joined(&[words, link, &known]),
        None => words.to_owned(),
    }
}

fn of_agent(name: Option<Cow<'_, str>>, does: &str) -> String {
    match name {
        Some(name) => joined(&["Agent ", &name, does]),
        None => joined(&["An agent", does]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{Event, Shown};
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation;

    fn event(event_type: &str, agent_id: Option<&str>, data: &str) -> Body {
        let event = Event {
            seq: 1,
            id: "1".to_owned(),
            event_type: event_type.to_owned(),
            source: "test".to_owned(),
            agent_id: agent_id.map(str::to_owned),
            timestamp: "2024-01-15T10:30:00Z".to_owned(),
            data: data.to_owned(),
            ..Event::default()
        };
        Body::new(Shown { event, display: None })
    }

    #[test]
    fn every_row_of_the_table() {
        let rows = [
            ("task.created", "📝", r#"{"description":"paint it"}"#, "New task: paint it", "New task"),
            ("task.assigned", "👤", r#"{"agent":"forge"}"#, "Task assigned to forge", "Task assigned"),
            ("task.completed", "✓", "{}", "Task completed", "Task completed"),
            ("agent.joined", "🟢", r#"{"name":"Echo"}"#, "Agent Echo joined", "An agent joined"),
            ("agent.left", "🔴", r#"{"name":"Echo"}"#, "Agent Echo left", "An agent left"),
            ("bid.submitted", "💰", r#"{"amount":50,"agent":"forge"}"#, "Bid: 50sats from forge", "New bid"),
            ("tool.called", "🔧", r#"{"tool_name":"grep"}"#, "Tool: grep", "Tool called"),
            ("system.error", "⚠️", r#"{"message":"disk full"}"#, "Error: disk full", "System error"),
            ("task.bidding", "⏳", "{}", "Task open for bids", "Task open for bids"),
            ("task.started", "▶️", r#"{"agent":"forge"}"#, "Task started by forge", "Task started"),
            ("task.failed", "❌", r#"{"reason":"no bids"}"#, "Task failed: no bids", "Task failed"),
            (
                "agent.status_changed",
                "🔄",
                r#"{"name":"Echo","status":"idle"}"#,
                "Agent Echo is now idle",
                "An agent changed status",
            ),
            (
                "auction.closed",
                "🏁",
                r#"{"winner":"forge","amount":50}"#,
                "Auction closed: forge won at 50sats",
                "Auction closed",
            ),
            ("tool.completed", "⚙️", r#"{"tool":"grep"}"#, "Tool completed: grep", "Tool completed"),
            ("tool.failed", "💥", r#"{"tool":"grep"}"#, "Tool failed: grep", "Tool failed"),
            ("system.warning", "🔶", r#"{"message":"hot"}"#, "Warning: hot", "System warning"),
            ("system.info", "ℹ️", r#"{"message":"up"}"#, "Info: up", "System info"),
            ("error.captured", "🐛", r#"{"message":"boom"}"#, "Error captured: boom", "Error captured"),
            ("bug_report.created", "📋", r#"{"title":"it broke"}"#, "Bug report: it broke", "Bug report"),
            ("deploy.finished", "•", r#"{"message":"v2"}"#, "deploy.finished: v2", "deploy.finished"),
        ];
        for (event_type, icon, data, full, bare) in rows {
            let display = display(&event(event_type, None, data), None);
            assert_eq!((display.icon.as_str(), display.text.as_str()), (icon, full), "{event_type}");
            let bare_display =
                super::display(&event(event_type, None, r#"{"agent":{},"name":null,"amount":""}"#), None);
            assert_eq!(bare_display.text, bare, "{event_type}");
        }
    }

    #[test]
    fn the_fallbacks_of_each_field() {
        let text = |event_type, agent_id, data| display(&event(event_type, agent_id, data), None).text;
        assert_eq!(text("task.assigned", Some("agent-4"), r#"{"agent_name":"forge"}"#), "Task assigned to forge");
        assert_eq!(text("task.assigned", Some("agent-4"), "{}"), "Task assigned to agent-4");
        assert_eq!(text("agent.joined", Some("agent-4"), "{}"), "Agent agent-4 joined");
        assert_eq!(text("bid.submitted", Some("agent-4"), r#"{"bid_sats":100}"#), "Bid: 100sats from agent-4");
        assert_eq!(text("bid.submitted", None, r#"{"bid_sats":100}"#), "Bid: 100sats");
        assert_eq!(text("bid.submitted", Some("agent-4"), "{}"), "Bid from agent-4");
        assert_eq!(text("tool.called", None, r#"{"tool":"grep"}"#), "Tool: grep");
        assert_eq!(text("a.b", None, r#"{"description":"d","reason":"r"}"#), "a.b: r");
        assert_eq!(text("a.b", None, r#"{"description":"d"}"#), "a.b: d");
        assert_eq!(display(&event("task.assigned", None, "{}"), None).label, "Task assigned");
        assert_eq!(display(&event("bug_report.created", None, "{}"), None).label, "Bug report created");
    }

    #[test]
    fn the_words_of_the_rules_go_first_and_are_cleaned_and_cut() {
        let given = Display {
            icon: "\u{1b}[1m★".to_owned(),
            label: String::new(),
            text: format!("\u{202e}{}", "x".repeat(500)),
        };
        let shown = display(&event("task.assigned", None, "{}"), Some(&given));
        assert_eq!(shown.icon, "★");
        assert_eq!(shown.label, "Task assigned");
        assert_eq!(shown.text.graphemes(true).count(), MAX_TEXT);
        assert!(shown.text.starts_with('x') && shown.text.ends_with('…'));
    }

    proptest! {
        #[test]
        fn text_is_never_empty_long_or_unclean(event_type in "[a-z]{1,8}(\\.[a-z_]{1,8}){0,2}", agent in ".{0,20}", message in ".{0,300}") {
            let data = serde_json::json!({"message": message, "name": message, "agent": message}).to_string();
            for event_type in [event_type.as_str(), "task.assigned", "agent.joined", "system.error"] {
                let shown = display(&event(event_type, Some(&agent), &data), None);
                prop_assert!(!shown.text.is_empty() && !shown.icon.is_empty() && !shown.label.is_empty());
                prop_assert!(shown.text.graphemes(true).count() <= MAX_TEXT);
                prop_assert_eq!(text::clean(&shown.text), shown.text.as_str());
                prop_assert!(!shown.text.chars().any(char::is_control));
            }
        }
    }
}
