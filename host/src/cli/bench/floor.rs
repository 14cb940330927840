//! The bare write loop: one thread, one `write` a client and frame, nothing else. What it costs is what the kernel
//! takes, and no server that writes to each client can cost less.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::load::{SENT, micros};
use crate::hub::websocket;

const HANDSHAKE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n";

/// The loop's sockets.
pub struct Floor {
    listener: TcpListener,
    connections: usize,
    clients: Vec<TcpStream>,
}

/// What the loop did.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Written {
    /// Frames written, over all clients.
    pub deliveries: u64,
}

impl Floor {
    /// Listen for `connections` clients.
    ///
    /// # Errors
    /// The system's.
    pub fn bind(connections: usize) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        // std's backlog is 128, and clients come all at once.
        rustix::net::listen(&listener, 4_096)?;
        Ok(Self { listener, connections, clients: Vec::new() })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Write frames of so many bytes to every client, `rate` a second.
    ///
    /// # Errors
    /// A client does not come, or goes.
    pub fn write(&mut self, rate: u32, time: Duration, bytes: usize) -> anyhow::Result<Written> {
        while self.clients.len() < self.connections {
            let (mut client, _) = self.listener.accept()?;
            read_request(&mut client)?;
            client.write_all(HANDSHAKE)?;
            client.set_nodelay(true)?;
            client.set_nonblocking(true)?;
            self.clients.push(client);
        }
        if rate == 0 {
            return Ok(Written { deliveries: 0 });
        }
        let step = Duration::from_secs(1) / rate;
        let (start, mut deliveries) = (Instant::now(), 0);
        let mut due = start;
        while due < start + time {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let payload = format!("{{\"type\":\"event\",\"payload\":{{{SENT}{},\"fill\":\"", micros());
            let fill = bytes.saturating_sub(payload.len() + 3);
            let frame = websocket::text(&format!("{payload}{:x<fill$}\"}}}}", ""));
            for client in &mut self.clients {
                match client.write(&frame) {
                    Ok(_) => deliveries += 1,
                    // What a client does not take in time is lost, and its count will say so.
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error).context("a client of the bare loop has gone"),
                }
            }
            due += step;
        }
        Ok(Written { deliveries })
    }
}

fn read_request(client: &mut TcpStream) -> anyhow::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (mut request, mut piece) = (Vec::new(), [0; 1_024]);
    while !request.ends_with(b"\r\n\r\n") {
        let read = client.read(&mut piece)?;
        anyhow::ensure!(read > 0 && request.len() < 16_384, "a client of the bare loop has sent no request");
        request.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
    Ok(())
}
