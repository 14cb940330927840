//! The framing of RFC 6455, without I/O: reads what a client's bytes mean, writes what a server sends.
//!
//! Strict on the way in (a frame that the RFC forbids ends the connection with the RFC's code), bounded (one message
//! holds at most [`MAX_MESSAGE`] bytes, checked before anything is kept). Of extensions there is one, [`deflate`], and
//! only where the handshake agreed on it.

pub mod deflate;

use bytes::{BufMut, Bytes, BytesMut};

/// Bytes of one client message at most, all its fragments together.
pub const MAX_MESSAGE: usize = 64 * 1024;

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

const TOO_BIG: Violation = violation(close::TOO_BIG, "a message holds at most 65536 bytes");

/// The first reserved bit of a frame.
const PACKED: u8 = 0x40;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Vec<u8>),
    /// Wants a pong with the same bytes.
    Ping(Bytes),
    /// The answer to a ping.
    Pong,
    /// One more fragment of a message that goes on.
    Fragment,
    /// The client closes, with its code where it gave one.
    Close(Option<CloseCode>),
}

/// What ends a connection that does not keep to the RFC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The code to close with.
    pub code: CloseCode,
    /// For the close frame.
    pub reason: &'static str,
}

const fn violation(code: CloseCode, reason: &'static str) -> Violation {
    Violation { code, reason }
}

/// Puts frames together again. Holds nothing between messages.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Messages may be packed.
    deflate: bool,
    /// Bytes of a frame that has not come whole.
    partial: Vec<u8>,
    /// The fragments of a message so far.
    message: Option<Message>,
}

/// A message that is still coming.
#[derive(Debug)]
struct Message {
    text: bool,
    packed: bool,
    bytes: Vec<u8>,
    /// So many of the bytes are known to be UTF-8: each is looked at once, however small the fragments are.
    checked: usize,
}

impl Message {
    fn add(&mut self, payload: Vec<u8>) -> Result<(), Violation> {
        if self.bytes.is_empty() {
            self.bytes = payload;
        } else {
            self.bytes.extend_from_slice(&payload);
        }
        if !self.text || self.packed {
            return Ok(());
        }
        match str::from_utf8(self.bytes.get(self.checked..).unwrap_or_default()) {
            Ok(_) => self.checked = self.bytes.len(),
            // A character may be cut in two by the end of a fragment; what cannot become one is not waited for.
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(violation(close::NOT_UTF8, "text that is not UTF-8")),
        }
        Ok(())
    }
}

/// A frame's header, once it has come whole.
struct Header {
    fin: bool,
    /// The first reserved bit: the message is packed (RFC 7692 section 6).
    packed: bool,
    opcode: u8,
    mask: [u8; 4],
    /// Bytes of the header itself.
    size: usize,
    /// Bytes of the payload.
    length: usize,
}

impl Decoder {
    /// For a connection that has agreed on [`deflate`], or has not.
    #[must_use]
    pub fn new(deflate: bool) -> Self {
        Self { deflate, ..Self::default() }
    }

