//! The load: many WebSocket clients on one thread, which subscribe, count what comes, and take the latency of a sample.
//!
//! Latency is from the moment the publisher sent an event, which stands in its data, to the moment its frame was read;
//! all are processes of one machine, which share a monotonic clock.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustix::time::{ClockId, clock_gettime};

/// What stands before the time in an event's data.
pub const SENT: &str = "\"sent\":";
/// The clock of [`micros`] starts over after so many: nine digits, which no rule takes for a card's number.
const WRAP: u64 = 1_000_000_000;
/// Connections that are being opened at once: fewer than the server's backlog.
const OPENING: usize = 256;
/// Of so many frames of a client, one is looked at for its latency.
const SAMPLE: u64 = 16;
/// Opcodes of RFC 6455.
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Microseconds on the machine's monotonic clock, modulo 1,000 seconds.
pub fn micros() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let micros = u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000;
    micros % WRAP
}

/// How a server speaks to its clients. Messages are told apart by what they begin with.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// What the handshake asks for.
    pub path: &'static str,
    /// A client that has subscribed is ready.
    pub ready: &'static str,
    /// An event.
    pub event: &'static str,
    /// What asks whether the client is still there, and the answer; pings of WebSocket itself are always answered.
    pub ping: Option<(&'static str, &'static str)>,
    /// A frame may hold several messages, one a line.
    pub lines: bool,
}

/// The feed's own.
pub const FEED: Protocol =
    Protocol { path: "/ws", ready: "{\"type\":\"caught_up\"", event: "{\"type\":\"event\"", ping: None, lines: false };

/// What the clients have in common.
#[derive(Clone)]
pub struct Clients {
    /// Of the server.
    pub address: SocketAddr,
    /// How it speaks.
    pub protocol: Protocol,
    /// How many.
    pub connections: usize,
    /// What each one sends once it is connected, by its number, and then waits to be told that it is ready. None: it is
    /// ready at once.
    pub subscribe: Option<Arc<dyn Fn(usize) -> String>>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Counted {
    /// Event frames, over all clients.
    pub events: u64,
    /// Event frames of the client that got fewest.
    pub fewest: u64,
    /// `skipped` frames.
    pub skipped: u64,
    /// Bytes, over all clients.
    pub bytes: u64,
    /// A sample, in milliseconds.
    pub latencies: Vec<f64>,
}

struct Client {
    stream: TcpStream,
    stage: Stage,
    /// What was read and is no whole message yet.
    partial: Vec<u8>,
    events: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    Handshake,
    Subscribing,
    Ready,
}

/// Clients that are connected.
pub struct Load {
    clients: Vec<Client>,
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    counted: Counted,
    wanted: Clients,
    ready: usize,
}

impl Load {
    /// Connect all of them and wait until each one is ready.
    ///
    /// # Errors
    /// One was refused, or not all were ready within `limit`.
    pub fn connect(wanted: Clients, limit: Duration) -> anyhow::Result<Self> {
        let mut load = Self {
            clients: Vec::with_capacity(wanted.connections),
            poll: Poll::new()?,
            events: Events::with_capacity(1_024),
            scratch: vec![0; 256 * 1_024],
            counted: Counted::default(),
            wanted,
            ready: 0,
        };
        let deadline = Instant::now() + limit;
        while load.ready < load.wanted.connections {
            while load.clients.len() < load.wanted.connections && load.clients.len() < load.ready + OPENING {
                load.open()?;
            }
            load.turn(Duration::from_millis(100))?;
            let (ready, all) = (load.ready, load.wanted.connections);
            ensure!(Instant::now() < deadline, "only {ready} of {all} clients were ready in time");
        }
        load.restart();
        Ok(load)
    }

    /// Count from here.
    pub fn restart(&mut self) {
        self.counted = Counted::default();
        for client in &mut self.clients {
            client.events = 0;
        }
    }

