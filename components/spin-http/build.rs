//! Packs the pages and scripts that the component holds (gzip, RFC 1952): an application is shipped whole, and they are a
//! quarter of it. Most clients are sent them as they are packed (`src/pages.rs`).

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// As the native server packs its files.
const LEVEL: u8 = 9;
/// Deflate; no name, no time; the hardest, on an unknown system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];

fn main() -> io::Result<()> {
    // The native server's own, where they are edited.
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../host/assets");
    let out = env::var_os("OUT_DIR").map(PathBuf::from).ok_or(io::ErrorKind::NotFound)?;
    println!("cargo::rerun-if-changed={}", assets.display());
    for entry in fs::read_dir(assets)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        fs::write(out.join(name), gzip(&fs::read(&path)?)?)?;
    }
    Ok(())
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut packed = HEAD.to_vec();
    packed.extend(miniz_oxide::deflate::compress_to_vec(bytes, LEVEL));
    packed.extend(crc32(bytes).to_le_bytes());
    packed.extend(length.to_le_bytes());
    Ok(packed)
}

/// RFC 1952, section 8, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let fold = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 })
    };
    !bytes.iter().fold(!0, fold)
}