    /// Take in bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
    }

    /// Whether nothing is held: the decoder can be dropped and a fresh one made for the next bytes.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.partial.is_empty() && self.message.is_none()
    }

    /// The next thing that the client sent, or none until more bytes come.
    ///
    /// # Errors
    /// The connection is to be closed with the violation's code; nothing more is to be read from it.
    pub fn decode(&mut self) -> Result<Option<Incoming>, Violation> {
        let held = self.message.as_ref().map_or(0, |message| message.bytes.len());
        let Some(header) = Header::parse(&self.partial, held, self.deflate)? else { return Ok(None) };
        let end = header.size + header.length;
        let Some(masked) = self.partial.get(header.size..end) else { return Ok(None) };
        let payload: Vec<u8> = masked.iter().zip(header.mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        self.partial.drain(..end);
        if self.partial.is_empty() {
            self.partial = Vec::new();
        }
        self.take(&header, payload).map(Some)
    }

    fn take(&mut self, header: &Header, payload: Vec<u8>) -> Result<Incoming, Violation> {
        match header.opcode {
            PING => return Ok(Incoming::Ping(payload.into())),
            PONG => return Ok(Incoming::Pong),
            CLOSE => return read_close(&payload).map(Incoming::Close),
            _ => {}
        }
        let mut message = match (header.opcode, self.message.take()) {
            (CONTINUATION, Some(message)) => message,
            (CONTINUATION, None) => return Err(violation(close::PROTOCOL, "nothing to continue")),
            (_, Some(_)) => return Err(violation(close::PROTOCOL, "the message before is not finished")),
            (opcode, None) => Message { text: opcode == TEXT, packed: header.packed, bytes: Vec::new(), checked: 0 },
        };
        // A whole text is checked once, as it becomes a string.
        if header.fin && message.bytes.is_empty() {
            message.bytes = payload;
        } else {
            message.add(payload)?;
        }
        if !header.fin {
            self.message = Some(message);
            return Ok(Incoming::Fragment);
        }
        if message.packed {
            message.bytes = deflate::unpack(&message.bytes, MAX_MESSAGE).map_err(|broken| match broken {
                deflate::Broken::Data => violation(close::NOT_UTF8, "a compressed message that does not unpack"),
                deflate::Broken::TooBig => TOO_BIG,
            })?;
        }
        if !message.text {
            return Ok(Incoming::Binary(message.bytes));
        }
        String::from_utf8(message.bytes)
            .map(Incoming::Text)
            .map_err(|_| violation(close::NOT_UTF8, "text that is not UTF-8"))
    }
}

impl Header {
    /// `held` are the bytes of the message that this frame may continue, `deflate` whether messages may be packed.
    fn parse(bytes: &[u8], held: usize, deflate: bool) -> Result<Option<Self>, Violation> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0F);
        let packed = first & PACKED != 0;
        if first & 0x30 != 0 || packed && !(deflate && matches!(opcode, TEXT | BINARY)) {
            return Err(violation(close::PROTOCOL, "a reserved bit is set that no extension was agreed on for"));
        }
        let control = opcode & 0x8 != 0;
        if !matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG) {
            return Err(violation(close::PROTOCOL, "an opcode that is not defined"));
        }
        if second & 0x80 == 0 {
            return Err(violation(close::PROTOCOL, "a client's frame must be masked"));
        }
        let short = second & 0x7F;
        if control && (!fin || short > 125) {
            return Err(violation(close::PROTOCOL, "a control frame must be whole and at most 125 bytes"));
        }
        let (length, after) = match short {
            126 => match rest {
                [a, b, after @ ..] => (u64::from(u16::from_be_bytes([*a, *b])), after),
                _ => return Ok(None),
            },
            127 => match rest.split_first_chunk::<8>() {
                Some((length, after)) => (u64::from_be_bytes(*length), after),
                None => return Ok(None),
            },
            short => (u64::from(short), rest),
        };
        let held = if control { 0 } else { held };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length.saturating_add(held) > MAX_MESSAGE {
            return Err(TOO_BIG);
        }
        let Some((mask, after)) = after.split_first_chunk::<4>() else { return Ok(None) };
        Ok(Some(Self { fin, packed, opcode, mask: *mask, size: bytes.len() - after.len(), length }))
    }
}

