//! The words of `activity:broadcast`; those that carry events are lent ([`crate::engine::borrowed`]).

use crate::engine::bindings::broadcaster::exports::activity::broadcast::broadcaster as wit;
use crate::engine::words::{
    Channel, ClientMessage, ErrorCode, Format, FrameKind, HistoryQuery, LaneFrame, LaneKey, Mark, Output,
    ProtocolError, Reason, Settings, Skipped, Start, Subscription,
};

impl From<&Settings> for wit::Settings {
    fn from(s: &Settings) -> Self {
        Self { epoch: s.epoch.clone(), rate: s.rate, buffer: s.buffer, ping_ms: s.ping_ms }
    }
}

// ---------------------------------------------------------------------------------------------- what clients say

impl From<wit::Channel> for Channel {
    fn from(c: wit::Channel) -> Self {
        match c {
            wit::Channel::Events => Self::Events,
            wit::Channel::State => Self::State,
        }
    }
}

impl From<Channel> for wit::Channel {
    fn from(c: Channel) -> Self {
        match c {
            Channel::Events => Self::Events,
            Channel::State => Self::State,
        }
    }
}

impl From<wit::Format> for Format {
    fn from(f: wit::Format) -> Self {
        match f {
            wit::Format::Json => Self::Json,
            wit::Format::Html => Self::Html,
            wit::Format::SseJson => Self::SseJson,
            wit::Format::SseHtml => Self::SseHtml,
        }
    }
}

impl From<Format> for wit::Format {
    fn from(f: Format) -> Self {
        match f {
            Format::Json => Self::Json,
            Format::Html => Self::Html,
            Format::SseJson => Self::SseJson,
            Format::SseHtml => Self::SseHtml,
        }
    }
}

impl From<wit::Start> for Start {
    fn from(s: wit::Start) -> Self {
        match s {
            wit::Start::Replay(count) => Self::Replay(count),
            wit::Start::After(cursor) => Self::After(cursor.into()),
            wit::Start::AfterTime(time) => Self::AfterTime(time),
            wit::Start::Earliest => Self::Earliest,
            wit::Start::Latest => Self::Latest,
        }
    }
}

impl From<wit::LaneKey> for LaneKey {
    fn from(k: wit::LaneKey) -> Self {
        Self {
            channel: k.channel.into(),
            filter: k.filter.into(),
            rate: k.rate,
            format: k.format.into(),
            label: k.label,
        }
    }
}

impl From<&LaneKey> for wit::LaneKey {
    fn from(k: &LaneKey) -> Self {
        Self {
            channel: k.channel.into(),
            filter: (&k.filter).into(),
            rate: k.rate,
            format: k.format.into(),
            label: k.label.clone(),
        }
    }
}

impl From<wit::Subscription> for Subscription {
    fn from(s: wit::Subscription) -> Self {
        Self { lane: s.lane.into(), start: s.start.into() }
    }
}

impl From<wit::ErrorCode> for ErrorCode {
    fn from(c: wit::ErrorCode) -> Self {
        match c {
            wit::ErrorCode::UnknownChannel => Self::UnknownChannel,
            wit::ErrorCode::BadCursor => Self::BadCursor,
            wit::ErrorCode::FutureCursor => Self::FutureCursor,
            wit::ErrorCode::BadFilter => Self::BadFilter,
            wit::ErrorCode::Forbidden => Self::Forbidden,
            wit::ErrorCode::TooMany => Self::TooMany,
        }
    }
}

impl From<ErrorCode> for wit::ErrorCode {
    fn from(c: ErrorCode) -> Self {
        match c {
            ErrorCode::UnknownChannel => Self::UnknownChannel,
            ErrorCode::BadCursor => Self::BadCursor,
            ErrorCode::FutureCursor => Self::FutureCursor,
            ErrorCode::BadFilter => Self::BadFilter,
            ErrorCode::Forbidden => Self::Forbidden,
            ErrorCode::TooMany => Self::TooMany,
        }
    }
}

impl From<wit::ProtocolError> for ProtocolError {
    fn from(e: wit::ProtocolError) -> Self {
        Self { code: e.code.into(), message: e.message, label: e.label }
    }
}

impl From<&ProtocolError> for wit::ProtocolError {
    fn from(e: &ProtocolError) -> Self {
        Self { code: e.code.into(), message: e.message.clone(), label: e.label.clone() }
    }
}

impl From<wit::ClientMessage> for ClientMessage {
    fn from(m: wit::ClientMessage) -> Self {
        match m {
            wit::ClientMessage::Subscribe(subscription) => Self::Subscribe(subscription.into()),
            wit::ClientMessage::Unsubscribe(label) => Self::Unsubscribe(label),
            wit::ClientMessage::Refresh(token) => Self::Refresh(token),
            wit::ClientMessage::Ping => Self::Ping,
            wit::ClientMessage::Invalid(error) => Self::Invalid(error.into()),
            wit::ClientMessage::Malformed(detail) => Self::Malformed(detail),
        }
    }
}

impl From<wit::Mark> for Mark {
    fn from(m: wit::Mark) -> Self {
        match m {
            wit::Mark::Cursor(cursor) => Self::Cursor(cursor.into()),
            wit::Mark::Time(time) => Self::Time(time),
        }
    }
}

impl From<wit::HistoryQuery> for HistoryQuery {
    fn from(q: wit::HistoryQuery) -> Self {
        Self {
            filter: q.filter.into(),
            text: q.text,
            since: q.since.map(Into::into),
            until: q.until.map(Into::into),
            before: q.before.map(Into::into),
            limit: q.limit,
            ascending: q.ascending,
            wait_ms: q.wait_ms,
        }
    }
}

// ------------------------------------------------------------------------------------------ what clients are told

impl From<&Skipped> for wit::Skipped {
    fn from(s: &Skipped) -> Self {
        let reason = match s.reason {
            Reason::Rate => wit::Reason::Rate,
            Reason::Buffer => wit::Reason::Buffer,
            Reason::Pruned => wit::Reason::Pruned,
            Reason::Slow => wit::Reason::Slow,
        };
        Self { from: s.from, to: s.to, count: s.count, by_type: s.by_type.clone(), reason }
    }
}

// ---------------------------------------------------------------------------------------------------------- lanes

impl From<wit::LaneFrame> for LaneFrame {
    fn from(f: wit::LaneFrame) -> Self {
        let kind = match f.kind {
            wit::FrameKind::Event => FrameKind::Event,
            wit::FrameKind::Skipped => FrameKind::Skipped,
            wit::FrameKind::Position => FrameKind::Position,
            wit::FrameKind::State => FrameKind::State,
        };
        Self { lane: f.lane, kind, from: f.from, to: f.to, text: f.text, count: f.count }
    }
}

impl From<wit::Output> for Output {
    fn from(o: wit::Output) -> Self {
        Self { frames: o.frames.into_iter().map(Into::into).collect(), wake: o.wake }
    }
}
