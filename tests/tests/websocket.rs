//! Contract section 4, the protocol: what a subscriber says and is told, and how mistakes end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, Instant};

use activity_feed_tests::events::{ids, large_swarm, seqs, split};
use activity_feed_tests::{Got, Ledger, SOON, Server, Ws, event, tokens};
use serde_json::{Value, json};
use tungstenite::Message;

/// Cursors of this server with another seq.
fn cursor(server: &Server, seq: u64) -> String {
    format!("{}:{seq}", split(&server.head()).0)
}

#[test]
fn hello_comes_first_and_says_what_the_server_allows() {
    let server = Server::start(&["--rate", "7", "--buffer", "33"]);
    let head = server.publish_many("a.b", 3)[2].cursor.clone();
    let hello = server.ws().hello;
    assert_eq!(hello["limits"], json!({"rate": 7, "buffer": 33}), "{hello}");
    assert_eq!(hello["ping_ms"], 25_000);
    assert_eq!(hello["head"], head.as_str());
    assert_eq!(hello["epoch"], split(&head).0);
    let client = hello["client"].as_str().unwrap();
    assert!(!client.is_empty());
    assert_ne!(server.ws().hello["client"], client, "a name of its own for each");
}

#[test]
fn the_first_subscribe_and_event_are_all_a_simple_client_needs() {
    let server = Server::start(&[]);
    let mut ws = server.ws();
    let subscribed = ws.subscribe(&json!({}));
    assert_eq!((&subscribed["channel"], &subscribed["recovered"]), (&json!("events"), &json!(true)));
    assert_eq!(subscribed["rate"], 10, "the server's own: {subscribed}");
    assert_eq!(ws.replay(), [] as [Value; 0], "an empty log");
    let body = json!({"event_type": "task.assigned", "source": "coordinator", "task_id": "task-123",
        "agent_id": "agent-456", "timestamp": "2024-01-15T10:30:00Z", "data": {"bid_sats": 100}});
    let receipt = server.publish(&body)[0].clone();
    let frame = ws.expect("event");
    assert!(frame.get("subscription").is_none(), "no id was given: {frame}");
    let expected = json!({
        "id": receipt.id, "seq": receipt.seq, "prev": 0, "cursor": receipt.cursor, "event_type": "task.assigned",
        "source": "coordinator", "task_id": "task-123", "agent_id": "agent-456",
        "timestamp": "2024-01-15T10:30:00Z", "data": {"bid_sats": 100},
        "display": {"icon": "👤", "label": "Task assigned", "text": "Task assigned to agent-456", "time": "10:30:00"},
    });
    assert_eq!(frame["payload"], expected);
    ws.send(&json!({"action": "ping"}));
    assert_eq!(ws.frame(), json!({"type": "pong"}));
}

#[test]
fn without_since_the_last_matching_events_come_first() {
    let server = Server::start(&[]);
    let receipts: Vec<_> = (0..30).flat_map(|n| server.publish_many(["a.x", "a.y"][n % 2], 1)).collect();
    let join = |message: Value| {
        let mut ws = server.ws();
        let subscribed = ws.subscribe(&message);
        let frames = ws.replay();
        (subscribed, seqs(&frames), frames.len())
    };
    let all: Vec<u64> = receipts.iter().map(|receipt| receipt.seq).collect();
    let (subscribed, found, frames) = join(json!({}));
    assert_eq!(found, all[10..], "20 by default");
    assert_eq!(frames, 20, "the others are before the start, and are not reported");
    assert_eq!(subscribed["recovered"], true);
    assert_eq!(split(subscribed["from"].as_str().unwrap()).1, all[10] - 1, "just before the first: {subscribed}");
    assert_eq!(subscribed["to"], receipts[29].cursor.as_str());
    assert_eq!(join(json!({"replay": 3})).1, all[27..]);
    assert_eq!(join(json!({"replay": 0})).1, [] as [u64; 0]);
    let odd: Vec<u64> = all.iter().copied().skip(1).step_by(2).collect();
    assert_eq!(join(json!({"replay": 4, "types": ["a.y"]})).1, odd[11..], "the last that match");
    assert_eq!(join(json!({"replay": 100})).1, all);
}

