//! WebSockets of the Spin application through a real Pushpin (docs/spin.md): contract section 4 as far as it holds there,
//! promises 1 and 4 across cuts, and what happens when the proxy does not work. Left out where Pushpin is missing, unless
//! `ACTIVITY_FEED_REQUIRE_PUSHPIN=1`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use activity_feed_tests::events::seq_of;
use activity_feed_tests::pushpin::{KEY, Pushpin};
use activity_feed_tests::spin::application::{Application, Options};
use activity_feed_tests::{Client, Got, Ledger, Receipt, SOON, Server, Ws, event, tokens, wait_for};
use serde_json::{Value, json};

/// A ping that comes while the proxy's buffer for the client is full is dropped: the socket is then asked again by its
/// keep-alive, after 12 s at most (docs/spin.md).
const WOKEN: Duration = Duration::from_secs(16);

/// An application with a proxy in front.
struct Feed {
    // Dropped first: sockets that end tell the application.
    pushpin: Pushpin,
    application: Application,
    folder: tempfile::TempDir,
}

impl Feed {
    fn start(test: &str, variables: &[(&'static str, &str)]) -> Option<Self> {
        let mut pushpin = Pushpin::new(test)?;
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::on(&folder.path().join("feed.db"));
        options.variables = vec![("grip_url", pushpin.publish_url()), ("grip_key", KEY.to_owned())];
        options.variables.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let application = Application::start(options).unwrap();
        pushpin.start(application.address(), KEY);
        Some(Self { pushpin, application, folder })
    }

    fn ws(&self) -> Ws {
        self.pushpin.ws()
    }

    fn publish(&self, event_type: &str, count: usize) -> Vec<Receipt> {
        publish(&self.application.http(), event_type, count)
    }
}

fn publish(http: &Client, event_type: &str, count: usize) -> Vec<Receipt> {
    let events: Vec<Value> = (0..count).map(|n| event(event_type, json!({ "n": n }))).collect();
    let mut receipts = Vec::new();
    for some in events.chunks(500) {
        let answer = http.post("/api/events", &Value::from(some)).expect(201).json();
        receipts.extend(answer["events"].as_array().unwrap().iter().map(Receipt::read));
    }
    receipts
}

fn of_type<'a>(receipts: &[Receipt], event_type: &'a str) -> Vec<(u64, &'a str)> {
    receipts.iter().map(|receipt| (receipt.seq, event_type)).collect()
}

#[test]
fn the_protocol_is_the_native_servers() {
    let Some(feed) = Feed::start("the_protocol_is_the_native_servers", &[]) else { return };
    feed.publish("task.created", 3);
    let mut ws = feed.ws();
    assert_eq!(ws.hello["limits"], json!({"rate": 10, "buffer": 100}));
    assert_eq!(seq_of(&ws.hello["head"]), 3);
    let subscribed = ws.subscribe(&json!({}));
    assert_eq!((subscribed["recovered"].as_bool(), seq_of(&subscribed["to"])), (Some(true), 3));
    assert_eq!(ws.replay().len(), 3, "the last ones come first");
    // Live, filtered, and by name.
    ws.subscribe(&json!({"id": "errors", "types": ["system.*"], "since": "latest"}));
    ws.replay();
    feed.publish("system.error", 1);
    let frames = ws.until("both", SOON, |frame| frame["subscription"] == "errors");
    let unnamed = frames.iter().filter(|frame| frame["subscription"].is_null()).count();
    assert!(frames.len() == 1 || unnamed == 1, "{frames:?}");
    if unnamed == 0 {
        ws.expect("event");
    }
    feed.publish("a.b", 1);
    let frame = ws.expect("event");
    assert_eq!((&frame["payload"]["event_type"], &frame["subscription"]), (&json!("a.b"), &Value::Null));
    // Taken back.
    ws.send(&json!({"action": "unsubscribe"}));
    ws.expect_alive();
    feed.publish("a.b", 1);
    feed.publish("system.warning", 1);
    let frame = ws.expect("event");
    assert_eq!(frame["payload"]["event_type"], "system.warning", "{frame}");
    // What cannot be had.
    ws.send(&json!({"action": "subscribe", "channel": "nothing"}));
    ws.expect_error("unknown_channel");
    ws.send(&json!({"action": "subscribe", "channel": "events", "types": ["a b"]}));
    ws.expect_error("bad_filter");
    let future =
        format!("{}:999", feed.application.http().history("")["head"].as_str().unwrap().split(':').next().unwrap());
    ws.send(&json!({"action": "subscribe", "channel": "events", "id": "far", "since": future}));
    ws.expect_error("future_cursor");
    for id in ["2", "3", "4"] {
        ws.subscribe(&json!({"id": id, "since": "latest"}));
        ws.replay();
    }
    ws.send(&json!({"action": "subscribe", "channel": "events", "id": "5"}));
    ws.expect_error("too_many");
    ws.expect_alive();
    ws.send_text("not JSON");
    ws.expect_close(4000, SOON);
}

#[test]
fn the_first_message_must_be_a_subscribe_in_time() {
    let Some(feed) = Feed::start("the_first_message_must_be_a_subscribe_in_time", &[]) else { return };
    let mut silent = feed.ws();
    let mut hasty = feed.ws();
    hasty.send(&json!({"action": "ping"}));
    hasty.expect_close(4000, SOON);
    silent.expect_close(4008, Duration::from_secs(15));
}

#[test]
fn who_may_not_come_in_is_refused_before_the_upgrade() {
    let Some(feed) = Feed::start("who_may_not_come_in_is_refused_before_the_upgrade", &[]) else { return };
    let at = feed.pushpin.address;
    let status = |headers: &[(&str, &str)]| Ws::open(at, "/ws", headers).map(|_| 101).unwrap_or_else(|r| r.status);
    let good = format!("Bearer {}", tokens::scoped("subscribe"));
    assert_eq!(status(&[]), 401);
    assert_eq!(status(&[("Authorization", "Bearer nonsense")]), 401);
    assert_eq!(status(&[("Authorization", &format!("Bearer {}", tokens::scoped("publish")))]), 403);
    assert_eq!(status(&[("Authorization", &good), ("Origin", "https://evil.example")]), 403);
    assert_eq!(status(&[("Authorization", &good), ("Origin", &format!("http://{at}"))]), 101);
    let pair = format!("activity-feed.v1, bearer.{}", tokens::scoped("subscribe"));
    assert_eq!(status(&[("Sec-WebSocket-Protocol", &pair)]), 101);
    let live = Ws::open(at, "/swarm/live", &[("Authorization", &good)]);
    assert!(live.is_ok(), "the page's own address takes sockets, too");
    // A token's types bound what is seen.
    let mut ws = feed.pushpin.ws_as(&tokens::seeing(&["task.*"]));
    ws.subscribe(&json!({"since": "latest"}));
    ws.replay();
    ws.send(&json!({"action": "subscribe", "channel": "events", "id": "more", "types": ["system.error"]}));
    ws.expect_error("forbidden");
    ws.send(&json!({"action": "subscribe", "channel": "state", "id": "state"}));
    ws.expect_error("forbidden");
    feed.publish("system.error", 1);
    feed.publish("task.created", 1);
    assert_eq!(ws.expect("event")["payload"]["event_type"], "task.created");
}

#[test]
fn a_proxy_with_another_key_or_none_is_refused() {
    let Some(mut feed) = Feed::start("a_proxy_with_another_key_or_none_is_refused", &[]) else { return };
    let http = feed.application.http();
    let headers = [("Content-Type", "application/websocket-events"), ("Connection-Id", "1")];
    let answer = http.try_send("POST", "/ws", &headers, b"OPEN\r\n").unwrap();
    assert_eq!(answer.status, 403, "{}", answer.text());
    feed.pushpin.kill();
    feed.pushpin.start(feed.application.address(), "another key than the application's");
    let refused = feed.pushpin.try_ws("/ws", &tokens::scoped("admin")).unwrap_err();
    assert_eq!(refused.status, 403);
}

#[test]
fn a_socket_ends_with_its_token_unless_it_is_refreshed() {
    let Some(feed) = Feed::start("a_socket_ends_with_its_token_unless_it_is_refreshed", &[]) else { return };
    let mut ends = feed.pushpin.ws_as(&tokens::ending_in(3));
    let mut stays = feed.pushpin.ws_as(&tokens::ending_in(3));
    for ws in [&mut ends, &mut stays] {
        ws.subscribe(&json!({"since": "latest"}));
        ws.replay();
    }
    stays.send(&json!({"action": "refresh", "token": tokens::ending_in(600)}));
    stays.send(&json!({"action": "refresh", "token": "nonsense"}));
    stays.expect_error("forbidden");
    // At the next event, or the proxy's next ping.
    ends.expect_close(4202, Duration::from_secs(20));
    stays.expect_alive();
}

#[test]
fn a_sessions_sockets_end_with_it() {
    let Some(feed) = Feed::start("a_sessions_sockets_end_with_it", &[]) else { return };
    let http = feed.application.http();
    let signed_in = http.try_send("POST", "/api/session", &[], b"").unwrap();
    let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let mut ws = Ws::open(feed.pushpin.address, "/ws", &[("Cookie", &cookie)]).unwrap();
    ws.greet();
    ws.subscribe(&json!({"since": "latest"}));
    ws.replay();
    let nobody = Client::new(feed.application.address(), None);
    let signed_out = nobody.try_send("DELETE", "/api/session", &[("Cookie", &cookie)], b"").unwrap();
    assert_eq!(signed_out.status, 204);
    ws.expect_close(4001, SOON);
}

#[test]
fn the_state_comes_whole_and_at_most_once_a_second() {
    let Some(feed) = Feed::start("the_state_comes_whole_and_at_most_once_a_second", &[]) else { return };
    let mut ws = feed.ws();
    ws.subscribe(&json!({"channel": "state"}));
    assert_eq!(ws.expect("state")["payload"]["agents"], json!([]));
    let http = feed.application.http();
    let mut at = Instant::now();
    for round in 1..=3 {
        let id = format!("agent-{round}");
        let joined = json!({"event_type": "agent.joined", "source": "s", "agent_id": id, "data": {"name": id}});
        http.post("/api/events", &joined).expect(201);
        let state = ws.expect("state");
        assert_eq!(state["payload"]["agents"].as_array().unwrap().len(), round, "{state}");
        assert!(at.elapsed() >= Duration::from_millis(850), "after {:?}", at.elapsed());
        at = Instant::now();
    }
}

#[test]
fn html_for_htmx() {
    let Some(feed) = Feed::start("html_for_htmx", &[]) else { return };
    feed.publish("task.created", 2);
    let token = tokens::scoped("subscribe");
    let mut ws = feed.pushpin.try_ws("/ws?channel=events&format=html&types=task.*", &token).unwrap();
    let mut fragment = || match ws.next(Instant::now() + SOON) {
        Got::Text(text) => text,
        other => panic!("a fragment was due, but: {other:?}"),
    };
    for _ in 0..2 {
        let text = fragment();
        assert!(text.contains("hx-swap-oob") && text.contains("New task"), "{text}");
    }
    feed.publish("system.error", 1);
    feed.publish("task.created", 1);
    let text = fragment();
    assert!(text.contains("New task"), "{text}");
    ws.send_text(r#"{"HEADERS": {}}"#);
    feed.publish("task.created", 1);
    assert!(matches!(ws.next(Instant::now() + SOON), Got::Text(_)), "what it sends is ignored");
    let refused = feed.pushpin.try_ws("/ws?format=html&nonsense=1", &token).unwrap_err();
    assert_eq!(refused.status, 422);
}

#[test]
fn promise_1_across_a_cut_and_a_resume() {
    let Some(mut feed) = Feed::start("promise_1_across_a_cut_and_a_resume", &[("rate", "1000")]) else { return };
    let mut receipts = feed.publish("a.b", 5);
    let mut ws = feed.ws();
    let mut ledger = Ledger::open(&ws.subscribe(&json!({"since": "earliest"})));
    receipts.extend(feed.publish("a.b", 5));
    ledger.read_to(&mut ws, 10, WOKEN);
    // The client goes away and comes again.
    drop(ws);
    receipts.extend(feed.publish("a.b", 30));
    let mut ws = feed.ws();
    ledger.resume(&ws.subscribe(&json!({"since": ledger.cursor})));
    receipts.extend(feed.publish("a.b", 5));
    ledger.read_to(&mut ws, 45, WOKEN);
    // The proxy is killed; meanwhile publishing works, and does not wait for it.
    feed.pushpin.kill();
    let started = Instant::now();
    for _ in 0..5 {
        receipts.extend(feed.publish("a.b", 1));
    }
    assert!(started.elapsed() < SOON, "an append does not wait for the proxy: {:?}", started.elapsed());
    wait_for("the socket's end", SOON, || matches!(ws.next(Instant::now() + SOON), Got::Gone).then_some(()));
    feed.pushpin.start(feed.application.address(), KEY);
    let mut ws = feed.ws();
    ledger.resume(&ws.subscribe(&json!({"since": ledger.cursor})));
    receipts.extend(feed.publish("a.b", 1));
    let last = receipts.last().unwrap().seq;
    ledger.read_to(&mut ws, last, WOKEN);
    ledger.account(of_type(&receipts, "a.b"), last);
}

#[test]
fn promise_1_the_seam_between_replay_and_live() {
    let Some(feed) = Feed::start("promise_1_the_seam_between_replay_and_live", &[("rate", "1000")]) else { return };
    let stop = AtomicBool::new(false);
    let (receipts, ledgers) = thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let mut receipts = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                receipts.extend(feed.publish("a.b", 3));
            }
            receipts
        });
        let mut ledgers = Vec::new();
        let mut cursor = "earliest".to_owned();
        for round in 0..12 {
            let mut ws = feed.ws();
            let asked = match round % 4 {
                0 => json!({"since": cursor}),
                1 => json!({"replay": 20}),
                2 => json!({"since": "latest"}),
                _ => json!({"replay": 100, "types": ["a.*"]}),
            };
            let mut ledger = Ledger::open(&ws.subscribe(&asked));
            ledger.catch_up(&mut ws);
            let past = ledger.settled + 12;
            ledger.read_to(&mut ws, past, WOKEN);
            cursor.clone_from(&ledger.cursor);
            ledgers.push(ledger);
        }
        stop.store(true, Ordering::Relaxed);
        (publisher.join().unwrap(), ledgers)
    });
    for ledger in &ledgers {
        ledger.account(of_type(&receipts, "a.b"), ledger.settled);
    }
}

