//! Follows the store: takes every committed event once, in seq order, and hands it to the lanes as it is to be shown.
//!
//! It keeps no event that the lanes have not taken: when they are behind, it waits, and the store is the buffer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::engine::words::Shown;
use crate::hub::feed::Feed;
use crate::store::{Event, Seq};

/// How long one wait for events takes at most; a shutdown is noticed then at the latest.
const WAIT: Duration = Duration::from_millis(500);
/// After an error of the store.
const PAUSE: Duration = Duration::from_millis(250);
/// Bytes of events of one batch: a component call takes at most 256 KiB (`wit/broadcast`).
const BATCH_BYTES: usize = 192 * 1024;

/// Events that were committed.
pub struct Committed {
    /// Without the hidden ones.
    pub shown: Vec<Shown>,
    /// The log is known up to here.
    pub head: Seq,
    /// Events before these were removed from the log before anybody here had seen them.
    pub missed: bool,
    /// When they were taken from the store.
    pub at: Instant,
}

/// Run until `stop`, or until the lanes are gone.
pub fn run(feed: &Arc<Feed>, mut after: Seq, lanes: &Sender<Committed>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let events = match feed.store().follow(after, WAIT) {
            Ok(events) => events,
            Err(error) => {
                tracing::warn!(%error, "cannot follow the log, trying again");
                std::thread::sleep(PAUSE);
                continue;
            }
        };
        let at = Instant::now();
        for batch in batches(events) {
            let (Some(first), Some(last)) = (batch.first(), batch.last()) else { continue };
            let missed = first.seq > after + 1 && feed.bounds().map_or(true, |bounds| bounds.trimmed > after);
            after = last.seq;
            let committed = Committed { shown: feed.show(batch), head: after, missed, at };
            if lanes.send(committed).is_err() {
                return;
            }
        }
    }
}

/// In pieces that a component call takes.
pub fn batches(events: Vec<Arc<Event>>) -> Vec<Vec<Arc<Event>>> {
    let mut batches = vec![Vec::new()];
    let mut bytes = 0;
    for event in events {
        let size = event.data.len() + event.source.len() + 512;
        if bytes + size > BATCH_BYTES && bytes > 0 {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(batch) = batches.last_mut() {
            batch.push(event);
        }
    }
    batches.retain(|batch| !batch.is_empty());
    batches
}
