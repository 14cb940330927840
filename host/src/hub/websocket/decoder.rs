//! What a client's bytes mean (RFC 6455 section 5), however they are cut.
//!
//! Always true: a frame that the RFC forbids ends the connection with the RFC's code, as soon as the bytes that show it are
//! there (a header that promises too much, a text that cannot become UTF-8 any more); what is held of a message is at most
//! its limit, checked before anything is kept; nothing is held between messages. How many messages a client may send is
//! for the shards.

use bytes::Bytes;

use super::{BINARY, CLOSE, CONTINUATION, CloseCode, PACKED, PING, PONG, TEXT, close, deflate};

const TOO_BIG: Violation = violation(close::TOO_BIG, "the message is longer than the server takes");
const NOT_UTF8: Violation = violation(close::NOT_UTF8, "text that is not UTF-8");

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

/// Puts frames together again.
#[derive(Debug)]
pub struct Decoder {
    /// Messages may be packed.
    deflate: bool,
    /// Bytes that a message may hold.
    most: usize,
    /// Bytes as they came. Between two pushes: a header or a control frame that has not come whole.
    partial: Vec<u8>,
    /// So many of them are taken in. They go with the next push, all at once: a packet may hold 10,000 frames, and moving
    /// the rest forward for each would cost its square.
    taken: usize,
    /// The data frame that is coming in; what has come of its payload is in `message`.
    frame: Option<Arriving>,
    /// The message so far.
    message: Option<Message>,
}

/// The rest of a data frame.
#[derive(Debug)]
struct Arriving {
    /// It is its message's last.
    fin: bool,
    /// Turned so that it begins with the next byte's.
    mask: [u8; 4],
    /// Bytes to come.
    left: usize,
}

/// A message that is still coming.
#[derive(Debug)]
struct Message {
    text: bool,
    packed: bool,
    bytes: Vec<u8>,
    /// So many of the bytes are known to be UTF-8: each is looked at once while they come, however small the pieces are.
    checked: usize,
}

impl Message {
    /// What is wrong already is not waited for; a character that the end cuts in two may still become one.
    fn check(&mut self) -> Result<(), Violation> {
        if !self.text || self.packed {
            return Ok(());
        }
        match str::from_utf8(self.bytes.get(self.checked..).unwrap_or_default()) {
            Ok(_) => self.checked = self.bytes.len(),
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(NOT_UTF8),
        }
        Ok(())
    }

    fn finish(mut self, most: usize) -> Result<Incoming, Violation> {
        if self.packed {
            self.bytes = deflate::unpack(&self.bytes, most).map_err(|broken| match broken {
                deflate::Broken::Data => violation(close::NOT_UTF8, "a compressed message that does not unpack"),
                deflate::Broken::TooBig => TOO_BIG,
            })?;
        }
        if self.text {
            String::from_utf8(self.bytes).map(Incoming::Text).map_err(|_| NOT_UTF8)
        } else {
            Ok(Incoming::Binary(self.bytes))
        }
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
    /// For a connection that has agreed on [`deflate`] or has not, and whose messages hold at most `most` bytes.
    #[must_use]
    pub fn new(deflate: bool, most: usize) -> Self {
        Self { deflate, most, partial: Vec::new(), taken: 0, frame: None, message: None }
    }

    /// Take in bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.partial.drain(..self.taken);
        self.taken = 0;
        self.partial.extend_from_slice(bytes);
    }

    fn rest(&self) -> &[u8] {
        self.partial.get(self.taken..).unwrap_or_default()
    }

    fn take_off(&mut self, bytes: usize) {
        self.taken += bytes;
        if self.taken >= self.partial.len() {
            // Most connections are idle most of the time, and hold no memory then.
            (self.partial, self.taken) = (Vec::new(), 0);
        }
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
        if self.frame.is_some() {
            return self.take_in();
        }
        let held = self.message.as_ref().map_or(0, |message| message.bytes.len());
        let Some(header) = Header::parse(self.rest(), held, self.most, self.deflate)? else { return Ok(None) };
        if matches!(header.opcode, CLOSE | PING | PONG) {
            return self.control(&header);
        }
        match (header.opcode, &self.message) {
            (CONTINUATION, Some(_)) => {}
            (CONTINUATION, None) => return Err(violation(close::PROTOCOL, "nothing to continue")),
            (_, Some(_)) => return Err(violation(close::PROTOCOL, "the message before is not finished")),
            (opcode, None) => {
                let (text, packed) = (opcode == TEXT, header.packed);
                self.message = Some(Message { text, packed, bytes: Vec::new(), checked: 0 });
            }
        }
        self.take_off(header.size);
        self.frame = Some(Arriving { fin: header.fin, mask: header.mask, left: header.length });
        self.take_in()
    }

