//! RFC 6455 and RFC 7692 by Autobahn's test suite, against `/echo`, which is served by the server's own handshake, shards and
//! framing. `tests/autobahn/install` puts the suite where this finds it; without it, or a `wstest` on the path, this is left
//! out. `ACTIVITY_FEED_AUTOBAHN=all` runs all of it, some 20 minutes, and prints a table; otherwise all but the measuring cases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use activity_feed_tests::echo::Echo;
use activity_feed_tests::needs::has_for;
use serde_json::{Value, json};

/// What the suite may call a case. `INFORMATIONAL`: the RFC leaves it open. `UNIMPLEMENTED`: of compression, see below.
const FINE: [&str; 2] = ["OK", "INFORMATIONAL"];
/// Cases that offer nothing but a window which the compressor does not have (docs/limits.md); the server then goes on without
/// compression, as RFC 7692 section 7.1.2.1 has it, and the suite has nothing to test.
const WINDOWS: [&str; 2] = ["13.3.", "13.5."];

fn suite() -> PathBuf {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/autobahn/wstest");
    if installed.exists() { installed } else { "wstest".into() }
}

/// Runs cases and returns each one's verdict, on what it did and on how it closed.
fn run(echo: &Echo, cases: &[&str]) -> BTreeMap<String, (String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let spec = json!({
        "servers": [{"agent": "echo", "url": format!("ws://{}/echo", echo.addr)}],
        "cases": cases,
        "outdir": folder.path().join("out"),
    });
    let file = folder.path().join("spec.json");
    std::fs::write(&file, spec.to_string()).unwrap();
    let mut wstest = Command::new(suite());
    wstest.args(["-m", "fuzzingclient", "-s"]).arg(&file).current_dir(folder.path()).stdin(Stdio::null());
    let output = wstest.output().unwrap();
    let index = std::fs::read(folder.path().join("out/index.json"))
        .unwrap_or_else(|error| panic!("no report ({error}): {}", String::from_utf8_lossy(&output.stderr)));
    let index: Value = serde_json::from_slice(&index).unwrap();
    let verdict = |case: &Value, name: &str| case[name].as_str().unwrap().to_owned();
    let cases = index["echo"].as_object().unwrap();
    cases.iter().map(|(id, case)| (id.clone(), (verdict(case, "behavior"), verdict(case, "behaviorClose")))).collect()
}

#[track_caller]
fn all_fine(verdicts: &BTreeMap<String, (String, String)>) {
    let mut table: BTreeMap<(u32, &str), u32> = BTreeMap::new();
    for (id, (verdict, _)) in verdicts {
        let group = id.split('.').next().unwrap().parse().unwrap();
        *table.entry((group, verdict)).or_default() += 1;
    }
    eprintln!("{table:?}");
    let fine = |(id, (did, closed)): &(&String, &(String, String))| {
        let unoffered = did == "UNIMPLEMENTED" && WINDOWS.iter().any(|group| id.starts_with(group));
        (FINE.contains(&did.as_str()) || unoffered) && FINE.contains(&closed.as_str())
    };
    let wrong: Vec<_> = verdicts.iter().filter(|case| !fine(case)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn is_missing(test: &str) -> bool {
    !has_for(&suite().to_string_lossy(), "ACTIVITY_FEED_REQUIRE_AUTOBAHN", test)
}

#[test]
fn framing_conforms_to_rfc_6455() {
    if is_missing("framing_conforms_to_rfc_6455") {
        return;
    }
    let verdicts =
        run(&Echo::start(env!("CARGO_BIN_EXE_echo"), &[]), &["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]);
    assert_eq!(verdicts.len(), 247, "none was left out");
    all_fine(&verdicts);
}

#[test]
fn compression_conforms_to_rfc_7692() {
    if is_missing("compression_conforms_to_rfc_7692") {
        return;
    }
    let all = std::env::var_os("ACTIVITY_FEED_AUTOBAHN").is_some_and(|value| value == "all");
    // Of each kind of message and of each offer the shortest and, of 1,000 messages each, one of some length.
    let few: Vec<String> = (1..=5).map(|n| format!("12.{n}.1")).chain((1..=7).map(|n| format!("13.{n}.1"))).collect();
    let few: Vec<&str> = few.iter().map(String::as_str).chain(["12.1.5", "13.7.12"]).collect();
    let verdicts =
        run(&Echo::start(env!("CARGO_BIN_EXE_echo"), &["--large"]), if all { &["9.*", "12.*", "13.*"] } else { &few });
    assert_eq!(verdicts.len(), if all { 270 } else { few.len() }, "none was left out");
    all_fine(&verdicts);
}
