//! Removes what is older, or more, than the log is to keep (`--retain`, `--retain-events`).

use std::sync::Arc;
use std::time::Duration;

use crate::clock::unix_ms;
use crate::store::{EventStore, Seq, StoreError};

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(10);
/// Events that one transaction removes: publishers wait for no more than that.
const STEP: u32 = 500;

/// What the log is to keep.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retention {
    /// No event older than this.
    pub age: Option<Duration>,
    /// At most so many.
    pub events: Option<u64>,
}

impl Retention {
    /// Whether anything is ever removed.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.age.is_some() || self.events.is_some()
    }
}

/// Look every few seconds, for as long as the process lives.
pub fn run(store: &Arc<dyn EventStore>, retention: Retention) {
    loop {
        if let Err(error) = apply(store.as_ref(), retention) {
            tracing::warn!(%error, "retention is put off");
        }
        std::thread::sleep(PERIOD);
    }
}

/// Remove what is too much now. Returns how many events went.
///
/// # Errors
/// The store's; what was removed before stays removed.
pub fn apply(store: &dyn EventStore, retention: Retention) -> Result<u64, StoreError> {
    let bounds = store.bounds()?;
    let mut until: Seq = 0;
    if let Some(age) = retention.age {
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        until = store.seq_at(unix_ms().saturating_sub(age), false)?;
    }
    if let Some(events) = retention.events {
        until = until.max(bounds.head.saturating_sub(events));
    }
    let mut removed = 0;
    if until <= bounds.trimmed {
        return Ok(0);
    }
    loop {
        let step = store.trim(until, STEP)?;
        removed += step;
        if step < u64::from(STEP) {
            return Ok(removed);
        }
    }
}
