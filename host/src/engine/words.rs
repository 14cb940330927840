//! The words of the components' borders as the rest of the host uses them. Each mirrors an item of `wit/`, where it is
//! documented at length; `translate.rs` maps them to and from the generated types, and nothing else in the host does.

use std::sync::Arc;

use crate::store::{Event, Filter, Seq, UnixMs};

/// Milliseconds on the process's monotonic clock (`crate::clock`).
pub type MonotonicMs = u64;

// ------------------------------------------------------------------------------------------------ activity:types

/// A place in one log's history (`types.cursor`), written `<epoch>:<seq>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The name of the history.
    pub epoch: String,
    /// The last event passed.
    pub seq: Seq,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.epoch, self.seq)
    }
}

/// An event as somebody wants to log it (`types.draft`). Nothing in it has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the WIT record")]
pub struct Draft {
    pub id: Option<String>,
    pub event_type: String,
    pub source: String,
    pub task_id: Option<String>,
    pub agent_id: Option<String>,
    pub timestamp: Option<String>,
    pub data: String,
}

/// How an event reads (`types.display`). Plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the WIT record")]
pub struct Display {
    pub icon: String,
    pub label: String,
    pub text: String,
}

// -------------------------------------------------------------------------------------------------- activity:log

/// How a body is written (`event-log.body-format`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFormat {
    /// An event object or an array of them.
    Json,
    /// An event object a line.
    Ndjson,
    /// One CloudEvent.
    CloudEvent,
    /// An array of CloudEvents.
    CloudEventBatch,
}

/// What a publisher sent (`event-log.body`).
#[derive(Clone, Debug)]
pub struct Body {
    /// How it is written.
    pub format: BodyFormat,
    /// As it came.
    pub bytes: bytes::Bytes,
}

/// One request's events (`event-log.submission`).
#[derive(Clone, Debug)]
pub enum Submission {
    /// As they came.
    Body(Body),
    /// As the user's rules left them.
    Drafts(Vec<Draft>),
}

impl Submission {
    /// About how many bytes it takes to hand it over.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Body(body) => body.bytes.len(),
            Self::Drafts(drafts) => {
                drafts.iter().map(|d| d.data.len() + d.source.len() + d.event_type.len() + 256).sum()
            }
        }
    }
}

/// Bounds on what a publisher may send (`event-log.limits`).
#[derive(Clone, Copy, Debug)]
pub struct PublishLimits {
    /// Bytes of one event.
    pub max_event_bytes: u32,
    /// Events of one submission.
    pub max_events: u32,
}

/// What was taken out of an event (`event-log.redaction`); never the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    /// Where.
    pub path: String,
    /// What kind of secret.
    pub kind: String,
}

/// What became of one event (`event-log.receipt`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the WIT record")]
pub struct Receipt {
    pub id: String,
    pub seq: Seq,
    pub duplicate: bool,
    pub redacted: Vec<Redaction>,
}

/// Why a submission was refused (`event-log.refusal-code`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the cases are those of the WIT enum")]
pub enum RefusalCode {
    NotJson,
    Invalid,
    TooLarge,
    Conflict,
    Unavailable,
}

/// A refused submission (`event-log.refusal`); none of its events is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub code: RefusalCode,
    /// For the publisher; holds no value of the event.
    pub detail: String,
    /// Which event of the submission.
    pub index: Option<u32>,
}

// ------------------------------------------------------------------------------------------------ activity:rules

/// How the user's rules want an event shown (`rules.presentation`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presentation {
    /// As the feed shows it.
    Plain,
    /// In these words.
    Show(Display),
    /// Not at all.
    Hide,
}

// -------------------------------------------------------------------------------------------- activity:broadcast

/// What the server allows (`broadcaster.settings`).
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of the log's history.
    pub epoch: String,
    /// Live events a second to one subscription.
    pub rate: u32,
    /// Events replayed at most.
    pub buffer: u32,
    /// Milliseconds between pings.
    pub ping_ms: u32,
}

