//! The words of the borders (`wit/`) in Rust, where each is documented at length. Plain data: no rule lives here.

/// An event's place in the log; 0 is before the first.
pub type Seq = u64;

/// Milliseconds since the Unix epoch, UTC.
pub type UnixMs = u64;

/// Milliseconds on the host's monotonic clock.
pub type MonotonicMs = u64;

/// A place in one log's history, written `<epoch>:<seq>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The name of the history.
    pub epoch: String,
    /// The last event passed.
    pub seq: Seq,
}

/// An event of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the WIT record")]
pub struct Event {
    pub seq: Seq,
    pub id: String,
    pub event_type: String,
    pub source: String,
    pub task_id: Option<String>,
    pub agent_id: Option<String>,
    pub timestamp: String,
    pub data: String,
}

/// An event that is ready for the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the WIT record")]
pub struct NewEvent {
    pub id: String,
    pub event_type: String,
    pub source: String,
    pub task_id: Option<String>,
    pub agent_id: Option<String>,
    pub timestamp: String,
    /// The timestamp is the server's own.
    pub stamped: bool,
    pub data: String,
}

/// How an event reads. Plain text: whoever makes HTML of it escapes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the WIT record")]
pub struct Display {
    pub icon: String,
    pub label: String,
    pub text: String,
}

/// An event to be shown, with the words of the user's rules where they gave any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the WIT record")]
pub struct Shown {
    pub event: Event,
    pub display: Option<Display>,
}

/// What the server allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The name of the log's history.
    pub epoch: String,
    /// Live events a second to one subscription; at least 1.
    pub rate: u32,
    /// Events replayed at most.
    pub buffer: u32,
    /// Milliseconds between pings.
    pub ping_ms: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { epoch: "0".to_owned(), rate: 10, buffer: 100, ping_ms: 25_000 }
    }
}

/// What a client subscribes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The feed.
    Events,
    /// The live summary of the swarm.
    State,
}

impl Channel {
    /// As the protocol writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::State => "state",
        }
    }
}

/// How frames are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// WebSocket, JSON.
    Json,
    /// WebSocket, HTML for HTMX.
    Html,
    /// SSE, JSON as data.
    SseJson,
    /// SSE, HTML as data.
    SseHtml,
}

/// Where a subscription, or a page of history, starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the last so many matching events.
    Replay(u32),
    /// After a cursor.
    After(Cursor),
    /// After what was logged at or before this time.
    AfterTime(UnixMs),
    /// With the oldest event kept.
    Earliest,
    /// With the next event to come.
    Latest,
}

/// Where a page of history ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A place.
    Cursor(Cursor),
    /// A time.
    Time(UnixMs),
}

/// What makes two subscriptions the same: who asks for the same shares one lane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LaneKey {
    /// Feed or state.
    pub channel: Channel,
    /// Already narrowed to what the token allows.
    pub filter: crate::filter::Filter,
    /// Live events a second.
    pub rate: u32,
    /// How its frames are written.
    pub format: Format,
    /// The subscription's name.
    pub label: Option<String>,
}

/// A valid subscribe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// What for.
    pub lane: LaneKey,
    /// From where.
    pub start: Start,
}

/// What is wrong with something a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the cases are those of the WIT enum")]
pub enum ErrorCode {
    UnknownChannel,
    BadCursor,
    FutureCursor,
    BadFilter,
    Forbidden,
    TooMany,
}

impl ErrorCode {
    /// As the protocol writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownChannel => "unknown_channel",
            Self::BadCursor => "bad_cursor",
            Self::FutureCursor => "future_cursor",
            Self::BadFilter => "bad_filter",
            Self::Forbidden => "forbidden",
            Self::TooMany => "too_many",
        }
    }
}

/// An answer to something wrong; the connection stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolError {
    /// What kind.
    pub code: ErrorCode,
    /// For the client: what is wrong and what would be right.
    pub message: String,
    /// The subscription it was about, when the client named one.
    pub label: Option<String>,
}

impl ProtocolError {
    /// An error that is about no named subscription.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), label: None }
    }
}

/// Why matching events were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the cases are those of the WIT enum")]
pub enum Reason {
    Rate,
    Buffer,
    Pruned,
    Slow,
}

impl Reason {
    /// As the protocol writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Buffer => "buffer",
            Self::Pruned => "pruned",
            Self::Slow => "slow",
        }
    }
}

/// The report that the matching events of `(from, to]` were left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the WIT record")]
pub struct Skipped {
    pub from: Seq,
    pub to: Seq,
    /// None: not known.
    pub count: Option<u64>,
    pub by_type: Vec<(String, u64)>,
    pub reason: Reason,
}

/// One thing to tell one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The client's name, and the head.
    Hello(String, Seq),
    /// Where a subscription starts.
    Subscribed {
        /// Nothing before `from` was asked for in vain.
        recovered: bool,
        /// Excluded.
        from: Seq,
        /// Included.
        to: Seq,
    },
    /// An event, and the seq up to which the subscription was settled before.
    Event(Shown, Seq),
    /// Left out.
    Skipped(Skipped),
    /// The end of the replay.
    CaughtUp(Seq),
    /// Nothing matched up to here.
    Position(Seq),
    /// The state of the swarm now.
    State,
    /// Something wrong.
    Error(ProtocolError),
    /// The answer to a ping.
    Pong,
}
