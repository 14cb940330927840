//! `GET /api/events/stream`: a subscription as server-sent events (WHATWG HTML, section 9.2).

use std::rc::Rc;

use bytes::Bytes;
use futures::stream;
use spin_sdk::http::{HeaderMap, HeaderValue, Response};

use crate::auth;
use crate::bindings::activity::broadcast::broadcaster::{self, Channel};
use crate::bindings::activity::store::event_store::{self, StoreError};
use crate::clock::{self, monotonic_ms, unix_ms};
use crate::config::Config;
use crate::join;
use crate::lanes::{self, Seat};
use crate::problem::Problem;
use crate::reply::{self, Body};
use crate::{session, state};

/// A comment this often, whatever else was sent: only a write finds out that the client has left.
const HEARTBEAT_MS: u64 = 15_000;
/// How often it is asked whether the session was ended.
const SESSION_MS: u64 = 1_000;
/// A store that cannot be read is asked again after this.
const TROUBLE_MS: u64 = 500;

/// The route.
pub(crate) async fn stream(config: Rc<Config>, headers: &HeaderMap, query: &str) -> Result<Response<Body>, Problem> {
    let claims = auth::subscriber(&config, headers)?;
    lanes::configure(&config, &event_store::bounds()?.epoch);
    let last_event_id = headers.get("last-event-id").filter(|id| !id.is_empty());
    let last_event_id = last_event_id.map(|id| String::from_utf8_lossy(id.as_bytes()));
    let asked = broadcaster::read_stream_query(query, last_event_id.as_deref(), false, claims.types.as_deref())?;
    if asked.lane.channel == Channel::State {
        state::may_see(claims.types.as_deref())?;
    }
    let (past, seat) = join::unless_future(|| lanes::join(&config, &asked)).await?;
    let live = Live {
        config,
        seat,
        past: Some(past).filter(|past| !past.is_empty()),
        heartbeat: monotonic_ms() + HEARTBEAT_MS,
        expires: claims.expires,
        session: claims.session,
        look_for_session: monotonic_ms() + SESSION_MS,
    };
    let pieces = stream::unfold(live, |mut live| async move { Some((live.next().await?, live)) });
    let mut response = reply::pieces("text/event-stream", pieces);
    response.headers_mut().insert("cache-control", HeaderValue::from_static("no-cache, no-transform"));
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// A stream that is open.
struct Live {
    config: Rc<Config>,
    seat: Seat,
    /// The replay, until it is sent.
    past: Option<String>,
    /// When the next comment is due.
    heartbeat: u64,
    /// The token's end, Unix seconds.
    expires: u64,
    /// The session that it was opened by, and when to look next whether that was ended.
    session: Option<String>,
    look_for_session: u64,
}

impl Live {
    /// What is sent next; none: the stream ends.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(past) = self.past.take() {
            return Some(past.into());
        }
        loop {
            if self.seat.has_ended() || unix_ms() / 1_000 >= self.expires {
                return None;
            }
            if self.is_signed_out() {
                return None;
            }
            if monotonic_ms() >= self.heartbeat {
                self.heartbeat = monotonic_ms() + HEARTBEAT_MS;
                return Some(Bytes::from_static(b": here\n\n"));
            }
            match self.look() {
                Ok(Some(text)) => return Some(text.into()),
                Ok(None) => {}
                Err(StoreError::Busy(why) | StoreError::Unavailable(why)) => {
                    eprintln!("activity-feed: the log cannot be followed: {why}");
                    clock::sleep_ms(TROUBLE_MS).await;
                }
            }
            clock::sleep_ms(lanes::pause()).await;
        }
    }

    /// Whether the session that it was opened by was ended.
    fn is_signed_out(&mut self) -> bool {
        let Some(session) = &self.session else { return false };
        if monotonic_ms() < self.look_for_session {
            return false;
        }
        self.look_for_session = monotonic_ms() + SESSION_MS;
        // Where the store is away for a moment, the next look tells.
        session::has_ended(session).unwrap_or(false)
    }

    fn look(&self) -> Result<Option<String>, StoreError> {
        lanes::pump(&self.config)?;
        self.seat.take(&self.config)
    }
}