    /// Read until `done` says so, and then until nothing has come for a while.
    ///
    /// # Errors
    /// A client was sent away.
    pub fn read_until(&mut self, done: &AtomicBool, quiet: Duration) -> anyhow::Result<()> {
        let mut last = Instant::now();
        loop {
            let before = self.counted.bytes;
            self.turn(Duration::from_millis(20))?;
            let now = Instant::now();
            if self.counted.bytes != before {
                last = now;
            }
            if done.load(Ordering::Acquire) && now.duration_since(last) >= quiet {
                return Ok(());
            }
        }
    }

    /// What has come since all were ready.
    pub fn counted(mut self) -> Counted {
        self.counted.fewest = self.clients.iter().map(|client| client.events).min().unwrap_or(0);
        self.counted
    }

    fn open(&mut self) -> anyhow::Result<()> {
        let mut stream = TcpStream::connect(self.wanted.address)?;
        let token = Token(self.clients.len());
        self.poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        self.clients.push(Client { stream, stage: Stage::Connecting, partial: Vec::new(), events: 0 });
        Ok(())
    }

    fn turn(&mut self, timeout: Duration) -> anyhow::Result<()> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let tokens: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
        for number in tokens {
            let Some(client) = self.clients.get_mut(number) else { continue };
            if client.stage == Stage::Connecting {
                if client.stream.peer_addr().is_err() {
                    continue;
                }
                let (path, address) = (self.wanted.protocol.path, self.wanted.address);
                let request = format!(
                    "GET {path} HTTP/1.1\r\nhost: {address}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                );
                client.stream.write_all(request.as_bytes())?;
                client.stage = Stage::Handshake;
            }
            loop {
                match client.stream.read(&mut self.scratch) {
                    Ok(0) => bail!("client {number} was sent away"),
                    Ok(read) => {
                        self.counted.bytes += read as u64;
                        let bytes = self.scratch.get(..read).unwrap_or_default();
                        let was_ready = client.stage == Stage::Ready;
                        client.take(number, bytes, &self.wanted, &mut self.counted)?;
                        self.ready += usize::from(!was_ready && client.stage == Stage::Ready);
                        if read < self.scratch.len() {
                            break;
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error).context("a client lost its connection"),
                }
            }
        }
        Ok(())
    }
}

impl Client {
    fn take(&mut self, number: usize, bytes: &[u8], wanted: &Clients, counted: &mut Counted) -> anyhow::Result<()> {
        let mut joined = std::mem::take(&mut self.partial);
        let mut rest = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            joined.as_slice()
        };
        if self.stage == Stage::Handshake {
            let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") else {
                self.partial = rest.to_vec();
                return Ok(());
            };
            let answer = String::from_utf8_lossy(rest.get(..end).unwrap_or_default());
            ensure!(answer.starts_with("HTTP/1.1 101"), "client {number} was refused: {answer}");
            rest = rest.get(end + 4..).unwrap_or_default();
            self.stage = match &wanted.subscribe {
                None => Stage::Ready,
                Some(subscribe) => {
                    self.stream.write_all(&masked(TEXT, subscribe(number).as_bytes()))?;
                    Stage::Subscribing
                }
            };
        }
        while let Some((Frame { opcode, payload }, behind)) = split_frame(rest)? {
            rest = behind;
            if opcode == PING {
                self.stream.write_all(&masked(PONG, payload))?;
            } else if wanted.protocol.lines {
                for line in payload.split(|byte| *byte == b'\n') {
                    self.message(number, line, &wanted.protocol, counted)?;
                }
            } else {
                self.message(number, payload, &wanted.protocol, counted)?;
            }
        }
        self.partial = rest.to_vec();
        Ok(())
    }

