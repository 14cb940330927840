//! Who asks: HS256 tokens (RFC 7519) and the session cookie, as the native host knows them. A request is identified by
//! exactly one credential that holds now, or refused. Key sets (`--jwks-file`) are the native host's alone.

use serde::Deserialize;
use spin_sdk::http::HeaderMap;

use crate::clock::unix_ms;
use crate::config::Config;
use crate::jws::{MALFORMED, whole_seconds};
use crate::problem::Problem;
use crate::session;

/// The subprotocol of our WebSockets, and the prefix of the one that carries a token beside it.
const SUBPROTOCOL: &str = "activity-feed.v1";
const BEARER_SUBPROTOCOL: &str = "bearer.";
/// Patterns in a token's `types`, at most.
const MAX_TYPES: usize = 64;

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Publish,
    Subscribe,
}

/// Who asks, and what for.
#[derive(Clone, Debug)]
pub(crate) struct Claims {
    pub(crate) subject: Option<String>,
    /// As the token writes it; names of other services may stand in it.
    pub(crate) scope: String,
    /// The event types that may be seen, as patterns; none is everything.
    pub(crate) types: Option<Vec<String>>,
    /// The token holds before this second, Unix time.
    pub(crate) expires: u64,
    pub(crate) jti: Option<String>,
    /// The session, when it came by the cookie.
    pub(crate) session: Option<String>,
}

impl Claims {
    /// Refuses who lacks the scope.
    pub(crate) fn require(&self, scope: Scope) -> Result<(), Problem> {
        let name = match scope {
            Scope::Publish => "publish",
            Scope::Subscribe => "subscribe",
        };
        if self.scope.split(' ').any(|held| held == name || held == "admin") {
            Ok(())
        } else {
            Err(Problem::forbidden(format!("this needs a token with the scope {name}")))
        }
    }

    /// Only the scopes that are ours, for the answer to a sign-in.
    pub(crate) fn own_scopes(&self) -> String {
        let held = |name: &&str| self.scope.split(' ').any(|held| held == *name);
        ["publish", "subscribe", "admin"].into_iter().filter(held).collect::<Vec<_>>().join(" ")
    }
}

#[derive(Deserialize)]
struct Payload {
    sub: Option<String>,
    scope: Option<String>,
    types: Option<Vec<String>>,
    // RFC 7519: a NumericDate may have a fraction.
    exp: f64,
    nbf: Option<f64>,
    jti: Option<String>,
}

/// Who sends this request: by `Authorization: Bearer`, else by the session cookie. A header that does not hold is not
/// made up for by a cookie.
///
/// # Errors
/// 401, with the reason.
pub(crate) fn identify(config: &Config, headers: &HeaderMap) -> Result<Claims, Problem> {
    let mut values = headers.get_all("authorization").into_iter();
    let Some(value) = values.next() else { return session::identify(config, headers) };
    let scheme = || Problem::unauthenticated("the Authorization header must be `Bearer TOKEN`, once");
    if values.next().is_some() {
        return Err(scheme());
    }
    let (word, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(scheme)?;
    if !word.eq_ignore_ascii_case("bearer") {
        return Err(scheme());
    }
    verify(config, token.trim()).map_err(Problem::unauthenticated)
}

/// Who sends this request, if they may read the feed.
///
/// # Errors
/// 401 or 403, with the reason.
pub(crate) fn subscriber(config: &Config, headers: &HeaderMap) -> Result<Claims, Problem> {
    let claims = identify(config, headers)?;
    claims.require(Scope::Subscribe)?;
    Ok(claims)
}

/// Who opens a WebSocket: as [`identify`], or by the subprotocol pair `activity-feed.v1, bearer.<token>`. Also the
/// subprotocol to answer with.
///
/// # Errors
/// 401, with the reason.
pub(crate) fn identify_socket(config: &Config, headers: &HeaderMap) -> Result<(Claims, Option<&'static str>), Problem> {
    let values = headers.get_all("sec-websocket-protocol").into_iter();
    let offered: Vec<&str> =
        values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',').map(str::trim)).collect();
    let protocol = offered.contains(&SUBPROTOCOL).then_some(SUBPROTOCOL);
    let claims = match offered.iter().find_map(|name| name.strip_prefix(BEARER_SUBPROTOCOL)) {
        Some(token) if !headers.contains_key("authorization") => {
            verify(config, token).map_err(Problem::unauthenticated)?
        }
        _ => identify(config, headers)?,
    };
    Ok((claims, protocol))
}

/// What a token says, if it holds now.
pub(crate) fn verify(config: &Config, token: &str) -> Result<Claims, &'static str> {
    let payload: Payload = config.keys.open_token(token)?;
    let now = unix_ms() / 1_000;
    let expires = whole_seconds(payload.exp).ok_or(MALFORMED)?;
    if expires <= now {
        return Err("the token has expired; get a new one");
    }
    if payload.nbf.is_some_and(|nbf| whole_seconds(nbf.ceil().max(0.0)).is_none_or(|from| from > now)) {
        return Err("the token does not hold yet (`nbf`)");
    }
    if payload.types.as_ref().is_some_and(|types| types.len() > MAX_TYPES) {
        return Err("the token's `types` may hold at most 64 patterns");
    }
    let Payload { sub, scope, types, jti, .. } = payload;
    Ok(Claims { subject: sub, scope: scope.unwrap_or_default(), types, expires, jti, session: None })
}
