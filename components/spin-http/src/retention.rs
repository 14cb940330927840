//! Retention: what is too old, or too much, is removed after a publish, a little at a time. No instance lives long enough
//! for a clock of its own, and a feed that nobody writes to does not grow.

use std::cell::Cell;

use crate::bindings::activity::store::event_store::{self, StoreError};
use crate::clock::{monotonic_ms, unix_ms};
use crate::config::Config;

/// How often one instance looks, at most.
const EVERY_MS: u64 = 10_000;
/// Events removed at once: the publisher waits for it.
const ROWS: u32 = 500;

thread_local! {
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// Remove some of what has to go, when it is time to look.
pub(crate) fn maybe_trim(config: &Config) {
    let now = monotonic_ms();
    if NEXT.get() > now || (config.retain_ms.is_none() && config.retain_events.is_none()) {
        return;
    }
    match trim(config) {
        // There is more: go on with the next publish.
        Ok(removed) if removed >= u64::from(ROWS) => {}
        Ok(_) => NEXT.set(now.saturating_add(EVERY_MS)),
        // The events are stored; that old ones could not be removed is no concern of their publisher.
        Err(StoreError::Busy(why) | StoreError::Unavailable(why)) => {
            eprintln!("activity-feed: old events could not be removed: {why}");
        }
    }
}

fn trim(config: &Config) -> Result<u64, StoreError> {
    let mut until = 0;
    if let Some(age) = config.retain_ms {
        until = event_store::seq_at(unix_ms().saturating_sub(age), false)?;
    }
    if let Some(kept) = config.retain_events {
        until = until.max(event_store::bounds()?.head.saturating_sub(kept));
    }
    if until == 0 { Ok(0) } else { event_store::trim(until, ROWS) }
}
