//! A crowd: 200 subscribers with 20 different filters while 500 events a second come in. Each stays within its rate and
//! is never more than 1.5 s behind (promise 2), and each one's books are in order (promise 1).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use activity_feed_tests::{Ledger, SOON, Server, event};
use serde_json::{Value, json};

const SUBSCRIBERS: usize = 200;
const FILTERS: usize = 20;
const SECONDS: u32 = 6;
/// Events of one request; ten requests a second.
const BATCH: usize = 50;
const KINDS: [&str; 10] = [
    "task.created",
    "task.assigned",
    "task.completed",
    "agent.joined",
    "agent.left",
    "bid.submitted",
    "tool.called",
    "tool.completed",
    "system.info",
    "system.error",
];

/// What subscriber `n` asks for, and whether an event of this type and source is part of it.
fn filter(n: usize) -> Value {
    let kind = KINDS[n % KINDS.len()];
    if n.is_multiple_of(2) {
        json!({"types": [kind], "rate": 1 + n % 10})
    } else {
        let prefix = kind.split('.').next().unwrap();
        json!({"types": [format!("{prefix}.*")], "sources": [format!("s{}", n % 4), "tests"]})
    }
}

fn matches(filter: &Value, event: &Value) -> bool {
    let pattern = filter["types"][0].as_str().unwrap();
    let kind = event["event_type"].as_str().unwrap();
    let typed = pattern.strip_suffix('*').map_or(kind == pattern, |prefix| kind.starts_with(prefix));
    typed && filter["sources"].as_array().is_none_or(|sources| sources.contains(&event["source"]))
}

#[test]
fn promises_1_and_2_hold_for_a_crowd() {
    let server = Server::start(&[]);
    let newest = AtomicU64::new(0);
    let (ledgers, logged) = thread::scope(|scope| {
        let subscribers: Vec<_> = (0..SUBSCRIBERS)
            .map(|n| {
                let mut ws = server.ws();
                let filter = filter(n % FILTERS);
                let mut ledger = Ledger::open(&ws.subscribe(&filter));
                let newest = &newest;
                let read = move || {
                    let mut until = Instant::now() + Duration::from_secs(60);
                    loop {
                        if let Some(frame) = ws.frame_within(Duration::from_millis(500)) {
                            ledger.take(&frame);
                        }
                        // When the last event is logged, everything that matches is told within 1.5 s.
                        if newest.load(Ordering::Acquire) > 0 {
                            until = until.min(Instant::now() + Duration::from_secs(3));
                        }
                        if Instant::now() > until {
                            return (filter, ledger);
                        }
                    }
                };
                thread::Builder::new().stack_size(256 * 1024).spawn_scoped(scope, read).unwrap()
            })
            .collect();

        let mut logged: HashMap<u64, (Value, Instant)> = HashMap::new();
        let began = Instant::now();
        for round in 0..SECONDS * 10 {
            let batch: Vec<Value> = (0..BATCH)
                .map(|n| {
                    let mut event = event(KINDS[(n * 7 + n / 10) % KINDS.len()], json!({"round": round, "n": n}));
                    event["source"] = json!(format!("s{}", n % 5));
                    event
                })
                .collect();
            let receipts = server.publish(&Value::from(batch.clone()));
            let at = Instant::now();
            logged.extend(receipts.iter().zip(batch).map(|(receipt, event)| (receipt.seq, (event, at))));
            // The pace of the load, not a wait for anything.
            thread::sleep((began + (round + 1) * Duration::from_millis(100)).saturating_duration_since(Instant::now()));
        }
        let behind = began.elapsed().saturating_sub(Duration::from_secs(SECONDS.into()));
        assert!(behind < SOON, "the load itself was late by {behind:?}");
        newest.store(logged.keys().copied().max().unwrap(), Ordering::Release);
        let ledgers: Vec<_> = subscribers.into_iter().map(|subscriber| subscriber.join().unwrap()).collect();
        (ledgers, logged)
    });
    let last = newest.load(Ordering::Acquire);
    let mut delivered = 0;
    for (filter, ledger) in ledgers {
        let matching: HashMap<u64, (&str, Instant)> = logged
            .iter()
            .filter(|(_, (event, _))| matches(&filter, event))
            .map(|(seq, (event, at))| (*seq, (event["event_type"].as_str().unwrap(), *at)))
            .collect();
        assert!(!matching.is_empty(), "a filter that tests something: {filter}");
        ledger.account(matching.iter().map(|(seq, (kind, _))| (*seq, *kind)), last);
        ledger.assert_rate(usize::try_from(filter["rate"].as_u64().unwrap_or(10)).unwrap());
        ledger.assert_fresh(&matching.iter().map(|(seq, (_, at))| (*seq, *at)).collect());
        delivered += ledger.delivered.len();
    }
    assert!(delivered > SUBSCRIBERS, "only {delivered} events were delivered");
}
