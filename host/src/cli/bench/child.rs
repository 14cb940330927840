//! The measured process and the hand that leads it: a server, or the bare write loop, in a child whose CPU time and
//! memory it tells on request.
//!
//! The two talk in lines: JSON to the child's stdin, one line of JSON back on its stdout for each. The child ends when
//! its stdin does, so that none is left behind however the parent ends.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::floor;
use crate::app;
use crate::config::{ServeOptions, StoreUrl};
use crate::web::auth::KeySource;

/// Live events a second of one subscription: more than any step sends.
const RATE: u32 = 1_000_000;

/// What the child is to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Role {
    /// The server as it is shipped, without auth and limits on one address.
    Server {
        /// The log's file.
        store: PathBuf,
        /// `--max-connections`, and as many lanes.
        connections: usize,
    },
    /// The bare write loop.
    Floor {
        /// How many clients it waits for.
        connections: usize,
    },
}

/// What the child is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Ask {
    /// [`Usage`].
    Usage,
    /// The bare loop writes: so many a second, for so long, so large.
    Write {
        /// Frames a second to each client.
        rate: u32,
        /// For so many milliseconds.
        ms: u64,
        /// Bytes of a frame's payload.
        bytes: usize,
    },
}

/// What the child has used so far.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Usage {
    /// Nanoseconds of CPU, user and system, all threads.
    pub cpu_ns: u64,
    /// Resident bytes; 0 where the system does not tell.
    pub resident: u64,
}

#[derive(Serialize, Deserialize)]
struct Ready {
    address: SocketAddr,
}

/// A child that runs; it ends with this value.
pub struct Child {
    process: std::process::Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Child {
    /// Start this program again in another role, and wait until it listens.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(role: &Role) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let mut process = Command::new(program)
            .args(["bench", "--child"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the measured process")?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().context("the child has no stdout")?;
        let mut child = Self { process, stdin, stdout: BufReader::new(stdout), address: ([127, 0, 0, 1], 0).into() };
        let ready: Ready = child.ask(role)?;
        child.address = ready.address;
        Ok(child)
    }

    /// A server on a fresh log in `folder`.
    ///
    /// # Errors
    /// It does not start.
    pub fn server(folder: &Path, connections: usize) -> anyhow::Result<Self> {
        Self::start(&Role::Server { store: folder.join("bench.db"), connections })
    }

    /// Of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it has used.
    ///
    /// # Errors
    /// It has gone.
    pub fn usage(&mut self) -> anyhow::Result<Usage> {
        self.ask(&Ask::Usage)
    }

    /// Ask, and wait for the answer.
    ///
    /// # Errors
    /// It has gone.
    pub fn ask<A: for<'a> Deserialize<'a>>(&mut self, question: &impl Serialize) -> anyhow::Result<A> {
        let stdin = self.stdin.as_mut().context("the measured process has been told to end")?;
        let mut line = serde_json::to_vec(question)?;
        line.push(b'\n');
        stdin.write_all(&line)?;
        let mut answer = String::new();
        self.stdout.read_line(&mut answer)?;
        serde_json::from_str(&answer).context("the measured process has gone")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It has nothing to save; a child that is still closing ten thousand sockets need not be waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Be the child.
///
/// # Errors
/// The role cannot be played.
pub fn run() -> anyhow::Result<()> {
    crate::server::raise_descriptor_limit();
    let mut lines = std::io::stdin().lock().lines();
    let role: Role = serde_json::from_str(&lines.next().context("no role")??)?;
    let mut floor = None;
    let address = match role {
        Role::Server { store, connections } => serve(options(store, connections))?,
        Role::Floor { connections } => floor.insert(floor::Floor::bind(connections)?).address()?,
    };
    answer(&Ready { address })?;
    for line in lines {
        match serde_json::from_str(&line?)? {
            Ask::Usage => answer(&usage())?,
            Ask::Write { rate, ms, bytes } => {
                let written = floor.as_mut().context("only the bare loop writes")?;
                answer(&written.write(rate, Duration::from_millis(ms), bytes)?)?;
            }
        }
    }
    // The parent has what it wanted; nothing here is worth a drain.
    std::process::exit(0)
}

/// Run the server on threads of its own, as `serve` does. Returns where it listens.
fn serve(options: ServeOptions) -> anyhow::Result<SocketAddr> {
    let (listens, address) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        app::run(&options, |ready| {
            let _ = listens.send(ready.address);
        })
    });
    match address.recv() {
        Ok(address) => Ok(address),
        // It has ended instead, and says why.
        Err(_) => {
            server.join().map_err(|_| anyhow::anyhow!("the server panicked"))??;
            anyhow::bail!("the server ended before it listened")
        }
    }
}

fn options(store: PathBuf, connections: usize) -> ServeOptions {
    ServeOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        store: StoreUrl::Sqlite(store),
        rate: RATE,
        max_connections: connections,
        max_connections_per_ip: connections,
        connect_rate_per_ip: u32::MAX,
        max_lanes: connections.max(1_000),
        keys: KeySource::NoAuth,
        ..ServeOptions::default()
    }
}

fn answer(answer: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line)?;
    Ok(out.flush()?)
}

fn usage() -> Usage {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let cpu = Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0));
    Usage { cpu_ns: u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX), resident: resident().unwrap_or(0) }
}

/// Resident memory of this process, on Linux.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}
