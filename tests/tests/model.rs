//! The model test of the promises: random appends, joins, drops, resumes, restarts, filters and rates against a naive
//! reference that is nothing but the list of what was acknowledged. Every matching event after a subscription's start is
//! delivered once, or covered by exactly one `skipped`, in seq order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, Instant};

use activity_feed_tests::events::split;
use activity_feed_tests::{Ledger, SOON, Server, Ws, event};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};

/// Small, so that replays overflow it often.
const BUFFER: usize = 12;
const KINDS: [&str; 4] = ["task.created", "task.sub.done", "agent.left", "bid.submitted"];
/// Which kinds a filter passes.
const FILTERS: [(&[&str], [bool; 4]); 5] = [
    (&[], [true; 4]),
    (&["task.*"], [true, true, false, false]),
    (&["task.sub.*", "agent.left"], [false, true, true, false]),
    (&["bid.submitted"], [false, false, false, true]),
    (&["nothing.*"], [false; 4]),
];
/// No more cases are begun after this; each takes a few seconds.
const BOUND: Duration = Duration::from_secs(30);

/// Where a subscription starts.
#[derive(Clone, Debug)]
enum Start {
    Replay(usize),
    Earliest,
    Latest,
    /// After an event of the log.
    After(Index),
}

/// One step of a story.
#[derive(Clone, Debug)]
enum Step {
    /// Appends this many events, of kinds that begin with this one.
    Append(usize, usize),
    Join {
        filter: usize,
        rate: usize,
        start: Start,
    },
    /// Reads at most so many frames of a subscriber.
    Read(Index, usize),
    /// Cuts a subscriber's connection, with whatever was under way.
    Drop(Index),
    /// Brings a cut one back with its cursor.
    Resume(Index),
    /// Kills the server and starts it again; every connection is cut.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let start = prop_oneof![
        (0..=30usize).prop_map(Start::Replay),
        Just(Start::Earliest),
        Just(Start::Latest),
        any::<Index>().prop_map(Start::After),
    ];
    let join = (0..FILTERS.len(), 1..=10usize, start);
    let step = prop_oneof![
        6 => (1..=40usize, 0..KINDS.len()).prop_map(|(count, kind)| Step::Append(count, kind)),
        4 => join.prop_map(|(filter, rate, start)| Step::Join { filter, rate, start }),
        3 => (any::<Index>(), 0..20usize).prop_map(|(who, frames)| Step::Read(who, frames)),
        3 => any::<Index>().prop_map(Step::Drop),
        3 => any::<Index>().prop_map(Step::Resume),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 8..32)
}

struct Subscriber {
    filter: usize,
    rate: usize,
    ledger: Ledger,
    ws: Option<Ws>,
}

struct World {
    server: Server,
    /// What was acknowledged: the reference.
    log: Vec<(u64, usize)>,
    subscribers: Vec<Subscriber>,
}

impl World {
    fn matching(&self, filter: usize) -> impl Iterator<Item = (u64, &'static str)> {
        let passes = FILTERS[filter].1;
        self.log.iter().filter(move |(_, kind)| passes[*kind]).map(|&(seq, kind)| (seq, KINDS[kind]))
    }

