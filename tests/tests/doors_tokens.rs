//! Issue "no secret gets out, and nothing sent in can break it", the keys to the doors: tokens that are taken back, run out
//! or change their key while somebody is inside, and how much one publisher may bring.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, Instant};

use activity_feed_tests::http::Wire;
use activity_feed_tests::tokens::{SECRET, ending_in, now, scoped, seeing, sign};
use activity_feed_tests::{SOON, Server, Sse, Ws, event, wait_for};
use serde_json::json;

/// A subscriber's token of this name.
fn named(jti: &str) -> String {
    sign(&json!({"sub": "tester", "scope": "publish subscribe", "exp": now() + 3600, "jti": jti}), SECRET)
}

#[track_caller]
fn cookie_of(server: &Server, token: &str) -> String {
    let answer = server.http_as(token).send("POST", "/api/session", &[], b"").expect(200);
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[test]
fn a_revoked_token_opens_nothing_and_its_sockets_close_with_4001() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("revoked");
    std::fs::write(&list, "gone-before\n").unwrap();
    let server = Server::start(&["--revoked-file", list.to_str().unwrap()]);
    server.http_as(&named("gone-before")).get("/api/events").problem(401);
    let (bad, good) = (named("to-go"), named("to-stay"));
    let cookie = cookie_of(&server, &bad);
    let mut sockets = [server.ws_as(&bad), server.ws_as(&good)];
    for ws in &mut sockets {
        ws.subscribe(&json!({}));
    }
    let mut by_cookie = Ws::open(server.addr, "/ws", &[("Cookie", &cookie), ("Origin", &server.url())]).unwrap();
    let mut stream = Sse::open(&server.http_as(&bad), "/api/events/stream", &[]).unwrap();
    stream.until("caught_up");
    let head = server.publish(&event("a.b", json!({})))[0].cursor.clone();
    let mut poll = Wire::connect(server.addr).unwrap();
    poll.write(&server.http_as(&bad).head("GET", &format!("/api/events?since={head}&wait=30"), &[], None)).unwrap();
    assert!(poll.fill(Instant::now() + Duration::from_millis(300)).is_err(), "it waits");

    std::fs::write(&list, "gone-before\n  to-go  \n\n").unwrap();
    server.hang_up();
    let [gone, stays] = &mut sockets;
    gone.expect_close(4001, SOON);
    by_cookie.expect_close(4001, SOON);
    stream.expect_end(SOON);
    server.http_as(&bad).get("/api/events").problem(401);
    server.http_as(&bad).post("/api/events", &event("a.b", json!({}))).problem(401);
    server.stranger().with("Cookie", &cookie).get("/api/events").problem(401);
    assert_eq!(Ws::open(server.addr, "/ws", &[("Authorization", &format!("Bearer {bad}"))]).unwrap_err().status, 401);
    stays.expect_alive();
    stays.send(&json!({"action": "refresh", "token": bad}));
    stays.until("an error", SOON, |frame| frame["payload"]["code"] == "forbidden");
    server.http_as(&good).get("/api/events").expect(200);
    // What waits is asked again when its wait is over.
    server.publish(&event("a.b", json!({"text": "not for the poll"})));
    assert_eq!(poll.read_head(Instant::now() + SOON).unwrap().status, 401);

    // A list that cannot be read changes nothing.
    std::fs::remove_file(&list).unwrap();
    server.hang_up();
    wait_for("the complaint", SOON, || server.stderr().contains("revoked tokens was not reloaded").then_some(()));
    server.http_as(&bad).get("/api/events").problem(401);
    stays.expect_alive();
}

#[test]
fn keys_rotate_with_sockets_open() {
    let server = Server::start(&[]);
    let mut ws = server.ws();
    ws.subscribe(&json!({}));
    ws.replay();
    let other = "another-secret-of-the-tests-that-is-long-enough";
    std::fs::write(server.dir().join("secret"), other).unwrap();
    server.hang_up();
    let fresh = sign(&json!({"scope": "admin", "exp": now() + 60}), other);
    wait_for("the new key", SOON, || (server.http_as(&fresh).get("/api/events").status == 200).then_some(()));
    server.http().get("/api/events").problem(401);
    server.http_as(&fresh).post("/api/events", &event("a.b", json!({}))).expect(201);
    assert_eq!(ws.expect("event")["payload"]["event_type"], "a.b", "the socket is still there");
}

