//! When a shard writes: at once while it has time to spare; under load a few milliseconds later, so that what becomes
//! due to one client meanwhile goes out in one write. A write costs the kernel about the same for one frame and for ten.
//!
//! Always true: no frame waits here longer than [`MOST_FOR_MANY`], and none waits at all on a shard that writes to few clients
//! or rarely.

use std::time::{Duration, Instant};

/// From the beginning of one round of writes to that of the next, by the time that the first one took: a shard that
/// writes for a sixth of its time, or less, does not wait.
const ROUNDS: u32 = 6;
/// The longest wait.
const MOST: Duration = Duration::from_millis(5);
/// Where a round had at least so many events for each client, they come faster than anybody looks: the next round waits
/// for more of them, by these numbers.
const MANY: usize = 3;
const ROUNDS_OF_MANY: u32 = 16;
const MOST_FOR_MANY: Duration = Duration::from_millis(10);
/// Shorter waits are none: the poll counts in milliseconds.
const LEAST: Duration = Duration::from_millis(1);

/// The pace of one shard.
pub struct Pace {
    next: Instant,
}

impl Pace {
    /// Free to write.
    pub fn new() -> Self {
        Self { next: Instant::now() }
    }

    /// How long the next round has to wait; none: it may begin.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        self.next.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }

    /// A round has been written, with about so many frames in each write.
    pub fn wrote(&mut self, began: Instant, ended: Instant, frames_a_write: usize) {
        let (rounds, most) = if frames_a_write < MANY { (ROUNDS, MOST) } else { (ROUNDS_OF_MANY, MOST_FOR_MANY) };
        let round = ended.saturating_duration_since(began).saturating_mul(rounds).min(most);
        self.next = if round < LEAST { ended } else { began + round };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(took: Duration, frames_a_write: usize) -> Option<Duration> {
        let mut pace = Pace::new();
        let began = Instant::now();
        pace.wrote(began, began + took, frames_a_write);
        pace.wait(began + took)
    }

    #[test]
    fn few_clients_never_wait() {
        assert_eq!(after(Duration::from_micros(50), 1), None, "ten clients");
        assert_eq!(after(Duration::from_micros(50), 20), None, "ten clients, and many events");
    }

    #[test]
    fn promise_2_nothing_waits_long() {
        for micros in [200, 500, 800, 1_500, 4_000] {
            let wait = after(Duration::from_micros(micros), 1);
            assert!(wait.is_some_and(|wait| wait <= MOST), "{micros}: {wait:?}");
            let longer = after(Duration::from_micros(micros), 5);
            assert!(longer.is_some_and(|longer| longer <= MOST_FOR_MANY) && longer > wait, "{micros}: {longer:?}");
        }
        assert_eq!(after(Duration::from_millis(40), 5), None, "a round of thousands gathers the next one by itself");
    }
}
