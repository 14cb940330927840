//! Who asks: tokens (JWTs), the session cookie, and what they allow. A request is either identified by exactly one
//! credential that holds now, or refused; no credential is ever read from a query string or written to a log. What an
//! identified client may then see of the log is the broadcaster's rule (`types`), not this module's.

pub mod claims;
pub mod keys;
mod revoked;
pub mod secret;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::{HeaderMap, header};
use jsonwebtoken::errors::ErrorKind;

pub use claims::{Claims, Scope, Scopes};
pub use keys::Keys;
use revoked::Revoked;
pub use secret::{KeyError, Secret, TokenSpec};

use super::error::Problem;
use super::session::Sessions;

/// The WebSocket subprotocol of the feed.
pub const SUBPROTOCOL: &str = "activity-feed.v1";
/// What a token has before it as a subprotocol.
const BEARER_SUBPROTOCOL: &str = "bearer.";

/// Why a credential does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is none.
    #[error("no token: send `Authorization: Bearer TOKEN`, or sign in")]
    Missing,
    /// Not one `Authorization: Bearer TOKEN`.
    #[error("the Authorization header must be `Bearer TOKEN`, once")]
    Scheme,
    /// Not a token.
    #[error("the token is not a JWT with an `exp`, or its claims are of the wrong kind")]
    Malformed,
    /// Too long to be looked at.
    #[error("the token is longer than {0} bytes")]
    TooLong(usize),
    /// Signed with a key or an algorithm that is not known here.
    #[error("the token is signed with a key that is not known here")]
    NoKey,
    /// The signature does not hold.
    #[error("the token's signature does not hold")]
    Signature,
    /// It ended.
    #[error("the token has expired; get a new one")]
    Expired,
    /// It does not hold yet.
    #[error("the token does not hold yet (`nbf`)")]
    NotYet,
    /// Too many patterns in `types`.
    #[error("the token's `types` may hold at most {0} patterns")]
    TooManyTypes(usize),
    /// It is on the list of revoked tokens.
    #[error("the token was revoked; get a new one")]
    Revoked,
    /// The session was ended.
    #[error("the session has ended; sign in again")]
    SessionEnded,
}

impl AuthError {
    fn from_library(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidSignature => Self::Signature,
            ErrorKind::InvalidAlgorithm => Self::NoKey,
            _ => Self::Malformed,
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        Self::unauthenticated(error.to_string())
    }
}

/// Where the keys are read from, at start and on reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file with an HS256 secret.
    SecretFile(PathBuf),
    /// A file with an HS256 secret, which is made when it is not there (loopback only).
    MadeSecretFile(PathBuf),
    /// A file with a JWK set.
    JwksFile(PathBuf),
    /// No keys: everybody is admin (`--no-auth`, loopback only).
    NoAuth,
}

impl KeySource {
    fn read(&self) -> Result<Keys, KeyError> {
        match self {
            Self::SecretFile(path) => Secret::read(path).map(Keys::from_secret),
            Self::MadeSecretFile(path) => Secret::read_or_make(path).map(Keys::from_secret),
            Self::JwksFile(path) => Keys::read_set(path),
            Self::NoAuth => Ok(Keys::none()),
        }
    }
}

/// The claims of a WebSocket handshake, and the subprotocol to answer with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketIdentity {
    /// Who asks.
    pub claims: Claims,
    /// For `Sec-WebSocket-Protocol`, when the client offered ours.
    pub protocol: Option<&'static str>,
}

/// The keys that hold now and the sessions made with them. Shared by all requests; keys are swapped whole.
pub struct Auth {
    source: KeySource,
    keys: RwLock<Arc<Keys>>,
    revoked_file: Option<PathBuf>,
    revoked: RwLock<Arc<Revoked>>,
    pub(super) sessions: Sessions,
}

impl Auth {
    /// Reads the keys, and the list of revoked tokens if there is one.
    ///
    /// # Errors
    /// A file is of no use; the error says why and what to do.
    pub fn new(source: KeySource, revoked_file: Option<PathBuf>) -> Result<Self, KeyError> {
        let keys = source.read()?;
        let revoked = Revoked::read_if_any(revoked_file.as_ref())?;
        let sessions = Sessions::new(keys.secret.as_ref())
            .map_err(|source| KeyError::Make { path: PathBuf::from("(session key)"), source })?;
        let (keys, revoked) = (RwLock::new(Arc::new(keys)), RwLock::new(Arc::new(revoked)));
        Ok(Self { source, keys, revoked_file, revoked, sessions })
    }

