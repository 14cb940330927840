//! The events of the WebSocket-over-HTTP protocol: what a proxy reports of a socket, and what it is told to do with it.
//!
//! Always true: what is read is bounded by the request's body, and a body that does not follow the protocol is refused
//! as a whole. What the events mean is left to the parent module.

use bytes::Bytes;
use serde_json::{Value, json};

/// The media type of both directions.
pub(crate) const MEDIA_TYPE: &str = "application/websocket-events";

/// What happened on a socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Open,
    Text(Bytes),
    Binary,
    Ping(Bytes),
    Pong,
    /// The client closes, with its code and reason as they stand in the frame.
    Close(Bytes),
    /// The socket is gone.
    Disconnect,
}

/// Read a body; none: it is not of this protocol.
pub(crate) fn read(body: &Bytes) -> Option<Vec<Event>> {
    let mut events = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let line = body.get(at..)?;
        let end = line.windows(2).position(|pair| pair == b"\r\n")?;
        let head = str::from_utf8(line.get(..end)?).ok()?;
        at += end + 2;
        let (name, content) = match head.split_once(' ') {
            None => (head, Bytes::new()),
            Some((name, length)) => {
                // Rust would also read a sign.
                let is_hex = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_hexdigit());
                let length = usize::from_str_radix(length, 16).ok().filter(|_| is_hex)?;
                let last = at.checked_add(length)?;
                if body.get(last..last.checked_add(2)?)? != b"\r\n" {
                    return None;
                }
                let content = body.slice(at..last);
                at = last + 2;
                (name, content)
            }
        };
        events.push(match name {
            "OPEN" => Event::Open,
            "TEXT" => Event::Text(content),
            "BINARY" => Event::Binary,
            "PING" => Event::Ping(content),
            "PONG" => Event::Pong,
            "CLOSE" => Event::Close(content),
            "DISCONNECT" => Event::Disconnect,
            _ => return None,
        });
    }
    Some(events)
}

/// What a proxy is told, in order.
#[derive(Default)]
pub(crate) struct Answer(Vec<u8>);

impl Answer {
    fn event(&mut self, name: &str, content: &[u8]) {
        self.0.extend_from_slice(format!("{name} {:x}\r\n", content.len()).as_bytes());
        self.0.extend_from_slice(content);
        self.0.extend_from_slice(b"\r\n");
    }

    /// The socket is accepted. Comes first.
    pub(crate) fn open(&mut self) {
        self.0.extend_from_slice(b"OPEN\r\n");
    }

    /// A text frame for the client. None of ours starts with `c:`, which would be read as a message to the proxy.
    pub(crate) fn text(&mut self, frame: &str) {
        self.event("TEXT", frame.as_bytes());
    }

    /// A message to the proxy itself (GRIP's control messages).
    pub(crate) fn control(&mut self, message: &Value) {
        self.event("TEXT", format!("c:{message}").as_bytes());
    }

    /// From now on, what is published to this channel goes to the socket.
    pub(crate) fn subscribe(&mut self, channel: &str) {
        self.control(&json!({"type": "subscribe", "channel": channel}));
    }

    /// No longer.
    pub(crate) fn unsubscribe(&mut self, channel: &str) {
        self.control(&json!({"type": "unsubscribe", "channel": channel}));
    }

    /// A ping, which the client's own WebSocket layer answers (RFC 6455, section 5.5.3) once it has read everything
    /// before it; the proxy then reports the pong.
    pub(crate) fn ping(&mut self) {
        self.event("PING", b"more");
    }

    /// The answer to a client's ping.
    pub(crate) fn pong(&mut self, content: &[u8]) {
        self.event("PONG", content);
    }

    /// The end, with a code of RFC 6455 or of the contract.
    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        let mut content = code.to_be_bytes().to_vec();
        // A close frame holds 125 bytes; the reasons are ours, and ASCII.
        content.extend(reason.bytes().take(120));
        self.event("CLOSE", &content);
    }

    /// The client's own close, agreed to.
    pub(crate) fn close_as_asked(&mut self, content: &[u8]) {
        if content.is_empty() {
            self.0.extend_from_slice(b"CLOSE\r\n");
        } else {
            self.event("CLOSE", content);
        }
    }

    /// The body.
    pub(crate) fn into_body(self) -> Vec<u8> {
        self.0
    }
}
