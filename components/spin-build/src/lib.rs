//! Builds what `spin.toml` names: the components for `wasm32-wasip2`, and the event-log joined with its store, since
//! Spin joins a component with its dependencies but not those with theirs.
//!
//! Each file is there whole or not at all. What is in them is cargo's business; the inner cargo has the target folder
//! that the native server's build has too (`target/components`).

mod strip;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use wac_graph::types::{Package, WorldId};
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};

const TARGET: &str = "wasm32-wasip2";
/// Of `Cargo.toml`: small goes before fast.
const PROFILE: &str = "spin";
/// The linker leaves each address and each function's number the five bytes of the largest one, unless it is told not to:
/// a twelfth of a component.
const COMPACT: &str = "-Clink-arg=--compress-relocations";

/// (package, what cargo makes of it, its name in the application).
const COMPONENTS: [(&str, &str, &str); 5] = [
    ("spin-http", "spin_http.wasm", APPLICATION),
    ("event-log", "event_log.wasm", "event-log.wasm"),
    ("store-spin", "store_spin.wasm", "store.wasm"),
    ("broadcaster", "broadcaster.wasm", "broadcaster.wasm"),
    ("plain-rules", "plain_rules.wasm", "rules.wasm"),
];

/// What Spin starts.
const APPLICATION: &str = "feed.wasm";
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
    #[error("the components cannot be joined: {0}")]
    Join(String),
}

/// Build everything for the workspace at `root` and say in which folder it is: `target/spin`, where `spin.toml` looks.
///
/// # Errors
/// See [`BuildError`].
pub fn build(root: &Path) -> Result<PathBuf, BuildError> {
    let target_dir = root.join("target").join("components");
    let mut cargo = cargo(root);
    cargo
        .args(["build", "--config", &flags(), "--quiet", "--profile", PROFILE, "--target", TARGET, "--target-dir"])
        .arg(&target_dir);
    for (package, ..) in COMPONENTS {
        cargo.args(["-p", package]);
    }
    if !cargo.status().map_err(BuildError::Start)?.success() {
        return Err(BuildError::Cargo);
    }
    let built = target_dir.join(TARGET).join(PROFILE);
    let folder = root.join("target").join("spin");
    fs::create_dir_all(&folder).map_err(|source| BuildError::File { path: folder.clone(), source })?;
    for (_, artifact, name) in COMPONENTS {
        let path = built.join(artifact);
        let mut wasm = strip::names(&read(&path)?).ok_or(BuildError::NoComponent { path })?;
        if name == APPLICATION {
            wasm = rename_store(&wasm)?;
        }
        write(&folder.join(name), &wasm)?;
    }
    let joined = join(&read(&folder.join("event-log.wasm"))?, &read(&folder.join("store.wasm"))?)?;
    write(&folder.join(LOG_ON_SPIN), &joined)?;
    Ok(folder)
}

/// Spin fills all imports of one WIT package from one dependency. So what the store exports is renamed into the log's
/// package, and event-log and store are one line of `spin.toml` and one instance.
const STORE: &str = "activity:store/";
const OF_LOG: &str = "activity:log/";
const HANDLER: &str = "wasi:http/handler@0.3.0";

/// The event-log joined with its store, exporting both.
///
/// # Errors
/// `Join` where they do not fit, or one is no component.
pub fn join(event_log: &[u8], store: &[u8]) -> Result<Vec<u8>, BuildError> {
    let compose = || -> anyhow::Result<Vec<u8>> {
        let mut graph = CompositionGraph::new();
        let (event_log, log_world) = instantiate(&mut graph, "joined:event-log", event_log)?;
        let (store, store_world) = instantiate(&mut graph, "joined:store", store)?;
        for name in store_world.exports {
            let export = graph.alias_instance_export(store, &name)?;
            if log_world.imports.contains(&name) {
                graph.set_instantiation_argument(event_log, &name, export)?;
            }
            graph.export(export, name.replacen(STORE, OF_LOG, 1))?;
        }
        for name in log_world.exports {
            let export = graph.alias_instance_export(event_log, &name)?;
            graph.export(export, name)?;
        }
        Ok(graph.encode(EncodeOptions::default())?)
    };
    compose().map_err(|error| BuildError::Join(format!("{error:#}")))
}

/// The application, asking for its store under the names that [`join`] gives it.
fn rename_store(application: &[u8]) -> Result<Vec<u8>, BuildError> {
    let compose = || -> anyhow::Result<Vec<u8>> {
        let mut graph = CompositionGraph::new();
        let (instance, world) = instantiate(&mut graph, "joined:application", application)?;
        for name in world.imports.iter().filter(|name| name.starts_with(STORE)) {
            let kind = graph.types()[world.id].imports.get(name).copied();
            let kind = kind.ok_or_else(|| anyhow::anyhow!("the application imports no {name}"))?;
            let store = graph.import(name.replacen(STORE, OF_LOG, 1), kind)?;
            graph.set_instantiation_argument(instance, name, store)?;
        }
        let handler = graph.alias_instance_export(instance, HANDLER)?;
        graph.export(handler, HANDLER)?;
        Ok(graph.encode(EncodeOptions::default())?)
    };
    compose().map_err(|error| BuildError::Join(format!("{error:#}")))
}

/// The names of a component's imports and exports.
struct Names {
    id: WorldId,
    imports: Vec<String>,
    exports: Vec<String>,
}

fn instantiate(graph: &mut CompositionGraph, name: &str, wasm: &[u8]) -> anyhow::Result<(NodeId, Names)> {
    let package = Package::from_bytes(name, None, wasm, graph.types_mut())?;
    let id = package.ty();
    let package = graph.register_package(package)?;
    let world = &graph.types()[id];
    let (imports, exports) = (world.imports.keys().cloned().collect(), world.exports.keys().cloned().collect());
    Ok((graph.instantiate(package), Names { id, imports, exports }))
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

/// Flags beside those of `.cargo/config.toml`, as cargo's `--config` takes them. Where the crates lie on this machine is nothing
/// that a component has to tell in its panics, nor may its size depend on it.
fn flags() -> String {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let sources = home.map(|home| home.join("registry/src"));
    // One folder for each registry. Of several prefixes that fit, rustc takes the last.
    let registries = sources.iter().filter_map(|sources| sources.read_dir().ok()).flatten().flatten();
    let registries: BTreeSet<PathBuf> = registries.map(|registry| registry.path()).collect();
    let remap: String = sources
        .iter()
        .chain(&registries)
        .map(|folder| folder.display().to_string())
        .filter(|folder| !folder.contains(['\'', '\n', '=']))
        .map(|folder| format!(", '--remap-path-prefix={folder}=crates'"))
        .collect();
    format!("target.wasm32-wasip2.rustflags=['{COMPACT}'{remap}]")
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
