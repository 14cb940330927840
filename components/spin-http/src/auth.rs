//! Who asks: HS256 tokens (RFC 7519) and the session cookie, as the native host knows them. A request is identified by
//! exactly one credential that holds now, or refused. Key sets (`--jwks-file`) are the native host's alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use spin_sdk::http::HeaderMap;

use crate::clock::unix_ms;
use crate::config::Config;
use crate::problem::Problem;
use crate::session;

/// Bytes of a token at most; it comes in one header.
const MAX_TOKEN_BYTES: usize = 8_192;
/// Bytes of what a proxy keeps of a socket.
const MAX_STATE_BYTES: usize = 16_384;
/// The subprotocol of our WebSockets, and the prefix of the one that carries a token beside it.
const SUBPROTOCOL: &str = "activity-feed.v1";
const BEARER_SUBPROTOCOL: &str = "bearer.";
/// Patterns in a token's `types`, at most.
const MAX_TYPES: usize = 64;

/// The key of tokens, and the one of cookies that is derived from it: neither can be taken for the other.
pub(crate) struct Keys {
    token: Vec<u8>,
    session: Vec<u8>,
    /// Signs what a GRIP proxy keeps of a socket.
    state: Vec<u8>,
}

impl Keys {
    pub(crate) fn new(secret: &[u8]) -> Self {
        // As the native host derives it: a session goes on from one host to the other.
        let session = derive(activity_web::session::KEY_PURPOSE, secret);
        Self { token: secret.to_owned(), session, state: derive("activity-feed grip state v1", secret) }
    }

    /// What a proxy gives back of a socket, if it is what was given to it.
    pub(crate) fn open_state<P: DeserializeOwned>(&self, state: &str) -> Option<P> {
        payload(&self.state, state, MAX_STATE_BYTES).ok()
    }

    /// What a proxy is to keep of a socket.
    pub(crate) fn seal_state(&self, state: &impl Serialize) -> Option<String> {
        seal(&self.state, state)
    }

    /// The payload of a session cookie whose signature holds.
    pub(crate) fn open_cookie<P: DeserializeOwned>(&self, cookie: &str) -> Option<P> {
        payload(&self.session, cookie, MAX_TOKEN_BYTES).ok()
    }

    /// A signed cookie.
    pub(crate) fn seal_cookie(&self, payload: &impl Serialize) -> Option<String> {
        seal(&self.session, payload)
    }
}

fn derive(purpose: &str, secret: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(purpose);
    hash.update(b"\0");
    hash.update(secret);
    hash.finalize().to_vec()
}

/// A compact JWS, by HS256.
pub(crate) fn seal(key: &[u8], payload: &impl Serialize) -> Option<String> {
    sign(key, &serde_json::to_vec(payload).ok()?)
}

fn sign(key: &[u8], payload: &[u8]) -> Option<String> {
    let head = URL_SAFE_NO_PAD.encode(br#"{"typ":"JWT","alg":"HS256"}"#);
    let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(payload));
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
}

/// Whether a GRIP proxy with this key has signed this (`Grip-Sig`), and not too long ago.
pub(crate) fn is_signed(key: &[u8], signature: &str) -> bool {
    #[derive(Deserialize)]
    struct Signature {
        exp: f64,
    }
    let now = unix_ms() / 1_000;
    payload::<Signature>(key, signature, MAX_TOKEN_BYTES).is_ok_and(|s| whole_seconds(s.exp).is_some_and(|e| e > now))
}

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
    let payload: Payload = payload(&config.keys.token, token, MAX_TOKEN_BYTES)?;
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

/// A date's whole seconds; negative ones and what is no number are none.
fn whole_seconds(date: f64) -> Option<u64> {
    const MAX: f64 = 9_007_199_254_740_992.0;
    if !(date >= 0.0) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2^53 was just checked")]
    Some(date.min(MAX) as u64)
}

const MALFORMED: &str = "the token is not a JWT with an `exp`, or its claims are of the wrong kind";

/// What a compact JWS (RFC 7515) says, if it is signed with this key by HS256 and by nothing else.
fn payload<P: DeserializeOwned>(key: &[u8], token: &str, max_bytes: usize) -> Result<P, &'static str> {
    serde_json::from_slice(&signed(key, token, max_bytes)?).map_err(|_| MALFORMED)
}

/// The same as bytes; it stands once in the component, whatever is read from them.
fn signed(key: &[u8], token: &str, max_bytes: usize) -> Result<Vec<u8>, &'static str> {
    #[derive(Deserialize)]
    struct Header {
        alg: String,
        // RFC 7515, section 4.1.11: what is critical and not understood makes the token invalid.
        crit: Option<serde_json::Value>,
    }
    if token.len() > max_bytes {
        return Err("the token is too long");
    }
    let (text, signature) = token.rsplit_once('.').ok_or(MALFORMED)?;
    let (head, body) = text.split_once('.').ok_or(MALFORMED)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| MALFORMED);
    let header: Header = serde_json::from_slice(&decode(head)?).map_err(|_| MALFORMED)?;
    if header.crit.is_some() {
        return Err(MALFORMED);
    }
    if header.alg != "HS256" {
        return Err("the token is signed with a key that is not known here");
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| MALFORMED)?;
    mac.update(text.as_bytes());
    // In constant time.
    mac.verify_slice(&decode(signature)?).map_err(|_| "the token's signature does not hold")?;
    decode(body)
}
