//! CloudEvents 1.0 in structured JSON, brought to our fields: `type` → `event_type`, `source`, `id`, `time` →
//! `timestamp`, `data`, and the extensions `taskid` and `agentid`.
//!
//! The standard's other attributes (`subject`, `dataschema`) and extensions with a name that the standard allows are
//! passed over, as its SDKs add them unasked (`traceparent`); any other name is refused. An attribute that is null is
//! one that is not there (JSON format 1.0, section 2.2). `data` must be a JSON object, so `data_base64` is refused.

use std::borrow::Cow;

use crate::draft::{Draft, set_data, set_text, unknown};
use crate::json::Json;

/// From the object that a publisher sent.
///
/// # Errors
/// What is wrong, for the publisher; never a value.
pub fn read(json: Json<'_>) -> Result<Draft<'_>, String> {
    let Json::Object(members) = json else { return Err("a CloudEvent must be a JSON object".to_owned()) };
    let mut draft = Draft::default();
    let mut version: Option<Cow<'_, str>> = None;
    let mut content_type: Option<Cow<'_, str>> = None;
    for (name, value) in members {
        if matches!(value, Json::Null) {
            continue;
        }
        match &*name {
            "specversion" => set_text(&mut version, "specversion", value)?,
            "type" => set_text(&mut draft.event_type, "type", value)?,
            "source" => set_text(&mut draft.source, "source", value)?,
            "id" => set_text(&mut draft.id, "id", value)?,
            "time" => set_text(&mut draft.timestamp, "time", value)?,
            "taskid" => set_text(&mut draft.task_id, "taskid", value)?,
            "agentid" => set_text(&mut draft.agent_id, "agentid", value)?,
            "datacontenttype" => set_text(&mut content_type, "datacontenttype", value)?,
            "data" => set_data(&mut draft.data, value)?,
            "data_base64" => return Err("data_base64: data must be a JSON object".to_owned()),
            _ if is_attribute_name(&name) => {}
            _ => return Err(unknown(&name)),
        }
    }
    if version.as_deref() != Some("1.0") {
        return Err("specversion must be \"1.0\"".to_owned());
    }
    if draft.id.is_none() {
        return Err("id is required in a CloudEvent".to_owned());
    }
    if !content_type.as_deref().is_none_or(is_json_type) {
        return Err("datacontenttype must be application/json".to_owned());
    }
    Ok(draft)
}

/// CloudEvents 1.0: "MUST consist of lower-case letters ('a' to 'z') or digits ('0' to '9')".
fn is_attribute_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn is_json_type(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn read_text(text: &str) -> Result<crate::draft::PlainDraft, String> {
        read(Json::parse(text, 65).unwrap()).map(Draft::into_plain)
    }

    #[test]
    fn the_attributes_become_fields() {
        let draft = read_text(
            r#"{"specversion":"1.0","type":"task.created","source":"/swarm","id":"a-1","time":"2024-01-15T10:30:00Z",
                "taskid":"t","agentid":"g","datacontenttype":"application/json; charset=utf-8","subject":"x",
                "dataschema":"https://example.com/s","traceparent":"00-1","data":{"a":1}}"#,
        )
        .unwrap();
        assert_eq!(draft.event_type, "task.created");
        assert_eq!(draft.source, "/swarm");
        assert_eq!(draft.id.as_deref(), Some("a-1"));
        assert_eq!(draft.timestamp.as_deref(), Some("2024-01-15T10:30:00Z"));
        assert_eq!(draft.task_id.as_deref(), Some("t"));
        assert_eq!(draft.agent_id.as_deref(), Some("g"));
        assert_eq!(draft.data, r#"{"a":1}"#);
        let bare =
            read_text(r#"{"specversion":"1.0","type":"a.b","source":"s","id":"1","time":null,"data":null}"#).unwrap();
        assert_eq!((bare.timestamp, bare.data.as_str()), (None, "{}"));
    }

    #[test]
    fn what_is_no_cloud_event_is_refused() {
        for (text, word) in [
            (r#"[]"#, "object"),
            (r#"{"type":"a.b","source":"s","id":"1"}"#, "specversion"),
            (r#"{"specversion":"0.3","type":"a.b","source":"s","id":"1"}"#, "specversion"),
            (r#"{"specversion":"1.0","type":"a.b","source":"s"}"#, "id"),
            (r#"{"specversion":"1.0","type":5,"source":"s","id":"1"}"#, "type"),
            (r#"{"specversion":"1.0","type":"a.b","source":"s","id":"1","data":"x"}"#, "data"),
            (r#"{"specversion":"1.0","type":"a.b","source":"s","id":"1","data_base64":"eA=="}"#, "data_base64"),
            (
                r#"{"specversion":"1.0","type":"a.b","source":"s","id":"1","datacontenttype":"text/xml"}"#,
                "datacontenttype",
            ),
            (r#"{"specversion":"1.0","type":"a.b","source":"s","id":"1","task_id":"t"}"#, "task_id"),
            (r#"{"specversion":"1.0","type":"a.b","source":"s","id":"1","id":"2"}"#, "id"),
        ] {
            let error = read_text(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
