//! WebSockets on Spin, which has none: a GRIP proxy in front (Pushpin, Fastly Fanout) holds the sockets and tells the
//! application by HTTP what happens on them (`application/websocket-events`). Contract section 4 as far as it goes there.
//!
//! How a frame gets to its client: an append publishes a ping (`wake`); the client's own WebSocket layer answers with a
//! pong; the proxy reports the pong; and the answer to that report holds everything that is due from where the connection
//! stands (`deliver`). So events travel in answers alone. A proxy passes those on in order and lets them wait for a slow
//! client, while what is published is dropped where a client's buffer is full, and nothing tells whether it was.
//!
//! Always true: where a connection stands is in its own state, which the proxy keeps (`connection`) and which moves only
//! with the frames of the same answer. So there is no seam between replay and live, nothing is lost with an instance, and
//! a ping that is lost costs time and no event. An answer that brings anything large, or starts a subscription, ends with
//! a ping of its own: what was appended or published while it was on its way is asked for by that ping's pong.

mod channels;
mod connection;
mod deliver;
mod messages;
pub(crate) mod wake;
mod wire;

use std::collections::BTreeSet;

use serde_json::json;
use spin_sdk::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};

use crate::auth::{self, Scope};
use crate::bindings::activity::broadcast::broadcaster::{self, Channel, Item};
use crate::bindings::activity::store::event_store::{self, StoreError};
use crate::clock::{self, unix_ms};
use crate::config::Config;
use crate::jws;
use crate::lanes;
use crate::problem::{Cause, Problem};
use crate::publish;
use crate::reply::{self, Body};
use crate::session;
use connection::Connection;
use deliver::Due;
use wire::{Answer, Event};

/// Seconds between the proxy's own pings to a client: its pong is a request, so it brings what no ping has brought (an
/// event that a native server on the same file has logged), positions, and the end of a token.
const PING_SECONDS: u32 = 12;
/// Seconds after which a proxy asks for a socket from which nothing came: Pushpin's least.
const KEEP_ALIVE_SECONDS: &str = "20";
/// How long a client may take to subscribe.
const SUBSCRIBE_MS: u64 = 10_000;
/// Bytes of frames behind which an answer asks whether there is more: a published ping may have been dropped meanwhile.
const LARGE: usize = 2_000;
/// Bytes of one message.
const MAX_MESSAGE: usize = 64 * 1024;
/// Bytes of one report: Pushpin gathers 200,000 of messages.
const MAX_BODY: usize = 512 * 1024;

/// Close codes of contract section 4 and RFC 6455.
mod close {
    pub(super) const NOT_UTF8: u16 = 1007;
    pub(super) const TOO_BIG: u16 = 1009;
    pub(super) const RESTART: u16 = 1012;
    pub(super) const TRY_LATER: u16 = 1013;
    pub(super) const BAD_MESSAGE: u16 = 4000;
    pub(super) const NOT_AUTHENTICATED: u16 = 4001;
    pub(super) const NOT_ALLOWED: u16 = 4003;
    pub(super) const NO_SUBSCRIBE: u16 = 4008;
    pub(super) const TOO_MANY_MESSAGES: u16 = 4103;
    pub(super) const GOING_AWAY: u16 = 4201;
    pub(super) const TOKEN_EXPIRED: u16 = 4202;
}

/// Why a connection ends.
pub(crate) struct Closing {
    code: u16,
    reason: String,
}

