//! The outside contract, asked of the Spin application: the same tests as of the native server, run again with the
//! program `spin-host` in the server's place. What Spin cannot do is named in `tests/spin-cannot`, test by test, with the
//! reason; files about WebSockets, or about what lies before the application (framing, keys in files), are not among these.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use activity_feed_tests::{binary, spin};

/// The files of outside tests that ask over HTTP.
const FILES: [&str; 11] = [
    "access",
    "display",
    "doors_events",
    "history",
    "limits",
    "operation",
    "pages",
    "publish",
    "reference",
    "secrets",
    "sse",
];

static PROGRAMS: LazyLock<Vec<(String, PathBuf)>> = LazyLock::new(|| binary::tests(&FILES));

/// (test, why Spin cannot pass it).
fn cannot() -> Vec<(&'static str, &'static str)> {
    let lines = include_str!("../spin-cannot").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once(": ").unwrap_or_else(|| panic!("`{line}` is not `test: why`"))).collect()
}

/// The tests of a program.
fn names(program: &PathBuf) -> BTreeSet<String> {
    let listed = Command::new(program).args(["--list", "--format", "terse"]).output().unwrap();
    let listed = binary::stdout(&listed);
    listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

fn asked_of_spin(file: &str) {
    let (_, program) = PROGRAMS.iter().find(|(name, _)| name == file).expect(file);
    let mut tests = Command::new(program);
    tests.env("ACTIVITY_FEED_BIN", env!("CARGO_BIN_EXE_spin-host")).env(spin::FOLDER, spin::folder()).arg("--exact");
    for (name, _) in cannot() {
        tests.args(["--skip", name]);
    }
    let output = tests.output().unwrap();
    let said = binary::stdout(&output);
    assert!(output.status.success(), "{said}\n{}", binary::stderr(&output));
    assert!(!said.contains(" 0 passed"), "nothing was asked:\n{said}");
}

#[test]
fn what_spin_cannot_do_is_named_with_a_reason_and_still_there() {
    let known: BTreeSet<String> = PROGRAMS.iter().flat_map(|(_, program)| names(program)).collect();
    let mut seen = BTreeSet::new();
    for (name, why) in cannot() {
        assert!(known.contains(name), "there is no test `{name}`");
        assert!(!why.is_empty() && seen.insert(name), "{name}");
    }
}

#[test]
fn access() {
    asked_of_spin("access");
}

#[test]
fn display() {
    asked_of_spin("display");
}

#[test]
fn doors_events() {
    asked_of_spin("doors_events");
}

#[test]
fn history() {
    asked_of_spin("history");
}

#[test]
fn limits() {
    asked_of_spin("limits");
}

#[test]
fn operation() {
    asked_of_spin("operation");
}

#[test]
fn pages() {
    asked_of_spin("pages");
}

#[test]
fn publish() {
    asked_of_spin("publish");
}

#[test]
fn reference() {
    asked_of_spin("reference");
}

#[test]
fn secrets() {
    asked_of_spin("secrets");
}

#[test]
fn sse() {
    asked_of_spin("sse");
}
