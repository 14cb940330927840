//! Builds the two built-in components for `wasm32-wasip2` and hands their files to `engine.rs`, which embeds them.
//!
//! The inner cargo has a target folder of its own (`target/components`), shared by every profile of the outer build, so
//! that it neither waits for the outer cargo's lock nor builds the same thing twice.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

const TARGET: &str = "wasm32-wasip2";

/// (package, artifact, variable that `engine.rs` reads).
const COMPONENTS: [(&str, &str, &str); 2] = [
    ("event-log", "event_log.wasm", "ACTIVITY_FEED_EVENT_LOG_WASM"),
    ("broadcaster", "broadcaster.wasm", "ACTIVITY_FEED_BROADCASTER_WASM"),
];

/// For the components alone, beside the flags of `.cargo/config.toml`. Each function and loop of a component looks whether its time
/// is over: with fewer functions, an event costs 2 to 3 % less, in code that is a sixth to a fifth larger (docs/performance.md).
const FLAGS: &str = "target.wasm32-wasip2.rustflags=['-Cllvm-args=-inline-threshold=600']";

/// What a component's bytes depend on, from the workspace's root.
const SOURCES: [&str; 8] = [
    ".cargo/config.toml",
    "components/heap",
    "components/policy",
    "components/event-log",
    "components/broadcaster",
    "wit",
    "Cargo.toml",
    "Cargo.lock",
];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let manifest_dir = path_variable("CARGO_MANIFEST_DIR")?;
    let out_dir = path_variable("OUT_DIR")?;
    let root = manifest_dir.parent().ok_or("the host crate has no parent folder")?;
    for source in SOURCES {
        println!("cargo:rerun-if-changed={}", root.join(source).display());
    }
    println!("cargo:rerun-if-changed=build.rs");

    ensure_target(root)?;
    let target_dir = components_target_dir(&out_dir);
    let mut cargo = clean_command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), root);
    cargo.args(["build", "--profile", "component", "--target", TARGET, "--target-dir"]).arg(&target_dir);
    cargo.args(["--config", FLAGS]);
    for (package, ..) in COMPONENTS {
        cargo.args(["-p", package]);
    }
    run(&mut cargo).map_err(|e| format!("the components could not be built: {e}"))?;

    for (_, artifact, variable) in COMPONENTS {
        let built = target_dir.join(TARGET).join("component").join(artifact);
        // A copy of our own: another profile's build may be replacing the shared one while rustc reads it.
        let embedded = out_dir.join(artifact);
        fs::copy(&built, &embedded).map_err(|e| format!("{} could not be copied: {e}", built.display()))?;
        println!("cargo:rustc-env={variable}={}", embedded.display());
    }
    Ok(())
}

/// The target's standard library is there, or is made to be.
fn ensure_target(root: &Path) -> Result<(), String> {
    if target_is_installed(root) {
        return Ok(());
    }
    let added = run(clean_command("rustup".into(), root).args(["target", "add", TARGET]));
    if added.is_ok() && target_is_installed(root) {
        return Ok(());
    }
    Err(format!("the Rust target {TARGET} is missing; add it, then build again:\n\n    rustup target add {TARGET}\n"))
}

fn target_is_installed(root: &Path) -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    clean_command(rustc, root)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .is_ok_and(|o| o.status.success() && Path::new(String::from_utf8_lossy(&o.stdout).trim()).is_dir())
}

/// `components` in the outer build's target folder, which is the ancestor of `OUT_DIR` that cargo has tagged as a
/// cache; `OUT_DIR` itself where there is none.
fn components_target_dir(out_dir: &Path) -> PathBuf {
    let tagged = out_dir.ancestors().filter(|a| a.join("CACHEDIR.TAG").is_file()).last();
    tagged.unwrap_or(out_dir).join("components")
}

/// A command in the workspace's root without what the outer cargo, clippy or a coverage run set for the host's build:
/// flags and wrappers meant for another target, and a jobserver whose pipes the child does not inherit.
fn clean_command(program: OsString, root: &Path) -> Command {
    const KEPT: [&str; 5] = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_TERM_"];
    const DROPPED: [&str; 13] = [
        "CLIPPY_ARGS",
        "DEBUG",
        "HOST",
        "LLVM_PROFILE_FILE",
        "MAKEFLAGS",
        "MFLAGS",
        "NUM_JOBS",
        "OPT_LEVEL",
        "OUT_DIR",
        "PROFILE",
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "TARGET",
    ];
    let mut command = Command::new(program);
    command.current_dir(root);
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let cargos = (text.starts_with("CARGO") || text.starts_with("RUSTC") || text == "RUSTDOC")
            && !KEPT.iter().any(|kept| text.starts_with(kept));
        if cargos || text.starts_with("DEP_") || DROPPED.contains(&text) {
            command.env_remove(&name);
        }
    }
    command
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} ended with {status}", command.get_program().display())),
        Err(e) => Err(format!("{} could not be started: {e}", command.get_program().display())),
    }
}

fn path_variable(name: &str) -> Result<PathBuf, String> {
    env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("cargo did not set {name}"))
}
