//! Where the program under test is: built once by the same cargo, profile and target folder that built the tests, or
//! named by `ACTIVITY_FEED_BIN`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The path of the `activity-feed` binary, up to date with the sources.
pub fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| match env::var_os("ACTIVITY_FEED_BIN") {
        Some(path) => PathBuf::from(path),
        None => build(),
    })
}

/// A command of the program, with nothing of this process's own `ACTIVITY_FEED_…` settings.
pub fn command(args: &[&str]) -> Command {
    command_of(path(), args)
}

/// The same of another program.
pub fn command_of(program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("ACTIVITY_FEED_") {
            command.env_remove(name);
        }
    }
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs a command of the program to its end.
pub fn run(args: &[&str]) -> Output {
    command(args).output().expect("the program can be run")
}

/// What a finished command printed to stdout.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("stdout is UTF-8")
}

/// What a finished command printed to stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// cargo with the profile and the target folder of this test, for another build beside it: `subcommand`, and what it is
/// given. Nothing of what cargo tells a test about its own crate reaches it, which would make another build of the
/// program than the one at hand.
fn cargo(subcommand: &str, arguments: &[&str]) -> Command {
    // …/target/<profile>/deps/<test>, or one of the programs of this crate, …/target/<profile>/<program>
    let this = env::current_exe().expect("a test knows its own path");
    let folder = this.parent().expect("it is in a folder");
    let profile = if folder.ends_with("deps") { folder.parent().expect("the profile's folder") } else { folder };
    let target = profile.parent().expect("the target folder");
    let profile = match profile.file_name().and_then(|name| name.to_str()).expect("a profile has a name") {
        "debug" => "dev",
        other => other,
    };
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let told = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_", "CARGO_TARGET_TMPDIR"];
    for (name, _) in env::vars_os() {
        if told.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            cargo.env_remove(name);
        }
    }
    cargo.arg(subcommand).args(arguments).args(["--message-format", "json", "--profile", profile, "--target-dir"]);
    cargo.arg(target).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    cargo
}

/// The executables that a build of cargo's has made, by the name of their target.
fn executables(mut cargo: Command) -> Vec<(String, PathBuf)> {
    let output = cargo.output().expect("cargo can be run");
    assert!(output.status.success(), "it does not build:\n{}", stderr(&output));
    let messages = stdout(&output);
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    messages
        .filter_map(|message| {
            let executable = PathBuf::from(message["executable"].as_str()?);
            Some((message["target"]["name"].as_str()?.to_owned(), executable))
        })
        .collect()
}

fn build() -> PathBuf {
    let cargo = cargo("build", &["--package", "activity-feed", "--bin", "activity-feed"]);
    executables(cargo).pop().expect("cargo names the executable").1
}

/// The outside tests of these files as programs, up to date with their sources: each file's name and its program.
pub fn tests(files: &[&str]) -> Vec<(String, PathBuf)> {
    // As `cargo test --workspace` builds them, which is how they mostly are built already.
    let mut arguments = vec!["--workspace", "--no-run"];
    arguments.extend(files.iter().flat_map(|file| ["--test", file]));
    executables(cargo("test", &arguments))
}
