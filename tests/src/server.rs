//! A server under test: the real program on a free loopback port with a store of its own, which is killed when the test
//! is done with it and which can be killed and started again in between. What it said to stderr is shown when the test
//! fails.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Client, Receipt, SOON, Sse, Ws, binary, tokens, wait_for};

/// How the ready line begins.
const READY: &str = "activity-feed listening on http://";

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub addr: SocketAddr,
    /// From its start to its ready line.
    pub ready_after: Duration,
    dir: TempDir,
    program: PathBuf,
    args: Vec<String>,
    child: Child,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

impl Server {
    /// Starts `serve` with these options beside the harness's own: a free port, an SQLite store and a secret in a
    /// temporary folder, and no limit on connections. An option that is given here goes before the harness's.
    #[track_caller]
    pub fn start(options: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("secret"), format!("{}\n", tokens::SECRET)).expect("a secret file");
        let secret = dir.path().join("secret").display().to_string();
        Self::launch(dir, options, &[("--secret-file", secret)])
    }

    /// The same without a key: the server makes its own beside the store.
    #[track_caller]
    pub fn start_without_key(options: &[&str]) -> Self {
        Self::launch(tempfile::tempdir().expect("a temporary folder"), options, &[])
    }

    /// The same with another program, which takes these options of `serve`.
    #[track_caller]
    pub fn start_program(program: &Path, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("secret"), format!("{}\n", tokens::SECRET)).expect("a secret file");
        let secret = dir.path().join("secret").display().to_string();
        Self::launch_program(program, dir, options, &[("--secret-file", secret)])
    }

    #[track_caller]
    fn launch(dir: TempDir, options: &[&str], more: &[(&str, String)]) -> Self {
        Self::launch_program(binary::path(), dir, options, more)
    }

    #[track_caller]
    fn launch_program(program: &Path, dir: TempDir, options: &[&str], more: &[(&str, String)]) -> Self {
        let mut args: Vec<String> = vec!["serve".to_owned()];
        args.extend(options.iter().map(|&option| option.to_owned()));
        let mut defaults = vec![
            ("--listen", "127.0.0.1:0".to_owned()),
            ("--store", format!("sqlite:{}", dir.path().join("feed.db").display())),
            ("--max-connections-per-ip", "5000".to_owned()),
            ("--connect-rate-per-ip", "5000".to_owned()),
        ];
        defaults.extend_from_slice(more);
        for (name, value) in defaults {
            if !options.contains(&name) {
                args.extend([name.to_owned(), value]);
            }
        }
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let (child, addr, ready_after) = spawn(program, &args, &stdout, &stderr);
        Self { addr, ready_after, dir, program: program.to_owned(), args, child, stdout, stderr }
    }

    /// Kills the server as the kernel does when memory is short.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts the same server again on the same port and store. It must have been killed or stopped before.
    #[track_caller]
    pub fn start_again(&mut self) {
        let addr = self.addr.to_string();
        if let Some(at) = self.args.iter().position(|arg| arg == "--listen") {
            self.args[at + 1] = addr;
        }
        (self.child, self.addr, self.ready_after) = spawn(&self.program, &self.args, &self.stdout, &self.stderr);
    }

    /// Starts the server again with a retention of so many events, and waits until the others are gone.
    #[track_caller]
    pub fn keep(&mut self, events: usize) {
        self.kill();
        self.args.extend(["--retain-events".to_owned(), events.to_string()]);
        self.start_again();
        wait_for("retention", SOON, || {
            let page = self.http().history("since=earliest&limit=1000");
            page["events"].as_array().is_some_and(|kept| kept.len() == events).then_some(())
        });
    }

    /// Asks the server to drain.
    pub fn terminate(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process has an id");
        kill_process(pid, Signal::TERM).expect("the server runs");
    }

    /// Asks the server to read its keys, its list of revoked tokens and its rules again.
    pub fn hang_up(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process has an id");
        kill_process(pid, Signal::HUP).expect("the server runs");
    }

    /// How many requests, handshakes and messages it has refused for this reason.
    pub fn refused(&self, reason: &str) -> u64 {
        let metrics = self.stranger().get("/metrics").expect(200).text();
        let name = format!("activity_feed_refused_total{{reason=\"{reason}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().expect("a count"))
    }

    /// How many WebSockets and event streams are open.
    pub fn sockets(&self) -> u64 {
        let metrics = self.stranger().get("/metrics").expect(200).text();
        let open = metrics.lines().filter(|line| line.starts_with("activity_feed_connections"));
        open.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// The transports of the connections that are open, one for each, as the metrics name them.
    pub fn transports(&self) -> Vec<String> {
        let metrics = self.stranger().get("/metrics").expect(200).text();
        let label = |line: &str| {
            let (name, open) = line.strip_prefix("activity_feed_connections{transport=\"")?.split_once("\"} ")?;
            Some(vec![name.to_owned(); open.parse().ok()?])
        };
        metrics.lines().filter_map(label).flatten().collect()
    }

    /// The CPU time that it has used so far, in steps of 10 ms.
    pub fn cpu(&self) -> Duration {
        Duration::from_millis(ticks(self.child.id()) * 10)
    }

    /// Waits for the server's end.
    #[track_caller]
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        wait_for("the server's end", limit, || self.child.try_wait().expect("a child can be waited for"))
    }

    /// What it has said to stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.lock().expect("no reader panics").clone()
    }

    /// What it has said to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().expect("no reader panics").clone()
    }

    /// The folder of its store.
    pub fn dir(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// Its store as the command line names it.
    pub fn store(&self) -> String {
        format!("sqlite:{}", self.dir.path().join("feed.db").display())
    }

    /// Its address as a URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// A client that may do everything.
    pub fn http(&self) -> Client {
        Client::new(self.addr, Some(&tokens::scoped("admin")))
    }

    /// A client with this token.
    pub fn http_as(&self, token: &str) -> Client {
        Client::new(self.addr, Some(token))
    }

    /// A client without any token.
    pub fn stranger(&self) -> Client {
        Client::new(self.addr, None)
    }

    /// A WebSocket of somebody who may subscribe, after its `hello`.
    #[track_caller]
    pub fn ws(&self) -> Ws {
        self.ws_as(&tokens::scoped("subscribe"))
    }

    /// A WebSocket with this token, after its `hello`.
    #[track_caller]
    pub fn ws_as(&self, token: &str) -> Ws {
        let mut ws = Ws::open(self.addr, "/ws", &[("Authorization", &format!("Bearer {token}"))])
            .unwrap_or_else(|refused| panic!("no WebSocket: {} {}", refused.status, refused.text()));
        ws.greet();
        ws
    }

    /// An SSE stream with this query.
    #[track_caller]
    pub fn sse(&self, query: &str) -> Sse {
        let client = Client::new(self.addr, Some(&tokens::scoped("subscribe")));
        Sse::open(&client, &format!("/api/events/stream?{query}"), &[])
            .unwrap_or_else(|refused| panic!("no stream: {} {}", refused.status, refused.text()))
    }

    /// Appends one event, or an array of them, which must be accepted.
    #[track_caller]
    pub fn publish(&self, body: &Value) -> Vec<Receipt> {
        let answer = self.http().post("/api/events", body).expect(201).json();
        answer["events"].as_array().expect("a list of receipts").iter().map(Receipt::read).collect()
    }

    /// Appends `count` events of one type, `{"n": 0}` and on.
    #[track_caller]
    pub fn publish_many(&self, event_type: &str, count: usize) -> Vec<Receipt> {
        let events: Vec<Value> = (0..count).map(|n| crate::event(event_type, serde_json::json!({ "n": n }))).collect();
        self.publish_all(&events)
    }

    /// Appends these, in requests of as many as one may hold.
    #[track_caller]
    pub fn publish_all(&self, events: &[Value]) -> Vec<Receipt> {
        events.chunks(500).flat_map(|chunk| self.publish(&Value::from(chunk))).collect()
    }

    /// The cursor of the newest event.
    #[track_caller]
    pub fn head(&self) -> String {
        self.http().history("limit=1")["head"].as_str().expect("a head").to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let said = self.stderr();
            let from = said.len().saturating_sub(4000);
            let from = (from..said.len()).find(|&at| said.is_char_boundary(at)).unwrap_or(0);
            println!("---- the server's last words ----\n{}", &said[from..]);
        }
    }
}

