//! HTTP/1.1 by hand, one connection a request: every byte of a request is the test's own, two `Host` headers included.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than the longest long-poll.
const ANSWER_WITHIN: Duration = Duration::from_secs(45);

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decoded.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    /// This answer, which must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "unexpected status; the body is: {}", self.text());
        self
    }

    /// The problem (RFC 9457) that this answer must be, with this status.
    #[track_caller]
    pub fn problem(self, status: u16) -> Value {
        let answer = self.expect(status);
        let content_type = answer.header("content-type").unwrap_or_default().to_owned();
        assert!(content_type.starts_with("application/problem+json"), "{status} with {content_type:?}");
        let problem = answer.json();
        assert_eq!(problem["status"], status, "a problem repeats its status: {problem}");
        for member in ["type", "title", "detail"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "no {member} in {problem}");
        }
        problem
    }
}

/// A client of one server, with headers that it sends each time.
#[derive(Clone, Debug)]
pub struct Client {
    /// Where the server is.
    pub addr: SocketAddr,
    /// Sent with every request.
    pub headers: Vec<(String, String)>,
}

impl Client {
    /// A client with a bearer token, or without any.
    pub fn new(addr: SocketAddr, token: Option<&str>) -> Self {
        let headers = token.map(|token| ("Authorization".to_owned(), format!("Bearer {token}")));
        Self { addr, headers: headers.into_iter().collect() }
    }

    /// The same client with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A `GET`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[], b"")
    }

    /// A `POST` of one JSON value.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.post_bytes(path, "application/json", body.to_string().as_bytes())
    }

    /// A `POST` of any bytes.
    #[track_caller]
    pub fn post_bytes(&self, path: &str, content_type: &str, body: &[u8]) -> Response {
        self.send("POST", path, &[("Content-Type", content_type)], body)
    }

    /// A page of history, which must be had.
    #[track_caller]
    pub fn history(&self, query: &str) -> Value {
        self.get(&format!("/api/events?{query}")).expect(200).json()
    }

    /// Any request.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        self.try_send(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Any request, of a server that may not be there.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub fn try_send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Response> {
        let mut wire = Wire::connect(self.addr)?;
        wire.write(&self.head(method, path, headers, Some(body.len())))?;
        // A server may answer 413 before it has read it all.
        let sent = wire.write(body);
        let deadline = Instant::now() + ANSWER_WITHIN;
        let head = match wire.read_head(deadline) {
            Err(error) => return Err(sent.err().unwrap_or(error)),
            Ok(head) => head,
        };
        wire.read_body(head, method == "HEAD", deadline)
    }

    /// The first bytes of a request: its line and its headers.
    pub fn head(&self, method: &str, path: &str, headers: &[(&str, &str)], length: Option<usize>) -> Vec<u8> {
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let all: Vec<(&str, &str)> = own.chain(headers.iter().copied()).collect();
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !all.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            let _ = write!(head, "Host: {}\r\n", self.addr);
        }
        for (name, value) in all {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if let Some(length) = length {
            if length > 0 || method == "POST" {
                let _ = write!(head, "Content-Length: {length}\r\n");
            }
            head.push_str("Connection: close\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// A TCP connection, and what was read from it and not yet used.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&addr, Duration::from_secs(5))?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(ANSWER_WITHIN))?;
        Ok(Self { stream, read: Vec::new() })
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// When the peer is gone.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads more. False: the peer has closed.
    ///
    /// # Errors
    /// `TimedOut` after the deadline, or what the connection says.
    pub fn fill(&mut self, deadline: Instant) -> io::Result<bool> {
        let mut chunk = [0; 16 * 1024];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(&mut chunk) {
                Ok(length) => {
                    self.read.extend_from_slice(&chunk[..length]);
                    return Ok(length > 0);
                }
                // Interrupted: whoever stops and continues the whole process, as a debugger does.
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes what stands before `end`, and `end` with it.
    ///
    /// # Errors
    /// When it does not come.
    pub fn read_until(&mut self, end: &[u8], deadline: Instant) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end) {
                let mut taken: Vec<u8> = self.read.drain(..at + end.len()).collect();
                taken.truncate(at);
                return Ok(taken);
            }
            if !self.fill(deadline)? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Takes this many bytes.
    ///
    /// # Errors
    /// When they do not come.
    pub fn read_exact(&mut self, length: usize, deadline: Instant) -> io::Result<Vec<u8>> {
        while self.read.len() < length {
            if !self.fill(deadline)? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.read.drain(..length).collect())
    }

    /// Everything up to the end of the connection.
    ///
    /// # Errors
    /// When the end does not come.
    pub fn read_to_end(&mut self, deadline: Instant) -> io::Result<Vec<u8>> {
        while self.fill(deadline)? {}
        Ok(std::mem::take(&mut self.read))
    }

    /// An answer's status and headers; its body is still to be read.
    ///
    /// # Errors
    /// When they do not come.
    pub fn read_head(&mut self, deadline: Instant) -> io::Result<Response> {
        let head = String::from_utf8_lossy(&self.read_until(b"\r\n\r\n", deadline)?).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        match status {
            Some(status) => Ok(Response { status, headers, body: Vec::new() }),
            None => Err(io::Error::other(format!("not HTTP: {head}"))),
        }
    }

    /// The body that belongs to a head.
    ///
    /// # Errors
    /// When it does not come whole.
    pub fn read_body(&mut self, mut head: Response, none: bool, deadline: Instant) -> io::Result<Response> {
        if none || matches!(head.status, 101 | 204 | 304) {
            return Ok(head);
        }
        if head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            while let Some(chunk) = self.read_chunk(deadline)? {
                head.body.extend(chunk);
            }
        } else if let Some(length) = head.header("content-length") {
            let length = length.parse().map_err(io::Error::other)?;
            head.body = self.read_exact(length, deadline)?;
        } else {
            head.body = self.read_to_end(deadline)?;
        }
        Ok(head)
    }

    /// One chunk of a chunked body; none at its end.
    ///
    /// # Errors
    /// When it does not come whole. What has come stays for the next try.
    pub fn read_chunk(&mut self, deadline: Instant) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = self.read.windows(2).position(|window| window == b"\r\n") {
                let line = String::from_utf8_lossy(&self.read[..at]).into_owned();
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
                if self.read.len() >= at + 2 + size + 2 {
                    let whole: Vec<u8> = self.read.drain(..at + 2 + size + 2).collect();
                    return Ok((size > 0).then(|| whole[at + 2..at + 2 + size].to_vec()));
                }
            }
            if !self.fill(deadline)? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
