#![expect(clippy::panic, reason = "tests")]

use super::*;
use proptest::prelude::*;

fn say(text: &str) -> ClientMessage {
    read_message(text, &Settings::default(), None)
}

fn subscribed(text: &str) -> Subscription {
    match say(text) {
        ClientMessage::Subscribe(subscription) => subscription,
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str, grant: Option<&[&str]>) -> ErrorCode {
    let grant: Option<Vec<String>> = grant.map(|grant| grant.iter().map(|s| (*s).to_owned()).collect());
    match read_message(text, &Settings::default(), grant.as_deref()) {
        ClientMessage::Invalid(error) => error.code,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn the_simplest_subscribe() {
    let Subscription { lane, start } = subscribed(r#"{"action":"subscribe","channel":"events"}"#);
    assert_eq!(lane.channel, Channel::Events);
    assert_eq!(lane.filter, Filter::default());
    assert_eq!((lane.rate, lane.format, lane.label), (10, Format::Json, None));
    assert_eq!(start, Start::Replay(20));
}

#[test]
fn a_subscribe_with_everything() {
    let text = r#"{"action":"subscribe","channel":"events","id":"main","types":["task.*","system.error"],"sources":["a"],
        "task_ids":["task-123"],"agent_ids":["x","b","x"],"since":"e1:42","replay":20,"rate":5}"#;
    let Subscription { lane, start } = subscribed(text);
    assert_eq!(lane.filter.types, ["system.error", "task.*"]);
    assert_eq!(lane.filter.agent_ids, ["b", "x"]);
    assert_eq!((lane.rate, lane.label.as_deref()), (5, Some("main")));
    assert_eq!(start, Start::After(crate::words::Cursor { epoch: "e1".to_owned(), seq: 42 }));
}

#[test]
fn where_it_starts() {
    let start = |rest: &str| subscribed(&format!(r#"{{"action":"subscribe","channel":"events",{rest}}}"#)).start;
    assert_eq!(start(r#""since":"earliest""#), Start::Earliest);
    assert_eq!(start(r#""since":"latest","replay":5"#), Start::Latest);
    assert_eq!(start(r#""since":null"#), Start::Replay(20));
    assert_eq!(start(r#""replay":0"#), Start::Replay(0));
    assert_eq!(start(r#""replay":100"#), Start::Replay(100));
}

#[test]
fn a_rate_above_the_servers_is_lowered() {
    let rate =
        |rate: &str| subscribed(&format!(r#"{{"action":"subscribe","channel":"events","rate":{rate}}}"#)).lane.rate;
    assert_eq!((rate("1"), rate("10"), rate("11"), rate("99999999999999999999")), (1, 10, 10, 10));
}

#[test]
fn what_cannot_be_had_is_refused_with_its_code() {
    let with = |rest: &str| refused(&format!(r#"{{"action":"subscribe","channel":"events",{rest}}}"#), None);
    for rest in [
        r#""types":"task.*""#,
        r#""types":[1]"#,
        r#""types":[null]"#,
        r#""types":["Task"]"#,
        r#""types":[""]"#,
        r#""types":{}"#,
        r#""sources":[true]"#,
        r#""task_ids":"x""#,
        r#""agent_ids":[[]]"#,
        r#""replay":-1"#,
        r#""replay":101"#,
        r#""replay":1.5"#,
        r#""replay":"5""#,
        r#""rate":0"#,
        r#""rate":-1"#,
        r#""rate":1e1"#,
        r#""rate":"fast""#,
        r#""rate":true"#,
        r#""id":5"#,
        r#""id":"""#,
        r#""id":[]"#,
        r#""task_id":"x""#,
        r#""typo":1"#,
    ] {
        assert_eq!(with(rest), ErrorCode::BadFilter, "{rest}");
    }
    assert_eq!(with(&format!(r#""id":"{}""#, "x".repeat(129))), ErrorCode::BadFilter);
    assert_eq!(with(&format!(r#""types":[{}"a"]"#, "\"a\",".repeat(64))), ErrorCode::BadFilter);
    assert_eq!(with(&format!(r#""sources":["{}"]"#, "x".repeat(129))), ErrorCode::BadFilter);
    for rest in [r#""since":"""#, r#""since":"x""#, r#""since":5"#, r#""since":"a:-1""#, r#""since":"LATEST""#] {
        assert_eq!(with(rest), ErrorCode::BadCursor, "{rest}");
    }
    for channel in [r#""#, r#","channel":"nope""#, r#","channel":null"#, r#","channel":5"#] {
        assert_eq!(
            refused(&format!(r#"{{"action":"subscribe"{channel}}}"#), None),
            ErrorCode::UnknownChannel,
            "{channel}"
        );
    }
    let bids = r#"{"action":"subscribe","channel":"events","types":["bid.*"]}"#;
    assert_eq!(refused(bids, Some(&["task.*"])), ErrorCode::Forbidden);
}

#[test]
fn an_error_names_the_subscription_it_is_about() {
    match say(r#"{"action":"subscribe","channel":"nope","id":"main"}"#) {
        ClientMessage::Invalid(error) => assert_eq!(error.label.as_deref(), Some("main")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_state_is_for_those_who_may_see_all_types() {
    let state = r#"{"action":"subscribe","channel":"state","id":"s"}"#;
    let lane = subscribed(state).lane;
    assert_eq!((lane.channel, lane.filter), (Channel::State, Filter::default()));
    assert_eq!(refused(state, Some(&["task.*"])), ErrorCode::Forbidden);
    assert_eq!(refused(state, Some(&[])), ErrorCode::Forbidden);
    assert!(matches!(read_message(state, &Settings::default(), Some(&["*".to_owned()])), ClientMessage::Subscribe(_)));
    assert_eq!(refused(r#"{"action":"subscribe","channel":"state","types":["a.*"]}"#, None), ErrorCode::BadFilter);
}

#[test]
fn the_other_messages() {
    assert_eq!(say(r#"{"action":"unsubscribe","id":"main"}"#), ClientMessage::Unsubscribe(Some("main".to_owned())));
    assert_eq!(say(r#"{"action":"unsubscribe"}"#), ClientMessage::Unsubscribe(None));
    assert_eq!(say(r#"{"action":"refresh","token":"t"}"#), ClientMessage::Refresh("t".to_owned()));
    assert_eq!(say(r#" {"action":"ping","extra":1} "#), ClientMessage::Ping);
}

#[test]
fn what_is_no_message_is_malformed() {
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    for text in [
        "",
        "x",
        "1",
        "null",
        "[]",
        "{}",
        r#"{"action":5}"#,
        r#"{"action":"dance"}"#,
        r#"{"action":"Subscribe"}"#,
        r#"{"action":"refresh"}"#,
        r#"{"action":"refresh","token":5}"#,
        r#"{"action":"unsubscribe","id":5}"#,
        r#"{"action":"ping"} {}"#,
        &deep,
    ] {
        assert!(matches!(say(text), ClientMessage::Malformed(_)), "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,80}", keys in prop::collection::vec(("(action|channel|types|since|rate|id|x)", "(\"subscribe\"|\"events\"|\\[\\]|\\[\"a\"\\]|5|null|\\{\\})"), 0..6)) {
        let _ = say(&text);
        let members: Vec<_> = keys.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let _ = say(&format!("{{{}}}", members.join(",")));
    }
}