#[test]
fn promise_2_the_rate_is_kept_and_a_burst_is_told_in_time() {
    let Some(feed) = Feed::start("promise_2_the_rate_is_kept_and_a_burst_is_told_in_time", &[]) else { return };
    let mut ws = feed.ws();
    let mut ledger = Ledger::open(&ws.subscribe(&json!({"since": "latest", "rate": 5})));
    ledger.catch_up(&mut ws);
    let receipts = feed.publish("a.b", 40);
    let logged = Instant::now();
    ledger.read_to(&mut ws, 40, WOKEN);
    ledger.assert_rate(5);
    ledger.assert_fresh(&receipts.iter().map(|receipt| (receipt.seq, logged)).collect());
    assert_eq!(ledger.delivered.last().unwrap().seq, 40, "the newest arrives");
    ledger.account(of_type(&receipts, "a.b"), 40);
}

#[test]
fn promise_3_a_replay_is_bounded_and_large_events_pass() {
    let Some(feed) = Feed::start("promise_3_a_replay_is_bounded_and_large_events_pass", &[("buffer", "30")]) else {
        return;
    };
    let mut receipts = feed.publish("a.b", 60);
    let text = "x".repeat(60_000);
    for n in 0..2 {
        let large = event("a.b", json!({"text": text, "n": n}));
        let answer = feed.application.http().post("/api/events", &large).expect(201).json();
        receipts.push(Receipt::read(&answer["events"][0]));
    }
    receipts.extend(feed.publish("a.b", 2));
    let mut ws = feed.ws();
    let mut ledger = Ledger::open(&ws.subscribe(&json!({"since": "earliest"})));
    ledger.catch_up(&mut ws);
    assert_eq!(ledger.seqs(), (35..=64).collect::<Vec<_>>());
    assert_eq!(ledger.gaps[0].reason(), "buffer");
    let large = event("a.b", json!({"text": text, "n": 2}));
    let answer = feed.application.http().post("/api/events", &large).expect(201).json();
    receipts.push(Receipt::read(&answer["events"][0]));
    ledger.read_to(&mut ws, 65, WOKEN);
    ledger.account(of_type(&receipts, "a.b"), 65);
}