    fn message(
        &mut self,
        number: usize,
        message: &[u8],
        protocol: &Protocol,
        counted: &mut Counted,
    ) -> anyhow::Result<()> {
        if self.stage == Stage::Subscribing && message.starts_with(protocol.ready.as_bytes()) {
            self.stage = Stage::Ready;
        }
        if message.starts_with(protocol.event.as_bytes()) {
            self.events += 1;
            counted.events += 1;
            if (self.events + number as u64).is_multiple_of(SAMPLE) {
                counted.latencies.extend(latency_ms(message));
            }
        } else if message.starts_with(b"{\"type\":\"skipped\"") {
            counted.skipped += 1;
        } else if let Some((ping, pong)) = protocol.ping
            && message == ping.as_bytes()
        {
            self.stream.write_all(&masked(TEXT, pong.as_bytes()))?;
        }
        Ok(())
    }
}

struct Frame<'a> {
    opcode: u8,
    payload: &'a [u8],
}

/// The first frame, and what is behind it; none: it has not come whole.
fn split_frame(bytes: &[u8]) -> anyhow::Result<Option<(Frame<'_>, &[u8])>> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let opcode = first & 0x0F;
    ensure!(opcode != CLOSE, "a client was sent away by a close frame");
    let (length, rest) = match second & 0x7F {
        126 => match rest.split_first_chunk::<2>() {
            Some((length, rest)) => (usize::from(u16::from_be_bytes(*length)), rest),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk::<8>() {
            Some((length, rest)) => (usize::try_from(u64::from_be_bytes(*length))?, rest),
            None => return Ok(None),
        },
        short => (usize::from(short), rest),
    };
    Ok(rest.split_at_checked(length).map(|(payload, rest)| (Frame { opcode, payload }, rest)))
}

/// A frame as clients send it; the mask is zero, which masks nothing and is a mask all the same.
fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match u8::try_from(payload.len()) {
        Ok(short @ 0..=125) => frame.push(0x80 | short),
        _ => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

fn latency_ms(payload: &[u8]) -> Option<f64> {
    let at = payload.windows(4).position(|window| window == b"sent")?;
    // In a server whose frames carry the event as a string, backslashes stand among the marks between the two.
    let digits = payload.get(at..)?.iter().skip_while(|byte| !byte.is_ascii_digit());
    let digits = digits.take_while(|byte| byte.is_ascii_digit());
    let sent = digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    Some(super::number((micros() + WRAP - sent) % WRAP) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_read_from_an_event_and_from_one_within_a_string() {
        let before = (micros() + WRAP - 2_000_000) % WRAP;
        for event in [
            format!(r#"{{"data":{{{SENT}{before},"n":7}}}}"#),
            format!(r#"{{"data":"{{\"sent\":{before},\"n\":7}}"}}"#),
        ] {
            let latency = latency_ms(event.as_bytes());
            assert!(latency.is_some_and(|ms| (2_000.0..3_000.0).contains(&ms)), "{event}: {latency:?}");
        }
        assert_eq!(latency_ms(br#"{"data":{"n":7}}"#), None);
    }

    #[test]
    fn frames_are_told_apart_and_a_close_ends_the_load() -> anyhow::Result<()> {
        let bytes = [&[0x89, 2, b'h', b'i', 0x81, 126, 1, 0][..], &[b'x'; 256], &[0x81, 5, b'y']].concat();
        let (ping, rest) = split_frame(&bytes)?.context("no ping")?;
        assert_eq!((ping.opcode, ping.payload), (PING, &b"hi"[..]));
        let (text, rest) = split_frame(rest)?.context("no text")?;
        assert_eq!((text.opcode, text.payload), (TEXT, &[b'x'; 256][..]));
        assert!(split_frame(rest)?.is_none(), "the third has not come whole");
        assert!(split_frame(&[0x88, 0]).is_err());
        Ok(())
    }

    #[test]
    fn a_clients_frame_is_masked_and_says_its_length() {
        assert_eq!(masked(PONG, b"hi"), [0x8A, 0x82, 0, 0, 0, 0, b'h', b'i']);
        assert_eq!(masked(TEXT, &[b'x'; 200]).get(..8), Some(&[0x81, 0xFE, 0, 200, 0, 0, 0, 0][..]));
    }
}
