//! A host for the Spin application that needs no Spin: wasmtime with WASI 0.3, `spin:sqlite` on rusqlite, and variables.
//! It joins the application as Spin does and keeps Spin's habits; where it is kinder than Spin, its modules say so.

pub mod application;
pub mod compose;
pub mod outside;
pub mod real;
pub mod sqlite;
pub mod store;

use std::env;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Names the folder of the components to a program that need not build them itself.
pub const FOLDER: &str = "SPIN_APPLICATION";

/// The folder of the built components, built once a run; or by whoever has started this program, who says where.
static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
    if let Some(folder) = env::var_os(FOLDER) {
        return folder.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    activity_spin_build::build(root).unwrap_or_else(|error| panic!("{error}"))
});

/// The folder of the files that `spin.toml` names.
#[must_use]
pub fn folder() -> &'static Path {
    &BUILT
}

/// One of the files that `spin.toml` names.
#[must_use]
pub fn built(name: &str) -> Vec<u8> {
    std::fs::read(BUILT.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
