//! RFC 6455 by hand, for frames that no decent client sends.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::SOON;
use crate::http::{Client, Wire};

/// A frame as it came: its first byte's opcode and its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// 1 text, 2 binary, 8 close, 9 ping, 10 pong.
    pub opcode: u8,
    /// The first reserved bit: the message is compressed.
    pub packed: bool,
    /// Unmasked.
    pub payload: Vec<u8>,
}

/// A socket after its upgrade.
#[derive(Debug)]
pub struct RawWs {
    /// The connection below.
    pub wire: Wire,
}

impl RawWs {
    /// Upgrades with this token, and leaves every frame to be read.
    #[track_caller]
    pub fn open(addr: SocketAddr, token: &str) -> Self {
        let mut wire = Wire::connect(addr).expect("the server listens");
        let head = Client::new(addr, Some(token)).head("GET", "/ws", &UPGRADE, None);
        wire.write(&head).expect("the server listens");
        let answer = wire.read_head(Instant::now() + SOON).expect("an answer");
        assert_eq!(answer.status, 101, "no upgrade: {answer:?}");
        // RFC 6455, section 1.3: the answer to its sample key.
        assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        Self { wire }
    }

    /// Sends one frame. `head` is its first byte: FIN, RSV and the opcode.
    pub fn send(&mut self, head: u8, masked: bool, payload: &[u8]) {
        let mut bytes = vec![head];
        let flag = if masked { 0x80 } else { 0 };
        match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
            (Ok(short), _) if short < 126 => bytes.push(flag | short),
            (_, Ok(middle)) => {
                bytes.push(flag | 126);
                bytes.extend(middle.to_be_bytes());
            }
            _ => {
                bytes.push(flag | 127);
                bytes.extend((payload.len() as u64).to_be_bytes());
            }
        }
        if masked {
            let mask = [0x37, 0xfa, 0x21, 0x3d];
            bytes.extend(mask);
            bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        } else {
            bytes.extend(payload);
        }
        // A server that has seen enough may have closed already; the frame that it sent tells.
        let _ = self.wire.write(&bytes);
    }

    /// The next frame of the server.
    ///
    /// # Errors
    /// When it does not come.
    pub fn next(&mut self, deadline: Instant) -> io::Result<Frame> {
        let head = self.wire.read_exact(2, deadline)?;
        let length = match head[1] {
            126 => self.wire.read_exact(2, deadline)?.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)),
            127 => self.wire.read_exact(8, deadline)?.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)),
            short => usize::from(short),
        };
        assert_eq!(head[1] & 0x80, 0, "a server never masks");
        Ok(Frame {
            opcode: head[0] & 0x0f,
            packed: head[0] & 0x40 != 0,
            payload: self.wire.read_exact(length, deadline)?,
        })
    }

    /// Waits for a close frame of this code.
    #[track_caller]
    pub fn expect_close(&mut self, code: u16) {
        let frame = self.expect(8);
        let found = frame.payload.first_chunk().map(|&code| u16::from_be_bytes(code));
        assert_eq!(found, Some(code), "closed with {frame:?}");
    }

    /// Waits for a frame of this opcode.
    #[track_caller]
    pub fn expect(&mut self, opcode: u8) -> Frame {
        let deadline = Instant::now() + SOON;
        loop {
            match self.next(deadline) {
                Ok(frame) if frame.opcode == opcode => return frame,
                Ok(_) => {}
                Err(error) => panic!("no frame of opcode {opcode}: {error}"),
            }
        }
    }

    /// Whether the server ends the TCP connection in time.
    pub fn ends_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        match self.wire.read_to_end(deadline) {
            Ok(_) => true,
            Err(error) => error.kind() != io::ErrorKind::TimedOut,
        }
    }
}

/// The headers of an upgrade, with the key of RFC 6455's sample.
pub const UPGRADE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];
