//! What clients ask in the query of a URL: a page of history, or a stream.
//!
//! Chosen where the contract leaves it open. A list may be repeated under either name (`type=a&type=b`, `types=a`), and
//! the plural name takes several with commas. A parameter without a value is one that was left out, as HTML forms send
//! them; one whose name starts with `_` is passed over, as cache busters are; any other unknown one is refused, and so
//! is a single one that comes twice. A `+` of a time's offset, which a query turns into a space, is put back.

use crate::filter::{Filter, MAX_ENTRIES};
use crate::protocol::{self, Asked, DEFAULT_REPLAY};
use crate::words::{ErrorCode, Format, Mark, ProtocolError, Settings, Start, Subscription, UnixMs};
use crate::{cursor, text, time};

/// Events of a page when no `limit` is asked for.
const DEFAULT_LIMIT: u32 = 100;
/// Events of a page at most.
const MAX_LIMIT: u32 = 1_000;
/// Milliseconds that a page may wait for an event.
const MAX_WAIT_MS: u32 = 30_000;
/// Bytes of a text that is looked for.
const MAX_TEXT: usize = 256;

/// A page of history as asked for.
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

/// Read the query of `GET /api/events`.
///
/// # Errors
/// In the words of the protocol; the message names the parameter.
pub fn read_history(query: &str, grant: Option<&[String]>) -> Result<HistoryQuery, ProtocolError> {
    let known = ["since", "until", "before", "limit", "order", "q", "wait"];
    let mut asked = Parameters::read(query, &known)?;
    let since = match asked.take("since") {
        None => None,
        Some(text) if text == "earliest" => Some(Start::Earliest),
        Some(text) => Some(match read_mark("since", &text, "a cursor, a time or `earliest`")? {
            Mark::Cursor(cursor) => Start::After(cursor),
            Mark::Time(at) => Start::AfterTime(at),
        }),
    };
    let mut mark = |name| asked.take(name).map(|text| read_mark(name, &text, "a cursor or a time")).transpose();
    let until = mark("until")?;
    let before = mark("before")?;
    let limit = match asked.take("limit") {
        None => DEFAULT_LIMIT,
        Some(text) => match protocol::read_whole(&text) {
            Some(limit) if (1..=MAX_LIMIT).contains(&limit) => limit,
            _ => return Err(bad(format!("limit must be a whole number from 1 to {MAX_LIMIT}"))),
        },
    };
    let ascending = match asked.take("order").as_deref() {
        None => since.is_some(),
        Some("asc") => true,
        Some("desc") => false,
        Some(_) => return Err(bad("order must be `asc` or `desc`")),
    };
    let wait_ms = match asked.take("wait") {
        None => 0,
        Some(text) => read_wait(&text)?,
    };
    let text = asked.take("q");
    if text.as_ref().is_some_and(|text| text.len() > MAX_TEXT) {
        return Err(bad(format!("q must have at most {MAX_TEXT} bytes")));
    }
    Ok(HistoryQuery { filter: asked.filter.ask(grant)?, text, since, until, before, limit, ascending, wait_ms })
}

/// Read the query of a stream, or of a WebSocket that subscribes by its URL (`socket`). What `last_event_id` says goes
/// before `since`: a browser sends it when it comes back to a URL that it has been given once.
///
/// # Errors
/// In the words of the protocol; the message names the parameter.
pub fn read_stream(
    query: &str,
    last_event_id: Option<&str>,
    socket: bool,
    settings: &Settings,
    grant: Option<&[String]>,
) -> Result<Subscription, ProtocolError> {
    let mut asked = Parameters::read(query, &["channel", "format", "id", "rate", "replay", "since"])?;
    let label = asked.take("id").map(|label| protocol::check_label(&label)).transpose()?;
    let told = |error: ProtocolError| ProtocolError { label: label.clone(), ..error };

    let channel = asked.take("channel");
    let channel = protocol::read_channel(Some(channel.as_deref().unwrap_or("events"))).map_err(told)?;
    let format = match (asked.take("format").as_deref(), socket) {
        (None | Some("json"), true) => Format::Json,
        (None | Some("json"), false) => Format::SseJson,
        (Some("html"), true) => Format::Html,
        (Some("html"), false) => Format::SseHtml,
        (Some(_), _) => return Err(told(bad("format must be `json` or `html`"))),
    };
    let rate = asked.take("rate").map(|text| protocol::check_rate(protocol::read_whole(&text)));
    let rate = rate.transpose().map_err(told)?;
    let replay = asked.take("replay").map(|text| protocol::check_replay(protocol::read_whole(&text)));
    let replay = replay.transpose().map_err(told)?;
    let since = asked.take("since");
    let start = match (last_event_id.filter(|id| !id.is_empty()), since) {
        (Some(id), _) => cursor::parse(id).map(Start::After).ok_or_else(|| {
            told(ProtocolError::new(ErrorCode::BadCursor, "Last-Event-ID must be a cursor that this server gave"))
        })?,
        (None, Some(text)) => match read_time(&text) {
            Some(at) => Start::AfterTime(at),
            None => protocol::read_start(&text).map_err(told)?,
        },
        (None, None) => Start::Replay(replay.unwrap_or(DEFAULT_REPLAY)),
    };
    let asked = Asked { channel, filter: asked.filter, rate, format, label: label.clone(), start };
    asked.allow(settings, grant).map_err(told)
}

