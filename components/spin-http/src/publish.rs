//! `POST /api/events`: a publisher's events, all or nothing, answered once they are durable.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::pin;

use activity_web::publish as answers;
use bytes::{Bytes, BytesMut};
use futures::future::LocalBoxFuture;
use futures::{Stream, StreamExt as _, future};
use serde_json::{Value, json};
use spin_sdk::http::body::IncomingBodyExt as _;
use spin_sdk::http::{Request, Response, StatusCode};
use spin_sdk::wasip3;

use crate::auth::{self, Scope};
use crate::bindings::activity::log::event_log::{self, BodyFormat, Limits, Moment, Receipt, Refusal, Submission};
use crate::bindings::activity::rules::rules;
use crate::bindings::activity::store::event_store;
use crate::clock::{sleep_ms, unix_ms};
use crate::config::Config;
use crate::grip::wake;
use crate::problem::{Cause, Problem};
use crate::reply::{self, Body};
use crate::retention;

/// How much of a body that is too large is let pass behind its answer, and for how long, before its sender is cut off.
const PASSED_BYTES: usize = 64 << 20;
const PASSED_MS: u64 = 10_000;

/// The route.
pub(crate) async fn publish(config: &Config, request: Request) -> Result<Response<Body>, Problem> {
    auth::identify(config, request.headers())?.require(Scope::Publish)?;
    let format = answers::body_format(request.headers())?;
    let bytes = read_body(request, config.max_body_bytes).await?;
    let is_batch = format.is_batch(&bytes);
    // Asked before the append: what fails behind it would be answered as if nothing had been stored.
    let epoch = event_store::bounds()?.epoch;
    let appended = append(body_format(format), bytes, config.limits);
    let (receipts, types) = appended.map_err(|problem| if is_batch { problem } else { problem.at(None) })?;
    wake::appended(config, &types);
    let events: Vec<Value> = receipts.into_iter().map(|receipt| to_json(&epoch, receipt)).collect();
    retention::maybe_trim(config);
    let body = json!({ "events": events }).to_string();
    Ok(reply::json_as(StatusCode::CREATED, body))
}

/// Through the user's rules into the log. Also the types of what was appended.
fn append(format: BodyFormat, bytes: Bytes, limits: Limits) -> Result<(Vec<Receipt>, BTreeSet<String>), Problem> {
    let body = event_log::Body { format, bytes: bytes.into() };
    let mut drafts = Vec::new();
    for (index, draft) in (0u32..).zip(event_log::parse(&body, limits)?) {
        drafts.push(
            rules::prepare(&draft).map_err(|reason| {
                Problem::invalid(format!("refused by this feed's rules: {reason}")).at(Some(index))
            })?,
        );
    }
    let types = drafts.iter().map(|draft| draft.event_type.clone()).collect();
    let answers = event_log::append(&[Submission::Drafts(drafts)], limits, moment());
    let answer: Result<Vec<Receipt>, Refusal> =
        answers.into_iter().next().ok_or_else(|| Problem::new(Cause::Internal, "the event-log gave no answer"))?;
    Ok((answer?, types))
}

/// Now, and 128 random bits: the keys of a `RandomState` are the system's, and never the same twice.
pub(crate) fn moment() -> Moment {
    let now = unix_ms();
    let random = || RandomState::new().hash_one(now);
    Moment { now, seed: (random(), random()) }
}

/// A name for a client or a session: 128 random bits.
pub(crate) fn random_name() -> String {
    let Moment { seed: (high, low), .. } = moment();
    format!("{high:016x}{low:016x}")
}

fn to_json(epoch: &str, receipt: Receipt) -> Value {
    let Receipt { id, seq, duplicate, redacted } = receipt;
    answers::receipt(epoch, &id, seq, duplicate, redacted.into_iter().map(|r| (r.path, r.kind)).collect())
}

/// A request's body, or 413 as soon as it is known to be too large. What of it is still on its way is let pass behind the
/// answer, in bounds: Spin would close the connection upon it, and a client that is sending sees a broken pipe in place of
/// the answer. Boxed, so that it stands once in the component and not in each route that reads a body.
pub(crate) fn read_body(request: Request, max_bytes: usize) -> LocalBoxFuture<'static, Result<Bytes, Problem>> {
    Box::pin(read_whole(request, max_bytes))
}

async fn read_whole(request: Request, max_bytes: usize) -> Result<Bytes, Problem> {
    let headers = request.headers();
    let length = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    // Who waits for leave to send has nothing on its way.
    let waits = headers.contains_key("expect");
    let mut pieces = request.into_body().stream();
    let mut body = BytesMut::new();
    let mut too_large = length.is_some_and(|length| length > max_bytes);
    while !too_large && let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Problem::new(Cause::BadRequest, "the body did not come whole"))?;
        too_large = piece.len() > max_bytes - body.len();
        if !too_large {
            body.extend_from_slice(&piece);
        }
    }
    if !too_large {
        return Ok(body.freeze());
    }
    if !waits {
        wasip3::spawn(let_pass(pieces));
    }
    Err(Problem::too_large(max_bytes))
}

/// Reads on, and keeps nothing.
async fn let_pass<E>(pieces: impl Stream<Item = Result<Bytes, E>>) {
    let mut passed = 0;
    let enough = pieces.take_while(|piece| {
        passed += piece.as_ref().map_or(PASSED_BYTES, Bytes::len);
        future::ready(passed < PASSED_BYTES)
    });
    future::select(pin!(enough.for_each(|_| future::ready(()))), pin!(sleep_ms(PASSED_MS))).await;
}

fn body_format(format: answers::BodyFormat) -> BodyFormat {
    match format {
        answers::BodyFormat::Json => BodyFormat::Json,
        answers::BodyFormat::Ndjson => BodyFormat::Ndjson,
        answers::BodyFormat::CloudEvent => BodyFormat::CloudEvent,
        answers::BodyFormat::CloudEventBatch => BodyFormat::CloudEventBatch,
    }
}
