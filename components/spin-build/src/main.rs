//! `cargo spin-build`, the build command of `spin.toml`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(root) = manifest_dir.ancestors().nth(2) else { return ExitCode::FAILURE };
    match activity_spin_build::build(root) {
        Ok(folder) => {
            eprintln!("the application is in {}", folder.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
