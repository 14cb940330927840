//! Packs the pages and scripts that the component holds (gzip, RFC 1952): an application is shipped whole, and they are a
//! quarter of it. Most clients are sent them as they are packed (`src/pages.rs`). They are packed once, so that time is no object.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use zopfli::{Format, Options};

fn main() -> io::Result<()> {
    // The native server's own, where they are edited.
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../host/assets");
    let out = env::var_os("OUT_DIR").map(PathBuf::from).ok_or(io::ErrorKind::NotFound)?;
    println!("cargo::rerun-if-changed={}", assets.display());
    for entry in fs::read_dir(assets)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        let mut packed = Vec::new();
        zopfli::compress(Options::default(), Format::Gzip, fs::read(&path)?.as_slice(), &mut packed)?;
        fs::write(out.join(name), packed)?;
    }
    Ok(())
}
