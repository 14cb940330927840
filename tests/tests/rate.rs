//! Promises 2 and 5 of contract section 4: the rate and the freshness of a live stream, and what a slow reader costs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::HashMap;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use activity_feed_tests::{Got, Ledger, Receipt, SOON, Server, Ws, event, tokens};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

const TYPES: [&str; 3] = ["task.created", "bid.submitted", "tool.called"];

/// Appends `count` events of the three types in turn, and says by when each was logged.
fn burst(server: &Server, count: usize) -> Vec<(Receipt, &'static str, Instant)> {
    let events: Vec<Value> = (0..count).map(|n| event(TYPES[n % 3], json!({ "n": n }))).collect();
    let receipts = server.publish(&Value::from(events));
    let at = Instant::now();
    receipts.into_iter().enumerate().map(|(n, receipt)| (receipt, TYPES[n % 3], at)).collect()
}

#[test]
fn promise_2_what_is_logged_during_a_join_comes_before_caught_up() {
    let server = Server::start(&["--rate", "1"]);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                server.publish_many("a.b", 10);
            }
        });
        for join in 0..40 {
            let mut ws = server.ws();
            // A filter that nobody else follows: its lane begins at the head of that moment, past what was replayed.
            ws.subscribe(&json!({"since": "latest", "types": ["a.b", format!("join.{join}")]}));
            let before = ws.until("caught_up", SOON, |frame| frame["type"] == "caught_up");
            // With one event a second of ten at a time, nothing but a report can come between two.
            let behind = ws.until("a report", SOON, |frame| frame["type"] == "skipped");
            let events = behind.iter().filter(|frame| frame["type"] == "event").count();
            assert!(events <= 1, "{events} events at once behind {before:?}");
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn promise_2_a_burst_is_held_to_the_rate_and_told_within_a_second_and_a_half() {
    let server = Server::start(&["--rate", "10"]);
    let mut ws = server.ws();
    let filter = json!({"types": ["bid.*", "tool.called"]});
    let mut ledger = Ledger::open(&ws.subscribe(&filter));
    ledger.catch_up(&mut ws);

    let logged = thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let mut logged = burst(&server, 900);
            for _ in 0..20 {
                logged.extend(burst(&server, 30));
                // The pace of the load, not a wait for anything.
                thread::sleep(Duration::from_millis(100));
            }
            logged.extend(burst(&server, 1));
            logged.extend(burst(&server, 3));
            logged
        });
        while !publisher.is_finished() {
            ledger.read_ready(&mut ws, 1);
        }
        publisher.join().unwrap()
    });
    let newest = logged.last().unwrap().0.seq;
    ledger.read_to(&mut ws, newest, SOON);

    assert_eq!(ledger.delivered.last().unwrap().seq, newest, "the newest always arrives");
    let matching = || logged.iter().filter(|(_, kind, _)| *kind != "task.created");
    ledger.account(matching().map(|(receipt, kind, _)| (receipt.seq, *kind)), newest);
    ledger.assert_rate(10);
    ledger.assert_fresh(&matching().map(|(receipt, _, at)| (receipt.seq, *at)).collect::<HashMap<_, _>>());
    assert!(ledger.gaps.iter().all(|gap| gap.reason() == "rate"), "{:?}", ledger.gaps);

    for gap in &ledger.gaps {
        let (from, to) = (gap.payload["from"].as_str().unwrap(), gap.payload["to"].as_str().unwrap());
        let page = format!("since={from}&until={to}&type=bid.*&type=tool.called&limit=1000");
        let page = server.http().history(&page);
        assert_eq!(json!(page["events"].as_array().unwrap().len()), gap.payload["count"], "{gap:?}");
    }
}

#[test]
fn promise_2_below_the_rate_nothing_waits() {
    let server = Server::start(&["--rate", "10"]);
    let mut ws = server.ws();
    let mut ledger = Ledger::open(&ws.subscribe(&json!({})));
    ledger.catch_up(&mut ws);
    for _ in 0..2 {
        let logged = burst(&server, 5);
        let at = logged[0].2;
        ledger.read_to(&mut ws, logged[4].0.seq, SOON);
        assert!(at.elapsed() < Duration::from_millis(400), "at once, not after {:?}", at.elapsed());
    }
    assert!(ledger.gaps.is_empty(), "{:?}", ledger.gaps);
}

