//! Issue "no secret gets out, and nothing sent in can break it", the publisher's door: JSON of all kinds. Each shape has its
//! stated answer, what is accepted can be read by everybody, and the server goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use activity_feed_tests::counted::{Counted, reasons_of};
use activity_feed_tests::{Server, event};
use serde_json::{Value, json};

fn nested(levels: usize, open: &str, close: &str) -> String {
    format!(r#"{{"event_type":"a.b","source":"s","data":{{"d":{}1{}}}}}"#, open.repeat(levels), close.repeat(levels))
}

/// An event whose data is this text.
fn with_data(data: &str) -> String {
    format!(r#"{{"event_type":"a.b","source":"s","data":{data}}}"#)
}

#[track_caller]
fn post(server: &Server, what: &str, body: &[u8], status: u16) -> Value {
    let mut counted = Counted::new(server.stranger());
    let answer = server.http().post_bytes("/api/events", "application/json", body);
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    server.stranger().get("/healthz").expect(200);
    if status == 201 {
        counted.expect_none(what)
    } else {
        counted.expect(what, reasons_of(status))
    }
    if status == 201 { answer.json() } else { answer.problem(status) }
}

#[test]
fn nesting_ends_at_64_levels() {
    let server = Server::start(&[]);
    // `data` is a level of its own.
    post(&server, "64 lists", nested(63, "[", "]").as_bytes(), 201);
    post(&server, "65 lists", nested(64, "[", "]").as_bytes(), 422);
    post(&server, "64 objects", nested(63, r#"{"d":"#, "}").as_bytes(), 201);
    post(&server, "65 objects", nested(64, r#"{"d":"#, "}").as_bytes(), 422);
    post(&server, "30,000 lists", nested(30_000, "[", "]").as_bytes(), 422);
    post(&server, "30,000 lists without an end", with_data(&"[".repeat(30_000)).as_bytes(), 422);
    let bare = "[".repeat(200_000);
    let answer = server.http().post_bytes("/api/events", "application/json", bare.as_bytes());
    assert!(matches!(answer.status, 400 | 413 | 422), "{}", answer.text());
    let shut = format!("{bare}{}", "]".repeat(200_000));
    let answer = server.http().post_bytes("/api/events", "application/json", shut.as_bytes());
    assert!(matches!(answer.status, 400 | 413 | 422), "{}", answer.text());
    server.stranger().get("/healthz").expect(200);
}

#[test]
fn numbers_that_no_reader_takes_are_422() {
    let server = Server::start(&[]);
    for number in ["1e999", "-1e999", "1E+400", &"9".repeat(400)] {
        post(&server, number, with_data(&format!(r#"{{"n":{number}}}"#)).as_bytes(), 422);
    }
    for number in ["1e308", "-1.7976931348623157e308", "1e-999", "-0", "0.1", "123456789012345678901234567890"] {
        post(&server, number, with_data(&format!(r#"{{"n":{number}}}"#)).as_bytes(), 201);
    }
    for number in ["01", "+1", "1.", ".5", "0x1", "NaN", "Infinity", "-", "1e", "1_000", "٣"] {
        post(&server, number, with_data(&format!(r#"{{"n":{number}}}"#)).as_bytes(), 400);
    }
    // A page that holds them all is still JSON to a strict reader, and no digit is lost.
    let page = server.http().get("/api/events?since=earliest").expect(200);
    assert_eq!(page.json()["events"].as_array().unwrap().len(), 6);
    assert!(page.text().contains("123456789012345678901234567890"), "{}", page.text());
}

#[test]
fn text_that_is_none_is_refused() {
    let server = Server::start(&[]);
    for (what, data, status) in [
        ("half a pair", r#"{"t":"\ud800"}"#, 422),
        ("the other half", r#"{"t":"\udc00"}"#, 422),
        ("two first halves", r#"{"t":"\ud800\ud800"}"#, 422),
        ("half a pair as a key", r#"{"\udbff":1}"#, 422),
        ("a whole pair", r#"{"t":"\ud83d\ude00"}"#, 201),
        ("an escaped NUL", r#"{"t":"a\u0000b"}"#, 201),
        ("escaped controls", r#"{"t":"\u001b[31m\u202e\u200b\r\n"}"#, 201),
        ("a raw control", "{\"t\":\"a\u{1}b\"}", 400),
        ("a raw NUL", "{\"t\":\"a\0b\"}", 400),
        ("an escape that is none", r#"{"t":"\x41"}"#, 400),
        ("half an escape", r#"{"t":"\u12"}"#, 400),
        ("a comment", r#"{/* */}"#, 400),
        ("single quotes", "{'t':1}", 400),
        ("a trailing comma", r#"{"t":1,}"#, 400),
        ("no end", r#"{"t":"#, 400),
        ("a list", "[]", 422),
        ("nothing", "null", 422),
    ] {
        post(&server, what, with_data(data).as_bytes(), status);
    }
    for (what, bytes) in [
        ("bytes that are none", &b"\xff\xfe"[..]),
        ("an overlong NUL", b"\xc0\x80"),
        ("half a pair", b"\xed\xa0\x80"),
        ("beyond Unicode", b"\xf4\x90\x80\x80"),
        ("a cut character", b"\xe2\x82"),
    ] {
        let body = [br#"{"event_type":"a.b","source":"s","data":{"t":""#, bytes, br#""}}"#].concat();
        post(&server, what, &body, 400);
    }
    post(&server, "a byte order mark", format!("\u{feff}{}", with_data("{}")).as_bytes(), 400);
    post(&server, "UTF-16", &with_data("{}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(), 400);
    // What was accepted shows no control character, in text or raw.
    let page = server.http().get("/api/events?since=earliest").expect(200);
    assert!(!page.body.iter().any(|byte| *byte < 0x20), "{}", page.text());
    for event in page.json()["events"].as_array().unwrap() {
        let text = event["display"]["text"].as_str().unwrap();
        assert!(!text.chars().any(|c| c.is_control() || matches!(c, '\u{202e}' | '\u{200b}')), "{text:?}");
    }
}

#[test]
fn the_last_of_equal_keys_counts_and_the_others_are_checked_too() {
    let server = Server::start(&[]);
    let receipt = post(&server, "data", with_data(r#"{"a":1,"a":2}"#).as_bytes(), 201);
    let id = receipt["events"][0]["id"].as_str().unwrap();
    assert_eq!(server.http().get(&format!("/api/events/{id}")).expect(200).json()["data"]["a"], 2);
    // Whether refused or not, it is one answer for every reader: the event that is kept has one type.
    let twice = br#"{"event_type":"a.b","event_type":"c.d","source":"s"}"#;
    let answer = server.http().post_bytes("/api/events", "application/json", twice);
    assert!(matches!(answer.status, 201 | 422), "{}", answer.text());
    server.stranger().get("/healthz").expect(200);
}

#[test]
fn what_is_packed_is_not_unpacked() {
    let server = Server::start(&[]);
    let bomb = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    for coding in ["gzip", "br", "identity, gzip", "x"] {
        let headers = [("Content-Type", "application/json"), ("Content-Encoding", coding)];
        let mut counted = Counted::new(server.stranger());
        server.http().send("POST", "/api/events", &headers, &bomb).problem(415);
        counted.expect(coding, reasons_of(415));
    }
    post(&server, "without saying so", &bomb, 400);
}

#[test]
fn large_bodies_of_every_kind_are_413() {
    let server = Server::start(&[]);
    let long = "x ".repeat(524_288);
    post(&server, "a text of 1 MB", with_data(&json!({ "t": long }).to_string()).as_bytes(), 413);
    post(&server, "a key of 1 MB", with_data(&json!({ long.as_str(): 1 }).to_string()).as_bytes(), 413);
    let source = json!({"event_type": "a.b", "source": "s".repeat(60_000)});
    post(&server, "a long source", source.to_string().as_bytes(), 422);
    let keys: String = (0..12_000).map(|n| format!("\"k{n}\":0,")).collect();
    let answer = server.http().post_bytes(
        "/api/events",
        "application/json",
        with_data(&format!("{{{keys}\"z\":0}}")).as_bytes(),
    );
    assert!(matches!(answer.status, 201 | 413), "{}", answer.text());
    post(&server, "half a million commas", format!("[{}]", ",".repeat(500_000)).as_bytes(), 400);
    post(&server, "half a million numbers", format!("[{}0]", "0,".repeat(400_000)).as_bytes(), 413);
    post(&server, "blanks", " ".repeat(1_000_000).as_bytes(), 400);
    let lines = "\n".repeat(1_000_000);
    server.http().post_bytes("/api/events", "application/x-ndjson", lines.as_bytes()).problem(422);
    assert_eq!(server.refused("too_large"), 3 + u64::from(answer.status == 413));
    server.publish(&event("a.b", json!({})));
}
