//! Compresses the pages and scripts that the component holds: an application is shipped whole, and they are a quarter of
//! it. The component unpacks one when it is asked for (`src/pages.rs`).

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// As hard as it goes: it is done once.
const LEVEL: u8 = 10;

fn main() -> io::Result<()> {
    // The native server's own, where they are edited.
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../host/assets");
    let out = env::var_os("OUT_DIR").map(PathBuf::from).ok_or(io::ErrorKind::NotFound)?;
    println!("cargo::rerun-if-changed={}", assets.display());
    for entry in fs::read_dir(assets)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        let packed = miniz_oxide::deflate::compress_to_vec_zlib(&fs::read(&path)?, LEVEL);
        fs::write(out.join(name), packed)?;
    }
    Ok(())
}
