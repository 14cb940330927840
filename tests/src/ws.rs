//! A WebSocket client that waits for frames with deadlines and never skips one unasked.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tungstenite::{Error, HandshakeError, Message, WebSocket};

use crate::{Response, SOON};

/// What came next on a socket.
#[derive(Debug)]
pub enum Got {
    /// A text frame.
    Text(String),
    /// The server's close frame: its code and its reason.
    Closed(u16, String),
    /// The connection is gone without a close frame.
    Gone,
    /// Nothing, until the deadline.
    Nothing,
}

/// One WebSocket.
#[derive(Debug)]
pub struct Ws {
    socket: WebSocket<TcpStream>,
    /// The payload of `hello`, once it has come.
    pub hello: Value,
}

impl Ws {
    /// Opens a socket, without waiting for `hello`.
    ///
    /// # Errors
    /// The HTTP answer of a server that refuses the upgrade.
    #[track_caller]
    pub fn open(addr: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Self, Response> {
        let stream = TcpStream::connect_timeout(&addr, SOON).expect("the server listens");
        Self::open_on(stream, path, headers)
    }

    /// The same on a TCP connection of the test's own making.
    ///
    /// # Errors
    /// The HTTP answer of a server that refuses the upgrade.
    #[track_caller]
    pub fn open_on(stream: TcpStream, path: &str, headers: &[(&str, &str)]) -> Result<Self, Response> {
        let addr = stream.peer_addr().expect("the server listens");
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(SOON)).expect("a TCP socket");
        stream.set_write_timeout(Some(SOON)).expect("a TCP socket");
        let mut request = format!("ws://{addr}{path}").into_client_request().expect("a URL");
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a header's name");
            request.headers_mut().insert(name, HeaderValue::from_str(value).expect("a header's value"));
        }
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Self { socket, hello: Value::Null }),
            Err(HandshakeError::Failure(Error::Http(answer))) => Err(Response {
                status: answer.status().as_u16(),
                headers: answer
                    .headers()
                    .iter()
                    .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into()))
                    .collect(),
                body: answer.into_body().unwrap_or_default(),
            }),
            Err(other) => panic!("the handshake came to nothing: {other}"),
        }
    }

    /// Takes the `hello`, which must come first.
    #[track_caller]
    pub fn greet(&mut self) {
        self.hello = self.expect("hello")["payload"].clone();
    }

    /// Sends one JSON message.
    #[track_caller]
    pub fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string());
    }

    /// Sends one text frame.
    #[track_caller]
    pub fn send_text(&mut self, text: &str) {
        self.try_send(Message::text(text)).expect("the socket is open");
    }

    /// Sends any message to a server that may have closed.
    ///
    /// # Errors
    /// When it has.
    pub fn try_send(&mut self, message: Message) -> Result<(), Error> {
        self.socket.send(message)
    }

    /// What comes next, up to a deadline.
    pub fn next(&mut self, deadline: Instant) -> Got {
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            if self.socket.get_ref().set_read_timeout(Some(left)).is_err() {
                return Got::Gone;
            }
            match self.socket.read() {
                Ok(Message::Text(text)) => return Got::Text(text.to_string()),
                Ok(Message::Close(Some(frame))) => return Got::Closed(frame.code.into(), frame.reason.to_string()),
                Ok(Message::Close(None)) => return Got::Closed(1005, String::new()),
                Ok(Message::Binary(bytes)) => panic!("the protocol has no binary frames, but here is {bytes:?}"),
                Ok(_) => {}
                Err(Error::Io(error))
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
                {
                    if Instant::now() >= deadline {
                        return Got::Nothing;
                    }
                }
                Err(Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_)) => {
                    return Got::Gone;
                }
                Err(other) => panic!("the server broke the protocol: {other}"),
            }
        }
    }

    /// The next frame as JSON, if one comes in time.
    #[track_caller]
    pub fn frame_within(&mut self, limit: Duration) -> Option<Value> {
        match self.next(Instant::now() + limit) {
            Got::Text(text) => Some(serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))),
            Got::Nothing => None,
            end => panic!("a frame was due, but: {end:?}"),
        }
    }

    /// The next frame, which must come soon.
    #[track_caller]
    pub fn frame(&mut self) -> Value {
        self.frame_within(SOON).unwrap_or_else(|| panic!("no frame within {SOON:?}"))
    }

    /// The next frame, which must be of this type.
    #[track_caller]
    pub fn expect(&mut self, kind: &str) -> Value {
        let frame = self.frame();
        assert_eq!(frame["type"], kind, "the frame is {frame}");
        frame
    }

    /// The next frame, which must be an error of this code.
    #[track_caller]
    pub fn expect_error(&mut self, code: &str) -> Value {
        let frame = self.expect("error");
        assert_eq!(frame["payload"]["code"], code, "the frame is {frame}");
        assert!(frame["payload"]["message"].as_str().is_some_and(|text| !text.is_empty()), "no message in {frame}");
        frame
    }

    /// Frames up to the first that fits, which is the last of them.
    #[track_caller]
    pub fn until(&mut self, what: &str, limit: Duration, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + limit;
        let mut frames = Vec::new();
        while let Some(frame) = self.frame_within(deadline.saturating_duration_since(Instant::now())) {
            let found = fits(&frame);
            frames.push(frame);
            if found {
                return frames;
            }
        }
        panic!("no {what} within {limit:?}; the frames are {frames:#?}");
    }

    /// Subscribes and gives the payload of `subscribed`, which must come next.
    #[track_caller]
    pub fn subscribe(&mut self, message: &Value) -> Value {
        let mut message = message.clone();
        message["action"] = "subscribe".into();
        if message["channel"].is_null() {
            message["channel"] = "events".into();
        }
        self.send(&message);
        self.expect("subscribed")["payload"].clone()
    }

    /// The frames of a replay: all between `subscribed` and `caught_up`.
    #[track_caller]
    pub fn replay(&mut self) -> Vec<Value> {
        let mut frames = self.until("caught_up", SOON, |frame| frame["type"] == "caught_up");
        frames.pop();
        frames
    }

    /// Waits for the server to close with this code, passing over other frames.
    #[track_caller]
    pub fn expect_close(&mut self, code: u16, limit: Duration) {
        let deadline = Instant::now() + limit;
        loop {
            match self.next(deadline) {
                Got::Text(_) => {}
                Got::Closed(found, reason) => {
                    assert_eq!(found, code, "closed with another code: {reason}");
                    return;
                }
                other => panic!("not closed with {code} within {limit:?}, but: {other:?}"),
            }
        }
    }

    /// Checks that the socket is still served.
    #[track_caller]
    pub fn expect_alive(&mut self) {
        self.send_text(r#"{"action":"ping"}"#);
        self.until("pong", SOON, |frame| frame["type"] == "pong");
    }

    /// Closes as a polite client does.
    pub fn close(mut self) {
        let _ = self.socket.close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() }));
        let deadline = Instant::now() + SOON;
        while matches!(self.next(deadline), Got::Text(_) | Got::Closed(..)) {}
    }
}