#[test]
fn since_goes_on_after_a_cursor_or_from_an_end() {
    let server = Server::start(&[]);
    let receipts = server.publish_many("a.b", 6);
    let join = |since: &str| {
        let mut ws = server.ws();
        let subscribed = ws.subscribe(&json!({ "since": since }));
        assert_eq!(subscribed["recovered"], true, "{since}: {subscribed}");
        let mut ledger = Ledger::open(&subscribed);
        for frame in ws.replay() {
            ledger.take(&frame);
        }
        (subscribed["from"].as_str().unwrap().to_owned(), ledger.seqs())
    };
    let seqs: Vec<u64> = receipts.iter().map(|receipt| receipt.seq).collect();
    assert_eq!(join(&receipts[2].cursor), (receipts[2].cursor.clone(), seqs[3..].to_vec()));
    assert_eq!(join("earliest").1, seqs);
    assert_eq!(join("latest"), (receipts[5].cursor.clone(), Vec::new()));
    assert_eq!(join(&receipts[5].cursor).1, [] as [u64; 0]);
    assert_eq!(join(&cursor(&server, 0)).1, seqs);
}

#[test]
fn filters_hold_for_replay_and_for_live() {
    let server = Server::start(&[]);
    let make = |name: &str, n: usize| {
        let event_type = ["task.a.b", "agent.left"][n % 2];
        json!({"id": format!("{name}{n}"), "event_type": event_type, "source": format!("s{}", n % 3),
            "task_id": format!("t{}", n % 2), "agent_id": format!("a{}", n % 5)})
    };
    let batch = |name: &str| Value::from((0..8).map(|n| make(name, n)).collect::<Vec<_>>());
    server.publish(&batch("old"));
    let filters = [
        (json!({"types": ["task.*"]}), vec![0, 2, 4, 6]),
        (json!({"types": ["agent.left", "nothing.*"]}), vec![1, 3, 5, 7]),
        (json!({"sources": ["s0", "s1"], "types": ["*"]}), vec![0, 1, 3, 4, 6, 7]),
        (json!({"task_ids": ["t1"], "agent_ids": ["a1", "a2"]}), vec![1, 7]),
        (json!({"types": ["task"]}), vec![]),
    ];
    let mut subscribers: Vec<Ws> = Vec::new();
    for (filter, numbers) in &filters {
        let mut ws = server.ws();
        ws.subscribe(filter);
        let expected: Vec<String> = numbers.iter().map(|n| format!("old{n}")).collect();
        assert_eq!(ids(&ws.replay()), expected, "replay of {filter}");
        subscribers.push(ws);
    }
    server.publish(&batch("live"));
    for ((filter, numbers), ws) in filters.iter().zip(&mut subscribers) {
        for n in numbers {
            assert_eq!(ws.expect("event")["payload"]["id"], format!("live{n}"), "live of {filter}");
        }
        assert_eq!(ws.frame_within(Duration::from_millis(100)), None, "nothing else for {filter}");
    }
}

#[test]
fn a_rate_above_the_servers_is_lowered_and_one_below_is_kept() {
    let server = Server::start(&["--rate", "5"]);
    let mut ws = server.ws();
    assert_eq!(ws.subscribe(&json!({"rate": 50}))["rate"], 5);
    ws.replay();
    assert_eq!(ws.subscribe(&json!({"rate": 2}))["rate"], 2, "and replaces the first, which had no id either");
}