fn read_close(payload: &[u8]) -> Result<Option<CloseCode>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok(None)
        } else {
            Err(violation(close::PROTOCOL, "a close frame with half a code"))
        };
    };
    let code = CloseCode::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(violation(close::PROTOCOL, "a close code that may not be sent"));
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(violation(close::NOT_UTF8, "a close reason that is not UTF-8"));
    }
    Ok(Some(code))
}

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

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [7, 13, 99, 200];
        let mut out = vec![first];
        match payload.len() {
            n @ 0..=125 => out.push(0x80 | u8::try_from(n).unwrap()),
            n @ 126..=0xFFFF => {
                out.push(0x80 | 126);
                out.extend_from_slice(&u16::try_from(n).unwrap().to_be_bytes());
            }
            n => {
                out.push(0x80 | 127);
                out.extend_from_slice(&(n as u64).to_be_bytes());
            }
        }
        out.extend_from_slice(&mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        out
    }

    fn decode(bytes: &[u8]) -> Result<Vec<Incoming>, Violation> {
        let mut decoder = Decoder::default();
        decoder.push(bytes);
        let mut all = Vec::new();
        while let Some(incoming) = decoder.decode()? {
            all.push(incoming);
        }
        Ok(all)
    }

    #[test]
    fn text_comes_whole_however_it_is_cut() {
        let bytes = [masked(0x01, "gr".as_bytes()), masked(0x89, b"hi"), masked(0x80, "üß".as_bytes())].concat();
        for cut in 1..bytes.len() {
            let mut decoder = Decoder::default();
            let mut all = Vec::new();
            for part in bytes.chunks(cut) {
                decoder.push(part);
                while let Some(incoming) = decoder.decode().unwrap() {
                    all.push(incoming);
                }
            }
            assert_eq!(
                all,
                [Incoming::Fragment, Incoming::Ping(Bytes::from_static(b"hi")), Incoming::Text("grüß".to_owned())]
            );
            assert!(decoder.is_idle());
        }
    }

    #[test]
    fn what_the_rfc_forbids_has_its_code() {
        let code = |bytes: &[u8]| decode(bytes).unwrap_err().code;
        assert_eq!(code(&[0x81, 0x00]), close::PROTOCOL, "unmasked");
        assert_eq!(code(&masked(0xC1, b"x")), close::PROTOCOL, "reserved bit");
        assert_eq!(code(&masked(0x83, b"x")), close::PROTOCOL, "undefined opcode");
        assert_eq!(code(&masked(0x09, b"x")), close::PROTOCOL, "fragmented control frame");
        assert_eq!(code(&masked(0x89, &[0; 126])), close::PROTOCOL, "long control frame");
        assert_eq!(code(&masked(0x80, b"x")), close::PROTOCOL, "nothing to continue");
        assert_eq!(code(&[masked(0x01, b"x"), masked(0x81, b"y")].concat()), close::PROTOCOL, "interleaved");
        assert_eq!(code(&masked(0x88, &[3])), close::PROTOCOL, "half a close code");
        for bad in [0u16, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            assert_eq!(code(&masked(0x88, &bad.to_be_bytes())), close::PROTOCOL, "close code {bad}");
        }
        assert_eq!(code(&masked(0x88, &[0x03, 0xE8, 0xFF])), close::NOT_UTF8, "close reason");
        assert_eq!(code(&masked(0x81, &[0xC0, 0x80])), close::NOT_UTF8, "text");
    }

    #[test]
    fn a_message_over_the_limit_is_refused_before_it_is_read() {
        assert_eq!(decode(&masked(0x81, &vec![b'a'; MAX_MESSAGE])).unwrap().len(), 1);
        let header = masked(0x81, &vec![b'a'; MAX_MESSAGE + 1]);
        assert_eq!(decode(header.get(..14).unwrap()).unwrap_err().code, close::TOO_BIG);
        let fragments = [masked(0x01, &vec![b'a'; MAX_MESSAGE]), masked(0x80, b"b")].concat();
        assert_eq!(decode(&fragments).unwrap_err().code, close::TOO_BIG);
        let huge = [0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        assert_eq!(decode(&huge).unwrap_err().code, close::TOO_BIG);
    }

    #[test]
    fn frames_are_written_with_the_shortest_length() {
        assert_eq!(text("hi").as_ref(), [0x81, 2, b'h', b'i']);
        assert_eq!(text(&"a".repeat(126)).get(..4).unwrap(), [0x81, 126, 0, 126]);
        assert_eq!(text(&"a".repeat(0x1_0000)).get(..10).unwrap(), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(closing(4201, "bye").as_ref(), [0x88, 5, 0x10, 0x69, b'b', b'y', b'e']);
    }
}
