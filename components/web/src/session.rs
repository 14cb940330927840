//! What a session's cookie is: a ticket, signed by whoever keeps the keys, which holds for 15 minutes and never past the
//! token that it was traded for, and is renewed in the second half of its life. Both hosts write and read the same one, so
//! that a session goes on from one to the other. Keys, signatures and the list of ended sessions are the hosts'.

use http::HeaderValue;
use http::header::{COOKIE, HeaderMap};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The cookie's name.
pub const NAME: &str = "activity_feed_session";
/// Seconds that a cookie holds.
pub const LIFE_SECONDS: u64 = 15 * 60;
/// What the key of cookies is derived for: neither a token nor a cookie can be taken for the other.
pub const KEY_PURPOSE: &str = "activity-feed session cookie v1";
/// What its bearer is told of a session that ended, by itself or by a sign-out.
pub const ENDED: &str = "the session has ended; sign in again";

/// How the cookie is set.
#[derive(Clone, Debug)]
pub struct CookieScope {
    /// The feed's place on its server, like `/feed`; empty or `/` for the root.
    pub base_path: String,
    /// Whether browsers may send it over TLS only: everywhere but on loopback.
    pub secure: bool,
}

/// What a cookie says, signed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ticket {
    /// The session.
    pub sid: String,
    /// Whose token it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The token's scopes, those of ours.
    pub scope: String,
    /// The token's types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<String>>,
    /// The token's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The end of this cookie, Unix seconds.
    pub exp: u64,
    /// The end of the token behind it, Unix seconds.
    pub until: u64,
}

impl Ticket {
    /// Whether it holds now, Unix seconds, as far as it knows itself: its session may have been ended.
    #[must_use]
    pub fn holds(&self, now: u64) -> bool {
        self.exp > now && self.until > now
    }

    /// The same for a whole life from now, or as long as the token behind it holds.
    #[must_use]
    pub fn renewed(mut self, now: u64) -> Self {
        self.exp = self.until.min(now.saturating_add(LIFE_SECONDS));
        self
    }

    /// Whether it is time to renew it: it has less than half its life left, and the token gives more.
    #[must_use]
    pub fn wants_renewal(&self, now: u64) -> bool {
        self.exp.saturating_sub(now) < LIFE_SECONDS / 2 && self.until > self.exp
    }

    /// When the youngest cookie of this session ends, if nothing renews it any more from now on.
    #[must_use]
    pub fn last_end(&self, now: u64) -> u64 {
        self.until.min(now.saturating_add(LIFE_SECONDS))
    }

    /// `Set-Cookie` with this ticket, as it was signed.
    #[must_use]
    pub fn set_cookie(&self, signed: &str, now: u64, scope: &CookieScope) -> Option<HeaderValue> {
        set_cookie(signed, self.exp.saturating_sub(now), scope)
    }
}

/// `Set-Cookie` that takes the cookie away.
#[must_use]
pub fn clear_cookie(scope: &CookieScope) -> Option<HeaderValue> {
    set_cookie("", 0, scope)
}

fn set_cookie(value: &str, max_age: u64, scope: &CookieScope) -> Option<HeaderValue> {
    let path = if scope.base_path.is_empty() { "/" } else { &scope.base_path };
    let secure = if scope.secure { "; Secure" } else { "" };
    let text = format!("{NAME}={value}; Max-Age={max_age}; Path={path}; HttpOnly; SameSite=Strict{secure}");
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// The session cookie's value. Of several, the first: browsers send that of the longest path first.
#[must_use]
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(name, value)| (name.trim() == NAME).then_some(value.trim()))
}

/// The body of the answer to a sign-in: what the session may do, and when it ends (Unix seconds; none: never).
#[must_use]
pub fn signed_in(subject: Option<&str>, scope: &str, types: Option<&[String]>, expires: Option<u64>) -> String {
    json!({ "subject": subject, "scope": scope, "types": types, "expires": expires }).to_string()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn ticket(exp: u64, until: u64) -> Ticket {
        Ticket { sid: "s".to_owned(), sub: None, scope: "subscribe".to_owned(), types: None, jti: None, exp, until }
    }

    #[test]
    fn a_cookie_never_outlives_the_token() {
        assert_eq!(ticket(0, 10_000).renewed(100).exp, 1_000);
        assert_eq!(ticket(0, 200).renewed(100).exp, 200);
        assert!(ticket(100, 200).holds(99) && !ticket(100, 200).holds(100) && !ticket(300, 200).holds(200));
        assert_eq!((ticket(0, 10_000).last_end(100), ticket(0, 200).last_end(100)), (1_000, 200));
    }

    #[test]
    fn a_cookie_is_renewed_in_its_second_half_only() {
        assert!(!ticket(550, 10_000).wants_renewal(100));
        assert!(ticket(549, 10_000).wants_renewal(100));
        assert!(!ticket(549, 549).wants_renewal(100), "the token gives no more");
    }

    #[test]
    fn a_cookie_is_set_as_it_is_read() {
        let root = CookieScope { base_path: String::new(), secure: false };
        let below = CookieScope { base_path: "/feed".to_owned(), secure: true };
        let ticket = ticket(1_000, 10_000);
        let set = ticket.set_cookie("a.b.c", 100, &root).unwrap();
        assert_eq!(set, "activity_feed_session=a.b.c; Max-Age=900; Path=/; HttpOnly; SameSite=Strict");
        assert!(set.is_sensitive());
        let set = clear_cookie(&below).unwrap();
        assert_eq!(set, "activity_feed_session=; Max-Age=0; Path=/feed; HttpOnly; SameSite=Strict; Secure");
        let mut headers = HeaderMap::new();
        assert_eq!(cookie(&headers), None);
        headers.append(COOKIE, HeaderValue::from_static("theme=dark; activity_feed_session=a.b=c"));
        headers.append(COOKIE, HeaderValue::from_static("activity_feed_session=other"));
        assert_eq!(cookie(&headers), Some("a.b=c"));
    }
}
