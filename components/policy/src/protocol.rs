//! What clients say over a WebSocket, one JSON object a frame.
//!
//! Chosen where the contract leaves it open. In a `subscribe`, a field that nobody knows or of a wrong kind is
//! `bad_filter`, as a filter that is passed over would show more than was asked for; a field that is null counts as left
//! out. In the other messages unknown fields are passed over. When a key comes twice, its last value counts.

use crate::cursor;
use crate::filter::Filter;
use crate::json::Json;
use crate::words::{Channel, ErrorCode, Format, LaneKey, ProtocolError, Settings, Start, Subscription};

/// Levels that a message may have; ours has three.
const MAX_DEPTH: usize = 16;
/// Characters of a subscription's name.
pub const MAX_LABEL: usize = 128;
/// Events of a replay that a client may ask for.
pub const MAX_REPLAY: u32 = 100;
/// Events of a replay when it asks for none.
pub const DEFAULT_REPLAY: u32 = 20;

/// What a client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage {
    /// A valid subscribe.
    Subscribe(Subscription),
    /// By name; none is the subscription without one.
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

/// Read one text frame. `grant` is what the token's `types` allow; none is everything.
#[must_use]
pub fn read_message(text: &str, settings: &Settings, grant: Option<&[String]>) -> ClientMessage {
    let malformed = |why: &str| ClientMessage::Malformed(why.to_owned());
    let Ok(json) = Json::parse(text, MAX_DEPTH) else { return malformed("the message is not JSON") };
    if json.as_object().is_none() {
        return malformed("the message is not a JSON object");
    }
    match json.get("action").and_then(Json::as_str) {
        Some("subscribe") => {
            let label = match read_label(&json) {
                Ok(label) => label,
                Err(error) => return ClientMessage::Invalid(error),
            };
            match read_subscribe(&json, label.clone(), settings, grant) {
                Ok(subscription) => ClientMessage::Subscribe(subscription),
                Err(error) => ClientMessage::Invalid(ProtocolError { label, ..error }),
            }
        }
        Some("unsubscribe") => match read_label(&json) {
            Ok(label) => ClientMessage::Unsubscribe(label),
            Err(error) => ClientMessage::Malformed(error.message),
        },
        Some("refresh") => match json.get("token").and_then(Json::as_str) {
            Some(token) => ClientMessage::Refresh(token.to_owned()),
            None => malformed("a refresh needs a token"),
        },
        Some("ping") => ClientMessage::Ping,
        Some(_) => malformed("unknown action; there are subscribe, unsubscribe, refresh and ping"),
        None => malformed("the message has no action"),
    }
}

/// The pieces of a subscribe, however it was asked.
pub(crate) struct Asked {
    pub(crate) channel: Channel,
    pub(crate) filter: Filter,
    pub(crate) rate: Option<u32>,
    pub(crate) format: Format,
    pub(crate) label: Option<String>,
    pub(crate) start: Start,
}

impl Asked {
    /// What the server and the token allow of it.
    pub(crate) fn allow(self, settings: &Settings, grant: Option<&[String]>) -> Result<Subscription, ProtocolError> {
        let Self { channel, filter, rate, format, label, start } = self;
        let most = settings.rate.max(1);
        let (filter, rate) = match channel {
            Channel::Events => (filter.ask(grant)?, rate.unwrap_or(most).min(most)),
            Channel::State => {
                if filter != Filter::default() {
                    let message = "the channel `state` is one summary of all events, and takes no filters";
                    return Err(ProtocolError::new(ErrorCode::BadFilter, message));
                }
                // It is folded from every type, so whoever may not see them all may not see it.
                if grant.is_some_and(|grant| !grant.iter().any(|pattern| pattern == "*")) {
                    let message = "the channel `state` shows events of all types, and the token allows some";
                    return Err(ProtocolError::new(ErrorCode::Forbidden, message));
                }
                (filter, most)
            }
        };
        Ok(Subscription { lane: LaneKey { channel, filter, rate, format, label }, start })
    }
}

pub(crate) fn read_channel(name: Option<&str>) -> Result<Channel, ProtocolError> {
    match name {
        Some("events") => Ok(Channel::Events),
        Some("state") => Ok(Channel::State),
        _ => Err(ProtocolError::new(ErrorCode::UnknownChannel, "channel must be `events` or `state`")),
    }
}