#[track_caller]
fn spawn(
    program: &Path,
    args: &[String],
    stdout: &Arc<Mutex<String>>,
    stderr: &Arc<Mutex<String>>,
) -> (Child, SocketAddr, Duration) {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut command = binary::command_of(program, &args);
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program can be started");
    collect(child.stderr.take().expect("a pipe"), Arc::clone(stderr), None);
    let (ready, is_ready) = mpsc::channel();
    collect(child.stdout.take().expect("a pipe"), Arc::clone(stdout), Some(ready));
    let line = is_ready.recv_timeout(SOON);
    let addr = line.as_ref().ok().and_then(|line| line.trim_end().strip_prefix(READY)).and_then(|a| a.parse().ok());
    match addr {
        Some(addr) => (child, addr, started.elapsed()),
        None => {
            let _ = child.kill();
            let _ = child.wait();
            panic!("no ready line, but {line:?}; stderr:\n{}", stderr.lock().expect("no reader panics"));
        }
    }
}

/// Reads a pipe to its end, on a thread that ends with it. The first line goes to `first` as well.
fn collect(pipe: impl Read + Send + 'static, into: Arc<Mutex<String>>, first: Option<mpsc::Sender<String>>) {
    thread::spawn(move || {
        let mut first = first;
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line).into_owned();
            into.lock().expect("no reader panics").push_str(&text);
            if let Some(first) = first.take() {
                let _ = first.send(text);
            }
            line.clear();
        }
    });
}

/// Ticks of 1/100 s that a process has taken, with those that it has started (a real Spin has a program that starts it,
/// and one that it starts).
fn ticks(pid: u32) -> u64 {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return 0 };
    // Behind the name, which may hold anything, the 12th and the 13th field.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let own: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let started = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    own + started
        .map(|pids| pids.split_whitespace().filter_map(|pid| pid.parse().ok()).map(ticks).sum::<u64>())
        .sum::<u64>()
}
