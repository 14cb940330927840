//! `man`: the manual page, from the same words as `--help`.

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Write a page for each command into this folder, instead of the main page to stdout
    #[arg(long, env = "ACTIVITY_FEED_DIR", value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args, command: clap::Command) -> anyhow::Result<()> {
    match &args.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
            clap_mangen::generate_to(command, dir).with_context(|| format!("cannot write into {}", dir.display()))
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            io::stdout().lock().write_all(&page)?;
            Ok(())
        }
    }
}
