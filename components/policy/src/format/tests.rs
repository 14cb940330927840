#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::filter::Filter;
use crate::words::{Channel, ErrorCode, Event, Reason, Shown};
use proptest::prelude::*;
use serde_json::{Value, json};

fn key(format: Format, label: Option<&str>) -> LaneKey {
    let label = label.map(str::to_owned);
    LaneKey { channel: Channel::Events, filter: Filter::default(), rate: 10, format, label }
}

fn settings() -> Settings {
    Settings { epoch: "e1".to_owned(), ..Settings::default() }
}

fn write(key: &LaneKey, one: Item) -> String {
    item(key, &settings(), one, || r#"{"agents":[]}"#.to_owned())
}

fn json_frame(label: Option<&str>, one: Item) -> Value {
    serde_json::from_str(&write(&key(Format::Json, label), one)).unwrap()
}

fn shown() -> Shown {
    let event = Event {
        seq: 42,
        id: "a-1".to_owned(),
        event_type: "task.assigned".to_owned(),
        source: "coordinator".to_owned(),
        task_id: Some("task-123".to_owned()),
        agent_id: Some("agent-456".to_owned()),
        timestamp: "2024-01-15T12:30:00+02:00".to_owned(),
        data: r#"{"bid_sats":100,"agent":"forge"}"#.to_owned(),
    };
    Shown { event, display: None }
}

fn report(count: Option<u64>) -> Skipped {
    Skipped {
        from: 42,
        to: 50,
        count,
        by_type: vec![("a.b".to_owned(), 1), ("bid.submitted".to_owned(), 2)],
        reason: Reason::Rate,
    }
}

#[test]
fn each_frame_as_the_contract_writes_it() {
    assert_eq!(
        json_frame(None, Item::Hello("c1".to_owned(), 7)),
        json!({"type":"hello","payload":{"client":"c1","epoch":"e1","head":"e1:7","ping_ms":25000,"limits":{"rate":10,"buffer":100}}})
    );
    assert_eq!(
        json_frame(None, Item::Subscribed { recovered: true, from: 1, to: 7 }),
        json!({"type":"subscribed","payload":{"channel":"events","recovered":true,"from":"e1:1","to":"e1:7","rate":10}})
    );
    assert_eq!(
        json_frame(None, Item::Event(shown(), 41)),
        json!({"type":"event","payload":{"id":"a-1","seq":42,"prev":41,"cursor":"e1:42","event_type":"task.assigned",
            "source":"coordinator","task_id":"task-123","agent_id":"agent-456","timestamp":"2024-01-15T12:30:00+02:00",
            "data":{"bid_sats":100,"agent":"forge"},
            "display":{"icon":"👤","label":"Task assigned","text":"Task assigned to forge","time":"10:30:00"}}})
    );
    assert_eq!(
        json_frame(None, Item::Skipped(report(Some(3)))),
        json!({"type":"skipped","payload":{"prev":42,"from":"e1:42","to":"e1:50","count":3,"by_type":{"bid.submitted":2,"a.b":1},"reason":"rate"}})
    );
    assert_eq!(
        json_frame(None, Item::Skipped(Skipped { reason: Reason::Pruned, ..report(None) })),
        json!({"type":"skipped","payload":{"prev":42,"from":"e1:42","to":"e1:50","count":null,"by_type":null,"reason":"pruned"}})
    );
    assert_eq!(json_frame(None, Item::CaughtUp(7)), json!({"type":"caught_up","payload":{"cursor":"e1:7"}}));
    assert_eq!(json_frame(None, Item::Position(7)), json!({"type":"position","payload":{"cursor":"e1:7"}}));
    assert_eq!(json_frame(None, Item::State), json!({"type":"state","payload":{"agents":[]}}));
    let error = ProtocolError::new(ErrorCode::UnknownChannel, "no \"such\"");
    assert_eq!(
        json_frame(None, Item::Error(error)),
        json!({"type":"error","payload":{"code":"unknown_channel","message":"no \"such\""}})
    );
    assert_eq!(json_frame(None, Item::Pong), json!({"type":"pong"}));
}

#[test]
fn the_subscription_stands_beside_type_exactly_when_it_has_a_name() {
    for one in [
        Item::Subscribed { recovered: true, from: 1, to: 2 },
        Item::Event(shown(), 41),
        Item::Skipped(report(None)),
        Item::CaughtUp(1),
        Item::Position(1),
        Item::State,
    ] {
        assert_eq!(json_frame(Some("m\"n"), one.clone())["subscription"], "m\"n");
        assert_eq!(json_frame(None, one).get("subscription"), None);
    }
    for one in [Item::Hello("c".to_owned(), 1), Item::Pong] {
        assert_eq!(json_frame(Some("main"), one).get("subscription"), None);
    }
    let error = ProtocolError { label: Some("other".to_owned()), ..ProtocolError::new(ErrorCode::TooMany, "x") };
    assert_eq!(json_frame(Some("main"), Item::Error(error))["subscription"], "other");
}

#[test]
fn what_is_absent_is_left_out() {
    let mut bare = shown();
    bare.event.task_id = None;
    bare.event.agent_id = None;
    let payload = json_frame(None, Item::Event(bare, 41))["payload"].clone();
    assert_eq!((payload.get("task_id"), payload.get("agent_id")), (None, None));
}

#[test]
fn an_event_stream() {
    let sse = key(Format::SseJson, Some("ignored"));
    let event = write(&sse, Item::Event(shown(), 41));
    assert!(event.starts_with("id: e1:42\ndata: {\"id\":\"a-1\",\"seq\":42,\"prev\":41,"), "{event}");
    assert!(event.ends_with("}\n\n") && !event.contains("event:"));
    assert!(write(&sse, Item::Skipped(report(None))).starts_with("event: skipped\nid: e1:50\ndata: {"));
    assert_eq!(write(&sse, Item::CaughtUp(7)), "event: caught_up\nid: e1:7\ndata: {\"cursor\":\"e1:7\"}\n\n");
    assert_eq!(write(&sse, Item::State), "event: state\ndata: {\"agents\":[]}\n\n");
    assert!(write(&sse, Item::Hello("c".to_owned(), 7)).starts_with("event: hello\ndata: {"));
    assert!(
        write(&sse, Item::Subscribed { recovered: true, from: 1, to: 7 }).starts_with("event: subscribed\ndata: {")
    );
    assert_eq!(write(&sse, Item::Pong), "");
}

#[test]
fn html_for_htmx() {
    let html = key(Format::Html, None);
    assert_eq!(
        write(&html, Item::Event(shown(), 41)),
        "<div hx-swap-oob=\"afterbegin:#activity-feed\"><div class=\"af-event\" data-seq=\"42\" data-type=\"task.assigned\">\
         <span class=\"af-icon\" aria-hidden=\"true\">👤</span> <span class=\"af-text\">Task assigned to forge</span> \
         <time class=\"af-time\" datetime=\"2024-01-15T12:30:00+02:00\">10:30:00</time></div></div>"
    );
    assert!(write(&html, Item::Skipped(report(Some(842)))).contains("842 more"));
    for one in [
        Item::Hello("c".to_owned(), 1),
        Item::Subscribed { recovered: true, from: 1, to: 2 },
        Item::CaughtUp(1),
        Item::Position(1),
        Item::State,
        Item::Pong,
    ] {
        assert_eq!(write(&html, one), "");
    }
    let sse = key(Format::SseHtml, None);
    assert!(write(&sse, Item::Event(shown(), 41)).starts_with("id: e1:42\ndata: <div hx-swap-oob="));
    assert_eq!(write(&sse, Item::Position(7)), "id: e1:7\n\n");
}

proptest! {
    #[test]
    fn whatever_an_event_holds_the_frame_is_well_formed(
        source in "\\PC{0,20}|[\"<>&'\r\n\t\u{0}\u{1b}\u{202e}]{1,10}",
        message in "\\PC{0,40}|[\"<>&'\r\n\t\u{0}\u{1b}\u{202e}]{1,10}",
    ) {
        let data = json!({"message": message, source.clone(): 1}).to_string();
        let event = Event {
            seq: 1, id: source.clone(), event_type: message.clone(), source: source.clone(), task_id: Some(message.clone()),
            agent_id: Some(source.clone()), timestamp: message.clone(), data: data.clone(),
        };
        let shown = Shown { event, display: None };
        let frame = json_frame(Some(&message), Item::Event(shown.clone(), 0));
        prop_assert_eq!(frame["payload"]["source"].as_str(), Some(source.as_str()));
        prop_assert_eq!(&frame["payload"]["data"], &serde_json::from_str::<Value>(&data).unwrap());

        let sse = write(&key(Format::SseJson, None), Item::Event(shown.clone(), 0));
        prop_assert_eq!(sse.matches('\n').count(), 3, "id, data and the end: {:?}", sse);
        prop_assert!(!sse.contains('\r'));

        let html = write(&key(Format::Html, None), Item::Event(shown.clone(), 0));
        prop_assert_eq!(html.matches('<').count(), 10, "no tag but ours: {}", html);
        prop_assert_eq!(html.matches('"').count(), 18, "no attribute but ours: {}", html);
        let breaks = html.contains(['\n', '\r', '\0', '\u{1b}', '\u{202e}']);
        prop_assert!(!breaks);
        let sse = write(&key(Format::SseHtml, None), Item::Event(shown, 0));
        prop_assert_eq!(sse.matches('\n').count(), 3);
    }
}

#[test]
fn data_of_another_program_cannot_break_a_line() {
    let mut shown = shown();
    shown.event.data = "{\n  \"a\": 1\r\n}".to_owned();
    assert_eq!(write(&key(Format::SseJson, None), Item::Event(shown.clone(), 0)).matches('\n').count(), 3);
    shown.event.data = "null\n\ndata: x".to_owned();
    assert_eq!(json_frame(None, Item::Event(shown, 0))["payload"]["data"], json!({}));
}

#[test]
fn an_sse_line_shows_all_that_it_holds() {
    let unseen = "a\u{202e}b\u{200b}c\u{2066}d\u{feff}e\u{ad}f\u{85}g\u{7f}h\u{61c}";
    let mut shown = shown();
    shown.event.source = unseen.to_owned();
    shown.event.data = serde_json::json!({ "m": unseen, unseen: "é 日本 ⚠️" }).to_string();
    let line = write(&key(Format::SseJson, None), Item::Event(shown.clone(), 0));
    assert!(!line.contains(|ch: char| unseen.contains(ch) && !ch.is_ascii_alphabetic()), "{line}");
    assert!(line.contains("\\u202eb\\u200bc") && line.contains("é 日本 ⚠️"), "{line}");
    let told: Value = serde_json::from_str(line.split_once("data: ").unwrap().1).unwrap();
    assert_eq!(told, json_frame(None, Item::Event(shown, 0))["payload"]);
}
