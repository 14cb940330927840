//! `GET /api/events/stream`: a subscription as server-sent events (WHATWG HTML, section 9.2).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Frame;

use crate::hub::EventStream;
use crate::hub::client::Client;
use crate::web::error::Problem;
use crate::web::limits::ClientIp;
use crate::web::{Site, random_name, recheck};

/// The route.
pub async fn stream(
    State(site): State<Site>,
    ClientIp(ip): ClientIp,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let grant = site.subscriber(&headers)?;
    let guard = site.limits.open(ip)?;
    // One that is no text is no cursor, and is told so: to pass over it would lose what lies between in silence.
    let last_event_id = headers.get("last-event-id").filter(|id| !id.is_empty());
    let last_event_id = last_event_id.map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    let subscription = site.hub.read_stream_query(query.unwrap_or_default(), last_event_id, false, &grant).await?;
    let prepared = site.hub.prepare(grant.is_unrestricted(), subscription).await?;
    let client = Arc::new(Client::new(random_name(), false, grant, Box::new(guard)));
    let (connection, events) = site.hub.open_stream(Arc::clone(&client)).await?;
    site.hub.begin(connection, &client, prepared);
    recheck(&site, connection, &client);
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::new(StreamBody(events))).into_response())
}

/// The response's body: what the shard sends, until either side ends it.
struct StreamBody(EventStream);

impl hyper::body::Body for StreamBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::convert::Infallible>>> {
        self.0.poll_next(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
