//! The newest events of the log in memory, through which this process's commits reach their followers without a read.
//!
//! It always holds every event of `(from, to]`, and nothing else. Whoever is further behind than `from` reads the file.
//! Events that another process appended are never in it: they move `from`.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Bounds, Event, Seq};

/// Events held at most.
const MOST_EVENTS: usize = 8_192;
/// Bytes of data held at most.
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// Events handed out at a time.
const MOST_AT_ONCE: usize = 1_000;

pub(super) struct Tail {
    held: Mutex<Held>,
    /// Something was committed, or everybody is to go.
    changed: Condvar,
}

struct Held {
    epoch: String,
    from: Seq,
    to: Seq,
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    /// How often `wake` was called.
    wakes: u64,
}

/// What a look at the tail gives.
#[derive(Debug)]
pub(super) enum Look {
    /// These come next.
    Events(Vec<Arc<Event>>),
    /// What comes next is not held any more, or never was. The tail itself begins after this seq.
    Behind(Seq),
    /// Nothing came in time.
    Nothing,
    /// Somebody called `wake`.
    Woken,
}

impl Tail {
    pub(super) fn new(bounds: Bounds) -> Self {
        let held = Held {
            epoch: bounds.epoch,
            from: bounds.head,
            to: bounds.head,
            events: VecDeque::new(),
            bytes: 0,
            wakes: 0,
        };
        Self { held: Mutex::new(held), changed: Condvar::new() }
    }

    /// Take what this process has committed, in the order of the commits.
    pub(super) fn push(&self, epoch: &str, before: Seq, head: Seq, events: Vec<Event>) {
        let mut held = self.lock();
        if held.epoch != epoch {
            held.restart(epoch, before);
        } else if head <= held.to {
            // A look at the file was quicker, and `from` has moved beyond it.
            return;
        } else if before != held.to {
            held.restart(epoch, before);
        }
        for event in events {
            held.bytes += event.data.len();
            held.events.push_back(Arc::new(event));
        }
        held.to = head;
        held.shrink();
        drop(held);
        self.changed.notify_all();
    }

    /// Take notice of what the file holds: a head beyond this process's own commits is another's work.
    pub(super) fn notice(&self, bounds: &Bounds) {
        let mut held = self.lock();
        if held.epoch != bounds.epoch || bounds.head > held.to {
            held.restart(&bounds.epoch, bounds.head);
            drop(held);
            self.changed.notify_all();
        }
    }

    /// How often `wake` was called so far.
    pub(super) fn wakes(&self) -> u64 {
        self.lock().wakes
    }

    /// End every `next` that waits.
    pub(super) fn wake(&self) {
        self.lock().wakes += 1;
        self.changed.notify_all();
    }

    /// What comes after `after`; waits until `deadline`, or until `wakes` is no longer what it was.
    pub(super) fn next(&self, after: Seq, deadline: Instant, wakes: u64) -> Look {
        let mut held = self.lock();
        loop {
            if held.wakes != wakes {
                return Look::Woken;
            }
            if after < held.from {
                return Look::Behind(held.from);
            }
            if after < held.to {
                let first = held.events.partition_point(|event| event.seq <= after);
                let events: Vec<_> = held.events.iter().skip(first).take(MOST_AT_ONCE).cloned().collect();
                if !events.is_empty() {
                    return Look::Events(events);
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return Look::Nothing;
            }
            held = self.changed.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn restart(&mut self, epoch: &str, at: Seq) {
        epoch.clone_into(&mut self.epoch);
        (self.from, self.to, self.bytes) = (at, at, 0);
        self.events.clear();
    }

    fn shrink(&mut self) {
        while self.events.len() > MOST_EVENTS || self.bytes > MOST_BYTES {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.data.len();
            self.from = oldest.seq;
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    fn tail(head: Seq) -> Tail {
        Tail::new(Bounds { epoch: "e".into(), trimmed: 0, head })
    }

    fn event(seq: Seq) -> Event {
        Event {
            seq,
            id: seq.to_string(),
            event_type: "a".into(),
            source: "s".into(),
            task_id: None,
            agent_id: None,
            timestamp: String::new(),
            data: "x".repeat(2048),
        }
    }

    fn next(tail: &Tail, after: Seq) -> Look {
        tail.next(after, Instant::now(), tail.wakes())
    }

    fn seqs(look: Look) -> Vec<Seq> {
        let Look::Events(events) = look else { panic!("{look:?}") };
        events.iter().map(|event| event.seq).collect()
    }

    #[test]
    fn hands_on_what_was_pushed() {
        let tail = tail(5);
        tail.push("e", 5, 7, vec![event(6), event(7)]);
        assert_eq!(seqs(next(&tail, 5)), [6, 7]);
        assert_eq!(seqs(next(&tail, 6)), [7]);
        assert!(matches!(next(&tail, 7), Look::Nothing));
        assert!(matches!(next(&tail, 4), Look::Behind(5)));
    }

    #[test]
    fn a_commit_of_another_process_is_a_gap() {
        let tail = tail(5);
        tail.push("e", 5, 6, vec![event(6)]);
        tail.push("e", 9, 10, vec![event(10)]);
        assert!(matches!(next(&tail, 6), Look::Behind(9)));
        assert_eq!(seqs(next(&tail, 9)), [10]);
        tail.notice(&Bounds { epoch: "e".into(), trimmed: 0, head: 12 });
        assert!(matches!(next(&tail, 10), Look::Behind(12)));
        // The own commit that the notice had already seen adds nothing, and loses nothing.
        tail.push("e", 11, 12, vec![event(12)]);
        assert!(matches!(next(&tail, 11), Look::Behind(12)));
    }

    #[test]
    fn another_epoch_starts_over() {
        let tail = tail(5);
        tail.notice(&Bounds { epoch: "f".into(), trimmed: 0, head: 2 });
        assert!(matches!(next(&tail, 1), Look::Behind(2)));
        tail.push("f", 2, 3, vec![event(3)]);
        assert_eq!(seqs(next(&tail, 2)), [3]);
    }

    #[test]
    fn is_bounded_in_number_and_bytes() {
        let tail = tail(0);
        tail.push("e", 0, 10_000, (1..=10_000).map(event).collect());
        let Look::Behind(from) = next(&tail, 0) else { panic!() };
        let kept = 10_000 - from;
        assert!((3_000..=4_096).contains(&kept), "{kept}");
        assert_eq!(seqs(next(&tail, from)).len(), 1_000);
    }

    #[test]
    fn wake_ends_a_wait() {
        let tail = Arc::new(tail(0));
        let (wakes, waiting) = (tail.wakes(), Arc::clone(&tail));
        let thread = std::thread::spawn(move || waiting.next(0, Instant::now() + Duration::from_secs(30), wakes));
        tail.wake();
        assert!(matches!(thread.join().unwrap(), Look::Woken));
    }
}
