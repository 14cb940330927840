//! The words of `wit/store/store.wit`, in Rust. Each item is documented there at length.

/// An event's place in the log: strictly rising, holes allowed, 0 before the first.
pub type Seq = u64;

/// Milliseconds since the Unix epoch, UTC.
pub type UnixMs = u64;

/// An event of the log (`activity:types/types.event`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place.
    pub seq: Seq,
    /// Its name, unique among the events kept.
    pub id: String,
    /// Like `task.created`.
    pub event_type: String,
    /// Who said it.
    pub source: String,
    /// The task it belongs to.
    pub task_id: Option<String>,
    /// The agent it belongs to.
    pub agent_id: Option<String>,
    /// RFC 3339.
    pub timestamp: String,
    /// A JSON object as text.
    pub data: String,
}

/// An event that is ready to be stored (`activity:store/event-store.new-event`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Its name.
    pub id: String,
    /// Like `task.created`.
    pub event_type: String,
    /// Who says it.
    pub source: String,
    /// The task it belongs to.
    pub task_id: Option<String>,
    /// The agent it belongs to.
    pub agent_id: Option<String>,
    /// RFC 3339.
    pub timestamp: String,
    /// The timestamp is the server's own, so it is no part of the content when the id comes again.
    pub stamped: bool,
    /// A JSON object as text.
    pub data: String,
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its place.
    pub seq: Seq,
    /// It was there before.
    pub duplicate: bool,
}

/// A group was left out because an id is kept with another content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Which event of the group.
    pub index: u32,
    /// The id.
    pub id: String,
}

/// A call came to nothing; nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another writer held the store for too long.
    #[error("the store is busy: {0}")]
    Busy(String),
    /// Not there, full, or not a log of this version.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// What the store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The name of this history.
    pub epoch: String,
    /// The highest seq that retention has removed; events are kept above it.
    pub trimmed: Seq,
    /// The highest seq ever given.
    pub head: Seq,
}

/// Which events: every list that is not empty must match by one of its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// `*`, `prefix.*` or exact.
    pub types: Vec<String>,
    /// Exact.
    pub sources: Vec<String>,
    /// Exact.
    pub task_ids: Vec<String>,
    /// Exact.
    pub agent_ids: Vec<String>,
}

/// Which way a read goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Up from `after`.
    Ascending,
    /// Down from `until`.
    Descending,
}

/// The matching events of `(after, until]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Which events.
    pub filter: Filter,
    /// Text that must stand in type, source, ids or data; ASCII letters of either case alike.
    pub text: Option<String>,
    /// Excluded.
    pub after: Seq,
    /// Included; `Seq::MAX` reads to the head.
    pub until: Seq,
    /// Which way.
    pub order: Order,
    /// At most 1,000.
    pub limit: u32,
}

/// What a read gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In the query's order.
    pub events: Vec<Event>,
    /// Everything up to here (down to here) has been looked at: ascending, the next read's `after`; descending, all
    /// above `reached` has been looked at, so it is the next read's `until`.
    pub reached: Seq,
    /// There may be more beyond `reached`.
    pub more: bool,
}

/// How many events match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// None: too many rows to look at.
    pub total: Option<u64>,
    /// By event type, in no order; empty without a total.
    pub by_type: Vec<(String, u64)>,
}

/// (minutes ago, event type, count), minutes without events left out.
pub type Summary = Vec<(u32, String, u64)>;
