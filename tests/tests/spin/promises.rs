//! Promises 1 to 4 of contract section 4 on SSE, while instances come and go.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use activity_feed_tests::events::seq_of;
use activity_feed_tests::sse::Block;
use activity_feed_tests::{Client, Ledger, SOON, Sse, elsewhere, tokens, wait_for};

use super::*;

/// A message as the WebSocket frame that it would be.
pub(super) fn frame(block: &Block) -> Value {
    let kind = if block.event.is_empty() { "event" } else { &block.event };
    json!({"type": kind, "payload": block.json()})
}

/// A stream and its books.
struct Reader {
    sse: Sse,
    ledger: Ledger,
}

impl Reader {
    fn open(application: &Application, query: &str) -> Self {
        let mut sse = application.sse(query);
        let subscribed = sse.message();
        assert_eq!(subscribed.event, "subscribed");
        Self { sse, ledger: Ledger::open(&subscribed.json()) }
    }

    /// Goes on with the cursor, as `EventSource` does.
    fn reopen(&mut self, application: &Application, query: &str) {
        let subscribed = self.connect_again(application, query);
        self.ledger.resume(&subscribed);
    }

    /// The stream with its cursor, and what it says first.
    fn connect_again(&mut self, application: &Application, query: &str) -> Value {
        let client = Client::new(application.address(), Some(&tokens::scoped("subscribe")));
        let path = format!("/api/events/stream?{query}");
        self.sse = Sse::open(&client, &path, &[("Last-Event-ID", &self.ledger.cursor)]).unwrap();
        self.sse.message().json()
    }

    /// Reads until everything up to `seq` is settled. False: the stream has ended before.
    fn read_to(&mut self, seq: u64, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.ledger.settled < seq {
            match self.sse.next(deadline) {
                Ok(Some(block)) if block.data.is_some() => self.ledger.take(&frame(&block)),
                Ok(Some(_)) => {}
                Ok(None) => return false,
                Err(error) => panic!("settled up to {} of {seq}: {error}", self.ledger.settled),
            }
        }
        true
    }
}

fn of_type<'a>(receipts: &[Receipt], event_type: &'a str) -> Vec<(u64, &'a str)> {
    receipts.iter().map(|receipt| (receipt.seq, event_type)).collect()
}

#[test]
fn promise_1_nothing_is_lost_over_reconnects_and_instances() {
    let spin = Spin::start(|_| {});
    let mut receipts = publish_many(&spin, "a.b", 5);
    let mut reader = Reader::open(&spin, "since=earliest");
    // Another host on the same file: no instance of the first one knows the reader.
    let other = on(&spin.file(), |_| {});
    for application in [&other, &spin, &other, &spin] {
        receipts.extend(publish_many(application, "a.b", 6));
        assert!(reader.read_to(receipts.last().unwrap().seq, SOON));
        receipts.extend(publish_many(&spin, "a.b", 3));
        reader.reopen(application, "");
    }
    let last = publish_many(&spin, "a.b", 1)[0].clone();
    assert!(reader.read_to(last.seq, SOON));
    receipts.push(last.clone());
    reader.ledger.account(of_type(&receipts, "a.b"), last.seq);
}

#[test]
fn promise_1_holds_for_streams_of_many_instances_that_share_lanes() {
    let spin = Spin::start(|_| {});
    let mut receipts = publish_many(&spin, "a.b", 3);
    let mut readers: Vec<Reader> = Vec::new();
    // Joined in the middle of a burst, so that a lane holds events and reports while others come to it.
    for n in 0..140 {
        if n % 10 == 0 {
            receipts.extend(publish_many(&spin, "a.b", 7));
        }
        readers.push(Reader::open(&spin, "since=latest"));
    }
    assert!(spin.instances().is_none_or(|made| made >= 2), "an instance takes 128 requests");
    let last = publish_many(&spin, "a.b", 1)[0].clone();
    receipts.push(last.clone());
    for reader in &mut readers {
        assert!(reader.read_to(last.seq, SOON));
        reader.ledger.account(of_type(&receipts, "a.b"), last.seq);
    }
}

#[test]
fn promise_1_what_another_instance_logs_and_removes_at_once_is_reported() {
    let spin = Spin::start(|_| {});
    let mut reader = Reader::open(&spin, "since=earliest");
    publish_many(&spin, "a.b", 1);
    assert!(reader.read_to(1, SOON));
    elsewhere::logs_and_removes(&spin.file());
    assert!(!reader.read_to(6, SOON), "the stream ends, as only one that begins is told what is gone");
    let subscribed = reader.connect_again(&spin, "");
    assert_eq!(subscribed["recovered"], false);
    reader.ledger.resume_unrecovered(&subscribed);
    assert!(reader.read_to(6, SOON));
    let gaps: Vec<_> = reader.ledger.gaps.iter().map(|gap| (gap.from, gap.to, gap.reason())).collect();
    assert_eq!(gaps, [(1, 4, "pruned")]);
    assert_eq!(reader.ledger.seqs(), [1, 5, 6]);
}

