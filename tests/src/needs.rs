//! Programs that some tests need and a machine may lack.

use std::env;
use std::process::{Command, Stdio};

/// Whether this program can be run; if not, the test is left out.
///
/// # Panics
/// When it cannot though `ACTIVITY_FEED_REQUIRE_BROWSER` is `1`: nothing may be left out then.
#[track_caller]
pub fn has(program: &str, test: &str) -> bool {
    has_for(program, "ACTIVITY_FEED_REQUIRE_BROWSER", test)
}

/// The same with another variable that forbids to leave it out.
///
/// # Panics
/// When the program cannot be run though `variable` is `1`.
#[track_caller]
pub fn has_for(program: &str, variable: &str, test: &str) -> bool {
    let there = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !there {
        println!("left out, because {program} is missing: {test}");
        let required = env::var_os(variable).is_some_and(|value| value == "1");
        assert!(!required, "{test} was left out, and {variable}=1 forbids that");
    }
    there
}