#[test]
fn promise_4_a_filter_that_passes_nothing_still_moves_the_cursor() {
    let Some(feed) = Feed::start("promise_4_a_filter_that_passes_nothing", &[]) else { return };
    let mut ws = feed.ws();
    ws.subscribe(&json!({"types": ["nothing.matches"], "since": "latest"}));
    ws.replay();
    let last = feed.publish("a.b", 3)[2].clone();
    let position = ws.frame_within(Duration::from_secs(16)).expect("a position");
    assert_eq!(position["type"], "position");
    assert!(seq_of(&position["payload"]["cursor"]) >= last.seq);
}

#[test]
fn fifty_sockets_get_everything() {
    let Some(feed) = Feed::start("fifty_sockets_get_everything", &[("rate", "1000")]) else { return };
    let join = |_| {
        let mut ws = feed.ws();
        let mut ledger = Ledger::open(&ws.subscribe(&json!({"since": "latest"})));
        ledger.catch_up(&mut ws);
        (ws, ledger)
    };
    let mut sockets: Vec<(Ws, Ledger)> = Vec::new();
    for _ in 0..5 {
        let group: Vec<_> = thread::scope(|scope| {
            let opening: Vec<_> = (0..10).map(|n| scope.spawn(move || join(n))).collect();
            opening.into_iter().map(|opening| opening.join().unwrap()).collect()
        });
        sockets.extend(group);
    }
    let (receipts, ledgers) = thread::scope(|scope| {
        let reading: Vec<_> = sockets
            .into_iter()
            .map(|(mut ws, mut ledger)| {
                scope.spawn(move || {
                    ledger.read_to(&mut ws, 20, Duration::from_secs(30));
                    ledger
                })
            })
            .collect();
        let receipts: Vec<Receipt> = (0..10).flat_map(|_| feed.publish("a.b", 2)).collect();
        (receipts, reading.into_iter().map(|reading| reading.join().unwrap()).collect::<Vec<_>>())
    });
    for ledger in &ledgers {
        ledger.account(of_type(&receipts, "a.b"), 20);
    }
}

#[test]
fn what_a_native_server_logs_on_the_same_file_comes_with_the_proxys_next_ping() {
    let Some(feed) = Feed::start("what_a_native_server_logs_on_the_same_file", &[]) else { return };
    let store = format!("sqlite:{}", feed.folder.path().join("feed.db").display());
    let native = Server::start(&["--store", &store]);
    let mut ws = feed.ws();
    ws.subscribe(&json!({"since": "latest"}));
    ws.replay();
    let logged = native.publish_many("a.b", 1);
    let frame = ws.frame_within(Duration::from_secs(15)).expect("an event");
    assert_eq!(frame["payload"]["seq"], logged[0].seq, "{frame}");
}