    /// Keeps sign-outs in this file from now on, and takes up those that an earlier process has left there.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn keep_sign_outs(&self, path: &Path) -> std::io::Result<()> {
        self.sessions.keep_ended_in(path)
    }

    /// Reads the keys again and swaps them. Connections that are open stay; what was signed with keys that are gone
    /// does not hold any more. On an error the old keys go on.
    ///
    /// # Errors
    /// As [`Auth::new`].
    pub fn reload(&self) -> Result<(), KeyError> {
        let keys = Arc::new(self.source.read()?);
        self.sessions.rekey(keys.secret.as_ref());
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Reads the list of revoked tokens again and swaps it, and gives how many there are; none without such a list. On
    /// an error the old list goes on. Connections are for the caller to close ([`Auth::has_ended`]).
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn reload_revoked(&self) -> Result<Option<usize>, KeyError> {
        let Some(path) = &self.revoked_file else { return Ok(None) };
        let revoked = Arc::new(Revoked::read(path)?);
        let count = revoked.len();
        *self.revoked.write().unwrap_or_else(PoisonError::into_inner) = revoked;
        Ok(Some(count))
    }

    fn is_revoked(&self, jti: Option<&str>) -> bool {
        jti.is_some_and(|jti| self.revoked.read().unwrap_or_else(PoisonError::into_inner).holds(jti))
    }

    /// Whether what a connection was opened with has ended before its time: its token was revoked, or its session ended.
    #[must_use]
    pub fn has_ended(&self, token_id: Option<&str>, session: Option<&str>) -> bool {
        self.is_revoked(token_id) || session.is_some_and(|session| self.sessions.has_ended(session))
    }

    /// Whether everybody is admin.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.source == KeySource::NoAuth
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The claims of a token that holds now.
    ///
    /// # Errors
    /// It does not hold; the error says why and may be shown to the client.
    pub fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        if self.is_open() {
            return Ok(Claims::anyone());
        }
        let claims = self.keys().verify(token, unix_seconds())?;
        if self.is_revoked(claims.jti.as_deref()) { Err(AuthError::Revoked) } else { Ok(claims) }
    }

    /// Mints a token; None when the keys are public ones, or none.
    #[must_use]
    pub fn mint(&self, spec: &TokenSpec) -> Option<String> {
        self.keys().secret.as_ref()?.mint(spec, unix_seconds()).ok()
    }

    /// Who sends this request: by `Authorization: Bearer`, else by the session cookie. A header that is there and does
    /// not hold is not made up for by a cookie.
    ///
    /// # Errors
    /// 401, with the reason.
    pub fn identify(&self, headers: &HeaderMap) -> Result<Claims, Problem> {
        if self.is_open() {
            return Ok(Claims::anyone());
        }
        if let Some(token) = bearer(headers)? {
            return Ok(self.verify(token)?);
        }
        let claims = self.sessions.identify(headers, unix_seconds())?.ok_or(AuthError::Missing)?;
        if self.is_revoked(claims.jti.as_deref()) { Err(AuthError::Revoked.into()) } else { Ok(claims) }
    }

    /// Who opens this WebSocket: by `Authorization`, by the subprotocols `activity-feed.v1, bearer.<token>`, else by the
    /// session cookie. The token is never answered with, and never taken from the query string.
    ///
    /// # Errors
    /// 401, with the reason.
    pub fn identify_socket(&self, headers: &HeaderMap) -> Result<SocketIdentity, Problem> {
        let offered = || {
            let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter();
            values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',').map(str::trim))
        };
        let protocol = offered().any(|name| name == SUBPROTOCOL).then_some(SUBPROTOCOL);
        let token = offered().find_map(|name| name.strip_prefix(BEARER_SUBPROTOCOL));
        let claims = match token {
            Some(token) if !headers.contains_key(header::AUTHORIZATION) => self.verify(token)?,
            _ => self.identify(headers)?,
        };
        Ok(SocketIdentity { claims, protocol })
    }
}

/// The token of the `Authorization` header, if there is that header.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).into_iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(AuthError::Scheme);
    }
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(AuthError::Scheme)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(token.trim())) } else { Err(AuthError::Scheme) }
}

