//! HTTP: the routes of contract section 3. Who may come in is decided here; what they get comes from [`crate::ingest`]
//! and [`crate::hub`].

pub mod auth;
pub mod error;
mod history;
pub mod host_check;
pub mod limits;
mod operation;
pub mod origin;
mod pages;
mod publish;
pub mod publish_rate;
mod reference;
pub mod session;
mod session_form;
mod socket;
mod stream;
pub mod unread;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::watch;

use crate::hub::Hub;
use crate::hub::client::{Client, Grant};
use crate::hub::shard::ConnectionRef;
use crate::hub::websocket::close;
use crate::ingest::Ingest;
use crate::metrics::Metrics;

use auth::{Auth, Claims, Scope};
use error::{Cause, Problem};
use host_check::Doors;
use limits::{Addresses, ConnectionLimits};
use publish_rate::PublishRate;
use session::CookieScope;
use unread::Unread;

/// What every route may need.
pub struct Shared {
    /// Out of the log.
    pub hub: Hub,
    /// Into the log.
    pub ingest: Ingest,
    /// Who is who.
    pub auth: Arc<Auth>,
    /// How many may come.
    pub limits: Arc<ConnectionLimits>,
    /// What waits for those who have asked.
    pub unread: Arc<Unread>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How much each publisher may send; none is as much as it likes.
    pub publish_rate: Option<PublishRate>,
    /// Bytes of a request's body.
    pub max_body_bytes: usize,
    /// Time for a request's body to come whole.
    pub request_timeout: Duration,
    /// Serve `/echo` too (tests).
    pub echo: bool,
    /// Where the cookie holds.
    pub cookie: CookieScope,
    /// The server is stopping.
    pub draining: watch::Sender<bool>,
}

/// [`Shared`] among the routes.
pub type Site = Arc<Shared>;

impl Shared {
    /// What the request's sender may see.
    ///
    /// # Errors
    /// 401 or 403.
    fn subscriber(&self, headers: &HeaderMap) -> Result<Grant, Problem> {
        let claims = self.auth.identify(headers)?;
        claims.require(Scope::Subscribe)?;
        Ok(grant_of(&claims))
    }
}

/// What a token lets its bearer see.
#[must_use]
pub fn grant_of(claims: &Claims) -> Grant {
    Grant {
        types: claims.types.clone(),
        expires: claims.expires,
        session: claims.session.clone(),
        token_id: claims.jti.clone(),
    }
}

/// Closes a connection that was let in just before its token was revoked or its session ended: it may have come to
/// its shard only after the shard was told to close such connections.
fn recheck(site: &Shared, connection: ConnectionRef, client: &Client) {
    let grant = client.grant();
    if site.auth.has_ended(grant.token_id.as_deref(), grant.session.as_deref()) {
        site.hub.close(connection, close::NOT_AUTHENTICATED, "the token was revoked, or the session has ended");
    }
}

/// A name for a client: 96 random bits.
fn random_name() -> String {
    use base64::Engine as _;
    let mut bytes = [0; 12];
    // Without randomness from the system a name is all the same no secret: the clock will do.
    if getrandom::fill(&mut bytes).is_err() {
        bytes = std::array::from_fn(|i| crate::clock::monotonic_ms().to_le_bytes().get(i).copied().unwrap_or(0));
    }
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// All routes, below `base_path` (empty, or like `/feed`).
pub fn router(site: Site, doors: Doors, base_path: &str) -> Router {
    let addresses = Addresses { proxies: doors.proxies.clone(), unread: Arc::clone(&site.unread) };
    let api = Router::new()
        .route("/api/events", post(publish::publish).get(history::history))
        .route("/api/events/summary", get(history::summary))
        .route("/api/events/stream", get(stream::stream))
        .route("/api/events/{id}", get(history::event))
        .route("/api/state", get(operation::state))
        .route("/api/session", post(sign_in).delete(sign_out))
        .route("/ws", get(socket::socket))
        .route("/healthz", get(operation::healthz))
        .route("/readyz", get(operation::readyz))
        .route("/metrics", get(operation::metrics));
    let api = if site.echo { api.route("/echo", get(socket::echo)) } else { api };
    let routes = api
        .merge(pages::routes())
        .merge(pages::plain::routes())
        .merge(reference::routes())
        .layer(middleware::from_fn_with_state(Arc::clone(&site), upgrade_live))
        .layer(middleware::from_fn_with_state(Arc::clone(&site), renew_cookie))
        .method_not_allowed_fallback(|| async {
            Problem::new(Cause::MethodNotAllowed, "this route has no such method")
        })
        .with_state(Arc::clone(&site));
    let root = if base_path.is_empty() {
        routes
    } else {
        // Nesting takes the base path itself, and not the same with a slash, which is what people type.
        Router::new().nest(base_path, routes).route(&format!("{base_path}/"), pages::home_below(base_path))
    };
    root.fallback(|| async { Problem::not_found("there is no such route") })
        .layer(middleware::from_fn_with_state(Arc::new(doors), host_check::doors))
        .layer(middleware::from_fn_with_state(Arc::new(addresses), limits::client_ip))
        .layer(middleware::from_fn_with_state(Arc::clone(&site.metrics), limits::count_refused))
}

/// `/swarm/live` is a page, and with `Upgrade` a WebSocket.
async fn upgrade_live(State(site): State<Site>, request: Request, next: Next) -> Response {
    let is_live = request.uri().path() == "/swarm/live";
    if !is_live || !socket::is_upgrade(request.headers()) {
        return next.run(request).await;
    }
    let Some(ip) = request.extensions().get::<limits::ClientIp>().copied() else {
        return Problem::internal().into_response();
    };
    socket::socket(State(site), ip, request).await.into_response()
}

/// A session in use goes on.
async fn renew_cookie(State(site): State<Site>, request: Request, next: Next) -> Response {
    let is_session = request.uri().path() == "/api/session";
    let renewal = if is_session { None } else { session::renewal(&site.auth, request.headers(), &site.cookie) };
    let mut response = next.run(request).await;
    if let Some(cookie) = renewal {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// `POST /api/session`; a page without scripts sends a form.
async fn sign_in(State(site): State<Site>, request: Request) -> Result<Response, Problem> {
    if activity_web::form::is_form(request.headers()) {
        return session_form::submit(&site, request).await;
    }
    session::create(&site.auth, request.headers(), &site.cookie)
}

/// `DELETE /api/session`: clears the cookie, and closes the session's sockets.
async fn sign_out(State(site): State<Site>, headers: HeaderMap) -> Result<Response, Problem> {
    // It writes the sign-out to a file.
    let own = Arc::clone(&site);
    let ended = tokio::task::spawn_blocking(move || session::destroy(&own.auth, &headers, &own.cookie));
    let (response, ended) = ended.await.map_err(|_| Problem::internal())??;
    if let Some(session) = ended {
        site.hub.close_session(&session);
    }
    Ok(response)
}
