//! Which requests go into the log together, with one transaction and one sync of the disk.
//!
//! What has come while the sync before was under way goes at once. Where that is little and others have lately been close
//! behind, the first waits for them, [`WAIT`] at most: what they share is most of what each costs. Nobody waits for
//! publishers that do not come: how many to expect is learned, and one that is always alone is held up in one append of a
//! thousand.

use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::Request;

/// How long the first request waits for others at most.
const WAIT: Duration = Duration::from_millis(2);
/// Requests that are worth a transaction of their own.
const ENOUGH: usize = 8;
/// Batches between two trials of waiting for one more: after the first trial in vain, and after many.
const TRIAL: (u32, u32) = (16, 1_024);
/// Bytes of one component call (`wit/log`), unless one request alone is larger.
const CALL_BYTES: usize = 256 * 1024;
/// Requests of one component call.
const CALL_REQUESTS: usize = 1_000;

pub(super) struct Gather {
    requests: Receiver<Request>,
    /// Came too late for the batch before.
    next: Option<Request>,
    expected: Expected,
}

impl Gather {
    pub(super) fn new(requests: Receiver<Request>) -> Self {
        Self { requests, next: None, expected: Expected::default() }
    }

    /// Requests that wait behind the batch.
    pub(super) fn waiting(&self) -> usize {
        self.requests.len()
    }

    /// The next batch. None: nobody is left who could ask.
    pub(super) fn batch(&mut self) -> Option<Vec<Request>> {
        let first = self.next.take().or_else(|| self.requests.recv().ok())?;
        let mut bytes = first.body.bytes.len();
        let mut batch = vec![first];
        while self.next.is_none()
            && batch.len() < CALL_REQUESTS
            && let Ok(request) = self.requests.try_recv()
        {
            self.add(&mut batch, &mut bytes, request);
        }
        let wanted = self.expected.wanted(batch.len());
        if batch.len() < wanted && self.next.is_none() {
            let deadline = Instant::now() + WAIT;
            while batch.len() < wanted
                && self.next.is_none()
                && let Ok(request) = self.requests.recv_deadline(deadline)
            {
                self.add(&mut batch, &mut bytes, request);
            }
            self.expected.came(batch.len(), wanted);
        }
        Some(batch)
    }

    /// To the batch, or to the next one where it would be too large.
    fn add(&mut self, batch: &mut Vec<Request>, bytes: &mut usize, request: Request) {
        *bytes += request.body.bytes.len();
        if *bytes > CALL_BYTES {
            self.next = Some(request);
        } else {
            batch.push(request);
        }
    }
}

/// How many requests come together.
struct Expected {
    /// As many as came when they were last waited for.
    together: usize,
    /// Batches until one more is waited for.
    until_trial: u32,
    pause: u32,
}

impl Default for Expected {
    fn default() -> Self {
        Self { together: 1, until_trial: TRIAL.0, pause: TRIAL.0 }
    }
}

impl Expected {
    /// How many a batch that has so many is to have.
    fn wanted(&mut self, have: usize) -> usize {
        if have >= ENOUGH {
            return have;
        }
        if have > self.together {
            // They came by themselves: so they may again.
            self.together = have;
        }
        if self.until_trial > 0 {
            self.until_trial -= 1;
            return self.together;
        }
        self.until_trial = self.pause;
        self.together + 1
    }

    /// So many came of those that were waited for.
    fn came(&mut self, count: usize, wanted: usize) {
        if count >= wanted {
            self.pause = (self.pause / 2).max(TRIAL.0);
        } else {
            self.pause = (self.pause * 2).min(TRIAL.1);
        }
        self.together = count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `batches` wait when one request comes alone each time.
    fn waits_alone(expected: &mut Expected, batches: usize) -> usize {
        let wait = |_: &usize| {
            let wanted = expected.wanted(1);
            if wanted > 1 {
                expected.came(1, wanted);
            }
            wanted > 1
        };
        (0..batches).filter(wait).count()
    }

    #[test]
    fn who_is_alone_hardly_ever_waits() {
        let mut expected = Expected::default();
        waits_alone(&mut expected, 4_000);
        assert_eq!(waits_alone(&mut expected, 10 * (TRIAL.1 as usize + 1)), 10);
    }

    #[test]
    fn who_come_together_are_waited_for_and_the_last_to_stay_is_not_held_up() {
        let mut expected = Expected::default();
        for _ in 0..200 {
            let wanted = expected.wanted(1);
            if wanted > 1 {
                expected.came(wanted.min(4), wanted);
            }
        }
        assert_eq!(expected.wanted(1), 4, "four publishers");
        expected.came(1, 4);
        assert!(waits_alone(&mut expected, 100) < 5);
    }

    #[test]
    fn a_batch_that_is_large_enough_waits_for_nobody() {
        let mut expected = Expected { together: 7, until_trial: 0, pause: TRIAL.0 };
        assert_eq!(expected.wanted(ENOUGH), ENOUGH);
        assert_eq!(expected.wanted(3), 8);
    }
}