#[test]
fn labels_tell_subscriptions_apart() {
    let server = Server::start(&[]);
    let mut ws = server.ws();
    for (id, filter) in [("tasks", "task.*"), ("agents", "agent.*")] {
        ws.send(&json!({"action": "subscribe", "channel": "events", "id": id, "types": [filter]}));
        let subscribed = ws.expect("subscribed");
        assert_eq!(subscribed["subscription"], id, "beside the type: {subscribed}");
        assert_eq!(ws.expect("caught_up")["subscription"], id);
    }
    server.publish(&json!([event("task.created", json!({})), event("agent.left", json!({}))]));
    let mut pairs: Vec<(Value, Value)> = (0..2)
        .map(|_| ws.expect("event"))
        .map(|frame| (frame["subscription"].clone(), frame["payload"]["event_type"].clone()))
        .collect();
    pairs.sort_by_key(|pair| pair.0.to_string());
    assert_eq!(pairs, [(json!("agents"), json!("agent.left")), (json!("tasks"), json!("task.created"))]);

    ws.send(&json!({"action": "unsubscribe", "id": "tasks"}));
    ws.expect_alive();
    server.publish(&json!([event("task.created", json!({})), event("agent.joined", json!({}))]));
    assert_eq!(ws.expect("event")["payload"]["event_type"], "agent.joined", "the other one goes on alone");
    ws.expect_alive();
}

#[test]
fn an_id_in_use_replaces_that_subscription() {
    let server = Server::start(&[]);
    let mut ws = server.ws();
    for types in [["task.*"], ["agent.*"]] {
        ws.send(&json!({"action": "subscribe", "channel": "events", "id": "main", "types": types}));
        ws.expect("subscribed");
        ws.expect("caught_up");
    }
    server.publish(&json!([event("task.created", json!({})), event("agent.left", json!({}))]));
    assert_eq!(ws.expect("event")["payload"]["event_type"], "agent.left");
    ws.expect_alive();
}

#[test]
fn a_fifth_subscription_is_too_many() {
    let server = Server::start(&[]);
    let mut ws = server.ws();
    for id in ["a", "b", "c", "d"] {
        ws.send(&json!({"action": "subscribe", "channel": "events", "id": id}));
        ws.expect("subscribed");
        ws.expect("caught_up");
    }
    ws.send(&json!({"action": "subscribe", "channel": "events", "id": "e"}));
    assert_eq!(ws.expect_error("too_many")["subscription"], "e");
    ws.send(&json!({"action": "subscribe", "channel": "events", "id": "d", "types": ["task.*"]}));
    ws.expect("subscribed");
    ws.expect("caught_up");
    ws.send(&json!({"action": "unsubscribe", "id": "a"}));
    ws.send(&json!({"action": "subscribe", "channel": "events", "id": "e"}));
    ws.expect("subscribed");
}

#[test]
fn what_cannot_be_had_is_an_error_and_the_socket_stays() {
    let server = Server::start(&[]);
    server.publish_many("a.b", 3);
    let mut ws = server.ws();
    let many: Vec<String> = (0..65).map(|n| format!("t{n}")).collect();
    let bad = [
        (json!({"channel": "weather"}), "unknown_channel"),
        (json!({"channel": "events", "since": "nonsense"}), "bad_cursor"),
        (json!({"channel": "events", "since": "abc:-1"}), "bad_cursor"),
        (json!({"channel": "events", "types": ["Task.*"]}), "bad_filter"),
        (json!({"channel": "events", "types": ["*.created"]}), "bad_filter"),
        (json!({"channel": "events", "task_ids": many}), "bad_filter"),
        (json!({"channel": "events", "types": "task.*"}), "bad_filter"),
        (json!({"channel": "events", "replay": 101}), "bad_filter"),
        (json!({"channel": "events", "replay": -1}), "bad_filter"),
        (json!({"channel": "events", "rate": 0}), "bad_filter"),
    ];
    for (mut message, code) in bad {
        message["action"] = json!("subscribe");
        ws.send(&message);
        let frame = ws.expect("error");
        assert_eq!(frame["payload"]["code"], code, "for {message}: {frame}");
    }
    let asked = Instant::now();
    ws.send(&json!({"action": "subscribe", "channel": "events", "since": cursor(&server, 1_000_000), "id": "f"}));
    assert_eq!(ws.expect_error("future_cursor")["subscription"], "f");
    assert!((1800..6000).contains(&asked.elapsed().as_millis()), "after 2 s, not {:?}", asked.elapsed());
    ws.subscribe(&json!({}));
    assert_eq!(ws.replay().len(), 3, "the socket is as good as new");
}