#[test]
fn promise_2_each_subscription_of_a_socket_has_a_rate_of_its_own() {
    let server = Server::start(&["--rate", "10"]);
    let mut ws = server.ws();
    let mut books: HashMap<&str, Ledger> = HashMap::new();
    for (id, rate) in [("slow", 1), ("fast", 10)] {
        ws.send(&json!({"action": "subscribe", "channel": "events", "id": id, "rate": rate}));
        let subscribed = ws.expect("subscribed");
        assert_eq!(subscribed["payload"]["rate"], rate);
        books.insert(id, Ledger::open(&subscribed["payload"]));
        let frame = ws.expect("caught_up");
        books.get_mut(id).unwrap().take(&frame);
    }
    let logged = burst(&server, 40);
    let newest = logged.last().unwrap().0.seq;
    let deadline = Instant::now() + SOON;
    while books.values().any(|ledger| ledger.settled < newest) {
        assert!(Instant::now() < deadline, "both are told of everything");
        let frame = ws.frame();
        let ledger = books.get_mut(frame["subscription"].as_str().unwrap()).unwrap();
        ledger.take(&frame);
    }
    for (id, rate) in [("slow", 1), ("fast", 10)] {
        books[id].assert_rate(rate);
        books[id].account(logged.iter().map(|(receipt, kind, _)| (receipt.seq, *kind)), newest);
        books[id].assert_fresh(&logged.iter().map(|(receipt, _, at)| (receipt.seq, *at)).collect());
    }
}

/// A subscriber whose kernel takes next to nothing before it is read.
fn narrow(server: &Server, subscribe: &Value) -> (Ws, Ledger) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    socket.connect(&server.addr.into()).unwrap();
    let bearer = format!("Bearer {}", tokens::scoped("subscribe"));
    let mut ws = Ws::open_on(TcpStream::from(socket), "/ws", &[("Authorization", &bearer)]).unwrap();
    ws.greet();
    let mut ledger = Ledger::open(&ws.subscribe(subscribe));
    ledger.catch_up(&mut ws);
    (ws, ledger)
}

/// Enough to fill what a kernel keeps for one connection, and 256 KiB beside it.
const FLOOD: usize = 160;

/// Appends `count` events of some 50 KB, which fill a socket quickly.
fn flood(server: &Server, count: usize) -> Vec<u64> {
    let text = "all work and no play ".repeat(2400);
    let publish = |n| server.publish(&event("a.b", json!({"n": n, "text": text})))[0].seq;
    (0..count).map(publish).collect()
}

#[test]
fn promise_5_a_slow_reader_costs_nobody_else_and_is_caught_up_when_it_drains() {
    let server = Server::start(&["--rate", "1000", "--buffer", "10"]);
    let (mut slow, mut behind) = narrow(&server, &json!({}));
    let mut quick = server.ws();
    let mut ahead = Ledger::open(&quick.subscribe(&json!({})));
    ahead.catch_up(&mut quick);

    let flooded = Instant::now();
    let published = thread::scope(|scope| {
        let publisher = scope.spawn(|| flood(&server, FLOOD));
        while !publisher.is_finished() {
            ahead.read_ready(&mut quick, 1);
        }
        publisher.join().unwrap()
    });
    let newest = published[FLOOD - 1];
    ahead.read_to(&mut quick, newest, SOON);
    assert_eq!(ahead.seqs(), published, "the quick one gets each event");
    assert!(flooded.elapsed() < Duration::from_secs(9), "or the slow one is closed before it drains");

    behind.read_to(&mut slow, newest, SOON);
    let reasons: Vec<&str> = behind.gaps.iter().map(|gap| gap.reason()).collect();
    assert_eq!(reasons, ["slow"], "one report: {:?}", behind.gaps);
    behind.account(published.iter().map(|&seq| (seq, "a.b")), newest);

    let last = flood(&server, 1)[0];
    behind.read_to(&mut slow, last, SOON);
    assert_eq!(behind.delivered.last().unwrap().seq, last, "and it is live again");
}

#[test]
fn promise_5_a_reader_that_does_not_drain_is_closed_after_ten_seconds() {
    let server = Server::start(&["--rate", "1000", "--buffer", "10"]);
    let (mut stuck, _) = narrow(&server, &json!({}));
    flood(&server, FLOOD);
    let open = || {
        let metrics = server.stranger().get("/metrics").expect(200).text();
        let values = metrics.lines().filter(|line| line.starts_with("activity_feed_connections"));
        values.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum::<f64>()
    };
    assert!(open() > 0.0, "it is counted while it is stuck");
    // What goes on being logged for it gives it no more time.
    activity_feed_tests::wait_for("the stuck one being let go", Duration::from_secs(16), || {
        server.publish_many("a.b", 1);
        (open() == 0.0).then_some(())
    });
    let deadline = Instant::now() + SOON;
    loop {
        match stuck.next(deadline) {
            Got::Text(_) => {}
            Got::Closed(code, _) => {
                assert_eq!(code, 4101);
                break;
            }
            Got::Gone => break,
            Got::Nothing => panic!("neither closed nor dropped"),
        }
    }
}
