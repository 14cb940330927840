//! What clients send: read, put together, counted, and handed on one message at a time.

use std::net::Shutdown;

use bytes::Bytes;

use crate::clock::monotonic_ms;
use crate::hub::protocol;
use crate::hub::shard::connection::{ReadEnd, Transport, UNSENT_LIMIT};
use crate::hub::shard::{CLOSE_WAIT_MS, Shard};
use crate::hub::websocket::decoder::{Decoder, Incoming};
use crate::hub::websocket::{self, CloseCode, close};

/// Bytes read from one socket before the others have their turn.
const READ_TURN: usize = 64 * 1024;
/// What one message or control frame takes of what a client may send a second, counted in fragments.
const MESSAGE_COST: u32 = 20;

impl Shard {
    /// Read what the socket has, unless a message is being handled: then the kernel keeps it.
    pub(super) fn read(&mut self, place: usize, scratch: &mut [u8]) {
        let mut turn = 0;
        loop {
            let Some(connection) = self.connections.get_mut(place) else { return };
            if connection.busy {
                connection.readable = true;
                return;
            }
            if turn >= READ_TURN {
                self.unread.push(place);
                return;
            }
            let (bytes, end) = connection.read(scratch);
            turn += bytes.len();
            match end {
                ReadEnd::Again => self.heard(place, bytes),
                ReadEnd::Blocked => {
                    connection.readable = false;
                    return;
                }
                ReadEnd::Eof => {
                    self.remove(place);
                    return;
                }
            }
        }
    }

    /// Take in what was read.
    pub(super) fn heard(&mut self, place: usize, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        connection.heard = monotonic_ms();
        if !connection.deaf {
            let (deflate, most) = (connection.client.deflate, self.core.messages.bytes);
            connection.decoder.get_or_insert_with(|| Box::new(Decoder::new(deflate, most))).push(bytes);
            self.decode(place);
        }
    }

    /// Handle whole messages, until one must be waited for.
    pub(super) fn decode(&mut self, place: usize) {
        loop {
            let Some(connection) = self.connections.get_mut(place) else { return };
            if connection.busy {
                return;
            }
            let Some(decoder) = &mut connection.decoder else { return };
            match decoder.decode() {
                Ok(Some(incoming)) => self.take_in(place, incoming),
                Ok(None) => {
                    if decoder.is_idle() {
                        connection.decoder = None;
                    }
                    return;
                }
                Err(violation) => {
                    connection.deaf = true;
                    connection.decoder = None;
                    self.close(place, violation.code, violation.reason);
                    self.say_no_more(place);
                    return;
                }
            }
        }
    }

    fn take_in(&mut self, place: usize, incoming: Incoming) {
        let Some(name) = self.name(place) else { return };
        let Some(connection) = self.connections.get_mut(place) else { return };
        if let Incoming::Close(code) = incoming {
            self.closed_by_client(place, code);
            return;
        }
        if connection.closing.is_some() {
            return;
        }
        let cost = if incoming == Incoming::Fragment { 1 } else { MESSAGE_COST };
        let allowed = self.core.messages.a_second;
        if !connection.spend(cost, allowed.saturating_mul(MESSAGE_COST)) {
            self.close(place, close::TOO_MANY_MESSAGES, &format!("at most {allowed} messages a second"));
            return;
        }
        match incoming {
            Incoming::Text(_) | Incoming::Binary(_) if connection.client.html => {}
            Incoming::Text(text) if connection.client.echo => self.answer(place, websocket::text(&text)),
            Incoming::Binary(bytes) if connection.client.echo => self.answer(place, websocket::binary(&bytes)),
            Incoming::Text(text) => {
                connection.busy = true;
                protocol::spawn(&self.core, name, std::sync::Arc::clone(&connection.client), text);
            }
            Incoming::Binary(_) => self.close(place, close::BAD_MESSAGE, "messages are JSON texts, not binary"),
            Incoming::Ping(payload) => self.answer(place, websocket::pong(&payload)),
            Incoming::Pong | Incoming::Fragment | Incoming::Close(_) => {}
        }
    }

    /// Answer what a client sent. One who asks and does not read gets no more answers past the limit of what may be
    /// unsent (they would be queued without end), and the time of any slow reader to catch up.
    pub(super) fn answer(&mut self, place: usize, frame: Bytes) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.closing.is_some() || connection.lagging_since.is_some() {
            return;
        }
        if !connection.send_all(&[frame]) {
            self.remove(place);
        } else if connection.unsent() > UNSENT_LIMIT {
            self.lag(place);
        }
    }

    /// After what broke the framing no answer is understood: the connection ends for the client as soon as it has read why,
    /// and what it still sends is thrown away until it hangs up. Ending it at once would reset it, and the reset would
    /// overtake the close frame.
    fn say_no_more(&mut self, place: usize) {
        if let Some(connection) = self.connections.get_mut(place)
            && connection.unsent() == 0
            && let Transport::Socket(stream) = &connection.transport
        {
            // It fails on a socket that is gone, which the next read finds.
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    /// The client closes: answer in kind, and go.
    fn closed_by_client(&mut self, place: usize, code: Option<CloseCode>) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.closing.is_some() {
            self.remove(place);
            return;
        }
        let answer: Bytes = websocket::closing(code.unwrap_or(close::NORMAL), "");
        let alive = connection.send_all(&[answer]);
        if !alive || connection.unsent() == 0 {
            self.remove(place);
            return;
        }
        connection.deaf = true;
        connection.closing = Some(monotonic_ms() + CLOSE_WAIT_MS);
    }
}
