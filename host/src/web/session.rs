//! Sessions: a token traded for a cookie that scripts cannot read. What a cookie says and how long it holds are the rules
//! of `activity-web`; here it is signed, with a key of its own, and is worth nothing once its session was ended. That a request which comes by the cookie was not made by another site's page is seen to by `SameSite=Strict`
//! and by the Origin check (`origin.rs`).

mod ended;

use std::io;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use activity_web::session::{self as rules, Ticket, cookie};
pub use activity_web::session::{CookieScope, NAME as COOKIE};

use super::auth::{Auth, AuthError, Claims, Keys, Scopes, Secret, unix_seconds};
use super::error::Problem;
use super::history::json_text;
use ended::Ended;

fn claims_of(ticket: Ticket) -> Claims {
    Claims {
        subject: ticket.sub,
        scopes: Scopes::from_claim(&ticket.scope),
        types: ticket.types,
        expires: ticket.until,
        jti: ticket.jti,
        session: Some(ticket.sid),
    }
}

/// The key that cookies are signed with, in both its shapes.
struct SessionKey {
    secret: Secret,
    keys: Keys,
}

impl SessionKey {
    fn new(secret: Secret) -> Self {
        Self { keys: Keys::from_secret(secret.clone()), secret }
    }
}

/// All that the server knows of sessions: how to tell its own cookies, and which sessions were ended.
pub(super) struct Sessions {
    key: RwLock<SessionKey>,
    ended: Ended,
}

/// The session key of a token secret: a restart or another node on the same secret knows the same cookies.
fn derived(secret: &Secret) -> Secret {
    secret.derive(rules::KEY_PURPOSE)
}

impl Sessions {
    pub(super) fn new(secret: Option<&Secret>) -> io::Result<Self> {
        // With a JWK set there is no secret to derive from: a restart ends all sessions.
        let secret = secret.map_or_else(Secret::random, |secret| Ok(derived(secret)))?;
        Ok(Self { key: RwLock::new(SessionKey::new(secret)), ended: Ended::default() })
    }

    pub(super) fn rekey(&self, secret: Option<&Secret>) {
        if let Some(secret) = secret {
            *self.key.write().unwrap_or_else(PoisonError::into_inner) = SessionKey::new(derived(secret));
        }
    }

    /// The claims of the session cookie, if there is one.
    pub(super) fn identify(&self, headers: &HeaderMap, now: u64) -> Result<Option<Claims>, AuthError> {
        Ok(self.ticket(headers, now)?.map(claims_of))
    }

    fn ticket(&self, headers: &HeaderMap, now: u64) -> Result<Option<Ticket>, AuthError> {
        let Some(cookie) = cookie(headers) else { return Ok(None) };
        let ticket: Ticket = {
            let key = self.key.read().unwrap_or_else(PoisonError::into_inner);
            // A cookie of another key is one of before a change of keys: to its bearer, a session that has ended.
            key.keys.payload(cookie).map_err(|_| AuthError::SessionEnded)?
        };
        if !ticket.holds(now) || self.has_ended(&ticket.sid) {
            return Err(AuthError::SessionEnded);
        }
        Ok(Some(ticket))
    }

    /// Keep the sign-outs in this file, too.
    pub(super) fn keep_ended_in(&self, path: &Path) -> io::Result<()> {
        self.ended.keep_in(path)
    }

    pub(super) fn has_ended(&self, sid: &str) -> bool {
        self.ended.holds(sid)
    }

    fn end(&self, ticket: &Ticket, now: u64) {
        self.ended.add(ticket.sid.clone(), ticket.last_end(now), now);
    }

    /// `Set-Cookie` for a ticket that holds from now.
    fn issue(&self, ticket: Ticket, now: u64, scope: &CookieScope) -> Option<HeaderValue> {
        let ticket = ticket.renewed(now);
        let signed = self.key.read().unwrap_or_else(PoisonError::into_inner).secret.sign(&ticket).ok()?;
        ticket.set_cookie(&signed, now, scope)
    }
}

