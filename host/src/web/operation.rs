//! For whoever runs the server: is it alive, is it ready, its metrics; and the state of the swarm.

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use crate::server::Peer;
use crate::web::Site;
use crate::web::auth::Scope;
use crate::web::error::Problem;
use crate::web::history::json_text;
use crate::web::limits::is_local;

/// `GET /healthz`: the process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the store can be read, and the server is not stopping.
pub async fn readyz(State(site): State<Site>) -> Result<&'static str, Problem> {
    if *site.draining.borrow() {
        return Err(Problem::draining());
    }
    site.hub.read(|feed| feed.bounds()).await?;
    Ok("ready\n")
}

/// `GET /metrics`: to a program on this machine, or with admin.
pub async fn metrics(
    State(site): State<Site>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !is_local(peer, &headers) {
        site.auth.identify(&headers)?.require(Scope::Admin)?;
    }
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, media_type)], site.metrics.encode()).into_response())
}

/// `GET /api/state`: the swarm now.
pub async fn state(State(site): State<Site>, headers: HeaderMap) -> Result<Response, Problem> {
    let grant = site.subscriber(&headers)?;
    if !grant.is_unrestricted() {
        return Err(activity_web::Problem::state_shows_every_type().into());
    }
    Ok(json_text(site.hub.state().await?))
}
