//! The application in a real Spin, in place of the tests' own host, where [`PROGRAM`] names one: `spin up` with the
//! project's `spin.toml`, on a folder of its own that goes with it. By hand: no machine of the CI's has a Spin.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::application::Options;

/// Names the `spin` that the tests are to use, 4.1 or later.
pub const PROGRAM: &str = "SPIN_PROGRAM";

/// How long an application may take to be served, with what has to be compiled.
const START: Duration = Duration::from_secs(60);
/// What stands before the address in what Spin says.
const SERVING: &str = "Serving http://";

/// A running `spin up`, which ends with this.
pub struct Spin {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    said: Arc<Mutex<String>>,
    folder: TempDir,
}

impl Spin {
    /// Starts it.
    ///
    /// # Errors
    /// It ends, or does not come to serve in time.
    pub fn start(program: &Path, options: &Options, defaults: &[(&str, &str)]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let manifest = write(folder.path(), options, defaults)?;
        let deadline = Instant::now() + START;
        loop {
            let said = Arc::default();
            match spawn(program, &manifest, options.listen, &said, deadline) {
                Ok((child, address)) => return Ok(Self { address, child, said, folder }),
                // The one that was killed a moment ago may have its port yet.
                Err(error) if error.to_string().contains("in use") && Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(100));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What the component has written, and Spin beside it.
    #[must_use]
    pub fn stderr(&self) -> String {
        let component = std::fs::read_to_string(self.folder.path().join("logs/feed_stderr.txt")).unwrap_or_default();
        component + &self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Spin {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// The manifest and all that it names, in this folder.
fn write(folder: &Path, options: &Options, defaults: &[(&str, &str)]) -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a root")?;
    let mut manifest = std::fs::read_to_string(root.join("spin.toml"))?;
    if let Some(rules) = &options.rules {
        let path = folder.join("rules.wasm");
        std::fs::write(&path, rules)?;
        manifest = manifest.replace("target/spin/rules.wasm", &path.display().to_string());
    }
    if !options.log_inherits {
        manifest = manifest.replace(", inherit_configuration = [\"sqlite_databases\"]", "");
    }
    let manifest = manifest.replace("target/spin/", &format!("{}/", super::folder().display()));
    let path = folder.join("spin.toml");
    std::fs::write(&path, manifest)?;
    let mut variables: serde_json::Map<String, serde_json::Value> =
        defaults.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    variables.extend(options.variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())));
    std::fs::write(folder.join("variables.json"), serde_json::Value::from(variables).to_string())?;
    let database = match &options.file {
        Some(file) => std::path::absolute(file)?,
        // Spin makes what is missing, folders too, and does not start without a database of this name: one that
        // cannot be opened is the nearest.
        None => folder.to_owned(),
    };
    let runtime = format!("[sqlite_database.default]\ntype = \"spin\"\npath = {:?}\n", database.display().to_string());
    std::fs::write(folder.join("runtime.toml"), runtime)?;
    Ok(path)
}

fn spawn(
    program: &Path,
    manifest: &Path,
    listen: SocketAddr,
    said: &Arc<Mutex<String>>,
    deadline: Instant,
) -> anyhow::Result<(Child, SocketAddr)> {
    let folder = manifest.parent().context("a folder")?;
    // A test may kill this process: then Spin is told to end, which would stay otherwise.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]).arg(program).args(["up", "-f"]).arg(manifest);
    command.args(["--listen", &listen.to_string(), "--state-dir"]).arg(folder.join("state"));
    command.arg("--log-dir").arg(folder.join("logs")).arg("--runtime-config-file").arg(folder.join("runtime.toml"));
    command.arg("--variable").arg(format!("@{}", folder.join("variables.json").display())).arg("--quiet");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (serving, is_serving) = mpsc::channel();
    collect(child.stdout.take().context("a pipe")?, Arc::clone(said), serving.clone());
    collect(child.stderr.take().context("a pipe")?, Arc::clone(said), serving);
    match is_serving.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(address) => Ok((child, address)),
        Err(_) => {
            end(&mut child);
            anyhow::bail!("Spin does not serve: {}", said.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

fn end(child: &mut Child) {
    // It ends its own child with itself when it is asked to, not when it is killed.
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
    let _ = child.wait();
}

/// Reads a pipe to its end, on a thread that ends with it, and tells the address that is served.
fn collect(pipe: impl Read + Send + 'static, said: Arc<Mutex<String>>, serving: mpsc::Sender<SocketAddr>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if let Some(address) = line.split_once(SERVING).and_then(|(_, address)| address.trim().parse().ok()) {
                let _ = serving.send(address);
            }
            said.lock().unwrap_or_else(PoisonError::into_inner).push_str(&format!("{line}\n"));
        }
    });
}
