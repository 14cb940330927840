//! What makes a valid event. Validating refuses and never mends; each message says which field, and what would be right,
//! and repeats nothing of the value.

use std::borrow::Cow;

use crate::draft::Draft;
use crate::filter::is_event_type;
use crate::{sanitise, time};

/// Levels of `data`, the object itself being the first.
pub const MAX_DATA_DEPTH: usize = 64;
/// Bytes of an event type.
pub const MAX_TYPE_BYTES: usize = 64;
/// Bytes of a source, a task or an agent.
pub const MAX_NAME_BYTES: usize = 128;
/// Characters of an id.
pub const MAX_ID_BYTES: usize = 128;

/// Check the fields of a draft.
///
/// # Errors
/// The first thing that is wrong, for the publisher.
pub fn draft(draft: &Draft<'_>) -> Result<(), String> {
    match draft.event_type.as_deref() {
        None | Some("") => return Err("event_type is required".to_owned()),
        Some(text) if text.len() > MAX_TYPE_BYTES => {
            return Err(format!("event_type is longer than {MAX_TYPE_BYTES} bytes"));
        }
        Some(text) if !is_event_type(text) => {
            return Err(
                "event_type must be lower-case letters, digits, `_` and `-`, dotted like `task.created`".to_owned()
            );
        }
        Some(text) => no_secret("event_type", text)?,
    }
    match draft.source.as_deref() {
        None | Some("") => return Err("source is required".to_owned()),
        Some(text) => name("source", text)?,
    }
    optional_name("task_id", draft.task_id.as_ref())?;
    optional_name("agent_id", draft.agent_id.as_ref())?;
    if let Some(id) = draft.id.as_deref() {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
        if id.is_empty() || id.len() > MAX_ID_BYTES || !id.bytes().all(allowed) {
            return Err(format!("id must be 1 to {MAX_ID_BYTES} of A-Za-z0-9._:-"));
        }
        no_secret("id", id)?;
    }
    if let Some(timestamp) = draft.timestamp.as_deref()
        && time::parse(timestamp).is_none()
    {
        return Err("timestamp must be an RFC 3339 time like 2024-01-15T10:30:00Z".to_owned());
    }
    Ok(())
}

fn optional_name(field: &str, value: Option<&Cow<'_, str>>) -> Result<(), String> {
    match value.map(AsRef::as_ref) {
        None => Ok(()),
        Some("") => Err(format!("{field} is empty; leave it out instead")),
        Some(text) => name(field, text),
    }
}

fn name(field: &str, text: &str) -> Result<(), String> {
    if text.len() > MAX_NAME_BYTES {
        return Err(format!("{field} is longer than {MAX_NAME_BYTES} bytes"));
    }
    Ok(())
}

/// An id or a type cannot be redacted without becoming another one, so the event is refused.
fn no_secret(field: &str, text: &str) -> Result<(), String> {
    match sanitise::secret_kind(text) {
        Some(kind) => Err(format!("{field} holds what looks like a secret ({kind})")),
        None => Ok(()),
    }
}
