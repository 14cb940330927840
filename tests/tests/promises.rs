//! Promises 1, 3 and 4 of contract section 4: nothing is lost silently, a replay is bounded, a cursor always moves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use activity_feed_tests::events::{seq_of, seqs, split};
use activity_feed_tests::{Ledger, Receipt, SOON, Server, event};
use serde_json::{Value, json};

/// The seqs and types of events of one type.
fn of_type<'a>(receipts: &[Receipt], event_type: &'a str) -> Vec<(u64, &'a str)> {
    receipts.iter().map(|receipt| (receipt.seq, event_type)).collect()
}

#[test]
fn promise_1_a_kill_loses_nothing_acknowledged_and_repeats_nothing() {
    let mut server = Server::start(&["--buffer", "100"]);
    let mut ws = server.ws();
    let mut ledger = Ledger::open(&ws.subscribe(&json!({"since": "earliest"})));
    let mut acknowledged = server.publish_many("a.b", 5);
    ledger.read_to(&mut ws, acknowledged[4].seq, SOON);

    // Publishers are at work when the server is killed; what was acknowledged until then is kept.
    let more = thread::scope(|scope| {
        let http = server.http();
        let publisher = scope.spawn(move || {
            let mut receipts = Vec::new();
            for n in 0.. {
                let body = event("a.b", json!({ "n": n })).to_string();
                let headers = [("Content-Type", "application/json")];
                match http.try_send("POST", "/api/events", &headers, body.as_bytes()) {
                    Ok(answer) if answer.status == 201 => receipts.push(Receipt::read(&answer.json()["events"][0])),
                    _ => return receipts,
                }
            }
            receipts
        });
        ledger.read_to(&mut ws, acknowledged[4].seq + 10, SOON);
        server.kill();
        publisher.join().unwrap()
    });
    acknowledged.extend(more);
    server.start_again();

    let page = server.http().history("since=earliest&limit=1000");
    assert_eq!(page["more"], false);
    let kept = seqs(page["events"].as_array().unwrap());
    for receipt in &acknowledged {
        assert!(kept.contains(&receipt.seq), "{receipt:?} was acknowledged and is gone");
    }
    assert_eq!(split(&ledger.cursor).0, split(&server.head()).0, "the same history");

    let mut ws = server.ws();
    ledger.resume(&ws.subscribe(&json!({"since": ledger.cursor})));
    let last = server.publish_many("a.b", 1)[0].clone();
    ledger.read_to(&mut ws, last.seq, SOON);
    let all = kept.iter().map(|&seq| (seq, "a.b")).chain([(last.seq, "a.b")]);
    ledger.account(all, last.seq);
}

#[test]
fn promise_1_prev_is_where_this_subscription_stood_whoever_else_follows_the_same() {
    let server = Server::start(&[]);
    let mut followers = Vec::new();
    for asked in [json!({"types": ["task.*"]}), json!({"types": ["task.*"], "id": "a,\"prev\":1,"})] {
        for _ in 0..2 {
            // They share a lane, which stands at the last task; each joins further on.
            server.publish_many("agent.b", 3);
            let mut ws = server.ws();
            let ledger = Ledger::open(&ws.subscribe(&asked)).exact();
            let mut sse = server.sse("type=task.*");
            let settled = seq_of(&sse.until("caught_up").last().unwrap().json()["cursor"]);
            followers.push((ws, ledger, sse, settled));
        }
        let last = server.publish_many("task.c", 2);
        for (ws, ledger, sse, settled) in &mut followers {
            ledger.read_to(ws, last[1].seq, SOON);
            while *settled < last[1].seq {
                let message = sse.message();
                let told = message.json();
                if message.event != "position" {
                    assert_eq!(told["prev"], *settled, "{told}");
                }
                *settled = seq_of(&told["cursor"]);
            }
        }
    }
}

