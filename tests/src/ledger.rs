//! The books of one subscription: what it was sent, in order, held against what the log holds. It is the naive reader
//! that promise 1 is made to: every matching event after the start is delivered once, or covered by exactly one
//! `skipped`, in seq order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::events::seq_of;
use crate::wait::SLACK;
use crate::{SOON, Ws};

/// Within this an event is delivered or reported (promise 2).
pub const FRESH: Duration = Duration::from_millis(1500);

/// An event that came.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// Its place in the log.
    pub seq: u64,
    /// When it was read.
    pub at: Instant,
    /// Whether it came after the replay.
    pub live: bool,
    /// The payload.
    pub payload: Value,
}

/// A range that was left out.
#[derive(Clone, Debug)]
pub struct Gap {
    /// Excluded.
    pub from: u64,
    /// Included.
    pub to: u64,
    /// When it was read.
    pub at: Instant,
    /// The payload.
    pub payload: Value,
}

impl Gap {
    /// Why.
    pub fn reason(&self) -> &str {
        self.payload["reason"].as_str().unwrap_or_default()
    }

    fn covers(&self, seq: u64) -> bool {
        self.from < seq && seq <= self.to
    }
}

/// What one subscription has been told.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Its start: everything above is owed.
    pub start: u64,
    /// Everything up to here has been settled.
    pub settled: u64,
    /// The cursor that says so.
    pub cursor: String,
    /// Events, in the order in which they came.
    pub delivered: Vec<Delivered>,
    /// Reports, in the order in which they came.
    pub gaps: Vec<Gap>,
    live: bool,
    exact: bool,
}

impl Ledger {
    /// Opens the books with the payload of `subscribed`.
    #[track_caller]
    pub fn open(subscribed: &Value) -> Self {
        let start = seq_of(&subscribed["from"]);
        assert!(seq_of(&subscribed["to"]) >= start, "a range goes up: {subscribed}");
        let cursor = subscribed["from"].as_str().unwrap_or_default().to_owned();
        Self { start, settled: start, cursor, delivered: Vec::new(), gaps: Vec::new(), live: false, exact: false }
    }

    /// From now on every `prev` must be just where this subscription stood. One that is shared with others by a proxy in
    /// front of the server may be lower.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    /// Goes on after a new `subscribed` that was asked for with this ledger's own cursor.
    #[track_caller]
    pub fn resume(&mut self, subscribed: &Value) {
        assert_eq!(subscribed["recovered"], true, "resumed with {}: {subscribed}", self.cursor);
        self.resume_unrecovered(subscribed);
    }

    /// The same where some of what the cursor is owed may be gone: a report of it is still to come.
    #[track_caller]
    pub fn resume_unrecovered(&mut self, subscribed: &Value) {
        assert_eq!(seq_of(&subscribed["from"]), self.settled, "resumed with {}: {subscribed}", self.cursor);
        self.live = false;
    }

    /// Enters one frame, and checks its place.
    #[track_caller]
    pub fn take(&mut self, frame: &Value) {
        let payload = &frame["payload"];
        let at = Instant::now();
        match frame["type"].as_str().unwrap_or_default() {
            "event" => {
                let seq = payload["seq"].as_u64().unwrap_or_else(|| panic!("an event without a seq: {frame}"));
                let prev = payload["prev"].as_u64().unwrap_or_else(|| panic!("an event without a prev: {frame}"));
                assert_eq!(seq_of(&payload["cursor"]), seq, "a cursor says its event's seq: {frame}");
                assert!(seq > self.settled, "out of order, or twice: settled up to {}, then {frame}", self.settled);
                assert!(prev <= self.settled, "something was lost: settled up to {}, then {frame}", self.settled);
                assert!(prev == self.settled || !self.exact, "settled up to {}, then {frame}", self.settled);
                self.delivered.push(Delivered { seq, at, live: self.live, payload: payload.clone() });
                self.settle(&payload["cursor"]);
            }
            "skipped" => {
                let (from, to) = (seq_of(&payload["from"]), seq_of(&payload["to"]));
                assert_eq!(payload["prev"], from, "prev is the start of the range: {frame}");
                assert_eq!(from, self.settled, "a report starts where the last frame ended: {frame}");
                assert!(to >= from, "a range goes up: {frame}");
                self.gaps.push(Gap { from, to, at, payload: payload.clone() });
                self.settle(&payload["to"]);
            }
            kind @ ("caught_up" | "position") => {
                assert!(seq_of(&payload["cursor"]) >= self.settled, "a position goes up: {frame}");
                self.live |= kind == "caught_up";
                self.settle(&payload["cursor"]);
            }
            "error" => panic!("an error in the middle of a feed: {frame}"),
            _ => {}
        }
    }