#[test]
fn promise_1_what_is_removed_behind_a_slow_reader_is_reported() {
    let spin = Spin::start(|options| options.variables = vec![("rate", "1000".to_owned())]);
    let mut reader = Reader::open(&spin, "since=latest");
    let mut quick = Reader::open(&spin, "since=latest");
    // Much more than the sockets between the two hold, so that the rest waits in the log.
    let mut receipts = Vec::new();
    for _ in 0..50 {
        let events: Vec<Value> = (0..20).map(|_| event("a.b", json!({ "text": "all work ".repeat(3_000) }))).collect();
        receipts.extend(publish(&spin, &Value::from(events)));
        assert!(quick.read_to(receipts.last().unwrap().seq, SOON), "the lanes have them");
    }
    let newest = receipts.last().unwrap().seq;
    elsewhere::removes(&spin.file(), newest - 20);
    assert!(reader.read_to(newest, SOON));
    assert!(reader.ledger.gaps.iter().any(|gap| gap.reason() == "pruned"), "{:?}", reader.ledger.gaps);
    reader.ledger.account(of_type(&receipts, "a.b"), newest);
}

#[test]
fn promise_2_the_rate_is_kept_and_the_newest_always_arrives() {
    let spin = Spin::start(|_| {});
    let mut reader = Reader::open(&spin, "since=latest&rate=5");
    assert!(reader.read_to(0, SOON));
    let logged = thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let mut logged = HashMap::new();
            let started = Instant::now();
            while started.elapsed() < Duration::from_secs(4) {
                for receipt in publish_many(&spin, "a.b", 4) {
                    logged.insert(receipt.seq, Instant::now());
                }
                thread::sleep(Duration::from_millis(50));
            }
            logged
        });
        let logged = publisher.join().unwrap();
        let newest = logged.keys().max().copied().unwrap();
        // Read late: what matters is when it was sent, so freshness is asked of another reader below.
        assert!(reader.read_to(newest, SOON));
        logged
    });
    let newest = logged.keys().max().copied().unwrap();
    assert_eq!(reader.ledger.delivered.last().unwrap().seq, newest, "the newest arrives");
    assert!(reader.ledger.gaps.iter().all(|gap| gap.reason() == "rate"));
    reader.ledger.account((1..=newest).map(|seq| (seq, "a.b")), newest);
}

#[test]
fn promise_2_what_is_logged_is_told_in_time() {
    let spin = Spin::start(|_| {});
    let mut reader = Reader::open(&spin, "since=latest&rate=5");
    let logged = thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let mut logged = HashMap::new();
            for _ in 0..30 {
                for receipt in publish_many(&spin, "a.b", 3) {
                    logged.insert(receipt.seq, Instant::now());
                }
                thread::sleep(Duration::from_millis(100));
            }
            logged
        });
        assert!(reader.read_to(90, Duration::from_secs(30)));
        publisher.join().unwrap()
    });
    reader.ledger.assert_fresh(&logged);
    reader.ledger.assert_rate(5);
    reader.ledger.account((1..=90).map(|seq| (seq, "a.b")), 90);
}

#[test]
fn promise_3_a_replay_is_bounded_and_says_what_is_gone() {
    let spin = Spin::start(|options| {
        options.variables = vec![("buffer", "10".to_owned()), ("retain_events", "40".to_owned())];
    });
    let receipts = publish_many(&spin, "a.b", 30);
    let mut reader = Reader::open(&spin, "since=earliest");
    assert!(reader.read_to(30, SOON));
    assert_eq!(reader.ledger.seqs(), (21..=30).collect::<Vec<_>>());
    assert_eq!(reader.ledger.gaps[0].reason(), "buffer");
    reader.ledger.account(of_type(&receipts, "a.b"), 30);
    // Retention works on a publish, and this is too many.
    let away = receipts[0].cursor.clone();
    publish_many(&spin, "a.b", 50);
    let pruned = wait_for("retention", Duration::from_secs(30), || {
        publish_many(&spin, "a.b", 1);
        let mut sse = spin.sse(&format!("since={away}"));
        let subscribed = sse.message().json();
        (subscribed["recovered"] == false).then(|| sse.message())
    });
    assert_eq!((pruned.event.as_str(), &pruned.json()["reason"]), ("skipped", &json!("pruned")));
    assert_eq!(pruned.json()["count"], Value::Null);
}

#[test]
fn promise_4_a_filter_that_passes_nothing_still_moves_the_cursor() {
    let spin = Spin::start(|_| {});
    let mut sse = spin.sse("type=nothing.matches&since=latest");
    sse.until("caught_up");
    let last = publish_many(&spin, "a.b", 3)[2].clone();
    let position = sse.message_within(Duration::from_secs(16));
    assert_eq!(position.event, "position");
    assert!(seq_of(&position.json()["cursor"]) >= last.seq);
}

#[test]
fn the_state_is_folded_once_and_stored() {
    let spin = Spin::start(|_| {});
    let joined = |n: usize| {
        let id = format!("agent-{n}");
        json!({"event_type": "agent.joined", "source": "s", "agent_id": id, "data": {"name": format!("Agent {n}")}})
    };
    publish(&spin, &(0..600).map(joined).collect());
    let state = spin.http().get("/api/state").expect(200).json();
    assert_eq!(state["agents"].as_array().unwrap().len(), 600);
    let stored = rusqlite::Connection::open(spin.file()).unwrap();
    let seq: i64 = stored.query_row("SELECT seq FROM activity_snapshot", [], |row| row.get(0)).unwrap();
    assert_eq!(seq, 600, "the next instance starts from there");
    publish(&spin, &joined(600));
    let another = on(&spin.file(), |_| {});
    let state = another.http().get("/api/state").expect(200).json();
    assert_eq!(state["agents"].as_array().unwrap().len(), 601);
}
