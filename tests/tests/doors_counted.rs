//! Issue "no secret gets out, and nothing sent in can break it", the books: docs/limits.md names a counter for each limit. They
//! are the ones that there are, they stand at 0 before anything has happened, and limits that the other `doors_*` do not meet
//! move theirs here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::time::Instant;

use activity_feed_tests::counted::{Counted, counts, reasons_of};
use activity_feed_tests::http::Wire;
use activity_feed_tests::{SOON, Server, Sse, Ws, event, tokens, wait_for};
use serde_json::json;

/// The options and the reasons that the tables of docs/limits.md name: of each row the third cell, and the last.
fn documented() -> (BTreeSet<String>, BTreeSet<String>) {
    let quoted = |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let text = include_str!("../../docs/limits.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split('|').collect()).collect();
    let counted = rows.iter().filter(|row| row.len() == 5);
    let options = counted.clone().flat_map(|row| quoted(row[2])).filter(|word| word.starts_with("--"));
    let reasons = counted.flat_map(|row| quoted(row[4])).filter(|word| !word.starts_with("activity_feed_"));
    (options.collect(), reasons.collect())
}

#[test]
fn the_page_of_limits_names_every_counter_and_no_other() {
    let (options, reasons) = documented();
    let server = Server::start(&[]);
    let there = counts(&server.stranger());
    assert_eq!(there.keys().cloned().collect::<BTreeSet<_>>(), reasons);
    assert!(there.values().all(|count| *count == 0), "nothing has happened yet: {there:?}");
    let help = activity_feed_tests::binary::run(&["serve", "--help"]);
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(options.len() >= 12, "{options:?}");
    for option in options {
        assert!(help.contains(&format!("{option} ")), "{option} is no option");
    }
}

#[test]
fn tokens_that_open_nothing_are_counted() {
    let server = Server::start(&[]);
    let mut counted = Counted::new(server.stranger());
    let now = tokens::now();
    let long = "a".repeat(9_000);
    for token in [
        "",
        "x",
        "a.b.c",
        &long,
        &tokens::sign(&json!({"scope": "admin", "exp": now - 1}), tokens::SECRET),
        &tokens::sign(&json!({"scope": "admin", "exp": now + 60, "nbf": now + 30}), tokens::SECRET),
        &tokens::sign(&json!({"scope": "admin"}), tokens::SECRET),
        &tokens::sign(&json!({"scope": "admin", "exp": now + 60}), "another-secret-of-32-bytes-or-more"),
        &tokens::sign(&json!({"scope": "admin", "exp": now + 60, "types": vec!["a"; 65]}), tokens::SECRET),
    ] {
        server.http_as(token).get("/api/events").problem(401);
        counted.expect(token, reasons_of(401));
        let bearer = format!("Bearer {token}");
        assert_eq!(Ws::open(server.addr, "/ws", &[("Authorization", &bearer)]).unwrap_err().status, 401);
        counted.expect(token, reasons_of(401));
    }
    let publisher = server.http_as(&tokens::scoped("publish"));
    for path in ["/api/events", "/api/events/stream", "/api/state"] {
        publisher.get(path).problem(403);
        counted.expect(path, &["forbidden"]);
    }
    server.stranger().with("Host", "evil.example").get("/api/events").problem(403);
    counted.expect("another host", &["foreign_host"]);
    server.http().with("Origin", "https://evil.example").post("/api/events", &event("a.b", json!({}))).problem(403);
    counted.expect("another origin", &["foreign_origin"]);
}

#[test]
fn limits_of_connections_and_lanes_are_counted() {
    let server = Server::start(&["--max-connections-per-ip", "2", "--max-lanes", "1", "--max-message-bytes", "1024"]);
    let mut counted = Counted::new(server.stranger());
    let mut first = server.ws();
    first.subscribe(&json!({"id": "one", "types": ["a.b"]}));
    first.send(&json!({"action": "subscribe", "channel": "events", "id": "two", "types": ["c.d"]}));
    first.until("an error", SOON, |frame| frame["payload"]["code"] == "too_many");
    counted.expect("another lane", &["too_many"]);
    first.send_text(&format!("{{\"action\":\"ping\",\"x\":\"{}\"}}", "x".repeat(1_024)));
    first.expect_close(1009, SOON);
    counted.expect("a long message", &["message_too_big"]);
    wait_for("the first to be gone", SOON, || (server.sockets() == 0).then_some(()));
    let held = [server.ws(), server.ws()];
    assert_eq!(Sse::open(&server.http(), "/api/events/stream", &[]).unwrap_err().status, 429);
    counted.expect("a third", &["connections_per_ip"]);
    drop(held);
    // A fifth subscription of one connection.
    let roomy = Server::start(&["--message-rate", "3"]);
    let mut counted = Counted::new(roomy.stranger());
    let mut ws = roomy.ws();
    for id in ["1", "2", "3", "4"] {
        ws.send(&json!({"action": "subscribe", "channel": "events", "id": id}));
    }
    ws.expect_close(4103, SOON);
    counted.expect("a fourth message within a second", &["too_many_messages"]);
}

#[test]
fn an_id_used_again_and_a_cursor_ahead_are_counted() {
    let server = Server::start(&[]);
    let mut counted = Counted::new(server.stranger());
    let named = |n: u32| json!({"event_type": "a.b", "source": "s", "id": "the-same", "data": {"n": n}});
    server.publish(&named(1));
    server.publish(&named(1));
    counted.expect_none("the same again");
    server.http().post("/api/events", &named(2)).problem(409);
    counted.expect("another content", &["conflict"]);
    let ahead = server.head().replace(':', ":9");
    server.http().get(&format!("/api/events?since={ahead}")).problem(422);
    counted.expect("a cursor beyond the head", &["future_cursor"]);
    let mut ws = server.ws();
    ws.send(&json!({"action": "subscribe", "channel": "events", "since": ahead}));
    ws.until("an error", SOON, |frame| frame["payload"]["code"] == "future_cursor");
    counted.expect("the same on a socket", &["future_cursor"]);
    server.http().send("PUT", "/api/events", &[], b"").problem(405);
    counted.expect("another method", &["method_not_allowed"]);
    let mut wire = Wire::connect(server.addr).unwrap();
    wire.write(b"not HTTP at all\r\n\r\n").unwrap();
    let _ = wire.read_to_end(Instant::now() + SOON);
    counted.expect("no HTTP", &["malformed_http"]);
}
