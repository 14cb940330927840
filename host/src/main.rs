//! The `activity-feed` binary. Everything is in the library, so that tests reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    activity_feed::cli::main()
}