impl Closing {
    fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

/// Whether a request is a proxy's report of what happened on a socket.
pub(crate) fn is_report(headers: &HeaderMap) -> bool {
    headers.get("content-type").is_some_and(|value| value == wire::MEDIA_TYPE)
}

/// The route, for a proxy's reports.
///
/// # Errors
/// Before the upgrade, what the client is to be told; later, that the report is none of a proxy that is known.
pub(crate) async fn report(config: &Config, request: Request) -> Result<Response<Body>, Problem> {
    let grip = config.grip.as_ref().ok_or_else(|| {
        Problem::new(Cause::UpgradeRequired, "no GRIP proxy is known here; set the variable `grip_url` (docs/spin.md)")
    })?;
    if let Some(key) = &grip.key {
        let signature = request.headers().get("grip-sig").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !jws::is_signed(key, signature) {
            return Err(Problem::forbidden("this is for a GRIP proxy that signs with `grip_key`"));
        }
    }
    let headers = request.headers().clone();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = publish::read_body(request, MAX_BODY).await?;
    let events = wire::read(&body).ok_or_else(|| Problem::new(Cause::BadRequest, "no WebSocket events"))?;
    if events.first() == Some(&Event::Open) {
        return open(config, &headers, &query).await;
    }
    let state = headers.get(connection::HEADER).and_then(|value| value.to_str().ok());
    match state.and_then(|state| Connection::open(config, state)) {
        Some(connection) => Ok(go_on(config, connection, events).await),
        None => {
            let mut answer = Answer::default();
            if !events.contains(&Event::Disconnect) {
                // Another secret, or another release: the client comes again with its cursor.
                answer.close(close::GOING_AWAY, "the connection is not known here; reconnect with your cursor");
            }
            Ok(answered(answer))
        }
    }
}

fn answered(answer: Answer) -> Response<Body> {
    reply::full(StatusCode::OK, wire::MEDIA_TYPE, answer.into_body())
}

/// A handshake.
async fn open(config: &Config, headers: &HeaderMap, query: &str) -> Result<Response<Body>, Problem> {
    let (claims, protocol) = auth::identify_socket(config, headers)?;
    claims.require(Scope::Subscribe)?;
    let bounds = event_store::bounds()?;
    lanes::configure(config, &bounds.epoch);
    let html = form_urlencoded::parse(query.as_bytes()).any(|(name, value)| name == "format" && value == "html");
    let at_once =
        if html { Some(broadcaster::read_stream_query(query, None, true, claims.types.as_deref())?) } else { None };
    let mut connection = Connection::new(claims, &bounds.epoch, html, unix_ms());
    let mut due = Due::default();
    if let Some(subscription) = at_once {
        messages::subscribe(config, &mut connection, subscription, &mut due)
            .await
            .map_err(|_| Problem::unavailable("the subscription cannot start"))?;
    } else {
        let hello = Item::Hello((publish::random_name(), bounds.head));
        for frame in broadcaster::render(&messages::plain(None), &[hello]) {
            due.push(frame);
        }
    }
    let mut answer = Answer::default();
    answer.open();
    let ping = |timeout: u32, kind: &str| json!({"type": kind, "message-type": "ping", "content": "here", "timeout": timeout, "mode": "interval"});
    answer.control(&ping(PING_SECONDS, "keep-alive"));
    if !html {
        answer.control(&ping(u32::try_from(SUBSCRIBE_MS / 1_000).unwrap_or(10), "send-delayed"));
    }
    join_channels(&mut connection, &mut answer);
    let mut response = finish(config, connection, &due, html, answer)
        .ok_or_else(|| Problem::invalid("the filters, with the token's types, are too long for a GRIP proxy"))?;
    let headers = response.headers_mut();
    headers.insert("sec-websocket-extensions", HeaderValue::from_static("grip; message-prefix=\"\""));
    headers.insert("keep-alive-interval", HeaderValue::from_static(KEEP_ALIVE_SECONDS));
    if let Some(protocol) = protocol {
        headers.insert("sec-websocket-protocol", HeaderValue::from_static(protocol));
    }
    Ok(response)
}

/// The frames, the question whether there is more, and the connection's state; none: that is too long.
fn finish(
    config: &Config,
    connection: Connection,
    due: &Due,
    asks: bool,
    mut answer: Answer,
) -> Option<Response<Body>> {
    for frame in &due.frames {
        answer.text(frame);
    }
    let bytes: usize = due.frames.iter().map(String::len).sum();
    if asks || due.more || due.wait_until.is_some() || bytes > LARGE {
        answer.ping();
    }
    let state = connection.seal(config)?;
    let mut response = answered(answer);
    response.headers_mut().insert(connection::SET_HEADER, HeaderValue::from_str(&state).ok()?);
    Some(response)
}

/// What happened on an open socket.
async fn go_on(config: &Config, mut connection: Connection, events: Vec<Event>) -> Response<Body> {
    let html = connection.html;
    match handle(config, &mut connection, events).await {
        Ok(Handled::Gone(answer)) => answered(answer),
        Ok(Handled::Stays { due, asks, mut answer }) => {
            let before = connection.channels.clone();
            join_channels(&mut connection, &mut answer);
            let asks = asks || connection.channels != before;
            let too_long = || hang_up(html, &Closing::new(close::BAD_MESSAGE, "the filters are too long"));
            finish(config, connection, &due, asks, answer).unwrap_or_else(too_long)
        }
        Err(closing) => hang_up(html, &closing),
    }
}

fn hang_up(html: bool, closing: &Closing) -> Response<Body> {
    let code = match closing.code {
        code if !html => code,
        close::GOING_AWAY | close::TOKEN_EXPIRED => close::RESTART,
        code @ (close::NOT_UTF8 | close::TOO_BIG) => code,
        _ => close::TRY_LATER,
    };
    let mut answer = Answer::default();
    answer.close(code, &closing.reason);
    answered(answer)
}

enum Handled {
    /// The socket is gone, or is to go as its client asked.
    Gone(Answer),
    Stays {
        due: Due,
        /// Ask again at once.
        asks: bool,
        answer: Answer,
    },
}

async fn handle(config: &Config, connection: &mut Connection, events: Vec<Event>) -> Result<Handled, Closing> {
    let store = |error: StoreError| {
        let (StoreError::Busy(why) | StoreError::Unavailable(why)) = error;
        eprintln!("activity-feed: a WebSocket cannot be served: {why}");
        Closing::new(close::GOING_AWAY, "the server cannot go on; reconnect with your cursor")
    };
    let mut answer = Answer::default();
    let mut due = Due::default();
    // A keep-alive of the proxy's: nothing came from the client for long, and an answer of frames may be stuck in the
    // proxy, which looks at what it still holds when another event comes.
    let mut asks = events.is_empty();
    let bounds = event_store::bounds().map_err(store)?;
    lanes::configure(config, &bounds.epoch);
    for event in events {
        match event {
            Event::Disconnect => return Ok(Handled::Gone(Answer::default())),
            Event::Close(content) => {
                answer.close_as_asked(&content);
                return Ok(Handled::Gone(answer));
            }
            Event::Text(_) | Event::Binary | Event::Ping(_) if !connection.spend(unix_ms()) => {
                return Err(Closing::new(close::TOO_MANY_MESSAGES, "at most 50 messages a second"));
            }
            Event::Ping(content) => answer.pong(&content),
            Event::Text(_) | Event::Binary if connection.html => {}
            Event::Text(text) if text.len() > MAX_MESSAGE => {
                return Err(Closing::new(close::TOO_BIG, "a message holds at most 65536 bytes"));
            }
            Event::Text(text) => {
                let text =
                    str::from_utf8(&text).map_err(|_| Closing::new(close::NOT_UTF8, "text that is not UTF-8"))?;
                asks |= messages::take(config, connection, text, &mut due).await?;
            }
            Event::Binary => {
                return Err(Closing::new(close::BAD_MESSAGE, "messages are JSON texts, not binary"));
            }
            Event::Open | Event::Pong => {}
        }
    }
    check(connection, &bounds.epoch)?;
    loop {
        pull(connection, &mut due).map_err(store)?;
        let Some(until) = due.wait_until.filter(|_| due.is_empty() && !asks) else { break };
        // The answer waits for the rate: the proxy has no timer that is fine enough. A second at most.
        clock::sleep_ms(until.saturating_sub(unix_ms()).clamp(1, 1_000)).await;
        due = Due::default();
    }
    Ok(Handled::Stays { due, asks, answer })
}

/// Whether it may go on.
fn check(connection: &Connection, epoch: &str) -> Result<(), Closing> {
    let now = unix_ms();
    if connection.epoch != epoch {
        return Err(Closing::new(close::GOING_AWAY, "the log was replaced; reconnect"));
    }
    // What cannot be looked up is looked up again with the next request.
    if connection.session.as_deref().is_some_and(|session| session::has_ended(session).unwrap_or(false)) {
        return Err(Closing::new(close::NOT_AUTHENTICATED, "the session has ended"));
    }
    if now / 1_000 >= connection.expires {
        return Err(Closing::new(close::TOKEN_EXPIRED, "the token has expired; refresh it and reconnect"));
    }
    // A delayed ping of the proxy's may come a little early.
    if !connection.started && now.saturating_sub(connection.opened) + 250 >= SUBSCRIBE_MS {
        return Err(Closing::new(close::NO_SUBSCRIBE, "no subscribe within 10 s"));
    }
    Ok(())
}

/// What all subscriptions have coming.
fn pull(connection: &mut Connection, due: &mut Due) -> Result<(), StoreError> {
    if connection.subscriptions.is_empty() {
        return Ok(());
    }
    let bounds = event_store::bounds()?;
    let now = unix_ms();
    let lowest = connection.subscriptions.iter().map(|position| position.seen).min().unwrap_or(bounds.trimmed);
    for position in &mut connection.subscriptions {
        due.add(position, &bounds, now)?;
    }
    let trimmed = event_store::bounds()?.trimmed;
    if trimmed > bounds.trimmed && trimmed > lowest {
        // While they were read: nothing of this is sent, and a client that comes again is told what is gone.
        return Err(StoreError::Busy("retention removed what was to be sent".to_owned()));
    }
    if due.more && connection.subscriptions.len() > 1 {
        // What one subscription had no room for does not keep the others waiting next time.
        connection.subscriptions.rotate_left(1);
    }
    Ok(())
}

/// Be on the channels that the subscriptions need, and no others.
fn join_channels(connection: &mut Connection, answer: &mut Answer) {
    let filters = connection.subscriptions.iter().map(|position| {
        // The state is folded from every event.
        Some(&position.key.filter).filter(|_| position.key.channel == Channel::Events)
    });
    let mut wanted: BTreeSet<String> = channels::wanted(filters);
    wanted.extend(connection.session.as_deref().map(channels::of_session));
    // Away from the old ones first: a proxy takes only so many.
    for channel in connection.channels.iter().filter(|channel| !wanted.contains(*channel)) {
        answer.unsubscribe(channel);
    }
    for channel in wanted.iter().filter(|channel| !connection.channels.contains(channel)) {
        answer.subscribe(channel);
    }
    connection.channels = wanted.into_iter().collect();
}
