//! The echo program: the server's own WebSocket code, which sends back what it is sent.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::SOON;
use crate::http::{Client, Wire};
use crate::rawws::{RawWs, UPGRADE};

/// A running echo program, ended with the test.
#[derive(Debug)]
pub struct Echo {
    child: Child,
    /// Where it listens.
    pub addr: SocketAddr,
}

impl Echo {
    /// Starts `program`, which is `env!("CARGO_BIN_EXE_echo")` in a test, on a free port.
    ///
    /// # Panics
    /// When it does not listen.
    #[must_use]
    pub fn start(program: &str, options: &[&str]) -> Self {
        let mut command = Command::new(program);
        let mut child = command.arg("127.0.0.1:0").args(options).stderr(Stdio::piped()).spawn().expect("it can be run");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
        let ready = lines.find_map(|line| line.strip_prefix("echo listening on ws://").map(str::to_owned));
        // What else it says is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let addr = ready.expect("it listens").trim_end_matches("/echo").parse().expect("an address");
        Self { child, addr }
    }

    /// A WebSocket on it.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn open(&self) -> RawWs {
        let mut wire = Wire::connect(self.addr).expect("it listens");
        wire.write(&Client::new(self.addr, None).head("GET", "/echo", &UPGRADE, None)).expect("it reads");
        assert_eq!(wire.read_head(Instant::now() + SOON).expect("an answer").status, 101);
        RawWs { wire }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
