//! The `activity-feed` binary. Everything is in the library, so that tests reach it.

use std::process::ExitCode;

/// Gives the memory of clients that have gone back to the system, where the C library's allocator keeps it, and costs less a
/// call from many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    activity_feed::cli::main()
}
