//! A bad network: a TCP proxy in front of the server that cuts connections, or holds everything back without closing
//! anything, as a telephone that changes networks does; or that refuses some paths, as a proxy without WebSocket does.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// The proxy; its threads end with the test's process.
#[derive(Debug)]
pub struct Cutter {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    held: Mutex<bool>,
    freed: Condvar,
    open: Mutex<Vec<TcpStream>>,
    away: AtomicBool,
    refused: Mutex<Vec<&'static str>>,
}

impl Cutter {
    /// Starts one in front of this server.
    pub fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let shared = Arc::new(Shared {
            target,
            held: Mutex::default(),
            freed: Condvar::new(),
            open: Mutex::default(),
            away: AtomicBool::new(false),
            refused: Mutex::default(),
        });
        let addr = listener.local_addr().expect("an address");
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if !ours.away.load(Ordering::SeqCst) {
                    ours.join(&client);
                }
            }
        });
        Self { addr, shared }
    }

    /// Its address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Cuts every connection there is.
    pub fn cut(&self) {
        for stream in self.shared.open.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets nothing through and closes nothing, or lets everything through again.
    pub fn hold(&self, held: bool) {
        *self.shared.held.lock().expect("no panic") = held;
        self.shared.freed.notify_all();
    }

    /// Drops whoever comes, or takes them in again.
    pub fn away(&self, away: bool) {
        self.shared.away.store(away, Ordering::SeqCst);
        if away {
            self.cut();
        }
    }

    /// Answers requests for these paths itself, with a 502, and cuts what is open; everything else goes through.
    pub fn refuse(&self, paths: &[&'static str]) {
        *self.shared.refused.lock().expect("no panic") = paths.to_vec();
        self.cut();
    }
}

impl Shared {
    fn join(self: &Arc<Self>, client: &TcpStream) {
        let Ok(server) = TcpStream::connect(self.target) else { return };
        let clone = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
        self.open.lock().expect("no panic").extend([clone(client), clone(&server)]);
        for (from, to, asks) in [(clone(client), clone(&server), true), (clone(&server), clone(client), false)] {
            let shared = Arc::clone(self);
            thread::spawn(move || shared.copy(from, to, asks));
        }
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream, asks: bool) {
        let mut buffer = [0; 16_384];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let mut held = self.held.lock().expect("no panic");
            while *held {
                held = self.freed.wait(held).expect("no panic");
            }
            drop(held);
            // A client waits for its answer: each of its requests begins a read.
            if asks && self.refuses(&buffer[..read]) {
                let _ = from.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                break;
            }
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }

    fn refuses(&self, request: &[u8]) -> bool {
        let path =
            request.strip_prefix(b"GET ").and_then(|rest| rest.split(|&byte| matches!(byte, b' ' | b'?')).next());
        let refused = self.refused.lock().expect("no panic");
        path.is_some_and(|path| refused.iter().any(|one| one.as_bytes() == path))
    }
}
