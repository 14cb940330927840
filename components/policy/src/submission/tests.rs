#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use proptest::prelude::*;

const LIMITS: Limits = Limits { max_event_bytes: 65_536, max_events: 1_000 };

fn accept_as(format: BodyFormat, body: impl AsRef<[u8]>) -> Result<Vec<Accepted>, Refusal> {
    accept_body(format, body.as_ref(), LIMITS, &mut Stamp::new(1_705_314_600_000, (1, 2)))
}

fn accept_json(body: impl AsRef<[u8]>) -> Result<Vec<Accepted>, Refusal> {
    accept_as(BodyFormat::Json, body)
}

/// The refusal of one event object with these members beside what is required.
fn refused(members: &str) -> Refusal {
    accept_json(format!(r#"{{"event_type":"task.created","source":"s",{members}}}"#)).unwrap_err()
}

#[test]
fn an_event_is_stamped_and_passed_on() {
    let body = r#" {"event_type":"task.created","source":"coordinator","task_id":"t","data":{"a": [1.50, "é"]}} "#;
    let accepted = accept_json(body).unwrap();
    let event = &accepted[0].event;
    assert_eq!((event.event_type.as_str(), event.source.as_str()), ("task.created", "coordinator"));
    assert_eq!((event.task_id.as_deref(), event.agent_id.as_deref()), (Some("t"), None));
    assert_eq!((event.timestamp.as_str(), event.stamped), ("2024-01-15T10:30:00.000Z", true));
    assert_eq!(event.data, r#"{"a":[1.50,"é"]}"#);
    assert_eq!(event.id.len(), 36);
}

#[test]
fn what_the_publisher_says_is_kept_as_it_is() {
    let body = r#"{"id":"a.B:c_d-1","event_type":"heartbeat","source":"s","timestamp":"2024-01-15T10:30:00+02:00"}"#;
    let event = accept_json(body).unwrap().remove(0).event;
    assert_eq!((event.id.as_str(), event.timestamp.as_str()), ("a.B:c_d-1", "2024-01-15T10:30:00+02:00"));
    assert_eq!((event.stamped, event.data.as_str()), (false, "{}"));
}

#[test]
fn an_array_and_lines_hold_several() {
    let one = r#"{"event_type":"a.b","source":"s"}"#;
    assert_eq!(accept_json(format!("[{one}, {one}\n]")).unwrap().len(), 2);
    assert_eq!(accept_as(BodyFormat::Ndjson, format!("\n{one}\r\n\n  \n{one}\n")).unwrap().len(), 2);
    let cloud = r#"{"specversion":"1.0","type":"a.b","source":"s","id":"1"}"#;
    assert_eq!(accept_as(BodyFormat::CloudEvent, cloud).unwrap()[0].event.id, "1");
    assert_eq!(accept_as(BodyFormat::CloudEventBatch, format!("[{cloud}]")).unwrap().len(), 1);
}

#[test]
fn what_is_not_json_is_told_so() {
    let one = r#"{"event_type":"a.b","source":"s"}"#;
    for body in
        ["", " ", "x", "{", "[", "[1", r#"{"a":1,}"#, "nul", "\u{feff}{}", "{} {}", "'a'", r#"{"a":01}"#, "\"\u{1}\""]
    {
        assert_eq!(accept_json(body).unwrap_err().code, RefusalCode::NotJson, "{body:?}");
    }
    assert_eq!(accept_json(b"{\"a\":\"\xff\"}").unwrap_err().code, RefusalCode::NotJson);
    // Also when an event before the broken one is invalid.
    let refusal = accept_json(r#"[{"nonsense":1},{"event_type":]"#).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::NotJson);
    let refusal = accept_as(BodyFormat::Ndjson, format!("{one}\nnope\n")).unwrap_err();
    assert_eq!((refusal.code, refusal.index), (RefusalCode::NotJson, Some(1)));
    assert_eq!(accept_as(BodyFormat::CloudEventBatch, "nope").unwrap_err().code, RefusalCode::NotJson);
}

#[test]
fn what_is_no_event_is_refused_by_name() {
    for body in ["null", "1", "\"x\"", "[]", "[1]", "[[]]", "{}", r#"{"source":"s"}"#, r#"{"event_type":"a.b"}"#] {
        assert_eq!(accept_json(body).unwrap_err().code, RefusalCode::Invalid, "{body:?}");
    }
    assert_eq!(accept_as(BodyFormat::Ndjson, "\n\n").unwrap_err().code, RefusalCode::Invalid);
    assert_eq!(accept_as(BodyFormat::CloudEventBatch, "{}").unwrap_err().code, RefusalCode::Invalid);
    for (members, word) in [
        (r#""severity":1"#, "severity"),
        (r#""source":"again""#, "source"),
        (r#""task_id":7"#, "task_id"),
        (r#""task_id":null"#, "task_id"),
        (r#""task_id":"""#, "task_id"),
        (r#""agent_id":["x"]"#, "agent_id"),
        (r#""data":"x""#, "data"),
        (r#""data":[]"#, "data"),
        (r#""data":null"#, "data"),
        (r#""id":"""#, "id"),
        (r#""id":"has space""#, "id"),
        (r#""id":"é""#, "id"),
        (r#""id":5"#, "id"),
        (r#""timestamp":"yesterday""#, "timestamp"),
        (r#""timestamp":"2024-02-30T00:00:00Z""#, "timestamp"),
        (r#""timestamp":1705314600"#, "timestamp"),
        (r#""data":{"a":"\ud800"}"#, "surrogate"),
    ] {
        let refusal = refused(members);
        assert_eq!((refusal.code, refusal.index), (RefusalCode::Invalid, None), "{members}");
        assert!(refusal.detail.contains(word), "{members}: {}", refusal.detail);
    }
    for event_type in ["", "Task.created", "task created", "task.", ".a", "a..b", "täsk", "a/b", "task.*"] {
        let refusal = accept_json(format!(r#"{{"event_type":"{event_type}","source":"s"}}"#)).unwrap_err();
        assert!(refusal.detail.contains("event_type"), "{event_type:?}: {}", refusal.detail);
    }
}

#[test]
fn a_refusal_names_the_event_of_a_batch_and_no_value() {
    let good = r#"{"event_type":"a.b","source":"s"}"#;
    let bad = r#"{"event_type":"Topsecret","source":"s"}"#;
    let refusal = accept_json(format!("[{good},{good},{bad}]")).unwrap_err();
    assert_eq!((refusal.code, refusal.index), (RefusalCode::Invalid, Some(2)));
    assert!(!refusal.detail.contains("Topsecret"));
}

#[test]
fn the_bounds_are_exact() {
    let with = |name: &str, value: String| {
        let mut fields = vec![("event_type", "a.b".to_owned()), ("source", "s".to_owned())];
        fields.retain(|(other, _)| *other != name);
        fields.push((name, value));
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
        accept_json(format!("{{{}}}", fields.join(","))).is_ok()
    };
    for (name, most) in [("event_type", 64), ("source", 128), ("task_id", 128), ("agent_id", 128), ("id", 128)] {
        assert!(with(name, "a".repeat(most)), "{name}");
        assert!(!with(name, "a".repeat(most + 1)), "{name}");
    }
    assert!(!with("source", "é".repeat(65)), "bytes, not characters");

    let nested = |levels: usize| {
        let data = format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
        accept_json(format!(r#"{{"event_type":"a.b","source":"s","data":{data}}}"#))
    };
    assert!(nested(64).is_ok());
    assert_eq!(nested(65).unwrap_err().code, RefusalCode::Invalid);
    assert_eq!(nested(100_000).map_err(|r| r.code).unwrap_err(), RefusalCode::TooLarge);

    let one = r#"{"event_type":"a.b","source":"s"}"#;
    let limits = Limits { max_event_bytes: u32::try_from(one.len()).unwrap(), max_events: 3 };
    let take =
        |body: &str| parse(BodyFormat::Json, body.as_bytes(), limits).map(|l| l.len()).map_err(|r| (r.code, r.index));
    assert_eq!(take(&format!("[ {one} ,{one},{one}]")), Ok(3));
    assert_eq!(take(&format!("[{one},{one},{one},{one}]")), Err((RefusalCode::TooLarge, None)));
    assert_eq!(take(&format!("[{one},{}]", one.replace("a.b", "a.bc"))), Err((RefusalCode::TooLarge, Some(1))));
}

#[test]
fn a_draft_of_the_rules_is_judged_like_any_other() {
    let plain =
        PlainDraft { event_type: "a.b".into(), source: "s".into(), data: r#"{"a":1}"#.into(), ..PlainDraft::default() };
    let judge = |draft: &PlainDraft| {
        accept_drafts(std::slice::from_ref(draft), LIMITS, &mut Stamp::new(0, (0, 0))).map_err(|refusal| refusal.code)
    };
    assert_eq!(judge(&plain).unwrap()[0].event.data, r#"{"a":1}"#);
    assert_eq!(judge(&PlainDraft { data: String::new(), ..plain.clone() }).unwrap()[0].event.data, "{}");
    for draft in [
        PlainDraft { data: "[]".into(), ..plain.clone() },
        PlainDraft { event_type: String::new(), ..plain.clone() },
        PlainDraft { task_id: Some(String::new()), ..plain.clone() },
        PlainDraft { data: format!("{}1{}", "{\"a\":".repeat(65), "}".repeat(65)), ..plain.clone() },
    ] {
        assert_eq!(judge(&draft).unwrap_err(), RefusalCode::Invalid, "{draft:?}");
    }
    assert_eq!(judge(&PlainDraft { data: "{".into(), ..plain.clone() }).unwrap_err(), RefusalCode::NotJson);
    assert_eq!(judge(&PlainDraft { source: "x".repeat(70_000), ..plain }).unwrap_err(), RefusalCode::TooLarge);
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\",:a-c\n ]{0,80}") {
        for format in [BodyFormat::Json, BodyFormat::Ndjson, BodyFormat::CloudEvent, BodyFormat::CloudEventBatch] {
            let _ = accept_as(format, &body);
            let _ = accept_as(format, &text);
        }
    }

    #[test]
    fn data_comes_out_as_it_went_in(numbers in prop::collection::vec(any::<i64>(), 0..5), word in "[ -~é]{0,12}") {
        let data = serde_json::json!({"list": numbers, "deep": {"text": word}, "none": null, "yes": true});
        let body = serde_json::json!({"event_type": "a.b", "source": "s", "data": data}).to_string();
        let accepted = accept_json(body).unwrap();
        // What the sanitiser takes out is its own tests' business.
        prop_assume!(accepted[0].redacted.is_empty());
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&accepted[0].event.data).unwrap(), data);
    }

    #[test]
    fn parsing_and_accepting_drafts_is_accepting_the_body(task in "[a-z]{1,5}", numbers in prop::collection::vec(any::<i32>(), 0..4)) {
        let body = serde_json::json!([{"event_type": "a.b", "source": "s", "id": "1", "task_id": task, "data": {"n": numbers}}]).to_string();
        let drafts = parse(BodyFormat::Json, body.as_bytes(), LIMITS).unwrap();
        let one = accept_drafts(&drafts, LIMITS, &mut Stamp::new(5, (1, 2))).unwrap();
        let other = accept_body(BodyFormat::Json, body.as_bytes(), LIMITS, &mut Stamp::new(5, (1, 2))).unwrap();
        prop_assert_eq!(&one[0].event, &other[0].event);
    }
}
