//! The places for HTTP connections. When all are taken, the connection that has waited longest for its client's next
//! request gives its place up to a new one: nobody can keep others out by holding connections that ask for nothing.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

/// Connections beyond the bound whose place was given away and that have not ended yet.
const LEAVING: usize = 256;

/// So many connections, and no more.
pub(super) struct Slots {
    max: usize,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    held: usize,
    /// Rises with each wait that begins.
    next: u64,
    /// Those that wait for a request, by when they began to.
    waiting: BTreeMap<u64, Arc<Notify>>,
}

impl Slots {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, table: Mutex::default() })
    }

    /// A place for one connection, and whether another had to give up its own. None when all are in use.
    pub(super) fn take(self: &Arc<Self>) -> Option<(Slot, bool)> {
        let mut table = self.lock();
        let is_full = table.held >= self.max;
        if is_full {
            if table.held >= self.max.saturating_add(LEAVING) {
                return None;
            }
            let (_, oldest) = table.waiting.pop_first()?;
            oldest.notify_one();
        }
        table.held += 1;
        drop(table);
        let slot = Slot { slots: Arc::clone(self), leave: Arc::new(Notify::new()), since: Mutex::new(None) };
        slot.waits();
        Some((slot, is_full))
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place, till it drops.
pub(super) struct Slot {
    slots: Arc<Slots>,
    leave: Arc<Notify>,
    /// Where it stands among those that wait.
    since: Mutex<Option<u64>>,
}

impl Slot {
    /// The connection waits for its client's next request.
    fn waits(&self) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = self.slots.lock();
        table.next += 1;
        let now = table.next;
        table.waiting.insert(now, Arc::clone(&self.leave));
        *since = Some(now);
    }

    /// A request has come. It is answered until what this returns drops, with the answer's body.
    pub(super) fn works(self: &Arc<Self>) -> Work {
        self.stands_no_more();
        Work(Arc::clone(self))
    }

    /// Whether the connection waits for a request, or for the rest of one.
    pub(super) fn is_idle(&self) -> bool {
        self.since.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Resolves when the place was given to another.
    pub(super) async fn given_away(&self) {
        self.leave.notified().await;
    }

    fn stands_no_more(&self) {
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(since) = since {
            self.slots.lock().waiting.remove(&since);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.stands_no_more();
        let mut table = self.slots.lock();
        table.held = table.held.saturating_sub(1);
    }
}

/// A request that is being answered.
pub(super) struct Work(Arc<Slot>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.waits();
    }
}

/// An answer's body, with the work that it is.
pub(super) struct Answer<B> {
    pub(super) body: B,
    pub(super) _work: Work,
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn is_given_away(slot: &Slot) -> bool {
        timeout(Duration::ZERO, slot.given_away()).await.is_ok()
    }

    #[tokio::test]
    async fn who_has_waited_longest_gives_way_and_who_works_does_not() {
        let slots = Slots::new(3);
        let [first, second, third] = std::array::from_fn(|_| Arc::new(slots.take().unwrap().0));
        let work = first.works();
        let (_fourth, pushed) = slots.take().unwrap();
        assert!(pushed && is_given_away(&second).await && !is_given_away(&third).await);
        drop(work);
        // The first waits again, since just now.
        let (_fifth, pushed) = slots.take().unwrap();
        assert!(pushed && is_given_away(&third).await && !is_given_away(&first).await);
    }

    #[test]
    fn nothing_is_taken_from_those_that_work_and_places_come_back() {
        let slots = Slots::new(2);
        let held: Vec<Arc<Slot>> = (0..2).map(|_| Arc::new(slots.take().unwrap().0)).collect();
        let work: Vec<Work> = held.iter().map(Slot::works).collect();
        assert!(slots.take().is_none());
        drop((work, held));
        assert!(slots.lock().waiting.is_empty());
        assert_eq!(slots.lock().held, 0);
        assert!(!slots.take().unwrap().1);
    }

    #[test]
    fn those_that_are_to_leave_are_bounded_too() {
        let slots = Slots::new(1);
        let held: Vec<Slot> = std::iter::from_fn(|| slots.take()).map(|(slot, _)| slot).collect();
        assert_eq!(held.len(), 1 + LEAVING);
    }
}
