//! Programs that some tests need and a machine may lack.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

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

/// Installs what a folder's `package.json` names, once, however many tests ask at the same time. `package` is one of them,
/// by which an earlier install is known. False: npm is missing, which has been said, and `test` is left out.
///
/// # Panics
/// When npm fails.
#[must_use]
pub fn installed(folder: &Path, package: &str, test: &str) -> bool {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if folder.join("node_modules").join(package).exists() {
        return true;
    }
    if !has("npm", test) {
        return false;
    }
    let install = ["install", "--no-audit", "--no-fund", "--no-package-lock"];
    let status = Command::new("npm").args(install).current_dir(folder).stdin(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "npm install in {}", folder.display());
    true
}