#[test]
fn promise_1_the_seam_between_replay_and_live() {
    let server = Server::start(&["--rate", "1000", "--buffer", "100"]);
    let stop = AtomicBool::new(false);
    let (receipts, ledgers) = thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let mut receipts = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                receipts.extend(server.publish_many("a.b", 3));
            }
            receipts
        });
        // Joins while events come in: each way to start, several times over; each is read well past its seam.
        let mut ledgers = Vec::new();
        let mut cursor = "earliest".to_owned();
        for round in 0..24 {
            let mut ws = server.ws();
            let asked = match round % 4 {
                0 => json!({}),
                1 => json!({ "since": cursor }),
                2 => json!({"since": "latest"}),
                _ => json!({"since": "earliest"}),
            };
            let subscribed = ws.subscribe(&asked);
            let mut ledger = Ledger::open(&subscribed);
            ledger.read_to(&mut ws, seq_of(&subscribed["to"]) + 30, SOON);
            cursor.clone_from(&ledger.cursor);
            ledgers.push(ledger);
        }
        stop.store(true, Ordering::Relaxed);
        (publisher.join().unwrap(), ledgers)
    });
    for ledger in ledgers {
        ledger.account(of_type(&receipts, "a.b"), ledger.settled);
        assert!(ledger.delivered.iter().filter(|event| event.live).count() > 5, "well past the seam");
    }
}

#[test]
fn promise_1_one_cursor_goes_from_transport_to_transport() {
    let server = Server::start(&[]);
    let receipts = server.publish_many("a.b", 9);
    let mut ws = server.ws();
    ws.subscribe(&json!({"since": "earliest"}));
    let third = ws.until("the third event", SOON, |frame| frame["payload"]["seq"] == receipts[2].seq);
    let cursor = third.last().unwrap()["payload"]["cursor"].as_str().unwrap().to_owned();
    let page = server.http().history(&format!("since={cursor}&limit=3"));
    assert_eq!(seqs(page["events"].as_array().unwrap()), [receipts[3].seq, receipts[4].seq, receipts[5].seq]);
    let mut sse = server.sse(&format!("since={}", page["cursor"].as_str().unwrap()));
    let block = sse.until("").pop().unwrap();
    assert_eq!(block.json()["seq"], receipts[6].seq);
    let mut ws = server.ws();
    ws.subscribe(&json!({"since": block.id.unwrap()}));
    assert_eq!(seqs(&ws.replay()), [receipts[7].seq, receipts[8].seq]);
}

#[test]
fn promise_1_prev_is_never_beyond_what_the_client_was_told() {
    let server = Server::start(&["--rate", "1000"]);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    server.publish_many("noise.x", 3);
                }
            });
        }
        // The log grows between the end of each replay and the lane: what is settled there holds nothing that matches,
        // and has to be told all the same.
        let joins = thread::Builder::new().spawn_scoped(scope, || {
            for join in 0..60 {
                let event_type = format!("wanted.n{join}");
                let mut ws = server.ws();
                let mut ledger = Ledger::open(&ws.subscribe(&json!({"since": "latest", "types": [event_type]})));
                ledger.catch_up(&mut ws);
                let wanted = server.publish_many(&event_type, 1)[0].seq;
                ledger.read_to(&mut ws, wanted, SOON);
                assert_eq!(ledger.seqs(), [wanted]);
            }
        });
        let joined = joins.unwrap().join();
        stop.store(true, Ordering::Relaxed);
        joined.unwrap();
    });
}

#[test]
fn promise_3_a_replay_holds_the_newest_and_one_skipped_the_rest() {
    let server = Server::start(&["--buffer", "10"]);
    let types = ["task.created", "agent.left", "task.failed"];
    let receipts: Vec<Receipt> =
        server.publish(&Value::from((0..60).map(|n| event(types[n % 3], json!({}))).collect::<Vec<_>>()));
    let matching: Vec<(u64, &str)> = receipts
        .iter()
        .enumerate()
        .map(|(n, r)| (r.seq, types[n % 3]))
        .filter(|(_, t)| t.starts_with("task"))
        .collect();
    let mut ws = server.ws();
    let subscribed = ws.subscribe(&json!({"types": ["task.*"], "since": receipts[5].cursor}));
    assert_eq!(subscribed["recovered"], true, "{subscribed}");
    let mut ledger = Ledger::open(&subscribed);
    ledger.catch_up(&mut ws);
    assert_eq!(ledger.seqs(), matching[30..].iter().map(|event| event.0).collect::<Vec<_>>(), "the newest ten");
    assert_eq!(ledger.gaps.len(), 1, "one report: {:?}", ledger.gaps);
    assert_eq!(ledger.gaps[0].reason(), "buffer");
    ledger.account(matching, receipts[59].seq);

    let gap = &ledger.gaps[0].payload;
    let (from, to) = (gap["from"].as_str().unwrap(), gap["to"].as_str().unwrap());
    let page = server.http().history(&format!("since={from}&until={to}&type=task.*&limit=1000"));
    assert_eq!(page["events"].as_array().unwrap().len(), 26, "the very events that were left out: {gap}");
    assert_eq!(gap["count"], 26);
}

