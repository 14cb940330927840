//! One request's events, from the bytes of a body to what the store takes: taken apart, validated, sanitised, stamped.
//! A submission is accepted or refused as a whole.
//!
//! Syntax is judged for the whole body before any event in it is, so that a body which is not JSON is always told so.

use crate::draft::{Draft, PlainDraft};
use crate::json::{Json, JsonError, JsonErrorKind};
use crate::sanitise::{self, Redaction};
use crate::stamp::Stamp;
use crate::validate::{self, MAX_DATA_DEPTH, MAX_NAME_BYTES};
use crate::words::NewEvent;
use crate::{cloud_event, scan};

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFormat {
    /// One event object, or an array of them.
    Json,
    /// One event object a line.
    Ndjson,
    /// One CloudEvent.
    CloudEvent,
    /// An array of CloudEvents.
    CloudEventBatch,
}

/// Bounds on what a publisher may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one event as sent.
    pub max_event_bytes: u32,
    /// Events of one submission.
    pub max_events: u32,
}

/// Why a submission was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the cases are those of the WIT enum")]
pub enum RefusalCode {
    NotJson,
    Invalid,
    TooLarge,
    Conflict,
    Unavailable,
}

/// A refused submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub code: RefusalCode,
    /// For the publisher; holds no value of the event.
    pub detail: String,
    /// Which event, from 0, when it is about one.
    pub index: Option<u32>,
}

/// An event that may go into the log, and what was taken out of it.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// For the store.
    pub event: NewEvent,
    /// For the publisher.
    pub redacted: Vec<Redaction>,
}

/// Take a body apart without judging the values in it, for a user's rules.
///
/// # Errors
/// The body is not JSON, too large, or holds something that is no event object.
pub fn parse(format: BodyFormat, bytes: &[u8], limits: Limits) -> Result<Vec<PlainDraft>, Refusal> {
    let drafts = read_drafts(format, bytes, limits).map_err(|refusal| of_batch(refusal, format, bytes))?;
    Ok(drafts.into_iter().map(Draft::into_plain).collect())
}

/// Everything from a body to what the store takes.
///
/// # Errors
/// The whole body is refused for the first thing that is wrong in it.
pub fn accept_body(
    format: BodyFormat,
    bytes: &[u8],
    limits: Limits,
    stamp: &mut Stamp,
) -> Result<Vec<Accepted>, Refusal> {
    read_drafts(format, bytes, limits)
        .and_then(|drafts| each(drafts, |draft| accept(draft, stamp)))
        .map_err(|refusal| of_batch(refusal, format, bytes))
}

/// The same for drafts that a user's rules have had in hand: nothing they say is taken on trust.
///
/// # Errors
/// As for a body.
pub fn accept_drafts(drafts: &[PlainDraft], limits: Limits, stamp: &mut Stamp) -> Result<Vec<Accepted>, Refusal> {
    count(drafts.len(), limits)?;
    each(drafts.iter(), |plain| {
        fits(plain.size(), limits)?;
        let data = match plain.data.as_str() {
            "" => Json::Object(Vec::new()),
            text => Json::parse(text, MAX_DATA_DEPTH).map_err(|error| syntax("data", &error))?,
        };
        if !matches!(data, Json::Object(_)) {
            return Err(invalid("data must be a JSON object"));
        }
        let text = |field: &'_ str| Some(field.to_owned().into());
        let optional = |field: &Option<String>| field.clone().map(Into::into);
        let draft = Draft {
            id: optional(&plain.id),
            event_type: text(&plain.event_type),
            source: text(&plain.source),
            task_id: optional(&plain.task_id),
            agent_id: optional(&plain.agent_id),
            timestamp: optional(&plain.timestamp),
            data: Some(data),
        };
        accept(draft, stamp)
    })
}

fn read_drafts(format: BodyFormat, bytes: &[u8], limits: Limits) -> Result<Vec<Draft<'_>>, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| refusal(RefusalCode::NotJson, "the body is not UTF-8"))?;
    let texts = split(format, text, limits)?;
    count(texts.len(), limits)?;
    // The event object is a level of its own around `data`.
    let values = each(texts, |text| {
        fits(text.len(), limits)?;
        Json::parse(text, MAX_DATA_DEPTH + 1).map_err(|error| syntax("the event", &error))
    })?;
    each(values, |value| {
        let draft = match format {
            BodyFormat::Json | BodyFormat::Ndjson => Draft::read(value),
            BodyFormat::CloudEvent | BodyFormat::CloudEventBatch => cloud_event::read(value),
        };
        draft.map_err(invalid)
    })
}

