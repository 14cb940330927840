//! Removes what is older, or more, than the log is to keep (`--retain`, `--retain-events`).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

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

/// Look every few seconds, for as long as the process lives. What the lanes have not taken (`published` is how far they
/// are) stays until they have.
pub fn run(store: &Arc<dyn EventStore>, retention: Retention, published: &watch::Receiver<Seq>) {
    loop {
        let most = *published.borrow();
        if let Err(error) = apply(store.as_ref(), retention, most) {
            tracing::warn!(%error, "retention is put off");
        }
        std::thread::sleep(PERIOD);
    }
}

/// Remove what is too much now, up to the seq `most`. Returns how many events went.
///
/// # Errors
/// The store's; what was removed before stays removed.
pub fn apply(store: &dyn EventStore, retention: Retention, most: Seq) -> Result<u64, StoreError> {
    let bounds = store.bounds()?;
    let mut until: Seq = 0;
    if let Some(age) = retention.age {
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        until = store.seq_at(unix_ms().saturating_sub(age), false)?;
    }
    if let Some(events) = retention.events {
        until = until.max(bounds.head.saturating_sub(events));
    }
    until = until.min(most);
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::hub::testing;

    #[test]
    fn what_the_lanes_have_not_taken_is_not_removed() {
        let feed = testing::feed(10);
        let store = feed.store().as_ref();
        let two = Retention { age: None, events: Some(2) };
        assert_eq!(apply(store, two, 5).unwrap(), 5);
        assert_eq!(store.bounds().unwrap().trimmed, 5);
        assert_eq!(apply(store, two, 10).unwrap(), 3);
    }
}