    fn settle(&mut self, cursor: &Value) {
        self.settled = seq_of(cursor);
        cursor.as_str().unwrap_or_default().clone_into(&mut self.cursor);
    }

    /// Enters a replay, up to and with its `caught_up`: what comes from then on is live.
    #[track_caller]
    pub fn catch_up(&mut self, ws: &mut Ws) {
        for frame in ws.until("caught_up", SOON, |frame| frame["type"] == "caught_up") {
            self.take(&frame);
        }
    }

    /// Reads a socket into the books until everything up to `seq` is settled.
    #[track_caller]
    pub fn read_to(&mut self, ws: &mut Ws, seq: u64, limit: Duration) {
        let deadline = Instant::now() + limit;
        while self.settled < seq {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(frame) = ws.frame_within(left) else {
                panic!("settled up to {} of {seq} after {limit:?}", self.settled);
            };
            self.take(&frame);
        }
    }

    /// Reads what stands ready on a socket, at most `frames` of it.
    #[track_caller]
    pub fn read_ready(&mut self, ws: &mut Ws, frames: usize) {
        for _ in 0..frames {
            match ws.frame_within(Duration::from_millis(20)) {
                Some(frame) => self.take(&frame),
                None => return,
            }
        }
    }

    /// The seqs that were delivered, in order.
    pub fn seqs(&self) -> Vec<u64> {
        self.delivered.iter().map(|event| event.seq).collect()
    }

