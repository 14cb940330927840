//! Contract sections 2, 3 and 8: health, metrics, state, pages, and a server's end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::thread;
use std::time::{Duration, Instant};

use activity_feed_tests::http::Wire;
use activity_feed_tests::{SOON, Server, Ws, event, tokens};
use serde_json::json;

#[test]
fn health_and_readiness_need_no_token() {
    let server = Server::start(&[]);
    server.stranger().get("/healthz").expect(200);
    server.stranger().get("/readyz").expect(200);
}

#[test]
fn metrics_are_for_a_loopback_peer_or_an_admin() {
    let server = Server::start(&[]);
    let fresh = server.stranger().get("/metrics").expect(200).text();
    for series in [
        "connections{transport=\"websocket\"} 0",
        "connections{transport=\"sse\"} 0",
        "skipped_total{reason=\"rate\"} 0",
        "skipped_total{reason=\"slow\"} 0",
        "replays_total{result=\"recovered\"} 0",
    ] {
        assert!(fresh.contains(&format!("activity_feed_{series}")), "there before it has happened: {series}");
    }
    server.publish_many("a.b", 3);
    let text = server.stranger().get("/metrics").expect(200).text();
    let appended = text.lines().find(|line| line.starts_with("activity_feed_events_appended")).expect("a count");
    assert!(appended.ends_with(" 3"), "{appended}");
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        assert!(line.starts_with("activity_feed_"), "{line}");
    }
    for header in
        [("X-Forwarded-For", "198.51.100.1"), ("Forwarded", "for=198.51.100.1"), ("X-Real-IP", "198.51.100.1")]
    {
        let through = server.stranger().with(header.0, header.1).get("/metrics").status;
        assert!(matches!(through, 401 | 403), "{header:?}: {through}");
        server.http().with(header.0, header.1).get("/metrics").expect(200);
        let other = server.http_as(&tokens::scoped("subscribe")).with(header.0, header.1).get("/metrics").status;
        assert_eq!(other, 403, "{header:?}");
    }
}

#[test]
fn the_state_is_folded_from_the_log_and_survives_a_kill() {
    let mut server = Server::start(&[]);
    server.publish(&json!([
        {"event_type": "agent.joined", "source": "s", "agent_id": "agent-1", "data": {"name": "Echo"}},
        {"event_type": "agent.joined", "source": "s", "agent_id": "agent-2", "data": {"name": "Forge"}},
        {"event_type": "task.created", "source": "s", "task_id": "task-1", "data": {"description": "one"}},
        {"event_type": "task.created", "source": "s", "task_id": "task-2", "data": {"description": "two"}},
        {"event_type": "task.bidding", "source": "s", "task_id": "task-2"},
        {"event_type": "bid.submitted", "source": "s", "task_id": "task-2", "agent_id": "agent-2", "data": {"amount": 5}},
        {"event_type": "task.completed", "source": "s", "task_id": "task-1", "agent_id": "agent-1"},
    ]));
    let check = |server: &Server| {
        activity_feed_tests::wait_for("the state to hold it all", SOON, || {
            let state = server.http().get("/api/state").expect(200).json();
            let agents = state["agents"].as_array().unwrap();
            let name = |id: &str| agents.iter().find(|agent| agent["id"] == id).map(|agent| agent["name"].clone());
            let whole = name("agent-1") == Some(json!("Echo"))
                && name("agent-2") == Some(json!("Forge"))
                && state["tasks"].is_object()
                && state["auctions"].as_array().is_some_and(|open| open.len() == 1);
            whole.then_some(())
        });
    };
    check(&server);
    server.kill();
    server.start_again();
    check(&server);
}

