//! Waiting for a condition, with a deadline.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that should come at once: generous, for two cores that build at the same time. It is only
/// ever spent by a test that fails.
pub const SOON: Duration = Duration::from_secs(10);

/// What a busy machine may add to a time that the contract states.
pub const SLACK: Duration = Duration::from_millis(300);

/// Asks `probe` until it answers, and gives the answer.
///
/// # Panics
/// When `limit` has passed without one.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} in vain for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
