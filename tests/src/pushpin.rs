//! A real Pushpin in front of a Spin application, configured by `examples/spin-pushpin` with its ports and folders
//! replaced. Debian's packages `pushpin` and `zurl`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::{SOON, Ws, needs, tokens, wait_for};

/// What the proxy under test signs with.
pub const KEY: &str = "the-key-of-the-proxy-under-test";

/// A proxy, with a folder of its own. Ends with all of its processes when it is dropped.
#[derive(Debug)]
pub struct Pushpin {
    child: Option<Child>,
    folder: tempfile::TempDir,
    /// Where clients connect.
    pub address: SocketAddr,
    /// Where the application publishes.
    publish: SocketAddr,
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address")
}

impl Pushpin {
    /// One that is not started. None: it is not on this machine, and its tests are left out.
    ///
    /// # Panics
    /// When it is not though `ACTIVITY_FEED_REQUIRE_PUSHPIN` is `1`.
    #[track_caller]
    pub fn new(test: &str) -> Option<Self> {
        let there = needs::has_for("pushpin", "ACTIVITY_FEED_REQUIRE_PUSHPIN", test)
            && needs::has_for("zurl", "ACTIVITY_FEED_REQUIRE_PUSHPIN", test);
        there.then(|| Self {
            child: None,
            folder: tempfile::Builder::new().prefix("pushpin").tempdir().expect("a folder"),
            address: free_port(),
            publish: free_port(),
        })
    }

    /// For the variable `grip_url`.
    #[must_use]
    pub fn publish_url(&self) -> String {
        format!("http://{}", self.publish)
    }

    /// Start it in front of an application, signing with `key`.
    #[track_caller]
    pub fn start(&mut self, application: SocketAddr, key: &str) {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/spin-pushpin");
        let folder = self.folder.path().to_string_lossy().into_owned();
        let read = |name: &str| fs::read_to_string(example.join(name)).expect("the example");
        let replace = |text: String, from: &str, to: &str| {
            assert!(text.contains(from), "the example says {from}");
            text.replace(from, to)
        };
        let mut config = replace(read("pushpin.conf"), "/var/run/pushpin", &format!("{folder}/run"));
        for (from, to) in [
            ("/var/log/pushpin", format!("{folder}/log")),
            ("http_port=7999", format!("http_port={}", self.address)),
            ("push_in_http_addr=127.0.0.1", "push_in_http_addr=127.0.0.1".to_owned()),
            ("push_in_http_port=5561", format!("push_in_http_port={}", self.publish.port())),
            ("sig_key=change-me", format!("sig_key={key}")),
        ] {
            config = replace(config, from, &to);
        }
        let routes = replace(read("routes"), "127.0.0.1:3000", &application.to_string());
        for name in ["run", "log"] {
            fs::create_dir_all(self.folder.path().join(name)).expect("a folder");
        }
        let path = self.folder.path().join("pushpin.conf");
        fs::write(&path, config).expect("a file");
        fs::write(self.folder.path().join("routes"), routes).expect("a file");
        let child = Command::new("pushpin")
            .arg(format!("--config={}", path.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pushpin can be started");
        self.child = Some(child);
        let listens = |address: SocketAddr| TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok();
        wait_for("pushpin to listen", SOON, || listens(self.address).and(listens(self.publish)));
        // It listens before its parts know each other, and forgets what comes until then.
        wait_for("pushpin to pass requests on", 3 * SOON, || {
            let mut probe = listens(self.address)?;
            probe.set_read_timeout(Some(Duration::from_millis(300))).ok()?;
            probe.write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
            let mut head = [0; 12];
            probe.read_exact(&mut head).ok()?;
            head.ends_with(b" 200").then_some(())
        });
    }

    /// End all of its processes at once, as a power cut does.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // First the one that would wait for the others to end in peace.
        let _ = child.kill();
        let _ = child.wait();
        let Ok(entries) = fs::read_dir(self.folder.path().join("run")) else { return };
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.extension() == Some("pid".as_ref()))
        {
            let pid = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
            if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            let _ = fs::remove_file(path);
        }
    }

    /// A WebSocket through it, greeted.
    #[track_caller]
    pub fn ws(&self) -> Ws {
        self.ws_as(&tokens::scoped("admin"))
    }

    /// The same with another token.
    #[track_caller]
    pub fn ws_as(&self, token: &str) -> Ws {
        let mut ws = self.try_ws("/ws", token).unwrap_or_else(|refused| panic!("no upgrade: {refused:?}"));
        ws.greet();
        ws
    }

    /// A WebSocket, or why there is none.
    ///
    /// # Errors
    /// The answer of a proxy that refuses the upgrade.
    #[track_caller]
    pub fn try_ws(&self, path: &str, token: &str) -> Result<Ws, crate::Response> {
        Ws::open(self.address, path, &[("Authorization", &format!("Bearer {token}"))])
    }
}

impl Drop for Pushpin {
    fn drop(&mut self) {
        self.kill();
    }
}
