//! What a verified token says of its bearer. Always the outcome of a signature check (or of `--no-auth`); reading
//! tokens is the keys' work, narrowing filters to `types` the broadcaster's.

use std::fmt;

use serde::Deserialize;

use super::AuthError;
use crate::web::error::Problem;

/// Patterns in a token's `types`, at most; the protocol's own bound on a list.
const MAX_TYPES: usize = 64;

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// To append events.
    Publish,
    /// To read them.
    Subscribe,
    /// Everything.
    Admin,
}

impl Scope {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Publish, Self::Subscribe, Self::Admin];

    /// As the `scope` claim writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Admin => "admin",
        }
    }

    /// The scope of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of scopes. Names that are not ours are passed over: a token may carry those of other services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    publish: bool,
    subscribe: bool,
    admin: bool,
}

impl Scopes {
    /// Exactly these.
    #[must_use]
    pub fn of(scopes: &[Scope]) -> Self {
        Self {
            publish: scopes.contains(&Scope::Publish),
            subscribe: scopes.contains(&Scope::Subscribe),
            admin: scopes.contains(&Scope::Admin),
        }
    }

    /// From the `scope` claim, whose names stand between spaces (RFC 8693, section 4.2).
    #[must_use]
    pub fn from_claim(claim: &str) -> Self {
        Self::of(&claim.split(' ').filter_map(Scope::from_name).collect::<Vec<_>>())
    }

    /// Whether they allow `scope`; `admin` allows all.
    #[must_use]
    pub fn allow(self, scope: Scope) -> bool {
        self.admin
            || match scope {
                Scope::Publish => self.publish,
                Scope::Subscribe => self.subscribe,
                Scope::Admin => false,
            }
    }

    /// As the `scope` claim writes them.
    #[must_use]
    pub fn to_claim(self) -> String {
        let held = [(self.publish, Scope::Publish), (self.subscribe, Scope::Subscribe), (self.admin, Scope::Admin)];
        held.into_iter().filter(|(held, _)| *held).map(|(_, scope)| scope.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// Who asks, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whom the token was made for.
    pub subject: Option<String>,
    /// What it may be used for.
    pub scopes: Scopes,
    /// The event types its bearer may see, as patterns. None is everything; an empty list is nothing.
    pub types: Option<Vec<String>>,
    /// The token holds before this second, Unix time. For a session it is the end of the token that was traded, not of
    /// the cookie, which is renewed in use.
    pub expires: u64,
    /// The token's own name.
    pub jti: Option<String>,
    /// The session it came by, when it came by the cookie.
    pub session: Option<String>,
}

impl Claims {
    /// Everything, for ever: who asks under `--no-auth`.
    #[must_use]
    pub fn anyone() -> Self {
        Self {
            subject: None,
            scopes: Scopes::of(&[Scope::Admin]),
            types: None,
            expires: u64::MAX,
            jti: None,
            session: None,
        }
    }

    /// Refuses who lacks the scope.
    ///
    /// # Errors
    /// 403, naming the scope.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.allow(scope) {
            Ok(())
        } else {
            Err(Problem::forbidden(format!("this needs a token with the scope {scope}")))
        }
    }
}

/// The claims as they stand in a token's payload.
#[derive(Deserialize)]
pub(super) struct Payload {
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    types: Option<Vec<String>>,
    // RFC 7519: a NumericDate may have a fraction.
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    jti: Option<String>,
}

impl Payload {
    /// The claims, if they hold at `now` (Unix seconds). There is no leeway.
    pub(super) fn into_claims(self, now: u64) -> Result<Claims, AuthError> {
        let expires = whole_seconds(self.exp).ok_or(AuthError::Malformed)?;
        if expires <= now {
            return Err(AuthError::Expired);
        }
        if let Some(nbf) = self.nbf
            && (nbf.is_nan() || whole_seconds(nbf.ceil().max(0.0)).is_none_or(|from| from > now))
        {
            return Err(AuthError::NotYet);
        }
        if self.types.as_ref().is_some_and(|types| types.len() > MAX_TYPES) {
            return Err(AuthError::TooManyTypes(MAX_TYPES));
        }
        Ok(Claims {
            subject: self.sub,
            scopes: self.scope.as_deref().map(Scopes::from_claim).unwrap_or_default(),
            types: self.types,
            expires,
            jti: self.jti,
            session: None,
        })
    }
}

/// A date's whole seconds; dates past the year 285,000,000 are as good as never, negative ones are none.
fn whole_seconds(date: f64) -> Option<u64> {
    const MAX: f64 = 9_007_199_254_740_992.0;
    if date.is_nan() || date < 0.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2^53 was just checked")]
    Some(date.min(MAX) as u64)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    fn claims(payload: serde_json::Value, now: u64) -> Result<Claims, AuthError> {
        serde_json::from_value::<Payload>(payload).map_err(|_| AuthError::Malformed)?.into_claims(now)
    }

    #[test]
    fn admin_allows_all_and_nothing_allows_nothing() {
        assert!(Scope::ALL.iter().all(|s| Scopes::from_claim("admin").allow(*s)));
        assert!(!Scope::ALL.iter().any(|s| Scopes::from_claim("").allow(*s)));
        let scopes = Scopes::from_claim("openid subscribe");
        assert!(scopes.allow(Scope::Subscribe) && !scopes.allow(Scope::Publish) && !scopes.allow(Scope::Admin));
        assert_eq!(Scopes::from_claim("subscribe publish").to_claim(), "publish subscribe");
        assert_eq!(Scopes::from_claim("Subscribe admins"), Scopes::default());
    }

    #[test]
    fn a_token_holds_before_its_expiry_and_not_at_it() {
        assert_eq!(claims(json!({"exp": 100}), 99).unwrap().expires, 100);
        assert_eq!(claims(json!({"exp": 100}), 100), Err(AuthError::Expired));
        assert_eq!(claims(json!({"exp": 100.9}), 100), Err(AuthError::Expired));
        assert_eq!(claims(json!({"exp": -1}), 0), Err(AuthError::Malformed));
        assert_eq!(claims(json!({"exp": "100"}), 0), Err(AuthError::Malformed));
        assert_eq!(claims(json!({}), 0), Err(AuthError::Malformed));
        assert!(claims(json!({"exp": 1e300}), 0).unwrap().expires > 1 << 50);
    }

    #[test]
    fn not_before_is_kept() {
        assert_eq!(claims(json!({"exp": 100, "nbf": 51}), 50), Err(AuthError::NotYet));
        assert_eq!(claims(json!({"exp": 100, "nbf": 50.5}), 50), Err(AuthError::NotYet));
        assert!(claims(json!({"exp": 100, "nbf": 50}), 50).is_ok());
    }

    #[test]
    fn types_are_a_list_with_a_bound() {
        assert_eq!(claims(json!({"exp": 9, "types": []}), 0).unwrap().types, Some(vec![]));
        assert_eq!(claims(json!({"exp": 9}), 0).unwrap().types, None);
        assert_eq!(claims(json!({"exp": 9, "types": "task.*"}), 0), Err(AuthError::Malformed));
        let many = vec!["a"; 65];
        assert_eq!(claims(json!({"exp": 9, "types": many}), 0), Err(AuthError::TooManyTypes(64)));
    }
}