#[test]
fn a_cursor_just_ahead_of_the_head_is_waited_for() {
    let server = Server::start(&[]);
    let seq = server.publish_many("a.b", 3)[2].seq;
    let mut ws = server.ws();
    ws.send(&json!({"action": "subscribe", "channel": "events", "since": cursor(&server, seq + 1)}));
    let receipts = server.publish_many("a.b", 3);
    assert_eq!(ws.expect("subscribed")["payload"]["recovered"], true);
    let frames = ws.until("the newest event", SOON, |frame| frame["payload"]["seq"] == receipts[2].seq);
    assert_eq!(seqs(&frames), [receipts[1].seq, receipts[2].seq]);
}

#[test]
fn a_bad_message_closes_with_4000() {
    let server = Server::start(&[]);
    let first: [Message; 7] = [
        Message::text("not json"),
        Message::text("[]"),
        Message::text(r#"{"action":"dance"}"#),
        Message::text(r#"{"action":"ping"}"#),
        Message::text(r#"{"action":"unsubscribe"}"#),
        Message::text(r#"{"channel":"events"}"#),
        Message::binary(br#"{"action":"subscribe","channel":"events"}"#.to_vec()),
    ];
    for message in first {
        let mut ws = server.ws();
        ws.try_send(message.clone()).unwrap();
        let end = ws.next(Instant::now() + SOON);
        assert!(matches!(end, Got::Closed(4000, _)), "as the first frame {message:?}: {end:?}");
    }
    let later =
        [Message::text("{"), Message::text(r#"{"action":"dance"}"#), Message::binary(vec![1]), Message::text("7")];
    for message in later {
        let mut ws = server.ws();
        ws.subscribe(&json!({}));
        ws.try_send(message).unwrap();
        ws.expect_close(4000, SOON);
    }
}

#[test]
fn no_subscribe_within_ten_seconds_closes_with_4008() {
    let server = Server::start(&[]);
    let opened = Instant::now();
    let mut ws = server.ws();
    ws.expect_close(4008, Duration::from_secs(13));
    assert!(opened.elapsed() > Duration::from_secs(9), "not before: {:?}", opened.elapsed());
}

#[test]
fn too_many_messages_close_with_4103() {
    let server = Server::start(&[]);
    let mut ws = server.ws();
    ws.subscribe(&json!({}));
    for _ in 0..40 {
        ws.send(&json!({"action": "ping"}));
    }
    ws.until("the fortieth pong", SOON, {
        let pongs = std::cell::Cell::new(0);
        move |frame| {
            pongs.set(pongs.get() + i32::from(frame["type"] == "pong"));
            pongs.get() == 40
        }
    });
    for _ in 0..200 {
        if ws.try_send(Message::text(r#"{"action":"ping"}"#)).is_err() {
            break;
        }
    }
    ws.expect_close(4103, SOON);
}

#[test]
fn a_large_state_is_told_as_any_other() {
    let server = Server::start(&[]);
    let swarm = large_swarm();
    server.publish_all(&swarm);
    let mut ws = server.ws();
    ws.send(&json!({"action": "subscribe", "channel": "state"}));
    ws.until("state", SOON, |frame| frame["type"] == "state");
    for joined in [&swarm[3], &swarm[7]] {
        let seq = server.publish(joined)[0].seq;
        let mut told = 0;
        while told < seq {
            let state = ws.frame();
            assert_eq!(state["type"], "state");
            assert!(state.to_string().len() > 300_000, "it is large");
            told = state["payload"]["seq"].as_u64().unwrap();
        }
    }
}

#[test]
fn the_state_channel_comes_whole_and_then_at_most_once_a_second() {
    let server = Server::start(&[]);
    server.publish(&json!([
        {"event_type": "agent.joined", "source": "s", "agent_id": "agent-1", "data": {"name": "Echo"}},
        {"event_type": "task.created", "source": "s", "task_id": "task-1", "data": {"description": "x"}},
    ]));
    let mut ws = server.ws();
    ws.send(&json!({"action": "subscribe", "channel": "state"}));
    let frames = ws.until("state", SOON, |frame| frame["type"] == "state");
    assert!(frames.iter().all(|frame| frame["type"] != "event"), "{frames:?}");
    let payload = &frames.last().unwrap()["payload"];
    assert_eq!(payload["agents"][0]["id"], "agent-1", "{payload}");
    assert_eq!(payload["agents"][0]["name"], "Echo", "{payload}");
    assert!(payload["tasks"].is_object() && payload["auctions"].is_array(), "{payload}");
    let first = Instant::now();
    for n in 2..6 {
        server.publish(&json!({"event_type": "agent.joined", "source": "s", "agent_id": format!("agent-{n}")}));
    }
    let frames = ws.until("five agents", SOON, |frame| {
        frame["payload"]["agents"].as_array().is_some_and(|agents| agents.len() == 5)
    });
    let states = frames.iter().filter(|frame| frame["type"] == "state").count();
    let allowed = first.elapsed().as_millis() / 900 + 1;
    assert!(states as u128 <= allowed, "{states} states in {:?}", first.elapsed());
}

#[test]
fn the_token_comes_by_header_or_subprotocol_and_never_by_query() {
    let server = Server::start(&[]);
    let token = tokens::scoped("subscribe");
    let protocols = format!("activity-feed.v1, bearer.{token}");
    let mut ws = Ws::open(server.addr, "/ws", &[("Sec-WebSocket-Protocol", &protocols)]).unwrap();
    ws.greet();
    let bearer = format!("Bearer {token}");
    Ws::open(server.addr, "/swarm/live", &[("Authorization", &bearer)]).unwrap().greet();
    for query in ["token", "access_token", "authorization", "bearer"] {
        let refused = Ws::open(server.addr, &format!("/ws?{query}={token}"), &[]).unwrap_err();
        assert_eq!(refused.status, 401, "{query}");
    }
    let refused = |headers: &[(&str, &str)]| Ws::open(server.addr, "/ws", headers).unwrap_err().status;
    assert_eq!(refused(&[]), 401);
    assert_eq!(refused(&[("Authorization", "Bearer nonsense")]), 401);
    assert_eq!(refused(&[("Sec-WebSocket-Protocol", "activity-feed.v1, bearer.nonsense")]), 401);
    assert_eq!(refused(&[("Authorization", &format!("Bearer {}", tokens::scoped("publish")))]), 403);
    assert_eq!(refused(&[("Authorization", &bearer), ("Origin", "https://evil.example")]), 403);
    let own = server.url();
    Ws::open(server.addr, "/ws", &[("Authorization", &bearer), ("Origin", &own)]).unwrap().greet();
}

#[test]
fn htmx_subscribes_by_url_and_gets_fragments() {
    let server = Server::start(&[]);
    let bearer = format!("Bearer {}", tokens::scoped("subscribe"));
    let path = "/ws?channel=events&format=html&types=task.*";
    let mut ws = Ws::open(server.addr, path, &[("Authorization", &bearer)]).unwrap();
    let xss = "<img src=x onerror=alert(1)>";
    server.publish(&json!([
        event("agent.left", json!({"name": "unseen"})),
        event("task.created", json!({"description": xss}))
    ]));
    ws.try_send(Message::text(r#"{"HEADERS":{"HX-Request":"true"},"chat":"hi"}"#)).unwrap();
    ws.try_send(Message::text("anything")).unwrap();
    let deadline = Instant::now() + SOON;
    loop {
        let Got::Text(html) = ws.next(deadline) else { panic!("no fragment of the event came") };
        assert!(html.contains("hx-swap-oob") && html.contains("#activity-feed"), "an out-of-band swap: {html}");
        assert!(!html.contains("unseen"), "filtered: {html}");
        assert!(!html.contains("<img"), "escaped: {html}");
        if html.contains("&lt;img") {
            break;
        }
    }
    server.terminate();
    match ws.next(Instant::now() + SOON) {
        Got::Closed(code, _) => assert!(matches!(code, 1012 | 1013), "a code that HTMX reconnects on: {code}"),
        other => panic!("not closed: {other:?}"),
    }
}
