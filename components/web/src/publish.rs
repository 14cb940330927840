//! What a publisher sends and is answered, over HTTP: the media types of a body, and the receipts of what was appended.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::problem::{Cause, Problem};

/// How a body of events is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFormat {
    /// One event, or an array.
    Json,
    /// One event a line.
    Ndjson,
    /// One `CloudEvents` 1.0 event.
    CloudEvent,
    /// An array of them.
    CloudEventBatch,
}

impl BodyFormat {
    /// Whether a body is a list of events, of one as well. Of one event alone there is no `index` to tell.
    #[must_use]
    pub fn is_batch(self, body: &[u8]) -> bool {
        match self {
            Self::Json => body.trim_ascii_start().starts_with(b"["),
            Self::CloudEvent => false,
            Self::Ndjson | Self::CloudEventBatch => true,
        }
    }
}

/// How the body is written, by its media type; parameters such as `charset` do not matter.
///
/// # Errors
/// 415 for any other, and for what would have to be unpacked.
pub fn body_format(headers: &HeaderMap) -> Result<BodyFormat, Problem> {
    // Nothing is unpacked here, so that nothing small can become large.
    if headers.get_all(CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Problem::new(Cause::MediaType, "send the body as it is, without a `Content-Encoding`"));
    }
    match media_type(headers).as_str() {
        "application/json" => Ok(BodyFormat::Json),
        "application/x-ndjson" => Ok(BodyFormat::Ndjson),
        "application/cloudevents+json" => Ok(BodyFormat::CloudEvent),
        "application/cloudevents-batch+json" => Ok(BodyFormat::CloudEventBatch),
        _ => Err(Problem::new(
            Cause::MediaType,
            "send `Content-Type: application/json`, `application/x-ndjson`, `application/cloudevents+json` or \
             `application/cloudevents-batch+json`",
        )),
    }
}

/// The media type of a body, in lower case and without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// What became of one event; `redacted` is pairs of path and kind.
#[must_use]
pub fn receipt(epoch: &str, id: &str, seq: u64, duplicate: bool, redacted: Vec<(String, String)>) -> Value {
    let mut event = json!({ "id": id, "seq": seq, "cursor": format!("{epoch}:{seq}"), "duplicate": duplicate });
    if !redacted.is_empty()
        && let Some(event) = event.as_object_mut()
    {
        let redacted = redacted.into_iter().map(|(path, kind)| json!({ "path": path, "kind": kind })).collect();
        event.insert("redacted".to_owned(), Value::Array(redacted));
    }
    event
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_media_type_says_how_the_body_is_written() {
        let of = |value| body_format(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))])).ok();
        assert_eq!(of("application/json"), Some(BodyFormat::Json));
        assert_eq!(of("Application/JSON; charset=utf-8"), Some(BodyFormat::Json));
        assert_eq!(of("application/x-ndjson"), Some(BodyFormat::Ndjson));
        assert_eq!(of("application/cloudevents+json"), Some(BodyFormat::CloudEvent));
        assert_eq!(of("application/cloudevents-batch+json"), Some(BodyFormat::CloudEventBatch));
        assert_eq!(of("text/plain"), None);
        assert_eq!(of("application/x-www-form-urlencoded"), None);
        assert_eq!(body_format(&HeaderMap::new()).ok(), None);
        let packed = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (CONTENT_ENCODING, HeaderValue::from_static("gzip")),
        ]);
        assert_eq!(body_format(&packed).ok(), None);
    }

    #[test]
    fn a_receipt_names_what_was_redacted_and_nothing_when_nothing_was() {
        let plain = json!({"id": "a", "seq": 3, "cursor": "e:3", "duplicate": false});
        assert_eq!(receipt("e", "a", 3, false, Vec::new()), plain);
        let redacted = receipt("e", "a", 3, true, vec![("/data/x".to_owned(), "jwt".to_owned())]);
        assert_eq!(redacted.get("redacted").cloned().unwrap_or_default(), json!([{"path": "/data/x", "kind": "jwt"}]));
    }
}