/// A whole number in plain digits; one that is too large for us is as large as can be.
pub(crate) fn read_whole(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}

pub(crate) fn check_replay(replay: Option<u32>) -> Result<u32, ProtocolError> {
    match replay {
        Some(count) if count <= MAX_REPLAY => Ok(count),
        _ => Err(ProtocolError::new(
            ErrorCode::BadFilter,
            format!("replay must be a whole number from 0 to {MAX_REPLAY}"),
        )),
    }
}

pub(crate) fn check_rate(rate: Option<u32>) -> Result<u32, ProtocolError> {
    match rate {
        Some(rate) if rate >= 1 => Ok(rate),
        _ => Err(ProtocolError::new(ErrorCode::BadFilter, "rate must be a whole number of at least 1")),
    }
}

pub(crate) fn check_label(label: &str) -> Result<String, ProtocolError> {
    if label.is_empty() || label.chars().count() > MAX_LABEL {
        return Err(ProtocolError::new(
            ErrorCode::BadFilter,
            format!("id must be a string of 1 to {MAX_LABEL} characters"),
        ));
    }
    Ok(label.to_owned())
}

pub(crate) fn read_start(text: &str) -> Result<Start, ProtocolError> {
    match text {
        "earliest" => Ok(Start::Earliest),
        "latest" => Ok(Start::Latest),
        text => cursor::parse(text).map(Start::After).ok_or_else(|| {
            ProtocolError::new(
                ErrorCode::BadCursor,
                "since must be a cursor that this server gave, `earliest` or `latest`",
            )
        }),
    }
}

fn read_label(json: &Json<'_>) -> Result<Option<String>, ProtocolError> {
    match json.get("id") {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(label)) => check_label(label).map(Some),
        Some(_) => check_label("").map(Some),
    }
}

fn read_subscribe(
    json: &Json<'_>,
    label: Option<String>,
    settings: &Settings,
    grant: Option<&[String]>,
) -> Result<Subscription, ProtocolError> {
    let channel = read_channel(json.get("channel").and_then(Json::as_str))?;
    let mut filter = Filter::default();
    let (mut start, mut replay, mut rate) = (None, None, None);
    for (name, value) in json.as_object().unwrap_or_default() {
        if matches!(value, Json::Null) {
            continue;
        }
        match &**name {
            "action" | "channel" | "id" => {}
            "types" => filter.types = read_list("types", value)?,
            "sources" => filter.sources = read_list("sources", value)?,
            "task_ids" => filter.task_ids = read_list("task_ids", value)?,
            "agent_ids" => filter.agent_ids = read_list("agent_ids", value)?,
            "since" => start = Some(read_start(value.as_str().unwrap_or_default())?),
            "replay" => replay = Some(check_replay(whole(value))?),
            "rate" => rate = Some(check_rate(whole(value))?),
            _ => {
                let message = "unknown field; a subscribe has channel, id, types, sources, task_ids, agent_ids, since, replay and rate";
                let message = format!("{}: {message}", crate::text::cut(&crate::text::clean(name), 64));
                return Err(ProtocolError::new(ErrorCode::BadFilter, message));
            }
        }
    }
    let start = start.unwrap_or(Start::Replay(replay.unwrap_or(DEFAULT_REPLAY)));
    Asked { channel, filter, rate, format: Format::Json, label, start }.allow(settings, grant)
}

fn whole(value: &Json<'_>) -> Option<u32> {
    match value {
        Json::Number(text) => read_whole(text),
        _ => None,
    }
}

fn read_list(name: &str, value: &Json<'_>) -> Result<Vec<String>, ProtocolError> {
    let bad = || ProtocolError::new(ErrorCode::BadFilter, format!("{name} must be a list of strings"));
    let Json::Array(entries) = value else { return Err(bad()) };
    // Before anything is copied: a frame of 64 KiB can hold ten thousand entries.
    if entries.len() > crate::filter::MAX_ENTRIES {
        let message = format!("{name}: at most {} entries", crate::filter::MAX_ENTRIES);
        return Err(ProtocolError::new(ErrorCode::BadFilter, message));
    }
    entries.iter().map(|entry| entry.as_str().map(str::to_owned).ok_or_else(bad)).collect()
}

#[cfg(test)]
mod tests;