pub(super) fn unix_seconds() -> u64 {
    crate::clock::unix_ms() / 1_000
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn spec(scopes: &[Scope]) -> TokenSpec {
        TokenSpec { subject: Some("me".to_owned()), scopes: Scopes::of(scopes), types: None, ttl_seconds: 60 }
    }

    fn auth() -> (tempfile::TempDir, Auth) {
        let dir = tempfile::tempdir().unwrap();
        let auth = Auth::new(KeySource::MadeSecretFile(dir.path().join("secret")), None).unwrap();
        (dir, auth)
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_minted_token_identifies_its_bearer() {
        let (_dir, auth) = auth();
        let token = auth.mint(&spec(&[Scope::Publish])).unwrap();
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let claims = auth.identify(&headers(&[("authorization", &format!("{scheme} {token}"))])).unwrap();
            assert_eq!(claims.subject.as_deref(), Some("me"));
            assert!(claims.require(Scope::Publish).is_ok());
            assert_eq!(claims.require(Scope::Subscribe).unwrap_err().status(), 403);
        }
    }

    #[test]
    fn what_is_no_single_bearer_token_is_401() {
        let (_dir, auth) = auth();
        let token = auth.mint(&spec(&[Scope::Admin])).unwrap();
        let good = format!("Bearer {token}");
        for pairs in [
            vec![],
            vec![("authorization", "Basic dTpw")],
            vec![("authorization", "Bearer")],
            vec![("authorization", "Bearer ")],
            vec![("authorization", token.as_str())],
            vec![("authorization", good.as_str()), ("authorization", good.as_str())],
        ] {
            assert_eq!(auth.identify(&headers(&pairs)).unwrap_err().status(), 401, "{pairs:?}");
        }
    }

    #[test]
    fn a_socket_takes_the_token_as_a_subprotocol_and_never_gives_it_back() {
        let (_dir, auth) = auth();
        let token = auth.mint(&spec(&[Scope::Subscribe])).unwrap();
        let pair = format!("activity-feed.v1, bearer.{token}");
        let identity = auth.identify_socket(&headers(&[("sec-websocket-protocol", &pair)])).unwrap();
        assert_eq!(identity.protocol, Some("activity-feed.v1"));
        let two = [("sec-websocket-protocol", "activity-feed.v1"), ("authorization", &format!("Bearer {token}"))];
        assert!(auth.identify_socket(&headers(&two)).is_ok());
        let wrong = [("sec-websocket-protocol", "activity-feed.v1, bearer.x")];
        assert_eq!(auth.identify_socket(&headers(&wrong)).unwrap_err().status(), 401);
        assert_eq!(auth.identify_socket(&headers(&[])).unwrap_err().status(), 401);
    }

    #[test]
    fn keys_are_swapped_whole_and_a_bad_file_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, [b'a'; 32]).unwrap();
        let auth = Auth::new(KeySource::SecretFile(path.clone()), None).unwrap();
        let old = auth.mint(&spec(&[Scope::Admin])).unwrap();
        std::fs::write(&path, "short").unwrap();
        assert!(auth.reload().is_err());
        assert!(auth.verify(&old).is_ok());
        std::fs::write(&path, [b'b'; 32]).unwrap();
        auth.reload().unwrap();
        assert_eq!(auth.verify(&old), Err(AuthError::Signature));
        assert!(auth.verify(&auth.mint(&spec(&[Scope::Admin])).unwrap()).is_ok());
    }

    #[test]
    fn a_revoked_token_does_not_hold_by_header_or_cookie() {
        let dir = tempfile::tempdir().unwrap();
        let list = dir.path().join("revoked");
        std::fs::write(&list, "").unwrap();
        let auth = Auth::new(KeySource::MadeSecretFile(dir.path().join("secret")), Some(list.clone())).unwrap();
        let tokens = [(); 2].map(|()| auth.mint(&spec(&[Scope::Subscribe])).unwrap());
        let jti = auth.verify(&tokens[0]).unwrap().jti.unwrap();
        std::fs::write(&list, format!("{jti}\n")).unwrap();
        assert!(auth.verify(&tokens[0]).is_ok(), "not before the list is read again");
        assert_eq!(auth.reload_revoked().unwrap(), Some(1));
        assert_eq!(auth.verify(&tokens[0]), Err(AuthError::Revoked));
        assert!(auth.verify(&tokens[1]).is_ok());
        assert!(auth.has_ended(Some(&jti), None) && !auth.has_ended(None, Some("s")));
        std::fs::remove_file(&list).unwrap();
        assert!(auth.reload_revoked().is_err());
        assert_eq!(auth.verify(&tokens[0]), Err(AuthError::Revoked), "the old list goes on");
    }

    #[test]
    fn without_auth_everybody_is_admin() {
        let auth = Auth::new(KeySource::NoAuth, None).unwrap();
        assert!(auth.identify(&HeaderMap::new()).unwrap().require(Scope::Admin).is_ok());
        assert!(auth.identify_socket(&HeaderMap::new()).is_ok());
        assert!(auth.mint(&spec(&[Scope::Admin])).is_none());
    }
}