/// `broadcaster.channel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The feed.
    Events,
    /// The live summary of the swarm.
    State,
}

/// `broadcaster.format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// WebSocket, JSON.
    Json,
    /// WebSocket, HTML for HTMX.
    Html,
    /// SSE, JSON.
    SseJson,
    /// SSE, HTML.
    SseHtml,
}

/// Where a subscription or a page starts (`broadcaster.start`).
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

/// What makes two subscriptions the same (`broadcaster.lane-key`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LaneKey {
    /// Feed or state.
    pub channel: Channel,
    /// Narrowed to what the token allows.
    pub filter: Filter,
    /// Live events a second.
    pub rate: u32,
    /// How its frames are written.
    pub format: Format,
    /// The subscription's name.
    pub label: Option<String>,
}

impl LaneKey {
    /// The whole feed in this format: what answers that belong to no subscription are written with.
    #[must_use]
    pub fn plain(format: Format) -> Self {
        Self { channel: Channel::Events, filter: Filter::default(), rate: 1, format, label: None }
    }
}

/// A valid subscribe (`broadcaster.subscription`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// What for.
    pub lane: LaneKey,
    /// From where.
    pub start: Start,
}

/// `broadcaster.error-code`.
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

/// An answer to something wrong; the connection stays (`broadcaster.protocol-error`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolError {
    /// What kind.
    pub code: ErrorCode,
    /// For the client.
    pub message: String,
    /// Which subscription.
    pub label: Option<String>,
}

/// What a client said (`broadcaster.client-message`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage {
    /// A valid subscribe.
    Subscribe(Subscription),
    /// By name.
    Unsubscribe(Option<String>),
    /// A fresh token.
    Refresh(String),
    /// Wants a pong.
    Ping,
    /// A subscribe that cannot be had.
    Invalid(ProtocolError),
    /// Not of this protocol: close 4000.
    Malformed(String),
}

/// Where a page ends (`broadcaster.mark`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A place.
    Cursor(Cursor),
    /// A time.
    Time(UnixMs),
}

/// A page of history as asked for (`broadcaster.history-query`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the WIT record")]
pub struct HistoryQuery {
    pub filter: Filter,
    pub text: Option<String>,
    pub since: Option<Start>,
    pub until: Option<Mark>,
    pub before: Option<Mark>,
    pub limit: u32,
    pub ascending: bool,
    pub wait_ms: u32,
}

/// An event to be shown (`broadcaster.shown`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The event.
    pub event: Arc<Event>,
    /// The words of the user's rules.
    pub display: Option<Display>,
}

/// Why events were left out (`broadcaster.reason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the cases are those of the WIT enum")]
pub enum Reason {
    Rate,
    Buffer,
    Pruned,
    Slow,
}

/// The report on `(from, to]` (`broadcaster.skipped`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the WIT record")]
pub struct Skipped {
    pub from: Seq,
    pub to: Seq,
    pub count: Option<u64>,
    pub by_type: Vec<(String, u64)>,
    pub reason: Reason,
}

/// One thing to tell one client (`broadcaster.item`).
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
    /// An event, and what the subscription was settled up to before.
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

/// Names an open lane of one instance (`broadcaster.lane-id`).
pub type LaneId = u32;

/// What a frame is (`broadcaster.frame-kind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the cases are those of the WIT enum")]
pub enum FrameKind {
    Event,
    Skipped,
    Position,
    State,
}

/// A frame for all who share a lane (`broadcaster.lane-frame`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the WIT record")]
pub struct LaneFrame {
    pub lane: LaneId,
    pub kind: FrameKind,
    pub from: Seq,
    pub to: Seq,
    pub text: String,
    pub count: u64,
}

/// What is due, and when to come back (`broadcaster.output`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// In seq order within each lane.
    pub frames: Vec<LaneFrame>,
    /// None: nothing is held.
    pub wake: Option<MonotonicMs>,
}
