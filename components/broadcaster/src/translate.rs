//! The words of the WIT border and those of the policy, into each other, field by field. Nothing is decided here.

use activity_policy::filter::Filter;
use activity_policy::lanes::{FrameKind, LaneFrame, Output};
use activity_policy::protocol::ClientMessage;
use activity_policy::query::HistoryQuery;
use activity_policy::words;

use crate::bindings::activity::types::types;
use crate::bindings::exports::activity::broadcast::broadcaster as wit;

/// From the host into the policy.
pub(crate) mod into {
    use super::{Filter, types, wit, words};

    pub(crate) fn settings(settings: wit::Settings) -> words::Settings {
        let wit::Settings { epoch, rate, buffer, ping_ms } = settings;
        words::Settings { epoch, rate, buffer, ping_ms }
    }

    pub(crate) fn lane_key(key: wit::LaneKey) -> words::LaneKey {
        let types::Filter { types, sources, task_ids, agent_ids } = key.filter;
        words::LaneKey {
            channel: match key.channel {
                wit::Channel::Events => words::Channel::Events,
                wit::Channel::State => words::Channel::State,
            },
            filter: Filter { types, sources, task_ids, agent_ids },
            rate: key.rate,
            format: match key.format {
                wit::Format::Json => words::Format::Json,
                wit::Format::Html => words::Format::Html,
                wit::Format::SseJson => words::Format::SseJson,
                wit::Format::SseHtml => words::Format::SseHtml,
            },
            label: key.label,
        }
    }

    pub(crate) fn all_shown(events: Vec<wit::Shown>) -> Vec<words::Shown> {
        events.into_iter().map(shown).collect()
    }

    pub(crate) fn shown(shown: wit::Shown) -> words::Shown {
        let types::Event { seq, id, event_type, source, task_id, agent_id, timestamp, data } = shown.event;
        words::Shown {
            event: words::Event { seq, id, event_type, source, task_id, agent_id, timestamp, data },
            display: shown.display.map(|types::Display { icon, label, text }| words::Display { icon, label, text }),
        }
    }

    pub(crate) fn skipped(skipped: wit::Skipped) -> words::Skipped {
        let wit::Skipped { from, to, count, by_type, reason } = skipped;
        let reason = match reason {
            wit::Reason::Rate => words::Reason::Rate,
            wit::Reason::Buffer => words::Reason::Buffer,
            wit::Reason::Pruned => words::Reason::Pruned,
            wit::Reason::Slow => words::Reason::Slow,
        };
        words::Skipped { from, to, count, by_type, reason }
    }

    pub(crate) fn item(item: wit::Item) -> words::Item {
        match item {
            wit::Item::Hello((client, head)) => words::Item::Hello(client, head),
            wit::Item::Subscribed((recovered, from, to)) => words::Item::Subscribed { recovered, from, to },
            wit::Item::Event((event, prev)) => words::Item::Event(shown(event), prev),
            wit::Item::Skipped(report) => words::Item::Skipped(skipped(report)),
            wit::Item::CaughtUp(seq) => words::Item::CaughtUp(seq),
            wit::Item::Position(seq) => words::Item::Position(seq),
            wit::Item::State => words::Item::State,
            wit::Item::Error(error) => words::Item::Error(words::ProtocolError {
                code: match error.code {
                    wit::ErrorCode::UnknownChannel => words::ErrorCode::UnknownChannel,
                    wit::ErrorCode::BadCursor => words::ErrorCode::BadCursor,
                    wit::ErrorCode::FutureCursor => words::ErrorCode::FutureCursor,
                    wit::ErrorCode::BadFilter => words::ErrorCode::BadFilter,
                    wit::ErrorCode::Forbidden => words::ErrorCode::Forbidden,
                    wit::ErrorCode::TooMany => words::ErrorCode::TooMany,
                },
                message: error.message,
                label: error.label,
            }),
            wit::Item::Pong => words::Item::Pong,
        }
    }
}

/// From the policy to the host.
pub(crate) mod from {
    use super::{ClientMessage, Filter, FrameKind, HistoryQuery, LaneFrame, Output, types, wit, words};

