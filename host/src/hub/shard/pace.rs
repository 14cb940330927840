//! When a shard writes: at once while it has time to spare; under load a few milliseconds later, so that what becomes
//! due to one client meanwhile goes out in one write. A write costs the kernel about the same for one frame and for ten.
//!
//! Always true: no frame waits here longer than [`MOST`], and none waits at all on a shard that writes to few clients
//! or rarely.

use std::time::{Duration, Instant};

/// From the beginning of one round of writes to that of the next, by the time that the first one took: a shard that
/// writes for a sixth of its time, or less, does not wait.
const ROUNDS: u32 = 6;
/// The longest wait.
const MOST: Duration = Duration::from_millis(5);
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

    /// A round has been written.
    pub fn wrote(&mut self, began: Instant, ended: Instant) {
        let round = ended.saturating_duration_since(began).saturating_mul(ROUNDS).min(MOST);
        self.next = if round < LEAST { ended } else { began + round };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(took: Duration) -> Option<Duration> {
        let mut pace = Pace::new();
        let began = Instant::now();
        pace.wrote(began, began + took);
        pace.wait(began + took)
    }

    #[test]
    fn few_clients_never_wait() {
        assert_eq!(after(Duration::from_micros(80)), None, "ten clients");
    }

    #[test]
    fn promise_2_nothing_waits_long() {
        for micros in [200, 500, 800, 1_500, 4_000] {
            let wait = after(Duration::from_micros(micros));
            assert!(wait.is_some_and(|wait| wait <= MOST), "{micros}: {wait:?}");
        }
        assert_eq!(after(Duration::from_millis(40)), None, "a round of thousands gathers the next one by itself");
    }
}