    /// A control frame is short, and taken when it is whole.
    fn control(&mut self, header: &Header) -> Result<Option<Incoming>, Violation> {
        let end = header.size + header.length;
        let Some(masked) = self.rest().get(header.size..end) else { return Ok(None) };
        let payload: Vec<u8> = unmasked(masked, header.mask).collect();
        self.take_off(end);
        match header.opcode {
            PING => Ok(Some(Incoming::Ping(payload.into()))),
            PONG => Ok(Some(Incoming::Pong)),
            _ => read_close(&payload).map(|code| Some(Incoming::Close(code))),
        }
    }

    /// What has come of the data frame goes to its message.
    fn take_in(&mut self) -> Result<Option<Incoming>, Violation> {
        let (Some(mut frame), Some(mut message)) = (self.frame.take(), self.message.take()) else { return Ok(None) };
        let come = frame.left.min(self.rest().len());
        message.bytes.extend(unmasked(self.rest().get(..come).unwrap_or_default(), frame.mask));
        self.take_off(come);
        frame.left -= come;
        if frame.left == 0 && frame.fin {
            // The whole is checked as it becomes a string: of most, once.
            return message.finish(self.most).map(Some);
        }
        message.check()?;
        self.message = Some(message);
        if frame.left == 0 {
            return Ok(Some(Incoming::Fragment));
        }
        frame.mask.rotate_left(come % 4);
        self.frame = Some(frame);
        Ok(None)
    }
}

fn unmasked(masked: &[u8], mask: [u8; 4]) -> impl Iterator<Item = u8> + '_ {
    masked.iter().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask)
}

impl Header {
    /// `held` are the bytes of the message that this frame may continue, `most` those that it may have, `deflate` whether
    /// messages may be packed.
    fn parse(bytes: &[u8], held: usize, most: usize, deflate: bool) -> Result<Option<Self>, Violation> {
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
        if length.saturating_add(held) > most {
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const MAX_MESSAGE: usize = 64 * 1024;

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
        let mut decoder = Decoder::new(false, MAX_MESSAGE);
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
            let mut decoder = Decoder::new(false, MAX_MESSAGE);
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
    fn what_cannot_become_text_is_not_waited_for() {
        // A frame of 100 bytes of which these have come, with a mask that changes nothing.
        let begun = |payload: &[u8]| {
            let mut decoder = Decoder::new(false, MAX_MESSAGE);
            decoder.push(&[0x81, 0x80 | 100, 0, 0, 0, 0]);
            payload.iter().try_for_each(|byte| {
                decoder.push(&[*byte]);
                decoder.decode().map(drop)
            })
        };
        assert_eq!(begun(b"\xce\xba\xe1\xbd\xb9"), Ok(()));
        assert_eq!(begun(b"a\xf4"), Ok(()), "a character that is still coming");
        assert_eq!(begun(b"a\xf4\x90").unwrap_err().code, close::NOT_UTF8, "no character begins like this");
        assert_eq!(begun(b"\xc0").unwrap_err().code, close::NOT_UTF8);
        let mut binary = Decoder::new(false, MAX_MESSAGE);
        binary.push(&[0x82, 0x80 | 100, 0, 0, 0, 0, 0xff]);
        assert_eq!(binary.decode(), Ok(None));
    }

    #[test]
    fn the_limit_is_what_it_was_told() {
        let mut decoder = Decoder::new(false, 4);
        decoder.push(&[masked(0x01, b"abc"), masked(0x80, b"d"), masked(0x01, b"abc"), masked(0x80, b"de")].concat());
        assert_eq!(decoder.decode(), Ok(Some(Incoming::Fragment)));
        assert_eq!(decoder.decode(), Ok(Some(Incoming::Text("abcd".to_owned()))));
        assert_eq!(decoder.decode(), Ok(Some(Incoming::Fragment)));
        assert_eq!(decoder.decode().unwrap_err().code, close::TOO_BIG);
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
}
