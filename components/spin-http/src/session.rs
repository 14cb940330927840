//! Sessions: a token traded for a cookie that scripts cannot read, in the native host's own form, so that either knows
//! the other's. A cookie holds for 15 minutes and never past its token, and is renewed in use. All that is kept of a
//! session is that it was ended: in the store, which is what instances share.

use serde::{Deserialize, Serialize};
use serde_json::json;
use spin_sdk::http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::auth::{self, Claims};
use crate::bindings::activity::store::ended;
use crate::clock::unix_ms;
use crate::config::Config;
use crate::doors;
use crate::grip::wake;
use crate::problem::{Cause, Problem};
use crate::reply::{self, Body};

const COOKIE: &str = "activity_feed_session";
/// Seconds that a cookie holds.
const LIFE_SECONDS: u64 = 15 * 60;

/// What a cookie says, signed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Ticket {
    sid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    /// The end of this cookie, Unix seconds.
    exp: u64,
    /// The end of the token behind it, Unix seconds.
    until: u64,
}

fn now() -> u64 {
    unix_ms() / 1_000
}

/// The session cookie's value. Of several, the first: browsers send that of the longest path first.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all("cookie")
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(name, value)| (name.trim() == COOKIE).then_some(value.trim()))
}

fn ticket(config: &Config, headers: &HeaderMap) -> Result<Option<Ticket>, Problem> {
    let Some(cookie) = cookie(headers) else { return Ok(None) };
    let ticket = config.keys.open_cookie::<Ticket>(cookie).filter(|t| t.exp > now() && t.until > now());
    match ticket {
        Some(ticket) if !has_ended(&ticket.sid)? => Ok(Some(ticket)),
        _ => Err(Problem::unauthenticated("the session has ended; sign in again")),
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
fn is_secure(host: Option<&str>) -> bool {
    host.and_then(doors::split_host).is_none_or(|(name, _)| !doors::is_loopback_name(&name))
}

fn set_cookie(value: &str, max_age: u64, host: Option<&str>) -> Option<HeaderValue> {
    let secure = if is_secure(host) { "; Secure" } else { "" };
    let text = format!("{COOKIE}={value}; Max-Age={max_age}; Path=/; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).ok()
}

fn issue(config: &Config, mut ticket: Ticket, host: Option<&str>) -> Option<HeaderValue> {
    ticket.exp = ticket.until.min(now().saturating_add(LIFE_SECONDS));
    let value = config.keys.seal_cookie(&ticket)?;
    set_cookie(&value, ticket.exp.saturating_sub(now()), host)
}

/// `POST /api/session`: trades a token of any scope for the cookie.
///
/// # Errors
/// 401 without a credential that holds.
pub(crate) fn create(config: &Config, headers: &HeaderMap, host: Option<&str>) -> Result<Response<Body>, Problem> {
    let claims = auth::identify(config, headers)?;
    let body = json!({
        "subject": claims.subject,
        "scope": claims.own_scopes(),
        "types": claims.types,
        "expires": claims.expires,
    });
    let ticket = Ticket {
        sid: claims.session.clone().unwrap_or_else(crate::publish::random_name),
        scope: claims.own_scopes(),
        sub: claims.subject,
        types: claims.types,
        jti: claims.jti,
        exp: 0,
        until: claims.expires,
    };
    let cookie = issue(config, ticket, host);
    let cookie = cookie.ok_or_else(|| Problem::new(Cause::Internal, "the cookie could not be made"))?;
    let mut response = reply::json(body.to_string());
    response.headers_mut().insert("cache-control", HeaderValue::from_static("no-store"));
    response.headers_mut().append("set-cookie", cookie);
    Ok(response)
}

/// `DELETE /api/session`: clears the cookie and ends its session, its streams within a second.
///
/// # Errors
/// 401 without any credential, 503 where the end cannot be kept.
pub(crate) fn destroy(config: &Config, headers: &HeaderMap, host: Option<&str>) -> Result<Response<Body>, Problem> {
    // A session that ended by itself is cleared all the same: who signs out must not be told to sign in first.
    if cookie(headers).is_none() {
        auth::identify(config, headers)?;
    }
    if let Ok(Some(ticket)) = ticket(config, headers) {
        ended::end(&ticket.sid, ticket.until.saturating_mul(1_000)).map_err(away)?;
        wake::session_ended(config, &ticket.sid);
    }
    let mut response = reply::full(StatusCode::NO_CONTENT, "", "");
    if let Some(cleared) = set_cookie("", 0, host) {
        response.headers_mut().append("set-cookie", cleared);
    }
    Ok(response)
}

/// A fresh cookie, when the request came by one that has less than half its life left and its token gives more.
pub(crate) fn renewal(config: &Config, headers: &HeaderMap, host: Option<&str>) -> Option<HeaderValue> {
    if headers.contains_key("authorization") {
        return None;
    }
    let ticket = ticket(config, headers).ok().flatten()?;
    let is_young = ticket.exp.saturating_sub(now()) >= LIFE_SECONDS / 2;
    if is_young || ticket.until <= ticket.exp { None } else { issue(config, ticket, host) }
}