    /// Promise 1: of the matching events (seq and type, in order), each after the start and up to `until` was delivered
    /// once or is covered by exactly one report; nothing else came; and each report counts what it covers.
    #[track_caller]
    pub fn account<'a>(&self, matching: impl IntoIterator<Item = (u64, &'a str)>, until: u64) {
        let owed: BTreeMap<u64, &str> = matching.into_iter().filter(|&(seq, _)| seq > self.start).collect();
        let came: BTreeSet<u64> = self.delivered.iter().map(|event| event.seq).collect();
        assert_eq!(came.len(), self.delivered.len(), "an event came twice: {:?}", self.seqs());
        for seq in &came {
            assert!(owed.contains_key(seq), "{seq} does not match, or is from before the start");
        }
        for seq in owed.keys().copied().take_while(|&seq| seq <= until) {
            let times = usize::from(came.contains(&seq)) + self.gaps.iter().filter(|gap| gap.covers(seq)).count();
            assert_eq!(times, 1, "{seq} was delivered or reported {times} times; {:?}; {:#?}", self.seqs(), self.gaps);
        }
        for gap in &self.gaps {
            let mut by_type: BTreeMap<&str, u64> = BTreeMap::new();
            for (_, event_type) in owed.range(gap.from + 1..=gap.to) {
                *by_type.entry(event_type).or_default() += 1;
            }
            let count: u64 = by_type.values().sum();
            assert!(count > 0 || gap.reason() == "pruned", "a report of nothing: {gap:?}");
            if gap.payload["count"].is_null() {
                assert_eq!(gap.reason(), "pruned", "the others are counted: {gap:?}");
                assert!(gap.payload["by_type"].is_null(), "no count, no kinds: {gap:?}");
            } else {
                assert_eq!(gap.payload["count"], count, "counts what it covers: {gap:?}");
                assert_eq!(gap.payload["by_type"], json!(by_type), "counts what it covers: {gap:?}");
            }
        }
    }

    /// Promise 2, the rate: at most `rate` live events in any 1,000 ms. What the reader saw may be a little closer
    /// together than what the server sent.
    #[track_caller]
    pub fn assert_rate(&self, rate: usize) {
        let live: Vec<&Delivered> = self.delivered.iter().filter(|event| event.live).collect();
        for window in live.windows(rate + 1) {
            let (first, last) = (window[0], window[rate]);
            let apart = last.at.duration_since(first.at);
            assert!(
                apart + SLACK / 2 >= Duration::from_secs(1),
                "{} events, {} to {}, within {apart:?} at a rate of {rate}",
                rate + 1,
                first.seq,
                last.seq
            );
        }
    }

    /// Promise 2, freshness: every one of these events, given with the time by which it was logged, was delivered or
    /// reported within 1.5 s.
    #[track_caller]
    pub fn assert_fresh(&self, logged: &HashMap<u64, Instant>) {
        let told = |seq: u64| {
            let delivered = self.delivered.iter().find(|event| event.seq == seq).map(|event| event.at);
            delivered.or_else(|| self.gaps.iter().find(|gap| gap.covers(seq)).map(|gap| gap.at))
        };
        for (&seq, &at) in logged {
            let late = told(seq).unwrap_or_else(|| panic!("{seq} was neither delivered nor reported"));
            let late = late.saturating_duration_since(at);
            assert!(late <= FRESH + SLACK, "{seq} was delivered or reported only after {late:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn event(prev: u64, seq: u64) -> Value {
        json!({"type": "event", "payload": {"seq": seq, "prev": prev, "cursor": format!("e:{seq}")}})
    }

    fn skipped(from: u64, to: u64, count: u64) -> Value {
        let (low, high) = (format!("e:{from}"), format!("e:{to}"));
        let payload = json!({"prev": from, "from": low, "to": high, "count": count, "by_type": {"a.b": count},
            "reason": "rate"});
        json!({"type": "skipped", "payload": payload})
    }

    /// Whether these frames, after a start at 0, account for events 1 to `until`.
    fn holds(frames: &[Value], until: u64) -> bool {
        let books = || {
            let mut ledger = Ledger::open(&json!({"from": "e:0", "to": "e:0"}));
            frames.iter().for_each(|frame| ledger.take(frame));
            ledger.account((1..=until).map(|seq| (seq, "a.b")), until);
        };
        catch_unwind(AssertUnwindSafe(books)).is_ok()
    }

    #[test]
    fn the_books_tell_right_from_wrong() {
        assert!(holds(&[event(0, 1), skipped(1, 4, 3), event(4, 5)], 5));
        assert!(!holds(&[event(0, 1), event(1, 3)], 3), "2 was lost");
        assert!(!holds(&[event(0, 1), event(1, 1)], 1), "1 came twice");
        assert!(!holds(&[event(0, 2), event(2, 1)], 2), "out of order");
        assert!(!holds(&[event(0, 1), skipped(1, 4, 2)], 4), "a wrong count");
        assert!(!holds(&[event(0, 1), skipped(0, 4, 4)], 4), "1 was delivered and reported");
        assert!(!holds(&[event(0, 1), skipped(2, 4, 2)], 4), "2 is not in the report");
        assert!(!holds(&[event(0, 1)], 2), "2 never came");
        assert!(!holds(&[event(1, 2)], 2), "prev says that 1 was settled");
    }

    #[test]
    fn the_rate_is_told_from_a_burst() {
        let mut ledger = Ledger::open(&json!({"from": "e:0", "to": "e:0"}));
        ledger.take(&json!({"type": "caught_up", "payload": {"cursor": "e:0"}}));
        (1..=6).for_each(|seq| ledger.take(&event(seq - 1, seq)));
        ledger.assert_rate(6);
        assert!(catch_unwind(AssertUnwindSafe(|| ledger.assert_rate(5))).is_err());
    }
}
