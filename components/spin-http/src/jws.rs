//! Compact JWS (RFC 7515) by HS256 alone, and the application's keys, which are derived from its one secret. What is
//! signed with one of them holds for no other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::clock::unix_ms;

/// Bytes of a token at most; it comes in one header.
const MAX_TOKEN_BYTES: usize = 8_192;
/// Bytes of what a proxy keeps of a socket.
const MAX_STATE_BYTES: usize = 16_384;
pub(crate) const MALFORMED: &str = "the token is not a JWT with an `exp`, or its claims are of the wrong kind";

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

    /// What a token says, if it is signed with the secret.
    pub(crate) fn open_token<P: DeserializeOwned>(&self, token: &str) -> Result<P, &'static str> {
        payload(&self.token, token, MAX_TOKEN_BYTES)
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

/// A date's whole seconds; negative ones and what is no number are none.
pub(crate) fn whole_seconds(date: f64) -> Option<u64> {
    const MAX: f64 = 9_007_199_254_740_992.0;
    if date.is_nan() || date < 0.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2^53 was just checked")]
    Some(date.min(MAX) as u64)
}

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
