//! What the hub knows of one connected client besides its socket: its name, what its token grants, and its place in the
//! limits, which is given back when the last reference goes.

use std::any::Any;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a token lets a subscriber see, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Type patterns; none is everything.
    pub types: Option<Vec<String>>,
    /// Seconds since the Unix epoch.
    pub expires: u64,
    /// The session whose end closes the connection.
    pub session: Option<String>,
    /// The token's name, whose revocation closes the connection.
    pub token_id: Option<String>,
}

impl Grant {
    /// Whether every event may be seen.
    #[must_use]
    pub fn is_unrestricted(&self) -> bool {
        self.types.as_ref().is_none_or(|types| types.iter().any(|pattern| pattern == "*"))
    }

    /// Whether each of these patterns is allowed as it stands.
    #[must_use]
    pub fn covers(&self, patterns: &[String]) -> bool {
        self.types.as_ref().is_none_or(|types| patterns.iter().all(|pattern| types.contains(pattern)))
    }
}

/// What changes while the client is connected.
#[derive(Debug)]
struct Standing {
    grant: Grant,
    /// The names of its subscriptions.
    labels: Vec<Option<String>>,
    /// It has sent a subscribe.
    started: bool,
}

/// One connected client.
pub struct Client {
    /// A random name, told in `hello`.
    pub name: String,
    /// It speaks HTMX: what it sends is ignored, and it is closed with 1012 or 1013.
    pub html: bool,
    /// It is sent back what it sends, and nothing else (tests of the framing).
    pub echo: bool,
    /// Its handshake agreed on compression (`websocket::deflate`).
    pub deflate: bool,
    standing: Mutex<Standing>,
    /// The grant's `expires`, readable by the shard's sweep without a lock.
    expires: AtomicU64,
    next_subscription: AtomicU32,
    /// Held for its drop: the connection's place in the limits.
    _guard: Box<dyn Any + Send + Sync>,
}

impl Client {
    /// A client that has just connected. `guard` is dropped when it is gone.
    #[must_use]
    pub fn new(name: String, html: bool, grant: Grant, guard: Box<dyn Any + Send + Sync>) -> Self {
        let expires = AtomicU64::new(grant.expires);
        let standing = Mutex::new(Standing { grant, labels: Vec::new(), started: false });
        Self {
            name,
            html,
            echo: false,
            deflate: false,
            standing,
            expires,
            next_subscription: AtomicU32::new(0),
            _guard: guard,
        }
    }

    /// A client that is sent back what it sends; it has nothing to subscribe to.
    #[must_use]
    pub fn echo(name: String, grant: Grant, guard: Box<dyn Any + Send + Sync>) -> Self {
        let client = Self { echo: true, ..Self::new(name, false, grant, guard) };
        client.start();
        client
    }

    /// The same client, whose handshake agreed on compression or did not.
    #[must_use]
    pub fn compressed(self, deflate: bool) -> Self {
        Self { deflate, ..self }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it may see now.
    #[must_use]
    pub fn grant(&self) -> Grant {
        self.standing().grant.clone()
    }

    /// From now on this.
    pub fn set_grant(&self, grant: Grant) {
        self.expires.store(grant.expires, Ordering::Relaxed);
        self.standing().grant = grant;
    }

    /// When its token runs out, in seconds since the Unix epoch.
    #[must_use]
    pub fn expires(&self) -> u64 {
        self.expires.load(Ordering::Relaxed)
    }

    /// Whether it belongs to this session.
    #[must_use]
    pub fn is_of_session(&self, session: &str) -> bool {
        self.standing().grant.session.as_deref() == Some(session)
    }

    /// Note that it has sent a subscribe. Returns whether it had before.
    pub fn start(&self) -> bool {
        std::mem::replace(&mut self.standing().started, true)
    }

    /// Whether it has sent a subscribe.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.standing().started
    }

    /// Note a subscription of this name, in place of one with the same. None: it has `most` others already.
    pub fn admit(&self, label: Option<&str>, most: usize) -> Option<u32> {
        let mut standing = self.standing();
        if !standing.labels.iter().any(|known| known.as_deref() == label) {
            if standing.labels.len() >= most {
                return None;
            }
            standing.labels.push(label.map(str::to_owned));
        }
        Some(self.next_subscription.fetch_add(1, Ordering::Relaxed))
    }

    /// Note that the subscription of this name is gone.
    pub fn dismiss(&self, label: Option<&str>) {
        self.standing().labels.retain(|known| known.as_deref() != label);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        let grant = Grant { types: None, expires: 0, session: Some("s".to_owned()), token_id: None };
        Client::new("c".to_owned(), false, grant, Box::new(()))
    }

    #[test]
    fn a_name_in_use_is_replaced_and_does_not_count_twice() {
        let client = client();
        for label in [None, Some("a"), Some("b"), Some("c")] {
            assert!(client.admit(label, 4).is_some());
        }
        assert!(client.admit(Some("d"), 4).is_none());
        assert!(client.admit(Some("a"), 4).is_some());
        client.dismiss(None);
        assert!(client.admit(Some("d"), 4).is_some());
    }

    #[test]
    fn a_restricted_grant_is_told_from_one_that_allows_all() {
        let grant = |types: Option<Vec<String>>| Grant { types, expires: 0, session: None, token_id: None };
        assert!(grant(None).is_unrestricted());
        assert!(grant(Some(vec!["task.*".to_owned(), "*".to_owned()])).is_unrestricted());
        assert!(!grant(Some(vec!["task.*".to_owned()])).is_unrestricted());
        assert!(!grant(Some(Vec::new())).is_unrestricted());
    }
}
