//! The end of a connection: the reason is told, its lanes are left, and it goes when the client has answered or has not in
//! time.

use crate::clock::monotonic_ms;
use crate::hub::shard::connection::Transport;
use crate::hub::shard::{CLOSE_WAIT_MS, ConnectionRef, Shard};
use crate::hub::websocket::{self, CloseCode, close};

impl Shard {
    pub(super) fn close_connection(&mut self, named: ConnectionRef, code: CloseCode, reason: &str) {
        if self.connection(named).is_some() {
            self.close(named.key, code, reason);
        }
    }

    /// Say why, and let go of the lanes; the connection itself goes when the client has answered, or has not in time.
    pub(super) fn close(&mut self, place: usize, code: CloseCode, reason: &str) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.closing.is_some() {
            return;
        }
        self.core.count_close(code);
        if !connection.is_socket() {
            self.remove(place);
            return;
        }
        if connection.lagging_since.is_some() {
            connection.forget_queued();
        }
        let code = match (connection.client.html, code) {
            (false, code) => code,
            (true, close::GOING_AWAY | close::TOKEN_EXPIRED) => close::RESTART,
            (true, code @ (close::NORMAL | close::PROTOCOL | close::NOT_UTF8 | close::TOO_BIG)) => code,
            (true, _) => close::TRY_LATER,
        };
        let alive = connection.send_all(&[websocket::closing(code, reason)]);
        connection.closing = Some(monotonic_ms() + CLOSE_WAIT_MS);
        let subscriptions = std::mem::take(&mut connection.subscriptions);
        for subscription in &subscriptions {
            self.leave_lane(place, subscription);
        }
        if !alive {
            self.remove(place);
        }
    }

    pub(super) fn remove(&mut self, place: usize) {
        let Some(mut connection) = self.connections.try_remove(place) else { return };
        for subscription in &connection.subscriptions {
            self.leave_lane(place, subscription);
        }
        self.core.count_connection(connection.is_socket(), -1);
        if let Transport::Socket(stream) = &mut connection.transport {
            // Closing the descriptor takes it off the poll in any case.
            let _ = self.poll.registry().deregister(stream);
        }
    }
}
