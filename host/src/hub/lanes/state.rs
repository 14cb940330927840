//! The state of the swarm, which the lanes' broadcaster folds: told, saved every few seconds, and folded again from the
//! newest snapshot for a broadcaster that starts afresh.

use std::sync::Arc;
use std::thread;

use super::{Lanes, everything};
use crate::clock::monotonic_ms;
use crate::engine::words::{Item, LaneKey};
use crate::hub::follow;
use crate::hub::frame::Frame;

/// How often it is tried to save the state, at most.
const TRIAL_MS: u64 = 1_000;
/// How often the state is saved, at most.
const SNAPSHOT_MS: u64 = 5_000;
/// Without a snapshot, the state starts from the newest events, so many at most: a first start on a large log must not
/// read it whole.
const FOLD_AT_MOST: u64 = 100_000;

impl Lanes {
    pub(super) fn state(&mut self) -> String {
        if let Ok(state) = self.broadcaster.state() {
            return state;
        }
        self.recover();
        self.broadcaster.state().unwrap_or_else(|_| "{}".to_owned())
    }

    /// The state subscription's first frames; they come from here, because the state is folded by this instance.
    pub(super) fn render_state(&mut self, key: &LaneKey) -> Vec<Arc<Frame>> {
        let items = [Item::Subscribed { recovered: true, from: self.published, to: self.published }, Item::State];
        for _ in 0..2 {
            match self.broadcaster.render(key, &items) {
                Ok(texts) => return Frame::of_items(key.format, &items, &texts),
                Err(_) => self.recover(),
            }
        }
        Vec::new()
    }

    /// From the newest snapshot, and the events after it up to what is published.
    pub(super) fn restore_state(&mut self) {
        let mut after = self.published.saturating_sub(FOLD_AT_MOST);
        if let Some((seq, state)) = &self.snapshot
            && *seq <= self.published
            && self.broadcaster.restore(state).unwrap_or(false)
        {
            after = *seq;
        }
        while after < self.published {
            let page = match self.feed.store().read(&everything(after, self.published)) {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "cannot read the log for the state of the swarm");
                    return;
                }
            };
            let reached = page.reached.max(after + 1);
            for batch in follow::batches(page.events.into_iter().map(Arc::new).collect()) {
                let head = batch.last().map_or(reached, |event| event.seq);
                if self.broadcaster.fold(&self.feed.show(batch), head).is_err() {
                    tracing::warn!(head, "the broadcaster cannot fold these events; the state goes on without them");
                }
            }
            after = reached;
        }
    }

    pub(super) fn save_state(&mut self, at_once: bool) {
        let now = monotonic_ms();
        if now < self.snapshot_due && !at_once {
            return;
        }
        self.snapshot_due = now + TRIAL_MS;
        let stands_at = self.snapshot.as_ref().map_or(0, |(seq, _)| *seq);
        let is_saving = self.saving.as_ref().is_some_and(|saving| !saving.is_finished());
        if self.published <= stands_at || (is_saving && !at_once) {
            return;
        }
        match self.broadcaster.snapshot() {
            Ok((seq, state)) => {
                self.snapshot = Some((seq, state.clone()));
                self.snapshot_due = now + SNAPSHOT_MS;
                let feed = Arc::clone(&self.feed);
                let save = move || {
                    if let Err(error) = feed.store().save_snapshot(seq, &state) {
                        tracing::warn!(%error, "cannot store the state of the swarm; it is folded from the log again");
                    }
                };
                let before = self.saving.take();
                match thread::Builder::new().name("snapshot".to_owned()).spawn(save) {
                    Ok(saving) => self.saving = Some(saving),
                    Err(error) => tracing::warn!(%error, "no thread to store the state of the swarm with"),
                }
                if at_once {
                    for saving in before.into_iter().chain(self.saving.take()) {
                        // A store that panicked has said so; the state is folded from the log again.
                        let _ = saving.join();
                    }
                }
            }
            Err(_) => self.recover(),
        }
    }
}
