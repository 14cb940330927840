//! Contract section 3, `GET /api/events/stream`: the same subscription as `text/event-stream`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, Instant};

use activity_feed_tests::events::{large_swarm, split};
use activity_feed_tests::{Client, SOON, Server, Sse, event, tokens};
use serde_json::{Value, json};

#[test]
fn events_are_unnamed_messages_whose_id_is_the_cursor() {
    let server = Server::start(&[]);
    let receipts = server.publish_many("a.b", 3);
    let mut sse = server.sse("since=earliest");
    assert!(sse.head.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")));
    assert_eq!(sse.head.header("x-accel-buffering"), Some("no"));
    assert_eq!(sse.head.header("cache-control"), Some("no-cache, no-transform"));
    let blocks = sse.until("caught_up");
    let events: Vec<_> = blocks.iter().filter(|block| block.event.is_empty()).collect();
    assert_eq!(events.len(), 3, "{blocks:?}");
    for (block, receipt) in events.iter().zip(&receipts) {
        let payload = block.json();
        assert_eq!((&payload["seq"], &payload["id"]), (&json!(receipt.seq), &json!(receipt.id)), "the bare payload");
        assert_eq!(block.id.as_deref(), Some(receipt.cursor.as_str()));
        assert!(payload["display"].is_object() && payload["prev"].is_u64(), "{payload}");
    }
    assert_eq!(blocks.last().unwrap().json()["cursor"], receipts[2].cursor.as_str());
    let live = server.publish_many("a.b", 1)[0].clone();
    let block = sse.message();
    assert_eq!((block.event.as_str(), block.id), ("", Some(live.cursor)));
}

#[test]
fn last_event_id_goes_before_since() {
    let server = Server::start(&[]);
    let receipts = server.publish_many("a.b", 5);
    let client = Client::new(server.addr, Some(&tokens::scoped("subscribe")));
    let path = "/api/events/stream?since=earliest";
    let mut sse = Sse::open(&client, path, &[("Last-Event-ID", &receipts[2].cursor)]).unwrap();
    assert_eq!(sse.until("").pop().unwrap().json()["seq"], receipts[3].seq);
    // One that is no cursor is told so: to pass over it would lose what lies between in silence.
    for id in ["é", "no cursor"] {
        let refused = Sse::open(&client, "/api/events/stream", &[("Last-Event-ID", id)]).unwrap_err();
        assert_eq!(refused.problem(422)["code"], "bad_cursor", "{id}");
    }
}

#[test]
fn filters_rate_and_replay_are_those_of_the_socket() {
    let server = Server::start(&["--buffer", "10"]);
    let events: Vec<Value> = (0..40)
        .map(|n| (n, ["task.a", "bid.b"][n % 2]))
        .map(|(n, kind)| json!({"event_type": kind, "source": format!("s{}", n % 4), "data": {"n": n}}))
        .collect();
    let receipts = server.publish(&Value::from(events));
    let mut sse = server.sse("type=task.*&type=tool.called&source=s2&replay=3");
    let blocks = sse.until("caught_up");
    let numbers: Vec<Value> =
        blocks.iter().filter(|b| b.event.is_empty()).map(|b| b.json()["data"]["n"].clone()).collect();
    assert_eq!(numbers, [30, 34, 38]);

    let mut sse = server.sse(&format!("since={}&type=task.*&rate=1", receipts[0].cursor));
    let blocks = sse.until("caught_up");
    let skipped: Vec<_> = blocks.iter().filter(|block| block.event == "skipped").collect();
    assert_eq!(skipped.len(), 1, "{blocks:?}");
    let payload = skipped[0].json();
    assert_eq!((&payload["reason"], &payload["count"]), (&json!("buffer"), &json!(9)), "{payload}");
    assert_eq!(skipped[0].id.as_deref(), payload["to"].as_str(), "its id is where it ends");
    server.publish_many("task.a", 30);
    let skipped = sse.until("skipped").pop().unwrap().json();
    assert_eq!(skipped["reason"], "rate", "held to the rate asked for: {skipped}");
}

#[test]
fn what_cannot_be_asked_is_refused_before_the_stream() {
    let server = Server::start(&[]);
    server.publish_many("a.b", 1);
    let client = Client::new(server.addr, Some(&tokens::scoped("subscribe")));
    for bad in ["since=nonsense", "type=Bad", "replay=101", "rate=0", "channel=weather"] {
        let refused = Sse::open(&client, &format!("/api/events/stream?{bad}"), &[]).unwrap_err();
        assert_eq!(refused.status, 422, "{bad}: {}", refused.text());
        refused.problem(422);
    }
    let ahead = format!("/api/events/stream?since={}:999", split(&server.head()).0);
    Sse::open(&client, &ahead, &[]).unwrap_err().problem(422);
    Sse::open(&server.stranger(), "/api/events/stream", &[]).unwrap_err().problem(401);
    let publisher = server.http_as(&tokens::scoped("publish"));
    Sse::open(&publisher, "/api/events/stream", &[]).unwrap_err().problem(403);
}

#[test]
fn an_event_is_one_message_whatever_stands_in_it() {
    let server = Server::start(&[]);
    let nasty = "one\ntwo\r\nthree\rfour\u{2028}five\n\nevent: skipped\ndata: {}\n\nid: 7";
    server.publish(&json!([event("system.error", json!({"message": nasty})), event("a.b", json!({}))]));
    let mut sse = server.sse("since=earliest");
    let blocks = sse.until("caught_up");
    let events: Vec<_> = blocks.iter().filter(|block| block.event.is_empty()).collect();
    assert_eq!(events.len(), 2, "{blocks:?}");
    assert!(events[0].json()["data"]["message"].as_str().unwrap().contains("five"));
    assert_eq!(events[1].json()["event_type"], "a.b");
}

#[test]
fn the_state_channel_has_a_name() {
    let server = Server::start(&[]);
    server.publish(&json!({"event_type": "agent.joined", "source": "s", "agent_id": "a1", "data": {"name": "Echo"}}));
    let mut sse = server.sse("channel=state");
    let state = sse.until("state").pop().unwrap().json();
    assert_eq!(state["agents"][0]["name"], "Echo", "{state}");
}

#[test]
fn a_large_state_is_told_as_any_other() {
    let server = Server::start(&[]);
    let swarm = large_swarm();
    server.publish_all(&swarm);
    let mut sse = server.sse("channel=state");
    sse.until("state");
    for joined in [&swarm[3], &swarm[7]] {
        let seq = server.publish(joined)[0].seq;
        let mut told = 0;
        while told < seq {
            let state = sse.message();
            assert_eq!(state.event, "state");
            assert!(state.data.as_ref().unwrap().len() > 300_000, "it is large");
            told = state.json()["seq"].as_u64().unwrap();
        }
    }
}

#[test]
fn a_comment_comes_every_fifteen_seconds_whatever_else_was_sent() {
    let server = Server::start(&[]);
    let opened = Instant::now();
    let mut busy = server.sse("");
    let mut quiet = server.sse("type=nothing.matches");
    for sse in [&mut busy, &mut quiet] {
        let deadline = opened + Duration::from_secs(18);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no comment within 15 s");
            match sse.next(Instant::now() + left.min(Duration::from_secs(1))) {
                Ok(Some(block)) if block.comment && opened.elapsed() > Duration::from_secs(5) => break,
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended"),
                // Keeps the log moving, so that the busy stream is never silent for long.
                Err(_) => drop(server.publish_many("a.b", 1)),
            }
        }
    }
}

#[test]
fn a_stream_ends_with_its_token_and_with_the_server() {
    let server = Server::start(&[]);
    let client = Client::new(server.addr, Some(&tokens::ending_in(2)));
    let mut sse = Sse::open(&client, "/api/events/stream", &[]).unwrap();
    sse.expect_end(Duration::from_secs(6));
    let mut sse = server.sse("");
    sse.until("caught_up");
    server.terminate();
    sse.expect_end(SOON);
}