#[test]
fn promise_3_a_replay_is_outside_the_rate() {
    let server = Server::start(&["--rate", "2", "--buffer", "50"]);
    server.publish_many("a.b", 50);
    let asked = Instant::now();
    let mut ws = server.ws();
    ws.subscribe(&json!({"since": "earliest"}));
    assert_eq!(ws.replay().len(), 50);
    assert!(asked.elapsed() < Duration::from_secs(3), "50 at once, not two a second: {:?}", asked.elapsed());
}

#[test]
fn promise_3_another_epoch_and_pruned_history_are_reported() {
    let mut server = Server::start(&["--buffer", "10"]);
    let receipts = server.publish_many("a.b", 30);
    let epoch = split(&receipts[0].cursor).0;

    let mut ws = server.ws();
    let subscribed = ws.subscribe(&json!({"since": "another-epoch:4"}));
    assert_eq!(subscribed["recovered"], false, "{subscribed}");
    let mut ledger = Ledger::open(&subscribed);
    ledger.catch_up(&mut ws);
    let reasons: Vec<&str> = ledger.gaps.iter().map(|gap| gap.reason()).collect();
    assert_eq!(reasons, ["pruned", "buffer"], "{:?}", ledger.gaps);
    assert_eq!(ledger.gaps[0].payload["from"], format!("{epoch}:0"));
    assert_eq!(ledger.seqs(), receipts[20..].iter().map(|receipt| receipt.seq).collect::<Vec<_>>());

    server.keep(5);
    let mut ws = server.ws();
    let subscribed = ws.subscribe(&json!({"since": receipts[3].cursor}));
    assert_eq!(subscribed["recovered"], false, "{subscribed}");
    let mut ledger = Ledger::open(&subscribed);
    ledger.catch_up(&mut ws);
    assert_eq!(ledger.gaps.len(), 1, "{:?}", ledger.gaps);
    let gap = &ledger.gaps[0];
    assert_eq!((gap.reason(), gap.from, gap.to), ("pruned", receipts[3].seq, receipts[24].seq), "{gap:?}");
    assert!(gap.payload["count"].is_null() && gap.payload["by_type"].is_null(), "{gap:?}");
    assert_eq!(ledger.seqs(), receipts[25..].iter().map(|receipt| receipt.seq).collect::<Vec<_>>());

    let mut ws = server.ws();
    assert_eq!(ws.subscribe(&json!({"since": "earliest"}))["recovered"], true, "earliest is what is kept");
    assert_eq!(ws.replay().len(), 5);
}

#[test]
fn promise_4_a_filter_that_passes_nothing_still_moves_the_cursor() {
    let server = Server::start(&[]);
    let mut ws = server.ws();
    let mut ledger = Ledger::open(&ws.subscribe(&json!({"types": ["nothing.matches"]})));
    ledger.catch_up(&mut ws);
    let logged = server.publish_many("a.b", 20)[19].clone();
    let frame = ws.until("position", Duration::from_secs(17), |frame| frame["type"] == "position").pop().unwrap();
    ledger.take(&frame);
    assert!(seq_of(&frame["payload"]["cursor"]) >= logged.seq, "it has passed what was logged: {frame}");
    assert!(ledger.delivered.is_empty() && ledger.gaps.is_empty());

    let mut again = server.ws();
    ledger.resume(&again.subscribe(&json!({"types": ["nothing.matches"], "since": ledger.cursor})));
    assert_eq!(again.replay(), [] as [Value; 0]);
    let last = server.publish_many("nothing.matches", 1)[0].clone();
    for ws in [&mut ws, &mut again] {
        let frame = ws.until("the event", SOON, |frame| frame["type"] == "event").pop().unwrap();
        assert_eq!(frame["payload"]["seq"], last.seq);
    }
}
