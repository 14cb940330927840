//! The durable log behind one trait: `activity:store/event-store` plus `follow`, which only a host with threads has.
//!
//! Every store keeps the same promises, and one conformance suite (`tests/`) runs over all of them. A store knows the
//! words of the log and nothing of components, subscribers or HTTP. All calls block: they are made from threads of
//! their own, never from an async worker.

pub mod memory;
pub mod sqlite;

use std::sync::Arc;
use std::time::Duration;

pub use activity_store::{
    Appended, Bounds, Conflict, Counts, Event, Filter, NewEvent, Order, Page, Query, Seq, StoreError, Summary, UnixMs,
};

/// What one group of an append came to.
pub type GroupResult = Result<Vec<Appended>, Conflict>;

/// A durable, ordered log of events. See `wit/store/store.wit` for what each call promises.
pub trait EventStore: Send + Sync + 'static {
    /// Append groups in one transaction, each whole or not at all; durable when it returns.
    ///
    /// # Errors
    /// `Busy` or `Unavailable`: nothing at all was stored.
    fn append(&self, groups: &[Vec<NewEvent>]) -> Result<Vec<GroupResult>, StoreError>;

    /// What the store holds now, whoever wrote it.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be read.
    fn bounds(&self) -> Result<Bounds, StoreError>;

    /// Read a range.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be read.
    fn read(&self, query: &Query) -> Result<Page, StoreError>;

    /// One event by its id.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be read.
    fn get(&self, id: &str) -> Result<Option<Event>, StoreError>;

    /// Count the matching events of `(after, until]`, looking at no more than `max_rows` rows.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be read.
    fn count(&self, filter: &Filter, after: Seq, until: Seq, max_rows: u32) -> Result<Counts, StoreError>;

    /// The highest seq logged at or before `time` (`inclusive`) or strictly before it; `trimmed` when there is none.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be read.
    fn seq_at(&self, time: UnixMs, inclusive: bool) -> Result<Seq, StoreError>;

    /// Events by minute and type over the last `minutes` (1 to 1,440).
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be read.
    fn summary(&self, minutes: u32) -> Result<Summary, StoreError>;

    /// Remove events up to `until`, included, at most `max_rows`. Returns how many went.
    ///
    /// # Errors
    /// `Busy` or `Unavailable`: nothing was removed.
    fn trim(&self, until: Seq, max_rows: u32) -> Result<u64, StoreError>;

    /// The stored state of the swarm and the seq it was folded up to.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be read.
    fn load_snapshot(&self) -> Result<Option<(Seq, Vec<u8>)>, StoreError>;

    /// Replace the stored state; an older one never replaces a newer one.
    ///
    /// # Errors
    /// `Busy` or `Unavailable`: the stored one stays.
    fn save_snapshot(&self, seq: Seq, state: &[u8]) -> Result<(), StoreError>;

    /// The events committed after `after`, in seq order, whoever appended them: this process, another process on the
    /// same file, another node. Waits for one for at most `timeout`; then, or when [`EventStore::wake`] is called, the
    /// answer is empty. At most 1,000 events a call. An event is never passed over: one that commits later always has
    /// a higher seq than all that were handed out before.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be read; try again.
    fn follow(&self, after: Seq, timeout: Duration) -> Result<Vec<Arc<Event>>, StoreError>;

    /// Ends every `follow` that waits, for a shutdown.
    fn wake(&self);
}
