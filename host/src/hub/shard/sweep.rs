//! Deadlines: heartbeats, clients that do not subscribe, do not read, are gone without a word, or whose token ran out.

use bytes::Bytes;

use crate::clock::unix_ms;
use crate::engine::words::MonotonicMs;
use crate::hub::shard::Shard;
use crate::hub::websocket::{self, CloseCode, close};

/// Milliseconds between two pings of a WebSocket.
pub const PING_MS: u64 = 25_000;
/// Milliseconds between two comments of an event stream: 15 s by the contract, and the sweep comes every 250 ms.
const COMMENT_MS: u64 = 14_500;
/// A WebSocket that has said nothing for so long, two pings among it, is gone.
const SILENCE_MS: u64 = 2 * PING_MS + 10_000;
/// How long a client may take to subscribe.
const SUBSCRIBE_MS: u64 = 10_000;
/// How long a client may take to read what is unsent.
const DRAIN_MS: u64 = 10_000;

/// Places of connections that are kept ready.
const SPARE_PLACES: usize = 256;

/// Milliseconds between two heartbeats.
pub const fn beat_ms(socket: bool) -> u64 {
    if socket { PING_MS } else { COMMENT_MS }
}

/// What is due to one connection.
enum Due {
    Remove,
    /// The same, for want of any word from it.
    Lost,
    Close(CloseCode, &'static str),
    Beat,
}

impl Shard {
    /// Look at every connection's deadlines.
    pub(super) fn sweep(&mut self, now: MonotonicMs) {
        let unix_seconds = unix_ms() / 1_000;
        let mut due = Vec::new();
        for (place, connection) in &self.connections {
            let socket = connection.is_socket();
            let lagging = connection.lagging_since.is_some_and(|since| now >= since + DRAIN_MS);
            let what = if let Some(until) = connection.closing {
                (now >= until).then_some(Due::Remove)
            } else if connection.client.expires() <= unix_seconds {
                Some(Due::Close(close::TOKEN_EXPIRED, "the token has expired; refresh it and reconnect"))
            } else if lagging {
                Some(Due::Close(close::TOO_SLOW, "too slow: what was sent has not been read for 10 s"))
            } else if socket && now >= connection.heard + SILENCE_MS {
                Some(Due::Lost)
            } else if socket && now >= connection.opened + SUBSCRIBE_MS && !connection.has_started() {
                Some(Due::Close(close::NO_SUBSCRIBE, "no subscribe within 10 s"))
            } else {
                (now >= connection.beat).then_some(Due::Beat)
            };
            due.extend(what.map(|what| (place, what)));
        }
        self.give_back();
        for (place, what) in due {
            match what {
                Due::Remove => self.remove(place),
                Due::Lost => {
                    self.core.count_closed("silent");
                    self.remove(place);
                }
                Due::Close(code, reason) => self.close(place, code, reason),
                Due::Beat => self.beat(place, now),
            }
        }
    }

    /// The room of clients that have gone is the system's again, once most of them have.
    fn give_back(&mut self) {
        let most = SPARE_PLACES + 4 * self.connections.len();
        if self.roster.capacity() > most {
            self.roster = Vec::new();
        }
        let before = self.connections.capacity();
        if before > most {
            self.connections.shrink_to_fit();
        }
        if self.connections.capacity() < before {
            give_back_to_system();
        }
    }

    fn beat(&mut self, place: usize, now: MonotonicMs) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        let socket = connection.is_socket();
        connection.beat = now + beat_ms(socket);
        let beat = if socket { websocket::ping() } else { Bytes::from_static(b":\n\n") };
        if connection.unsent() == 0 && !connection.send_all(&[beat]) {
            self.remove(place);
        }
    }
}

/// glibc keeps what is freed for later, whatever its size; it is asked to let go of it. Other allocators do so by themselves.
fn give_back_to_system() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes no pointer, touches nothing that is in use, and may be called from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
