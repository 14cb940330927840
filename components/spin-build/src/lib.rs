//! Builds what `spin.toml` names: the components for `wasm32-wasip2`, and the event-log joined with its store, since
//! Spin joins a component with its dependencies but not those with theirs.
//!
//! Each file is there whole or not at all. What is in them is cargo's business; the inner cargo has the target folder
//! that the native server's build has too (`target/components`), so that nothing is built twice.

mod strip;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};

const TARGET: &str = "wasm32-wasip2";

/// (package, what cargo makes of it, its name in the application).
const COMPONENTS: [(&str, &str, &str); 5] = [
    ("spin-http", "spin_http.wasm", "feed.wasm"),
    ("event-log", "event_log.wasm", "event-log.wasm"),
    ("store-spin", "store_spin.wasm", "store.wasm"),
    ("broadcaster", "broadcaster.wasm", "broadcaster.wasm"),
    ("plain-rules", "plain_rules.wasm", "rules.wasm"),
];

/// Event-log and store in one.
const LOG_ON_SPIN: &str = "log-on-spin.wasm";

/// Why there is no application.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// cargo could not be started.
    #[error("cargo cannot be started: {0}")]
    Start(io::Error),
    /// cargo has said why.
    #[error("the components could not be built; if the Rust target is missing: rustup target add {TARGET}")]
    Cargo,
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// cargo has made something else.
    #[error("{} is no component", path.display())]
    NoComponent {
        /// Which file.
        path: PathBuf,
    },
    /// Two components do not fit.
    #[error("the event-log cannot be joined with the store: {0}")]
    Join(String),
}

/// Build everything for the workspace at `root` and say in which folder it is: `target/spin`, where `spin.toml` looks.
///
/// # Errors
/// See [`BuildError`].
pub fn build(root: &Path) -> Result<PathBuf, BuildError> {
    let target_dir = root.join("target").join("components");
    let mut cargo = cargo(root);
    cargo.args(["build", "--quiet", "--profile", "component", "--target", TARGET, "--target-dir"]).arg(&target_dir);
    for (package, ..) in COMPONENTS {
        cargo.args(["-p", package]);
    }
    if !cargo.status().map_err(BuildError::Start)?.success() {
        return Err(BuildError::Cargo);
    }
    let built = target_dir.join(TARGET).join("component");
    let folder = root.join("target").join("spin");
    fs::create_dir_all(&folder).map_err(|source| BuildError::File { path: folder.clone(), source })?;
    for (_, artifact, name) in COMPONENTS {
        let path = built.join(artifact);
        let stripped = strip::names(&read(&path)?).ok_or(BuildError::NoComponent { path })?;
        write(&folder.join(name), &stripped)?;
    }
    let joined = join(&read(&folder.join("event-log.wasm"))?, &read(&folder.join("store.wasm"))?)?;
    write(&folder.join(LOG_ON_SPIN), &joined)?;
    Ok(folder)
}

/// One component out of two: `socket` with those of its imports filled that `plug` exports.
///
/// # Errors
/// `Join` where nothing fits, or one is no component.
pub fn join(socket: &[u8], plug: &[u8]) -> Result<Vec<u8>, BuildError> {
    let failed = |error: &dyn std::fmt::Display| BuildError::Join(error.to_string());
    let mut graph = CompositionGraph::new();
    let mut register = |name: &str, wasm: &[u8]| {
        let package = Package::from_bytes(name, None, wasm, graph.types_mut()).map_err(|e| failed(&e))?;
        graph.register_package(package).map_err(|e| failed(&e))
    };
    let (socket, plug) = (register("joined:socket", socket)?, register("joined:plug", plug)?);
    wac_graph::plug(&mut graph, vec![plug], socket).map_err(|e| failed(&e))?;
    graph.encode(EncodeOptions::default()).map_err(|e| failed(&e))
}

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    fs::read(path).map_err(|source| BuildError::File { path: path.to_owned(), source })
}

/// Nobody who reads the file meanwhile sees half of it.
fn write(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let written = fs::write(&draft, bytes).and_then(|()| fs::rename(&draft, path));
    written.map_err(|source| BuildError::File { path: path.to_owned(), source })
}

/// cargo in the workspace, without what an outer cargo has set for another target.
fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    for name in [
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_MAKEFLAGS",
        "CARGO_TARGET_DIR",
        "CLIPPY_ARGS",
        "MAKEFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTFLAGS",
    ] {
        cargo.env_remove(name);
    }
    cargo
}
