//! The feed on Spin, in a host of the tests' own that keeps Spin's habits: what only it can get wrong. The outside
//! contract is asked of it by the same tests as of the native host (`tests/spin-cannot` says how, and what is left out).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "spin/bad_days.rs"]
mod bad_days;
#[path = "spin/beside.rs"]
mod beside;
#[path = "spin/doors.rs"]
mod doors;
#[path = "spin/grip.rs"]
mod grip;
#[path = "spin/habits.rs"]
mod habits;
#[path = "spin/manifest.rs"]
mod manifest;
#[path = "spin/promises.rs"]
mod promises;

use std::path::{Path, PathBuf};

use activity_feed_tests::spin::application::{Application, Options};
use activity_feed_tests::{Receipt, event};
use serde_json::{Value, json};

/// An application on a database of its own.
struct Spin {
    application: Application,
    folder: tempfile::TempDir,
}

impl Spin {
    fn start(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let application = on(&folder.path().join("feed.db"), change);
        Self { application, folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("feed.db")
    }
}

impl std::ops::Deref for Spin {
    type Target = Application;

    fn deref(&self) -> &Application {
        &self.application
    }
}

/// Another application on a file that may be somebody's already.
fn on(file: &Path, change: impl FnOnce(&mut Options)) -> Application {
    let mut options = Options::on(file);
    change(&mut options);
    Application::start(options).unwrap()
}

fn publish(application: &Application, body: &Value) -> Vec<Receipt> {
    let answer = application.http().post("/api/events", body).expect(201).json();
    answer["events"].as_array().unwrap().iter().map(Receipt::read).collect()
}

/// `count` events of one type, `{"n": 0}` and on.
fn publish_many(application: &Application, event_type: &str, count: usize) -> Vec<Receipt> {
    let events: Vec<Value> = (0..count).map(|n| event(event_type, json!({ "n": n }))).collect();
    events.chunks(500).flat_map(|chunk| publish(application, &Value::from(chunk))).collect()
}