/// A query taken apart: the lists, and whatever single parameters the caller knows.
struct Parameters {
    filter: Filter,
    single: Vec<(&'static str, String)>,
}

impl Parameters {
    fn read(query: &str, known: &[&'static str]) -> Result<Self, ProtocolError> {
        let mut parameters = Self { filter: Filter::default(), single: Vec::new() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name.starts_with('_') {
                continue;
            }
            // A variable that was never set must not turn into "everything".
            if value.is_empty() {
                let name = text::clean(&name);
                return Err(bad(format!("`{}` is empty; leave it out, or give it a value", text::cut(&name, 64))));
            }
            let filter = &mut parameters.filter;
            match &*name {
                "type" => add("type", &mut filter.types, [&*value])?,
                "source" => add("source", &mut filter.sources, [&*value])?,
                "task_id" => add("task_id", &mut filter.task_ids, [&*value])?,
                "agent_id" => add("agent_id", &mut filter.agent_ids, [&*value])?,
                "types" => add("types", &mut filter.types, value.split(','))?,
                "sources" => add("sources", &mut filter.sources, value.split(','))?,
                "task_ids" => add("task_ids", &mut filter.task_ids, value.split(','))?,
                "agent_ids" => add("agent_ids", &mut filter.agent_ids, value.split(','))?,
                _ => {
                    let Some(name) = known.iter().find(|known| **known == name) else {
                        let name = text::clean(&name);
                        return Err(bad(format!("unknown parameter `{}`", text::cut(&name, 64))));
                    };
                    if parameters.single.iter().any(|(taken, _)| taken == name) {
                        return Err(bad(format!("{name} comes twice")));
                    }
                    parameters.single.push((name, value.into_owned()));
                }
            }
        }
        Ok(parameters)
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.single.iter().position(|(taken, _)| *taken == name)?;
        Some(self.single.swap_remove(at).1)
    }
}

fn add<'a>(name: &str, list: &mut Vec<String>, values: impl IntoIterator<Item = &'a str>) -> Result<(), ProtocolError> {
    for value in values.into_iter().map(str::trim).filter(|value| !value.is_empty()) {
        if list.len() == MAX_ENTRIES {
            return Err(bad(format!("{name}: at most {MAX_ENTRIES} entries")));
        }
        list.push(value.to_owned());
    }
    Ok(())
}

fn read_mark(name: &str, text: &str, what: &str) -> Result<Mark, ProtocolError> {
    let mark = cursor::parse(text).map(Mark::Cursor).or_else(|| read_time(text).map(Mark::Time));
    mark.ok_or_else(|| ProtocolError::new(ErrorCode::BadCursor, format!("{name} must be {what}")))
}

fn read_time(text: &str) -> Option<UnixMs> {
    time::parse(text).or_else(|| time::parse(&text.replacen(' ', "+", 1))).map(time::Instant::unix_ms)
}

/// Seconds, like `30`, `30s` or `0.5`.
fn read_wait(text: &str) -> Result<u32, ProtocolError> {
    let digits = text.strip_suffix('s').unwrap_or(text);
    let (seconds, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let millis = protocol::read_whole(fraction).and_then(|_| {
        let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
        Some(protocol::read_whole(seconds)?.saturating_mul(1_000).saturating_add(protocol::read_whole(&fraction)?))
    });
    millis.filter(|ms| *ms <= MAX_WAIT_MS).ok_or_else(|| bad("wait must be from 0 to 30 seconds"))
}

fn bad(message: impl Into<String>) -> ProtocolError {
    ProtocolError::new(ErrorCode::BadFilter, message)
}

#[cfg(test)]
mod tests;