#[test]
fn pages_and_widget_are_served_under_a_strict_policy() {
    let server = Server::start(&[]);
    for page in ["/swarm/live", "/swarm/events"] {
        let answer = server.stranger().get(page).expect(200);
        assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{answer:?}");
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(!policy.contains("unsafe-inline") && !policy.contains("unsafe-eval"), "{policy}");
        assert!(policy.contains("default-src") || policy.contains("script-src"), "{policy}");
    }
    let widget = server.stranger().get("/assets/activity-feed.js").expect(200);
    assert!(widget.header("content-type").is_some_and(|kind| kind.contains("javascript")), "{widget:?}");
    assert_eq!(widget.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn sigterm_answers_what_was_accepted_and_closes_with_4201() {
    let mut server = Server::start(&[]);
    let mut sockets: Vec<Ws> = (0..5).map(|_| server.ws()).collect();
    for ws in &mut sockets {
        ws.subscribe(&json!({}));
        ws.replay();
    }
    let mut silent = server.ws();
    let head = server.publish_many("a.b", 1)[0].cursor.clone();
    // Accepted, and sure to be waiting: its head is answered with nothing yet.
    let mut poll = Wire::connect(server.addr).unwrap();
    poll.write(&server.http().head("GET", &format!("/api/events?since={head}&wait=30"), &[], None)).unwrap();
    assert!(poll.fill(Instant::now() + Duration::from_millis(300)).is_err(), "it waits");
    let accepted = thread::scope(|scope| {
        let http = server.http();
        let publisher = scope.spawn(move || {
            let mut accepted = Vec::new();
            loop {
                let body = event("a.b", json!({})).to_string();
                let headers = [("Content-Type", "application/json")];
                match http.try_send("POST", "/api/events", &headers, body.as_bytes()) {
                    Ok(answer) if answer.status == 201 => accepted.push(answer.json()["events"][0]["id"].clone()),
                    _ => return accepted,
                }
            }
        });
        sockets[0].until("publishing", SOON, |frame| frame["type"] == "event");
        server.terminate();
        for ws in &mut sockets {
            ws.expect_close(4201, SOON);
        }
        silent.expect_close(4201, SOON);
        publisher.join().unwrap()
    });
    assert_eq!(poll.read_head(Instant::now() + SOON).expect("the poll is answered").status, 200);
    drop((sockets, silent, poll));
    assert_eq!(server.wait_exit(Duration::from_secs(12)).code(), Some(0));

    server.start_again();
    for id in accepted {
        server.http().get(&format!("/api/events/{}", id.as_str().unwrap())).expect(200);
    }
}

#[test]
fn sigterm_does_not_wait_for_a_peer_that_never_answers() {
    let mut server = Server::start(&["--drain-timeout", "1s"]);
    let mut ws = server.ws();
    ws.subscribe(&json!({}));
    let _half = Wire::connect(server.addr).unwrap();
    let asked = Instant::now();
    server.terminate();
    assert_eq!(server.wait_exit(SOON).code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(6), "{:?}", asked.elapsed());
}

#[test]
fn the_memory_store_serves_alike() {
    let server = Server::start(&["--store", "memory:"]);
    let receipts = server.publish_many("a.b", 5);
    let mut ws = server.ws();
    ws.subscribe(&json!({"since": receipts[1].cursor}));
    assert_eq!(ws.replay().len(), 3);
    assert_eq!(server.http().history("since=earliest")["events"].as_array().unwrap().len(), 5);
}

#[test]
fn logs_tell_no_token_and_no_data() {
    let server = Server::start(&["--log-format", "json"]);
    server.publish(&event("a.b", json!({"text": "a-most-peculiar-word"})));
    let token = tokens::scoped("subscribe");
    server.ws_as(&token).subscribe(&json!({}));
    server.http_as(&token).post("/api/events", &json!({"peculiar-field": "another-peculiar-word"}));
    let said = server.stderr();
    for never in ["a-most-peculiar-word", "another-peculiar-word", token.as_str(), tokens::SECRET] {
        assert!(!said.contains(never), "{never} in {said}");
    }
}