/// `POST /api/session`: trades a token of any scope for the cookie. A cookie that still holds may be traded for a fresh
/// one of the same session. Answers 200 with what the session may do and when it ends.
///
/// # Errors
/// 401 without a credential that holds.
pub fn create(auth: &Auth, headers: &HeaderMap, scope: &CookieScope) -> Result<Response, Problem> {
    let claims = auth.identify(headers)?;
    let now = unix_seconds();
    let expires = (!auth.is_open()).then_some(claims.expires);
    let body = rules::signed_in(claims.subject.as_deref(), &claims.scopes.to_claim(), claims.types.as_deref(), expires);
    let mut response = json_text(body);
    if !auth.is_open() {
        let sid = match claims.session {
            Some(sid) => sid,
            None => session_id().map_err(|_| Problem::internal())?,
        };
        let ticket = Ticket {
            sid,
            sub: claims.subject,
            scope: claims.scopes.to_claim(),
            types: claims.types,
            jti: claims.jti,
            exp: 0,
            until: claims.expires,
        };
        let cookie = auth.sessions.issue(ticket, now, scope).ok_or_else(Problem::internal)?;
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `DELETE /api/session`: clears the cookie and ends its session everywhere in this process. Answers 204, and gives the
/// name of the session that was ended, whose sockets are then to be closed with 4001.
///
/// # Errors
/// 401 without any credential.
pub fn destroy(auth: &Auth, headers: &HeaderMap, scope: &CookieScope) -> Result<(Response, Option<String>), Problem> {
    let now = unix_seconds();
    // One that ended by itself is cleared all the same: who signs out must not be told to sign in first.
    let ended = auth.sessions.ticket(headers, now).unwrap_or_default().map(|ticket| {
        auth.sessions.end(&ticket, now);
        ticket.sid
    });
    if cookie(headers).is_none() {
        auth.identify(headers)?;
    }
    let cleared = rules::clear_cookie(scope).ok_or_else(Problem::internal)?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().append(header::SET_COOKIE, cleared);
    Ok((response, ended))
}

/// `Set-Cookie` with a fresh cookie, when the request came by one that has less than half its life left and the token
/// behind it gives more. For every answer to a request that was identified, a handshake's included.
#[must_use]
pub fn renewal(auth: &Auth, headers: &HeaderMap, scope: &CookieScope) -> Option<HeaderValue> {
    if headers.contains_key(header::AUTHORIZATION) {
        return None;
    }
    let now = unix_seconds();
    let ticket = auth.sessions.ticket(headers, now).ok().flatten()?;
    if ticket.wants_renewal(now) { auth.sessions.issue(ticket, now, scope) } else { None }
}

fn session_id() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::string_slice, reason = "tests")]

    use super::*;
    use crate::web::auth::{KeySource, Scope, TokenSpec};

    struct Rig {
        _dir: tempfile::TempDir,
        auth: Auth,
        scope: CookieScope,
    }

    fn rig() -> Rig {
        let dir = tempfile::tempdir().unwrap();
        let auth = Auth::new(KeySource::MadeSecretFile(dir.path().join("secret")), None).unwrap();
        Rig { _dir: dir, auth, scope: CookieScope { base_path: String::new(), secure: false } }
    }

    impl Rig {
        fn token(&self, ttl_seconds: u64) -> HeaderMap {
            let spec = TokenSpec {
                subject: None,
                scopes: Scopes::of(&[Scope::Subscribe]),
                types: Some(vec!["task.*".to_owned()]),
                ttl_seconds,
            };
            let token = self.auth.mint(&spec).unwrap();
            HeaderMap::from_iter([(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap())])
        }

        fn sign_in(&self, ttl: u64) -> (String, HeaderMap) {
            let response = create(&self.auth, &self.token(ttl), &self.scope).unwrap();
            let set = response.headers().get(header::SET_COOKIE).unwrap().to_str().unwrap().to_owned();
            (set.clone(), sent(&set))
        }

        /// A cookie as it would be `life` seconds before its end.
        fn cookie_with(&self, life: u64, until: u64) -> HeaderMap {
            let now = unix_seconds();
            let ticket = Ticket {
                sid: "s".to_owned(),
                sub: None,
                scope: "subscribe".to_owned(),
                types: None,
                jti: None,
                exp: now + life,
                until: now + until,
            };
            let value = self.auth.sessions.key.read().unwrap().secret.sign(&ticket).unwrap();
            sent(&format!("{COOKIE}={value}; Path=/"))
        }
    }

    /// What a browser sends back of a `Set-Cookie`.
    fn sent(set: &str) -> HeaderMap {
        let pair = set.split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, format!("theme=dark; {pair}").parse().unwrap())])
    }

    #[test]
    fn a_token_is_traded_for_a_cookie_with_its_claims() {
        let rig = rig();
        let (set, cookie) = rig.sign_in(3_600);
        for flag in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=900"] {
            assert!(set.contains(flag), "{set}");
        }
        assert!(!set.contains("Secure"));
        let claims = rig.auth.identify(&cookie).unwrap();
        assert!(claims.require(Scope::Subscribe).is_ok() && claims.require(Scope::Publish).is_err());
        assert_eq!(claims.types, Some(vec!["task.*".to_owned()]));
        assert!(claims.session.is_some());
        let scope = CookieScope { base_path: "/feed".to_owned(), secure: true };
        let response = create(&rig.auth, &cookie, &scope).unwrap();
        let set = response.headers().get(header::SET_COOKIE).unwrap().to_str().unwrap();
        assert!(set.ends_with("; Secure") && set.contains("; Path=/feed;"), "{set}");
        assert_eq!(rig.auth.identify(&sent(set)).unwrap().session, claims.session, "the same session goes on");
    }

    #[test]
    fn a_cookie_never_outlives_the_token() {
        let (set, _) = rig().sign_in(100);
        assert!(set.contains("; Max-Age=100;") || set.contains("; Max-Age=99;"), "{set}");
    }

    #[test]
    fn a_cookie_is_renewed_in_its_second_half_only() {
        let rig = rig();
        assert!(renewal(&rig.auth, &rig.cookie_with(500, 10_000), &rig.scope).is_none());
        let set = renewal(&rig.auth, &rig.cookie_with(400, 10_000), &rig.scope).unwrap();
        assert!(set.to_str().unwrap().contains("; Max-Age=900;"));
        assert!(renewal(&rig.auth, &rig.cookie_with(400, 400), &rig.scope).is_none(), "the token gives no more");
        assert!(renewal(&rig.auth, &HeaderMap::new(), &rig.scope).is_none());
    }

    #[test]
    fn an_ended_cookie_is_401() {
        let rig = rig();
        assert_eq!(rig.auth.identify(&rig.cookie_with(0, 100)).unwrap_err().status(), 401);
        assert!(rig.auth.identify(&rig.cookie_with(5, 100)).is_ok());
    }

    #[test]
    fn sign_out_ends_the_session_for_every_copy_of_its_cookie() {
        let rig = rig();
        let (_, cookie) = rig.sign_in(3_600);
        let id = rig.auth.identify(&cookie).unwrap().session;
        let (response, ended) = destroy(&rig.auth, &cookie, &rig.scope).unwrap();
        assert_eq!((response.status(), ended), (StatusCode::NO_CONTENT, id));
        assert!(response.headers().get(header::SET_COOKIE).unwrap().to_str().unwrap().contains("Max-Age=0"));
        assert_eq!(rig.auth.identify(&cookie).unwrap_err().status(), 401);
        assert!(renewal(&rig.auth, &cookie, &rig.scope).is_none());
        assert!(destroy(&rig.auth, &cookie, &rig.scope).unwrap().1.is_none(), "again is no error");
        assert_eq!(destroy(&rig.auth, &HeaderMap::new(), &rig.scope).unwrap_err().status(), 401);
    }

    #[test]
    fn a_cookie_is_no_token_and_a_token_is_no_cookie() {
        let rig = rig();
        let (set, _) = rig.sign_in(3_600);
        let value = set.split(';').next().unwrap().split_once('=').unwrap().1.to_owned();
        assert_eq!(rig.auth.verify(&value), Err(AuthError::Signature));
        let token = rig.token(60).get(header::AUTHORIZATION).unwrap().to_str().unwrap()[7..].to_owned();
        assert_eq!(rig.auth.identify(&sent(&format!("{COOKIE}={token}"))).unwrap_err().status(), 401);
    }
}
