//! The instance's two clocks.

use std::cell::OnceCell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

thread_local! {
    static ORIGIN: OnceCell<Instant> = const { OnceCell::new() };
}

/// Milliseconds since the instance first asked.
pub(crate) fn monotonic_ms() -> u64 {
    let origin = ORIGIN.with(|origin| *origin.get_or_init(Instant::now));
    u64::try_from(origin.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since the Unix epoch.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) async fn sleep_ms(milliseconds: u64) {
    spin_sdk::time::sleep(Duration::from_millis(milliseconds)).await;
}
