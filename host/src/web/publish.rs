//! `POST /api/events`: a publisher's events, all or nothing, answered once they are durable.

use activity_web::publish as rules;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::engine::words::{Body, BodyFormat, Receipt};
use crate::server::read_body;
use crate::web::Site;
use crate::web::auth::Scope;
use crate::web::error::Problem;
use crate::web::history::json_text;
use crate::web::publish_rate::count_events;

/// The route.
pub async fn publish(State(site): State<Site>, request: Request) -> Result<Response, Problem> {
    let claims = site.auth.identify(request.headers())?;
    claims.require(Scope::Publish)?;
    let asked = rules::body_format(request.headers())?;
    let format = body_format(asked);
    let bytes = read_body(request.into_body(), site.max_body_bytes, site.request_timeout).await?;
    if let Some(rate) = &site.publish_rate {
        rate.take(claims.subject.as_deref(), count_events(format, &bytes))?;
    }
    let is_batch = asked.is_batch(&bytes);
    let receipts = site.ingest.submit(Body { format, bytes }).await.map_err(|mut refusal| {
        refusal.index = refusal.index.filter(|_| is_batch);
        refusal
    })?;
    let epoch = &site.hub.settings().epoch;
    let events: Vec<Value> = receipts.into_iter().map(|receipt| to_json(epoch, receipt)).collect();
    Ok((StatusCode::CREATED, json_text(json!({ "events": events }).to_string())).into_response())
}

fn to_json(epoch: &str, receipt: Receipt) -> Value {
    let Receipt { id, seq, duplicate, redacted } = receipt;
    rules::receipt(epoch, &id, seq, duplicate, redacted.into_iter().map(|r| (r.path, r.kind)).collect())
}

fn body_format(format: rules::BodyFormat) -> BodyFormat {
    match format {
        rules::BodyFormat::Json => BodyFormat::Json,
        rules::BodyFormat::Ndjson => BodyFormat::Ndjson,
        rules::BodyFormat::CloudEvent => BodyFormat::CloudEvent,
        rules::BodyFormat::CloudEventBatch => BodyFormat::CloudEventBatch,
    }
}
