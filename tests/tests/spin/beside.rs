//! `activity-feed serve` and the Spin application on one SQLite file, as docs/spin.md offers it: two processes that write,
//! readers on both sides, and each event once to each of them.

use std::thread;
use std::time::Duration;

use activity_feed_tests::{Ledger, SOON, Server};

use super::promises::frame;
use super::*;

/// How long two processes may take to write under each other's locks, on a busy machine.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn promise_1_both_write_one_file_and_each_event_reaches_the_readers_of_both_once() {
    let server = Server::start(&["--rate", "1000", "--buffer", "1000"]);
    let file = server.dir().join("feed.db");
    let spin = on(&file, |options| {
        options.variables = vec![("rate", "1000".to_owned()), ("buffer", "1000".to_owned())];
    });
    let mut ws = server.ws();
    let mut on_native = Ledger::open(&ws.subscribe(&json!({"since": "earliest"})));
    let mut sse = spin.sse("since=earliest");
    let mut on_spin = Ledger::open(&sse.message().json());
    let (from_spin, from_native) = thread::scope(|scope| {
        let spin = &spin;
        let from_spin = scope.spawn(|| (0..30).flat_map(|_| publish_many(spin, "from.spin", 2)).collect::<Vec<_>>());
        let from_native =
            scope.spawn(|| (0..30).flat_map(|_| server.publish_many("from.native", 2)).collect::<Vec<_>>());
        on_native.read_to(&mut ws, 60, LONG);
        (from_spin.join().unwrap(), from_native.join().unwrap())
    });
    on_native.read_to(&mut ws, 120, SOON);
    let deadline = std::time::Instant::now() + SOON;
    while on_spin.settled < 120 {
        match sse.next(deadline) {
            Ok(Some(block)) if block.data.is_some() => on_spin.take(&frame(&block)),
            Ok(Some(_)) => {}
            end => panic!("settled up to {} of 120: {end:?}", on_spin.settled),
        }
    }
    let mut all: Vec<(u64, &str)> = from_spin.iter().map(|receipt| (receipt.seq, "from.spin")).collect();
    all.extend(from_native.iter().map(|receipt| (receipt.seq, "from.native")));
    all.sort_unstable();
    assert_eq!(all.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), (1..=120).collect::<Vec<_>>(), "no seq twice");
    on_native.account(all.iter().copied(), 120);
    on_spin.account(all.iter().copied(), 120);
    let pages = [&server.http(), &spin.http()].map(|http| http.history("since=earliest&limit=1000"));
    assert_eq!(pages[0]["events"], pages[1]["events"], "both show the same");
    assert_eq!(pages[0]["events"].as_array().unwrap().len(), 120);
    // An id is one event, whichever of them it comes to.
    let body = json!({"event_type": "a.b", "source": "s", "id": "the-same"});
    assert!(!publish(&spin, &body)[0].duplicate);
    let again = server.http().post("/api/events", &body).expect(201).json();
    assert_eq!((&again["events"][0]["duplicate"], &again["events"][0]["seq"]), (&json!(true), &json!(121)));
}
