//! What is known of one socket between two requests. The proxy keeps it (`Set-Meta`, `Meta`) and gives it back with the
//! next request, so that no instance has to live and no table has to be written; it makes one request a socket at a time,
//! so nothing else changes it meanwhile.
//!
//! Always true: it is signed, so that nobody who reaches the application past the proxy can make one; and it is no longer
//! than [`MAX_BYTES`], or the subscription that would make it so is refused.

use serde::{Deserialize, Serialize};

use crate::auth::Claims;
use crate::bindings::activity::broadcast::broadcaster::{LaneKey, Seq};
use crate::config::Config;

/// The header that the proxy keeps: `Set-Meta-` before this on the way out, `Meta-` on the way in.
pub(crate) const SET_HEADER: &str = "set-meta-activity-feed";
pub(crate) const HEADER: &str = "meta-activity-feed";
/// A header that every proxy and server on the way takes.
const MAX_BYTES: usize = 12 * 1024;
/// Messages a client may send in one second.
const MESSAGES_A_SECOND: u32 = 50;
/// The window of the rate.
const WINDOW_MS: u64 = 1_000;

/// One socket.
#[derive(Serialize, Deserialize)]
pub(crate) struct Connection {
    /// The log's history that its positions are of.
    pub(crate) epoch: String,
    /// It speaks HTMX: what it sends is ignored.
    pub(crate) html: bool,
    /// The types that its token allows; none is everything.
    pub(crate) types: Option<Vec<String>>,
    /// The token's end, Unix seconds.
    pub(crate) expires: u64,
    /// The session whose end closes it.
    pub(crate) session: Option<String>,
    /// When it was opened, Unix milliseconds.
    pub(crate) opened: u64,
    /// It has sent a subscribe.
    pub(crate) started: bool,
    /// The second of its last message, and how many it has sent in it.
    said: (u64, u32),
    pub(crate) subscriptions: Vec<Position>,
    /// The proxy's channels that it is on.
    pub(crate) channels: Vec<String>,
}

/// One subscription.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) key: LaneKey,
    /// Everything up to here has been sent or reported.
    pub(crate) told: Seq,
    /// Nothing that matches lies between `told` and here.
    pub(crate) seen: Seq,
    /// When it was last sent something, Unix milliseconds.
    pub(crate) told_at: u64,
    /// The replay goes on up to here, outside the rate.
    pub(crate) replay_to: Option<Seq>,
    /// What the rate let wait: events above `seen`.
    pub(crate) held: bool,
    /// Live events of the last second: when, in Unix milliseconds, and how many.
    sent: Vec<(u64, u32)>,
}

impl Position {
    pub(crate) fn new(key: LaneKey, told: Seq, replay_to: Option<Seq>, now: u64) -> Self {
        Self { key, told, seen: told, told_at: now, replay_to, held: false, sent: Vec::new() }
    }

    /// How many live events the rate lets go now.
    pub(crate) fn allowance(&mut self, rate: u32, now: u64) -> u32 {
        // A clock that was set back must not close the window for longer than it is wide.
        self.sent.retain(|(at, _)| now.saturating_sub(*at) < WINDOW_MS && *at <= now);
        rate.saturating_sub(self.sent.iter().map(|(_, count)| count).sum())
    }

    /// So many live events are sent now.
    pub(crate) fn count(&mut self, events: u32, now: u64) {
        if events > 0 {
            self.sent.push((now, events));
        }
    }

    /// When the window has room again; none: it has.
    pub(crate) fn next_room(&self) -> Option<u64> {
        self.sent.first().map(|(at, _)| at + WINDOW_MS)
    }
}

impl Connection {
    pub(crate) fn new(claims: Claims, epoch: &str, html: bool, now: u64) -> Self {
        Self {
            epoch: epoch.to_owned(),
            html,
            types: claims.types,
            expires: claims.expires,
            session: claims.session,
            opened: now,
            started: html,
            said: (0, 0),
            subscriptions: Vec::new(),
            channels: Vec::new(),
        }
    }

    /// From the header of a proxy; none: it is not one that this application has made.
    pub(crate) fn open(config: &Config, header: &str) -> Option<Self> {
        config.keys.open_state(header)
    }

    /// For the header; none: it is too long.
    pub(crate) fn seal(&self, config: &Config) -> Option<String> {
        config.keys.seal_state(self).filter(|sealed| sealed.len() <= MAX_BYTES)
    }

    /// Whether every type may be seen.
    pub(crate) fn is_unrestricted(&self) -> bool {
        self.types.as_ref().is_none_or(|types| types.iter().any(|pattern| pattern == "*"))
    }

    /// Note one message. False: that was one too many.
    pub(crate) fn spend(&mut self, now: u64) -> bool {
        let second = now / 1_000;
        let (last, count) = self.said;
        self.said = (second, if last == second { count.saturating_add(1) } else { 1 });
        self.said.1 <= MESSAGES_A_SECOND
    }
}
