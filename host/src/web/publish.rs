//! `POST /api/events`: a publisher's events, all or nothing, answered once they are durable.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::engine::words::{Body, BodyFormat, Cursor, Receipt};
use crate::server::read_body;
use crate::web::Site;
use crate::web::auth::Scope;
use crate::web::error::{Cause, Problem};
use crate::web::history::json_text;
use crate::web::publish_rate::count_events;

/// The route.
pub async fn publish(State(site): State<Site>, request: Request) -> Result<Response, Problem> {
    let claims = site.auth.identify(request.headers())?;
    claims.require(Scope::Publish)?;
    let format = body_format(request.headers())?;
    let bytes = read_body(request.into_body(), site.max_body_bytes, site.request_timeout).await?;
    if let Some(rate) = &site.publish_rate {
        rate.take(claims.subject.as_deref(), count_events(format, &bytes))?;
    }
    let receipts = site.ingest.submit(Body { format, bytes }).await?;
    let epoch = &site.hub.settings().epoch;
    let events: Vec<Value> = receipts.into_iter().map(|receipt| to_json(epoch, receipt)).collect();
    Ok((StatusCode::CREATED, json_text(json!({ "events": events }).to_string())).into_response())
}

fn to_json(epoch: &str, receipt: Receipt) -> Value {
    let Receipt { id, seq, duplicate, redacted } = receipt;
    let cursor = Cursor { epoch: epoch.to_owned(), seq }.to_string();
    let mut event = json!({ "id": id, "seq": seq, "cursor": cursor, "duplicate": duplicate });
    if !redacted.is_empty()
        && let Some(event) = event.as_object_mut()
    {
        let redacted = redacted.into_iter().map(|r| json!({ "path": r.path, "kind": r.kind })).collect();
        event.insert("redacted".to_owned(), Value::Array(redacted));
    }
    event
}

/// How the body is written, by its media type; parameters such as `charset` do not matter.
fn body_format(headers: &HeaderMap) -> Result<BodyFormat, Problem> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_says_how_the_body_is_written() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::CONTENT_TYPE,
                value.parse().map_err(|_| ()).unwrap_or_else(|()| header::HeaderValue::from_static("")),
            );
            body_format(&headers).ok()
        };
        assert_eq!(of("application/json"), Some(BodyFormat::Json));
        assert_eq!(of("Application/JSON; charset=utf-8"), Some(BodyFormat::Json));
        assert_eq!(of("application/x-ndjson"), Some(BodyFormat::Ndjson));
        assert_eq!(of("application/cloudevents+json"), Some(BodyFormat::CloudEvent));
        assert_eq!(of("application/cloudevents-batch+json"), Some(BodyFormat::CloudEventBatch));
        assert_eq!(of("text/plain"), None);
        assert_eq!(of("application/x-www-form-urlencoded"), None);
        assert_eq!(body_format(&HeaderMap::new()).ok(), None);
    }
}