/// The texts of the events in a body, each as it was sent.
fn split(format: BodyFormat, text: &str, limits: Limits) -> Result<Vec<&str>, Refusal> {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    if format == BodyFormat::Ndjson {
        let lines = text.split('\n').map(|line| line.trim_matches([' ', '\t', '\r']));
        return Ok(lines.filter(|line| !line.is_empty()).collect());
    }
    if text.is_empty() {
        return Err(refusal(RefusalCode::NotJson, "the body is empty"));
    }
    let is_array = text.starts_with('[');
    match format {
        BodyFormat::CloudEventBatch if !is_array => {
            Json::parse(text, MAX_DATA_DEPTH + 1).map_err(|error| syntax("the body", &error))?;
            Err(invalid("a batch of CloudEvents must be a JSON array"))
        }
        BodyFormat::Json | BodyFormat::CloudEventBatch if is_array => {
            let mut texts = Vec::new();
            let enough = usize::try_from(limits.max_events).unwrap_or(usize::MAX);
            let walked = scan::elements(text, |element| {
                texts.push(element);
                texts.len() <= enough
            });
            walked.map_err(|error| not_json("the body", error.at))?;
            Ok(texts)
        }
        _ => Ok(vec![text]),
    }
}

/// The last steps for one draft: validate, sanitise, stamp.
fn accept(draft: Draft<'_>, stamp: &mut Stamp) -> Result<Accepted, Refusal> {
    validate::draft(&draft).map_err(invalid)?;
    let mut redacted = Vec::new();
    let mut name = |field, text: Option<std::borrow::Cow<'_, str>>| {
        text.map(|text| match sanitise::field(field, &text, &mut redacted) {
            Some(clean) => bounded(clean),
            None => text.into_owned(),
        })
    };
    let source = name("source", draft.source).unwrap_or_default();
    let task_id = name("task_id", draft.task_id);
    let agent_id = name("agent_id", draft.agent_id);

    let mut data = draft.data.unwrap_or(Json::Object(Vec::new()));
    sanitise::data(&mut data, &mut redacted);
    let mut text = String::with_capacity(256);
    data.write(&mut text);

    let stamped = draft.timestamp.is_none();
    Ok(Accepted {
        event: NewEvent {
            id: draft.id.map_or_else(|| stamp.id(), std::borrow::Cow::into_owned),
            event_type: draft.event_type.map_or_else(String::new, std::borrow::Cow::into_owned),
            source,
            task_id,
            agent_id,
            timestamp: draft.timestamp.map_or_else(|| stamp.timestamp().to_owned(), std::borrow::Cow::into_owned),
            stamped,
            data: text,
        },
        redacted,
    })
}

/// A name that grew by being redacted keeps the bound that names have.
fn bounded(mut text: String) -> String {
    if text.len() > MAX_NAME_BYTES {
        text.truncate(text.floor_char_boundary(MAX_NAME_BYTES));
    }
    text
}

/// Do something for each event, and say which one it was when it is refused.
fn each<T, R>(
    items: impl IntoIterator<Item = T>,
    mut work: impl FnMut(T) -> Result<R, Refusal>,
) -> Result<Vec<R>, Refusal> {
    let numbered = (0_u32..).zip(items);
    numbered.map(|(index, item)| work(item).map_err(|refusal| Refusal { index: Some(index), ..refusal })).collect()
}

/// Where the body is one event, there is no index to tell.
fn of_batch(refusal: Refusal, format: BodyFormat, bytes: &[u8]) -> Refusal {
    let is_batch = match format {
        BodyFormat::Json => bytes.trim_ascii_start().starts_with(b"["),
        BodyFormat::Ndjson | BodyFormat::CloudEventBatch => true,
        BodyFormat::CloudEvent => false,
    };
    if is_batch { refusal } else { Refusal { index: None, ..refusal } }
}

fn count(events: usize, limits: Limits) -> Result<(), Refusal> {
    if events == 0 {
        return Err(invalid("there is no event in the body"));
    }
    if events > usize::try_from(limits.max_events).unwrap_or(usize::MAX) {
        let detail = format!("more than {} events in one request; send several", limits.max_events);
        return Err(refusal(RefusalCode::TooLarge, detail));
    }
    Ok(())
}

fn fits(bytes: usize, limits: Limits) -> Result<(), Refusal> {
    if bytes > usize::try_from(limits.max_event_bytes).unwrap_or(usize::MAX) {
        let detail = format!("the event is larger than {} bytes", limits.max_event_bytes);
        return Err(refusal(RefusalCode::TooLarge, detail));
    }
    Ok(())
}

fn syntax(what: &str, error: &JsonError) -> Refusal {
    match error.kind {
        JsonErrorKind::TooDeep => invalid(format!("data is nested deeper than {MAX_DATA_DEPTH} levels")),
        JsonErrorKind::LoneSurrogate => invalid(format!("{what} has half of a surrogate pair at byte {}", error.at)),
        JsonErrorKind::HugeNumber => invalid(format!("{what} has a number out of range at byte {}", error.at)),
        JsonErrorKind::Syntax(_) => not_json(what, error.at),
    }
}

fn not_json(what: &str, at: usize) -> Refusal {
    refusal(RefusalCode::NotJson, format!("{what} is not JSON, at byte {at}"))
}

fn invalid(detail: impl Into<String>) -> Refusal {
    refusal(RefusalCode::Invalid, detail)
}

fn refusal(code: RefusalCode, detail: impl Into<String>) -> Refusal {
    Refusal { code, detail: detail.into(), index: None }
}

#[cfg(test)]
mod tests;
