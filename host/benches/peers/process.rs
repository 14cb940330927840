//! A peer's processes: started in a temporary folder on a free port of the loopback address, waited for, measured from
//! outside, and ended.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::list::Peer;

/// How long a server may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(15);
/// What /proc counts CPU time in, on every Linux: hundredths of a second.
const TICK_US: u64 = 10_000;

/// Where things are.
pub struct Folders {
    /// The small servers and configurations beside this file.
    pub servers: PathBuf,
    /// What README.md installs.
    pub installed: PathBuf,
}

impl Folders {
    /// `installed` in place of `target/peers`.
    pub fn new(installed: Option<PathBuf>) -> Self {
        let host = Path::new(env!("CARGO_MANIFEST_DIR"));
        let installed = installed.unwrap_or_else(|| host.join("../target/peers"));
        Self { servers: host.join("benches/peers/servers"), installed }
    }

    /// Whether all of these files are there.
    pub fn has(&self, files: &[PathBuf]) -> bool {
        files.iter().all(|file| file.exists())
    }
}

/// What a server has used, all its processes together.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// User and system.
    pub cpu_us: u64,
    /// Proportional set size: what several processes share is counted once.
    pub memory: u64,
}

/// A peer that runs; it ends with this value.
pub struct Running {
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
    folder: TempDir,
}

impl Running {
    /// Start it, and wait until it listens.
    ///
    /// # Errors
    /// It does not start; what it said is in the error.
    pub fn start(peer: &Peer, folders: &Folders) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        // Nobody else takes the port in between: the system gives out others first.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = (peer.command)(folders, folder.path(), address.port())?;
        let said = File::create(folder.path().join("said"))?;
        let process = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
            .with_context(|| format!("cannot start {:?}", command.get_program()))?;
        let mut running = Self { process, address, folder };
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = running.process.try_wait()? {
                bail!("it ended before it listened, {status}: {}", running.said());
            }
            if Instant::now() > deadline {
                bail!("it does not listen: {}", running.said());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(running)
    }

    /// The process that was started.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The end of what it has said.
    pub fn said(&self) -> String {
        let said = std::fs::read_to_string(self.folder.path().join("said")).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        lines.get(lines.len().saturating_sub(5)..).unwrap_or_default().join("; ")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // None has anything to save. The first process goes first: it would start the others again.
        for id in family(self.process.id()) {
            if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = self.process.wait();
    }
}

/// What the process and all that come from it have used.
///
/// # Errors
/// It has gone.
pub fn usage(id: u32) -> anyhow::Result<Usage> {
    let mut all = Usage { cpu_us: 0, memory: 0 };
    for id in family(id) {
        let stat = Stat::of(id).context("the measured process has gone")?;
        all.cpu_us += stat.cpu_us;
        all.memory += memory(id).context("the system does not tell the memory of the measured process")?;
    }
    Ok(all)
}

/// The process, its children, and theirs.
fn family(id: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = ids.filter_map(|id| Some((id, Stat::of(id)?.parent))).collect();
    let mut family = vec![id];
    let mut at = 0;
    while let Some(&parent) = family.get(at) {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        at += 1;
    }
    family
}

/// What `/proc/ID/stat` tells, as proc_pid_stat(5) numbers it.
struct Stat {
    parent: u32,
    cpu_us: u64,
}

impl Stat {
    fn of(id: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name is in brackets, and may hold both spaces and brackets.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3);
        let (user, system): (u64, u64) = (field(14)?.parse().ok()?, field(15)?.parse().ok()?);
        Some(Self { parent: field(4)?.parse().ok()?, cpu_us: (user + system) * TICK_US })
    }
}

fn memory(id: u32) -> Option<u64> {
    let rollup = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}