#[test]
fn every_door_shuts_when_the_token_ends() {
    let server = Server::start(&[]);
    let head = server.publish(&event("a.b", json!({})))[0].cursor.clone();
    let token = ending_in(2);
    let mut stream = Sse::open(&server.http_as(&token), "/api/events/stream", &[]).unwrap();
    let mut ws = server.ws_as(&token);
    ws.subscribe(&json!({}));
    let mut poll = Wire::connect(server.addr).unwrap();
    poll.write(&server.http_as(&token).head("GET", &format!("/api/events?since={head}&wait=30"), &[], None)).unwrap();
    ws.expect_close(4202, Duration::from_secs(8));
    stream.expect_end(SOON);
    server.publish(&event("a.b", json!({})));
    assert_eq!(poll.read_head(Instant::now() + SOON).unwrap().status, 401, "and who waits is not told");
}

#[test]
fn the_types_of_a_token_bound_its_session_and_its_polls() {
    let server = Server::start(&[]);
    let receipts = server.publish(&json!([
        {"event_type": "agent.joined", "source": "s", "data": {"name": "hidden"}},
        {"event_type": "task.created", "source": "s", "data": {"description": "seen"}},
    ]));
    let token = seeing(&["task.*"]);
    let cookie = cookie_of(&server, &token);
    for http in [server.http_as(&token), server.stranger().with("Cookie", &cookie)] {
        http.get(&format!("/api/events/{}", receipts[0].id)).problem(404);
        http.get("/api/state").problem(403);
        http.get("/api/events?type=agent.*").problem(403);
        http.get("/api/events?type=agent.*&type=task.created").problem(403);
        for query in
            ["since=earliest", "order=desc", "type=*&since=earliest", "q=e&since=earliest", "source=s&since=earliest"]
        {
            let page = http.history(query).to_string();
            assert!(page.contains("seen") && !page.contains("hidden"), "{query}: {page}");
        }
        assert_eq!(http.get("/api/events/summary").expect(200).json()["by_type"], json!({"task.created": 1}));
        // A poll is not woken with what it may not see.
        let head = server.head();
        server.publish(&event("agent.left", json!({})));
        let page = http.history(&format!("since={head}&wait=1"));
        assert_eq!(page["events"], json!([]), "{page}");
    }
    // A token that allows no type sees nothing at all.
    let nothing = server.http_as(&seeing(&[]));
    nothing.get("/api/events?since=earliest").problem(403);
    nothing.get(&format!("/api/events/{}", receipts[1].id)).problem(404);
    assert_eq!(nothing.get("/api/events/summary").expect(200).json()["total"], 0);
    let mut ws = server.ws_as(&token);
    ws.send(&json!({"action": "subscribe", "channel": "state"}));
    ws.expect_error("forbidden");
}

#[test]
fn one_publisher_may_bring_so_many_events_a_second() {
    let server = Server::start(&["--publish-rate", "5"]);
    let of = |subject: &str| sign(&json!({"sub": subject, "scope": "publish", "exp": now() + 60}), SECRET);
    let publish = |subject: &str, count: usize| {
        let events: Vec<_> = (0..count).map(|n| event("a.b", json!({ "n": n }))).collect();
        server.http_as(&of(subject)).post("/api/events", &json!(events))
    };
    publish("one", 5).expect(201);
    let refused = publish("one", 5);
    let wait: u32 = refused.header("retry-after").expect("when to come back").parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    refused.problem(429);
    publish("two", 5).expect(201);
    // A batch that is larger than a second's worth is let in once, and paid off.
    publish("three", 50).expect(201);
    let wait: u32 = publish("three", 1).expect(429).header("retry-after").unwrap().parse().unwrap();
    assert!((9..=11).contains(&wait), "{wait}");
    assert_eq!(server.refused("publish_rate"), 2);
    wait_for("a second's worth", SOON, || (publish("one", 1).status == 201).then_some(()));

    let free = Server::start(&[]);
    for _ in 0..20 {
        free.publish_many("a.b", 100);
    }
}

#[test]
fn a_session_that_ends_takes_its_streams_with_it() {
    let server = Server::start(&[]);
    let cookie = cookie_of(&server, &scoped("subscribe"));
    let browser = server.stranger().with("Cookie", &cookie);
    let mut stream = Sse::open(&browser, "/api/events/stream", &[]).unwrap();
    let mut other = server.ws();
    other.subscribe(&json!({}));
    browser.send("DELETE", "/api/session", &[("Origin", "https://evil.example")], b"").problem(403);
    browser.get("/api/events").expect(200);
    browser.send("DELETE", "/api/session", &[("Origin", &server.url())], b"").expect(204);
    stream.expect_end(SOON);
    browser.get("/api/events").problem(401);
    other.expect_alive();
}