    pub(crate) fn message(message: ClientMessage) -> wit::ClientMessage {
        match message {
            ClientMessage::Subscribe(asked) => wit::ClientMessage::Subscribe(subscription(asked)),
            ClientMessage::Unsubscribe(label) => wit::ClientMessage::Unsubscribe(label),
            ClientMessage::Refresh(token) => wit::ClientMessage::Refresh(token),
            ClientMessage::Ping => wit::ClientMessage::Ping,
            ClientMessage::Invalid(wrong) => wit::ClientMessage::Invalid(error(wrong)),
            ClientMessage::Malformed(why) => wit::ClientMessage::Malformed(why),
        }
    }

    pub(crate) fn subscription(subscription: words::Subscription) -> wit::Subscription {
        let words::LaneKey { channel, filter, rate, format, label } = subscription.lane;
        wit::Subscription {
            lane: wit::LaneKey {
                channel: match channel {
                    words::Channel::Events => wit::Channel::Events,
                    words::Channel::State => wit::Channel::State,
                },
                filter: asked(filter),
                rate,
                format: match format {
                    words::Format::Json => wit::Format::Json,
                    words::Format::Html => wit::Format::Html,
                    words::Format::SseJson => wit::Format::SseJson,
                    words::Format::SseHtml => wit::Format::SseHtml,
                },
                label,
            },
            start: start(subscription.start),
        }
    }

    pub(crate) fn history(query: HistoryQuery) -> wit::HistoryQuery {
        let HistoryQuery { filter, text, since, until, before, limit, ascending, wait_ms } = query;
        wit::HistoryQuery {
            filter: asked(filter),
            text,
            since: since.map(start),
            until: until.map(mark),
            before: before.map(mark),
            limit,
            ascending,
            wait_ms,
        }
    }

    pub(crate) fn error(error: words::ProtocolError) -> wit::ProtocolError {
        wit::ProtocolError {
            code: match error.code {
                words::ErrorCode::UnknownChannel => wit::ErrorCode::UnknownChannel,
                words::ErrorCode::BadCursor => wit::ErrorCode::BadCursor,
                words::ErrorCode::FutureCursor => wit::ErrorCode::FutureCursor,
                words::ErrorCode::BadFilter => wit::ErrorCode::BadFilter,
                words::ErrorCode::Forbidden => wit::ErrorCode::Forbidden,
                words::ErrorCode::TooMany => wit::ErrorCode::TooMany,
            },
            message: error.message,
            label: error.label,
        }
    }

    pub(crate) fn output(output: Output) -> wit::Output {
        wit::Output { frames: output.frames.into_iter().map(frame).collect(), wake: output.wake }
    }

    fn frame(frame: LaneFrame) -> wit::LaneFrame {
        let LaneFrame { lane, kind, from, to, text, count } = frame;
        let kind = match kind {
            FrameKind::Event => wit::FrameKind::Event,
            FrameKind::Skipped => wit::FrameKind::Skipped,
            FrameKind::Position => wit::FrameKind::Position,
            FrameKind::State => wit::FrameKind::State,
        };
        wit::LaneFrame { lane, kind, from, to, text, count }
    }

    fn asked(filter: Filter) -> types::Filter {
        let Filter { types, sources, task_ids, agent_ids } = filter;
        types::Filter { types, sources, task_ids, agent_ids }
    }

    fn cursor(cursor: words::Cursor) -> types::Cursor {
        types::Cursor { epoch: cursor.epoch, seq: cursor.seq }
    }

    fn start(start: words::Start) -> wit::Start {
        match start {
            words::Start::Replay(count) => wit::Start::Replay(count),
            words::Start::After(at) => wit::Start::After(cursor(at)),
            words::Start::AfterTime(at) => wit::Start::AfterTime(at),
            words::Start::Earliest => wit::Start::Earliest,
            words::Start::Latest => wit::Start::Latest,
        }
    }

    fn mark(mark: words::Mark) -> wit::Mark {
        match mark {
            words::Mark::Cursor(at) => wit::Mark::Cursor(cursor(at)),
            words::Mark::Time(at) => wit::Mark::Time(at),
        }
    }
}
