//! One kept-alive HTTP/1.1 connection that publishes: as little work as a client can do, since the load shares the
//! machine with what it measures.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, ensure};

/// Where the feed takes events.
pub const EVENTS: &str = "/api/events";

/// A connection.
pub struct Http {
    stream: TcpStream,
    address: SocketAddr,
    buffer: Vec<u8>,
}

impl Http {
    /// Connect.
    ///
    /// # Errors
    /// Nobody listens.
    pub fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { stream: open(address)?, address, buffer: Vec::new() })
    }

    /// Publish to the feed, and wait until it is acknowledged.
    ///
    /// # Errors
    /// It was refused, or the server has gone.
    pub fn publish(&mut self, body: &str) -> anyhow::Result<()> {
        self.post(EVENTS, body)
    }

    /// The same, to whatever server.
    ///
    /// # Errors
    /// It was refused, or the server has gone.
    pub fn post(&mut self, path: &str, body: &str) -> anyhow::Result<()> {
        let (host, length) = (self.address, body.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes())?;
        self.buffer.clear();
        let mut piece = [0; 16 * 1_024];
        loop {
            let read = self.stream.read(&mut piece)?;
            ensure!(read > 0, "the measured server has hung up");
            self.buffer.extend_from_slice(piece.get(..read).unwrap_or_default());
            let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(self.buffer.get(..end).unwrap_or_default()).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.context("an answer without a length")?.trim().parse()?;
            if self.buffer.len() >= end + 4 + length {
                ensure!(head.starts_with("http/1.1 2"), "an event was refused: {head}");
                if head.contains("\r\nconnection: close") {
                    // Some servers keep no connection; the next event shall not wait for a new one.
                    self.stream = open(self.address)?;
                }
                return Ok(());
            }
        }
    }
}

fn open(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).context("cannot connect to the measured server")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}
