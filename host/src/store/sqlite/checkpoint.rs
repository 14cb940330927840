//! Moves committed pages from the write-ahead log into the file on a thread of its own, so that appends do not pay for
//! it, and the log stays some ten megabytes. It ends, and is waited for, when its handle is dropped.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::StoreError;
use super::connection::Connection;

/// Estimated pages after which it starts (8 MiB).
const PAGES: u64 = 2_048;

/// Pages of one transaction at least: the table, its indexes and the two rows of the books.
const PAGES_A_COMMIT: u64 = 8;

/// Pages of an event in a large transaction, about: most share their pages.
const PAGES_AN_EVENT: u64 = 1;

pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    work: Mutex<Work>,
    changed: Condvar,
}

#[derive(Default)]
struct Work {
    pages: u64,
    stop: bool,
}

impl Checkpointer {
    /// `writer` is held for the last, short part only: it is what lets the next commit start the log anew.
    pub(super) fn start(connection: Connection, writer: Arc<Mutex<Connection>>) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::default());
        let work = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || {
                while work.wait() {
                    run(&connection, &writer);
                }
            })
            .map_err(|error| StoreError::Unavailable(format!("no thread for checkpoints: {error}")))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// A transaction with so many events was committed.
    pub(super) fn committed(&self, events: u64) {
        let mut work = self.shared.lock();
        work.pages += PAGES_A_COMMIT + events * PAGES_AN_EVENT;
        if work.pages >= PAGES {
            self.shared.changed.notify_one();
        }
    }

    /// Start it now, however little there is to move.
    pub(super) fn request(&self) {
        self.shared.lock().pages += PAGES;
        self.shared.changed.notify_one();
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It only ends early by a panic, which has been reported.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False: stop.
    fn wait(&self) -> bool {
        let mut work = self.lock();
        while !work.stop && work.pages < PAGES {
            work = self.changed.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
        work.pages = 0;
        !work.stop
    }
}

fn run(connection: &Connection, writer: &Mutex<Connection>) {
    let done = passive(connection).and_then(|all| {
        if all {
            return Ok(true);
        }
        let _no_commits = writer.lock().unwrap_or_else(PoisonError::into_inner);
        passive(connection)
    });
    if let Err(error) = done {
        // Nothing is lost: the log only grows, and the next commit beyond its bound does the work.
        tracing::warn!(%error, "checkpoint failed");
    }
}

/// Whether everything was moved.
fn passive(connection: &Connection) -> Result<bool, StoreError> {
    connection.with(|raw| {
        raw.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            Ok(row.get::<_, i64>(0)? == 0 && row.get::<_, i64>(1)? == row.get::<_, i64>(2)?)
        })
    })
}
