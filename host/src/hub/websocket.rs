//! The framing of RFC 6455, without I/O: its words, and the frames that a server sends. What a client's bytes mean is
//! [`decoder`]'s; of extensions there is one, [`deflate`], used only where the handshake agreed on it.
//!
//! Always true: a frame is written with the shortest length, unmasked and whole.

pub mod decoder;
pub mod deflate;

use bytes::{BufMut, Bytes, BytesMut};

/// What one client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageLimits {
    /// Bytes of a message, all its fragments together, and once it is unpacked.
    pub bytes: usize,
    /// Messages and control frames a second; of fragments 20 times as many.
    pub a_second: u32,
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self { bytes: 64 * 1024, a_second: 50 }
    }
}

/// Why a connection is closed, as the number on the wire (RFC 6455 section 7.4, and contract section 4 from 4000 on).
pub type CloseCode = u16;

/// The close codes that the server gives.
pub mod close {
    use super::CloseCode;

    /// The client closed without a code of its own.
    pub const NORMAL: CloseCode = 1000;
    /// Broken framing.
    pub const PROTOCOL: CloseCode = 1002;
    /// Text that is not UTF-8.
    pub const NOT_UTF8: CloseCode = 1007;
    /// A message over the limit.
    pub const TOO_BIG: CloseCode = 1009;
    /// For HTMX: reconnect.
    pub const RESTART: CloseCode = 1012;
    /// For HTMX: reconnect later.
    pub const TRY_LATER: CloseCode = 1013;
    /// Not a message of the protocol.
    pub const BAD_MESSAGE: CloseCode = 4000;
    /// The session was ended.
    pub const NOT_AUTHENTICATED: CloseCode = 4001;
    /// A refreshed token allows less than is subscribed to.
    pub const NOT_ALLOWED: CloseCode = 4003;
    /// No subscribe in time.
    pub const NO_SUBSCRIBE: CloseCode = 4008;
    /// Did not read what was sent.
    pub const TOO_SLOW: CloseCode = 4101;
    /// More messages a second than allowed.
    pub const TOO_MANY_MESSAGES: CloseCode = 4103;
    /// The server stops, or cannot go on with this connection.
    pub const GOING_AWAY: CloseCode = 4201;
    /// The token ran out.
    pub const TOKEN_EXPIRED: CloseCode = 4202;
}

/// The first reserved bit of a frame.
const PACKED: u8 = 0x40;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

fn frame(opcode: u8, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(payload.len() + 10);
    out.put_u8(0x80 | opcode);
    if let Ok(length @ 0..=125) = u8::try_from(payload.len()) {
        out.put_u8(length);
    } else if let Ok(length) = u16::try_from(payload.len()) {
        out.put_u8(126);
        out.put_u16(length);
    } else {
        out.put_u8(127);
        out.put_u64(payload.len() as u64);
    }
    out.put_slice(payload);
    out.freeze()
}

/// A text frame.
#[must_use]
pub fn text(payload: &str) -> Bytes {
    frame(TEXT, payload.as_bytes())
}

/// A text frame again, packed; none where that saves nothing. `plain` is as [`text`] made it.
#[must_use]
pub fn packed(plain: &[u8], packer: &mut deflate::Packer) -> Option<Bytes> {
    packer.pack(payload(plain)?).map(|payload| frame(PACKED | TEXT, &payload))
}

/// What stands in a frame as [`text`] made it.
#[must_use]
pub fn payload(plain: &[u8]) -> Option<&[u8]> {
    let header = match plain.get(1)? {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    plain.get(header..)
}

/// A binary frame.
#[must_use]
pub fn binary(payload: &[u8]) -> Bytes {
    frame(BINARY, payload)
}

/// The server's ping; its payload is empty.
#[must_use]
pub fn ping() -> Bytes {
    Bytes::from_static(&[0x80 | PING, 0])
}

/// The answer to a ping: `payload` is the ping's, at most 125 bytes.
#[must_use]
pub fn pong(payload: &[u8]) -> Bytes {
    frame(PONG, payload)
}

/// A close frame. `reason` is cut to what a control frame holds.
#[must_use]
pub fn closing(code: CloseCode, reason: &str) -> Bytes {
    let reason = reason.as_bytes();
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.get(..123).unwrap_or(reason));
    frame(CLOSE, &payload)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn frames_are_written_with_the_shortest_length() {
        assert_eq!(text("hi").as_ref(), [0x81, 2, b'h', b'i']);
        assert_eq!(text(&"a".repeat(126)).get(..4).unwrap(), [0x81, 126, 0, 126]);
        assert_eq!(text(&"a".repeat(0x1_0000)).get(..10).unwrap(), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(closing(4201, "bye").as_ref(), [0x88, 5, 0x10, 0x69, b'b', b'y', b'e']);
    }
}