    fn message(filter: usize, rate: usize) -> Value {
        let mut message = json!({ "rate": rate });
        if !FILTERS[filter].0.is_empty() {
            message["types"] = json!(FILTERS[filter].0);
        }
        message
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Append(count, first) => {
                let kinds: Vec<usize> = (0..*count).map(|n| (first + n * n) % KINDS.len()).collect();
                let events: Vec<Value> = kinds.iter().map(|kind| event(KINDS[*kind], json!({}))).collect();
                let receipts = self.server.publish(&Value::from(events));
                self.log.extend(receipts.iter().map(|receipt| receipt.seq).zip(kinds));
            }
            Step::Join { filter, rate, start } => self.join(*filter, *rate, start),
            Step::Read(who, frames) => {
                let count = self.subscribers.len();
                if count > 0 {
                    let subscriber = &mut self.subscribers[who.index(count)];
                    if let Some(ws) = &mut subscriber.ws {
                        subscriber.ledger.read_ready(ws, *frames);
                    }
                }
            }
            Step::Drop(who) => {
                let count = self.subscribers.len();
                if count > 0 {
                    self.subscribers[who.index(count)].ws = None;
                }
            }
            Step::Resume(who) => {
                let count = self.subscribers.len();
                if count > 0 {
                    self.resume(who.index(count));
                }
            }
            Step::Restart => {
                self.server.kill();
                self.server.start_again();
                self.subscribers.iter_mut().for_each(|subscriber| subscriber.ws = None);
            }
        }
    }

    fn join(&mut self, filter: usize, rate: usize, start: &Start) {
        let head = self.log.last().map_or(0, |last| last.0);
        let matching: Vec<u64> = self.matching(filter).map(|event| event.0).collect();
        let mut ws = self.server.ws();
        let epoch = ws.hello["epoch"].as_str().unwrap().to_owned();
        let mut message = Self::message(filter, rate);
        // How many the replay holds, and a start that must be exactly this.
        let (replayed, from) = match start {
            Start::Replay(count) => {
                message["replay"] = json!(count);
                ((*count).min(matching.len()), None)
            }
            Start::Earliest => {
                message["since"] = json!("earliest");
                (matching.len(), Some(0))
            }
            Start::Latest => {
                message["since"] = json!("latest");
                (0, Some(head))
            }
            Start::After(_) if self.log.is_empty() => {
                message["since"] = json!(format!("{epoch}:0"));
                (0, Some(0))
            }
            Start::After(index) => {
                let seq = index.get(&self.log).0;
                message["since"] = json!(format!("{epoch}:{seq}"));
                (matching.iter().filter(|known| **known > seq).count(), Some(seq))
            }
        };
        let subscribed = ws.subscribe(&message);
        assert_eq!((&subscribed["recovered"], &subscribed["rate"]), (&json!(true), &json!(rate)), "{subscribed}");
        let mut ledger = Ledger::open(&subscribed);
        if let Some(from) = from {
            assert_eq!(ledger.start, from, "{message}: {subscribed}");
        }
        ledger.catch_up(&mut ws);
        let newest = replayed.min(BUFFER);
        assert_eq!(ledger.seqs(), matching[matching.len() - newest..], "the newest {newest} for {message}");
        self.subscribers.push(Subscriber { filter, rate, ledger, ws: Some(ws) });
    }

    fn resume(&mut self, who: usize) {
        let subscriber = &mut self.subscribers[who];
        if subscriber.ws.is_some() {
            return;
        }
        let mut message = Self::message(subscriber.filter, subscriber.rate);
        message["since"] = json!(subscriber.ledger.cursor);
        let mut ws = self.server.ws();
        subscriber.ledger.resume(&ws.subscribe(&message));
        subscriber.ws = Some(ws);
    }

    /// Brings everybody up to date and closes the books.
    fn settle(&mut self) {
        for who in 0..self.subscribers.len() {
            self.resume(who);
            let filter = self.subscribers[who].filter;
            let until = self.matching(filter).last().map_or(0, |last| last.0);
            let subscriber = &mut self.subscribers[who];
            let ws = subscriber.ws.as_mut().unwrap();
            subscriber.ledger.read_to(ws, until, SOON);
            let subscriber = &self.subscribers[who];
            subscriber.ledger.account(self.matching(filter), until);
            assert_eq!(split(&subscriber.ledger.cursor).0, split(&self.server.head()).0, "one history");
        }
    }
}

#[test]
fn promise_1_holds_for_random_stories() {
    let config = Config { cases: 40, max_shrink_iters: 12, failure_persistence: None, ..Config::default() };
    let began = Instant::now();
    let stories = std::cell::Cell::new(0);
    let result = TestRunner::new(config).run(&steps(), |steps| {
        if began.elapsed() > BOUND {
            return Ok(());
        }
        stories.set(stories.get() + 1);
        let told = std::panic::catch_unwind(|| {
            let server = Server::start(&["--buffer", &BUFFER.to_string()]);
            let mut world = World { server, log: Vec::new(), subscribers: Vec::new() };
            steps.iter().for_each(|step| world.take(step));
            world.settle();
        });
        told.map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            TestCaseError::fail(text.unwrap_or_else(|| "a panic without a word".to_owned()))
        })
    });
    assert!(stories.get() >= 2, "a model test that tells no stories tests nothing");
    if let Err(error) = result {
        panic!("{error}");
    }
}
