//! From a request to its answer: the door, the route, and the session that is renewed in use.

use std::rc::Rc;

use futures::stream;
use http_body_util::StreamBody;
use percent_encoding::percent_decode_str;
use spin_sdk::http::{HeaderMap, HeaderValue, Method, Request, Response};

use crate::bindings::activity::store::event_store;
use crate::config::{self, Config};
use crate::doors::{self, Standing};
use crate::problem::{self, Cause, Problem};
use crate::reply::{self, Body};
use crate::{grip, history, pages, painted, publish, session, state, stream as live};

/// Answer a request. Never fails: what goes wrong is an answer, too.
pub(crate) async fn answer(request: Request) -> Response<Body> {
    let is_head = *request.method() == Method::HEAD;
    let mut response = open(request).await.unwrap_or_else(problem::respond);
    if is_head {
        response.headers_mut().remove("content-length");
        *response.body_mut() = StreamBody::new(Box::pin(stream::empty()));
    }
    response
}

/// Let it in, if it may come in.
async fn open(request: Request) -> Result<Response<Body>, Problem> {
    let path = request.uri().path().to_owned();
    let host = host(&request);
    let config = config::get().await;
    // Alive is alive, whatever is missing.
    if path == "/healthz" && matches!(*request.method(), Method::GET | Method::HEAD) {
        if let Ok(config) = config {
            doors::check_host(request.headers(), host.as_deref(), &config.allowed)?;
        }
        return Ok(reply::text("ok\n"));
    }
    let config = config?;
    let headers = request.headers();
    doors::check_host(headers, host.as_deref(), &config.allowed)?;
    let standing = doors::check(request.method(), headers, host.as_deref(), &config.allowed)?;
    let is_preflight = *request.method() == Method::OPTIONS && headers.contains_key("access-control-request-method");
    let renewal = if path == "/api/session" { None } else { session::renewal(&config, headers, host.as_deref()) };
    let mut response = match &standing {
        Standing::Allowed(_) if is_preflight => doors::preflight(),
        _ => route(&config, &path, host.as_deref(), request).await.unwrap_or_else(problem::respond),
    };
    if let Standing::Allowed(origin) = &standing {
        doors::grant(response.headers_mut(), origin);
    }
    if let Some(cookie) = renewal {
        response.headers_mut().append("set-cookie", cookie);
    }
    Ok(response)
}

/// The host that the request is for.
fn host(request: &Request) -> Option<String> {
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    authority.or_else(|| request.headers().get("host")?.to_str().ok().map(str::to_owned))
}

async fn route(
    config: &Rc<Config>,
    path: &str,
    host: Option<&str>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let headers: &HeaderMap = request.headers();
    if matches!(path, "/ws" | "/swarm/live") && *request.method() == Method::POST && grip::is_report(headers) {
        return grip::report(config, request).await;
    }
    match path {
        "/api/events" if *request.method() == Method::POST => publish::publish(config, request).await,
        "/api/events" if reads => history::history(config, headers, &query).await,
        "/api/events/summary" if reads => history::summary(config, headers, &query).await,
        "/api/events/stream" if reads => live::stream(Rc::clone(config), headers, &query).await,
        "/api/state" if reads => state::state(config, headers),
        "/api/session" if *request.method() == Method::POST => session::create(config, request, host).await,
        "/swarm/live" if reads => painted::live(config, headers, &query).await,
        "/swarm/events" if reads => painted::log(config, headers, &query).await,
        "/api/session" if *request.method() == Method::DELETE => session::destroy(config, headers, host),
        // The store can be read; where it cannot, the application's log says why.
        "/readyz" if reads => Ok(event_store::bounds().map(|_| reply::text("ready\n"))?),
        "/ws" if reads => Err(Problem::new(
            Cause::UpgradeRequired,
            "Spin takes no WebSockets by itself; use /api/events/stream, or a GRIP proxy in front (docs/spin.md)",
        )),
        _ => rest(config, path, reads, headers),
    }
}

/// One event, the pages, and what is not there.
fn rest(config: &Config, path: &str, reads: bool, headers: &HeaderMap) -> Result<Response<Body>, Problem> {
    let id = path.strip_prefix("/api/events/").filter(|id| !id.is_empty() && !id.contains('/'));
    let methods = match path {
        "/api/events" => Some("GET,HEAD,POST"),
        "/api/session" => Some("POST,DELETE"),
        "/api/events/summary"
        | "/api/events/stream"
        | "/api/state"
        | "/healthz"
        | "/readyz"
        | "/ws"
        | "/swarm/live"
        | "/swarm/events" => Some("GET,HEAD"),
        _ => (!reads && (id.is_some() || pages::is_there(path))).then_some("GET,HEAD"),
    };
    if let Some(methods) = methods {
        let mut response = problem::respond(Problem::new(Cause::MethodNotAllowed, "this route has no such method"));
        response.headers_mut().insert("allow", HeaderValue::from_static(methods));
        return Ok(response);
    }
    if let Some(id) = id {
        let id = percent_decode_str(id).decode_utf8().map_err(|_| Problem::not_found("no event has such an id"))?;
        return history::event(config, headers, &id);
    }
    pages::file(path, headers).ok_or_else(|| Problem::not_found("there is no such route"))
}
