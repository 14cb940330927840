//! Components that tests hand to the program: the misbehaving ones in `guests/examples`, the example's rules, and those that
//! change nothing. They are built by the first test of a run that asks; what is in them is left to their own files.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder with the built guests (in `examples/`), `example_rules.wasm` and `plain_rules.wasm`. It is the components' own target folder, so
/// that it is never the one that the outer cargo holds.
///
/// # Panics
/// When they cannot be built.
pub fn artifacts() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let exe = env::current_exe().expect("a program");
        let target = exe.ancestors().filter(|a| a.join("CACHEDIR.TAG").is_file()).last().expect("a target folder");
        let target = target.join("components");
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        for what in [["hostile-guests", "--examples"], ["example-rules", "--lib"], ["plain-rules", "--lib"]] {
            let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            // Meant for the host's build, or for a jobserver that is not ours.
            for name in ["RUSTFLAGS", "RUSTC_WRAPPER", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
                cargo.env_remove(name);
            }
            for name in ["RUSTC_WORKSPACE_WRAPPER", "CARGO_MAKEFLAGS", "MAKEFLAGS"] {
                cargo.env_remove(name);
            }
            cargo.current_dir(workspace);
            cargo.args(["build", "--quiet", "--profile", "component", "--target", "wasm32-wasip2", "-p"]);
            let status = cargo.args(what).arg("--target-dir").arg(&target).status().expect("cargo can be started");
            assert!(status.success(), "{} could not be built", what[0]);
        }
        target.join("wasm32-wasip2").join("component")
    })
}

/// The file of a guest.
#[must_use]
pub fn guest(name: &str) -> PathBuf {
    artifacts().join("examples").join(format!("{name}.wasm"))
}
