//! The host's two clocks. Components have none: they are handed the time.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

static ORIGIN: OnceLock<Instant> = OnceLock::new();

fn origin() -> Instant {
    // One second in the past, so that 0 is never "now".
    *ORIGIN.get_or_init(|| Instant::now().checked_sub(Duration::from_secs(1)).unwrap_or_else(Instant::now))
}

/// Milliseconds on the monotonic clock since the process's own origin.
#[must_use]
pub fn monotonic_ms() -> u64 {
    u64::try_from(origin().elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The instant at which [`monotonic_ms`] reads `ms`.
#[must_use]
pub fn instant_at(ms: u64) -> Instant {
    origin() + Duration::from_millis(ms)
}

/// Milliseconds since the Unix epoch, UTC.
#[must_use]
pub fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}
