//! An event as somebody wants to log it: from a JSON object to its fields. This checks what the fields are called and of
//! which kind they are, and leaves what is in them to [`crate::validate`].
//!
//! Chosen where the contract leaves it open: an optional field that is `null` is refused, since absent fields are left
//! out; and a field that comes twice is refused, since readers differ on which one counts.

use std::borrow::Cow;

use crate::json::Json;
use crate::{sanitise, text};

/// The fields of an event, borrowed from the text where it allows.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of an event")]
pub struct Draft<'a> {
    pub id: Option<Cow<'a, str>>,
    pub event_type: Option<Cow<'a, str>>,
    pub source: Option<Cow<'a, str>>,
    pub task_id: Option<Cow<'a, str>>,
    pub agent_id: Option<Cow<'a, str>>,
    pub timestamp: Option<Cow<'a, str>>,
    pub data: Option<Json<'a>>,
}

/// A draft whose data is text: the form in which it crosses to a user's rules and back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the WIT record")]
pub struct PlainDraft {
    pub id: Option<String>,
    pub event_type: String,
    pub source: String,
    pub task_id: Option<String>,
    pub agent_id: Option<String>,
    pub timestamp: Option<String>,
    pub data: String,
}

impl PlainDraft {
    /// Bytes in all its fields: what counts as "the event as sent" once there is no body.
    #[must_use]
    pub fn size(&self) -> usize {
        let optional = [&self.id, &self.task_id, &self.agent_id, &self.timestamp];
        let optional: usize = optional.iter().filter_map(|field| field.as_ref().map(String::len)).sum();
        self.event_type.len() + self.source.len() + self.data.len() + optional
    }
}

impl<'a> Draft<'a> {
    /// From the object that a publisher sent.
    ///
    /// # Errors
    /// What is wrong, for the publisher; never a value.
    pub fn read(json: Json<'a>) -> Result<Self, String> {
        let Json::Object(members) = json else { return Err("an event must be a JSON object".to_owned()) };
        let mut draft = Self::default();
        for (name, value) in members {
            match &*name {
                "id" => set_text(&mut draft.id, "id", value)?,
                "event_type" => set_text(&mut draft.event_type, "event_type", value)?,
                "source" => set_text(&mut draft.source, "source", value)?,
                "task_id" => set_text(&mut draft.task_id, "task_id", value)?,
                "agent_id" => set_text(&mut draft.agent_id, "agent_id", value)?,
                "timestamp" => set_text(&mut draft.timestamp, "timestamp", value)?,
                "data" => set_data(&mut draft.data, value)?,
                _ => return Err(unknown(&name)),
            }
        }
        Ok(draft)
    }

    /// As it crosses to a user's rules. What is missing and required is empty, and refused when it comes back so.
    #[must_use]
    pub fn into_plain(self) -> PlainDraft {
        let owned = |field: Option<Cow<'a, str>>| field.map(Cow::into_owned);
        let mut data = String::new();
        match self.data {
            Some(json) => json.write(&mut data),
            None => data.push_str("{}"),
        }
        PlainDraft {
            id: owned(self.id),
            event_type: owned(self.event_type).unwrap_or_default(),
            source: owned(self.source).unwrap_or_default(),
            task_id: owned(self.task_id),
            agent_id: owned(self.agent_id),
            timestamp: owned(self.timestamp),
            data,
        }
    }
}

/// What to say of a field that nobody knows. Its name is the publisher's text, and could be anything.
pub(crate) fn unknown(name: &str) -> String {
    if sanitise::secret_kind(name).is_some() {
        return "there is an unknown field".to_owned();
    }
    format!("unknown field `{}`; what is your own belongs into `data`", text::cut(&text::clean(name), 64))
}

pub(crate) fn set_text<'a>(slot: &mut Option<Cow<'a, str>>, name: &str, value: Json<'a>) -> Result<(), String> {
    match value {
        _ if slot.is_some() => Err(format!("{name} comes twice")),
        Json::String(text) => {
            *slot = Some(text);
            Ok(())
        }
        Json::Null => Err(format!("{name} is null; leave it out instead")),
        _ => Err(format!("{name} must be a string")),
    }
}

pub(crate) fn set_data<'a>(slot: &mut Option<Json<'a>>, value: Json<'a>) -> Result<(), String> {
    match value {
        _ if slot.is_some() => Err("data comes twice".to_owned()),
        Json::Object(_) => {
            *slot = Some(value);
            Ok(())
        }
        Json::Null => Err("data is null; leave it out instead".to_owned()),
        _ => Err("data must be a JSON object".to_owned()),
    }
}
