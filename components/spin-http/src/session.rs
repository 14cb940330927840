//! Sessions: a token traded for a cookie that scripts cannot read, by the rules of `activity-web` and so in the native
//! host's own form: either knows the other's. All that is kept of a session is that it was ended: in the store, which is
//! what instances share.

use activity_web::form::{self, Form};
use activity_web::session::{self as rules, CookieScope, Ticket, cookie};
use spin_sdk::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};

use crate::auth::{self, Claims};
use crate::bindings::activity::store::ended;
use crate::clock::unix_ms;
use crate::config::Config;
use crate::doors;
use crate::grip::wake;
use crate::problem::{Cause, Problem};
use crate::publish;
use crate::reply::{self, Body};

fn now() -> u64 {
    unix_ms() / 1_000
}

fn ticket(config: &Config, headers: &HeaderMap) -> Result<Option<Ticket>, Problem> {
    let Some(cookie) = cookie(headers) else { return Ok(None) };
    let ticket = config.keys.open_cookie::<Ticket>(cookie).filter(|ticket| ticket.holds(now()));
    match ticket {
        Some(ticket) if !has_ended(&ticket.sid)? => Ok(Some(ticket)),
        _ => Err(Problem::unauthenticated(rules::ENDED)),
    }
}

/// Whether a session was ended, by whichever instance.
///
/// # Errors
/// 503 where that cannot be known.
pub(crate) fn has_ended(session: &str) -> Result<bool, Problem> {
    ended::has_ended(session).map_err(away)
}

fn away(why: String) -> Problem {
    eprintln!("activity-feed: sessions cannot be looked up: {why}");
    Problem::unavailable("the store is away")
}

/// The claims of the session cookie.
///
/// # Errors
/// 401 where there is none that holds.
pub(crate) fn identify(config: &Config, headers: &HeaderMap) -> Result<Claims, Problem> {
    let missing = || Problem::unauthenticated("no token: send `Authorization: Bearer TOKEN`, or sign in");
    let Ticket { sid, sub, scope, types, jti, until, .. } = ticket(config, headers)?.ok_or_else(missing)?;
    Ok(Claims { subject: sub, scope, types, expires: until, jti, session: Some(sid) })
}

/// Whether the application is reached over TLS: everywhere but on loopback.
fn scope(host: Option<&str>) -> CookieScope {
    let secure = host.and_then(doors::split_host).is_none_or(|(name, _)| !doors::is_loopback_name(&name));
    CookieScope { base_path: String::new(), secure }
}

fn issue(config: &Config, ticket: Ticket, host: Option<&str>) -> Option<HeaderValue> {
    let now = now();
    let ticket = ticket.renewed(now);
    ticket.set_cookie(&config.keys.seal_cookie(&ticket)?, now, &scope(host))
}

/// The cookie of whoever signs in, for a new session or for the one that it came by.
fn cookie_for(config: &Config, claims: Claims, host: Option<&str>) -> Result<HeaderValue, Problem> {
    let ticket = Ticket {
        scope: claims.own_scopes(),
        sid: claims.session.unwrap_or_else(publish::random_name),
        sub: claims.subject,
        types: claims.types,
        jti: claims.jti,
        exp: 0,
        until: claims.expires,
    };
    issue(config, ticket, host).ok_or_else(|| Problem::new(Cause::Internal, "the cookie could not be made"))
}

/// `POST /api/session`: trades a token of any scope for the cookie; a page without scripts sends a form.
///
/// # Errors
/// 401 without a credential that holds.
pub(crate) async fn create(config: &Config, request: Request, host: Option<&str>) -> Result<Response<Body>, Problem> {
    if form::is_form(request.headers()) {
        return submit(config, request, host).await;
    }
    let claims = auth::identify(config, request.headers())?;
    let body = rules::signed_in(
        claims.subject.as_deref(),
        &claims.own_scopes(),
        claims.types.as_deref(),
        Some(claims.expires),
    );
    let cookie = cookie_for(config, claims, host)?;
    let mut response = reply::json(body);
    response.headers_mut().append("set-cookie", cookie);
    Ok(response)
}

/// A form of a page of ours: signs in or out, and sends the browser back to the page.
async fn submit(config: &Config, request: Request, host: Option<&str>) -> Result<Response<Body>, Problem> {
    if !doors::is_own_form(request.headers(), host) {
        return Err(form::foreign());
    }
    let headers = request.headers().clone();
    let form = Form::read(&publish::read_body(request, form::MAX_BYTES).await?);
    let (cookie, failed) = if form.end {
        (Some(end(config, &headers, host)?), false)
    } else {
        match auth::verify(config, &form.token) {
            Ok(claims) => (Some(cookie_for(config, claims, host)?), false),
            Err(_) => (None, true),
        }
    };
    let mut response = reply::full(StatusCode::SEE_OTHER, "", "");
    let headers = response.headers_mut();
    if let Ok(to) = HeaderValue::try_from(form.back("", failed)) {
        headers.insert("location", to);
    }
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie {
        headers.append("set-cookie", cookie);
    }
    Ok(response)
}

/// `DELETE /api/session`: clears the cookie and ends its session, its streams within a second.
///
/// # Errors
/// 401 without any credential, 503 where the end cannot be kept.
pub(crate) fn destroy(config: &Config, headers: &HeaderMap, host: Option<&str>) -> Result<Response<Body>, Problem> {
    let cleared = end(config, headers, host)?;
    let mut response = reply::full(StatusCode::NO_CONTENT, "", "");
    response.headers_mut().append("set-cookie", cleared);
    Ok(response)
}

/// Ends the session of a request, and gives what clears its cookie.
fn end(config: &Config, headers: &HeaderMap, host: Option<&str>) -> Result<HeaderValue, Problem> {
    // A session that ended by itself is cleared all the same: who signs out must not be told to sign in first.
    if cookie(headers).is_none() {
        auth::identify(config, headers)?;
    }
    if let Ok(Some(ticket)) = ticket(config, headers) {
        ended::end(&ticket.sid, ticket.until.saturating_mul(1_000)).map_err(away)?;
        wake::session_ended(config, &ticket.sid);
    }
    rules::clear_cookie(&scope(host)).ok_or_else(|| Problem::new(Cause::Internal, "the cookie could not be made"))
}

/// A fresh cookie, when the request came by one that has less than half its life left and its token gives more.
pub(crate) fn renewal(config: &Config, headers: &HeaderMap, host: Option<&str>) -> Option<HeaderValue> {
    if headers.contains_key("authorization") {
        return None;
    }
    let ticket = ticket(config, headers).ok().flatten()?;
    if ticket.wants_renewal(now()) { issue(config, ticket, host) } else { None }
}
