//! Every crate that ships with the program, or that builds or tests it, has a licence that the project takes. This stands
//! in for `cargo deny`, whose other half is a database of advisories that has to be fetched; see docs/limits.md.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::process::Command;

use serde_json::Value;

/// Taken wherever they stand.
const TAKEN: [&str; 13] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "MIT-0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "0BSD",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "MPL-2.0",
];

/// Whether an SPDX expression can be met with what is taken: of `OR` one side, of `AND` both. What is not in the list
/// may so only be one of several to choose from.
fn can_be_met(expression: &str) -> bool {
    // Older crates write `MIT/Apache-2.0`.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest) && rest.is_empty()
}

fn any_of(words: &mut &[&str]) -> bool {
    let mut met = all_of(words);
    while words.first() == Some(&"OR") {
        *words = &words[1..];
        met |= all_of(words);
    }
    met
}

fn all_of(words: &mut &[&str]) -> bool {
    let mut met = one(words);
    while words.first() == Some(&"AND") {
        *words = &words[1..];
        met &= one(words);
    }
    met
}

fn one(words: &mut &[&str]) -> bool {
    let Some((first, mut rest)) = words.split_first() else { return false };
    if *first == "(" {
        let met = any_of(&mut rest);
        let closed = rest.first() == Some(&")");
        *words = rest.get(1..).unwrap_or_default();
        return met && closed;
    }
    let mut name = (*first).to_owned();
    if let ["WITH", exception, ..] = rest {
        name = format!("{name} WITH {exception}");
        rest = &rest[2..];
    }
    *words = rest;
    TAKEN.contains(&name.as_str())
}

#[test]
fn every_dependency_has_a_licence_that_is_taken() {
    // What the program is built for; its components need a part of the same. (On Apple's systems a crate of Mozilla's root certificates comes
    // with the client, whose licence is one for data: CDLA-Permissive-2.0.)
    for platform in ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"] {
        check(platform);
    }
}

#[track_caller]
fn check(platform: &str) {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", platform])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "this is not all: {}", packages.len());
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(can_be_met))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(refused.is_empty(), "licences that are not taken ({platform}):\n{}", refused.join("\n"));
}

#[test]
fn expressions_are_read_as_spdx_writes_them() {
    for met in [
        "MIT",
        "MIT OR GPL-3.0-only",
        "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "MIT/Apache-2.0",
        "Unlicense OR MIT",
        "CC0-1.0 OR (GPL-2.0-only AND MIT) OR ISC",
    ] {
        assert!(can_be_met(met), "{met}");
    }
    for refused in
        ["", "GPL-3.0-only", "MIT AND GPL-3.0-only", "CC0-1.0", "Unlicense", "(MIT", "MIT WITH Nothing", "MIT MIT"]
    {
        assert!(!can_be_met(refused), "{refused}");
    }
}
