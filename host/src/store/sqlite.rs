//! The log in a SQLite file: durable, shared with other processes on the machine (the file of Spin among them).
//!
//! One connection writes, others read, and nothing that reads waits for what writes. What an append returns is
//! committed. What the statements are is [`activity_store::sql`]'s; here are connections, waiting and hand-over.
//!
//! A file that is moved, removed or replaced by its name while it is open is refused from then on: SQLite would go on
//! writing to the old one, and what it acknowledged would be gone.

mod checkpoint;
mod connection;
mod open;
#[cfg(test)]
mod plans;
mod readers;
mod tail;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use activity_store::{schema, sql};

use super::{
    Bounds, Counts, Event, EventStore, Filter, GroupResult, NewEvent, Page, Query, Seq, StoreError, Summary, UnixMs,
};
use crate::clock;
use checkpoint::Checkpointer;
use connection::{Connection, explain};
use readers::Readers;
use tail::{Look, Tail};

/// How often a waiting follower looks for what other processes have committed.
const POLL: Duration = Duration::from_millis(50);

/// How long a log that shrinks waits for those who read it.
const SHRINK_WAIT: Duration = Duration::from_secs(5);

/// Pages given back to the file system by one trim at most; each may move another page.
const VACUUM_PAGES: u32 = 4_096;

/// What "appended" means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It survives a loss of power: every commit is synced to the disk.
    Full,
    /// It survives the end of the process; a loss of power may take the last commits.
    Normal,
}

/// A log in a SQLite file.
pub struct SqliteStore {
    path: Arc<Path>,
    identity: Option<Identity>,
    // Dropped in this order: the writer goes last, and its close leaves one file without companions.
    readers: Readers,
    watch: Mutex<Watch>,
    checkpointer: Checkpointer,
    tail: Tail,
    writer: Arc<Mutex<Connection>>,
}

/// Notices commits of other connections.
struct Watch {
    connection: Connection,
    version: i64,
}

impl SqliteStore {
    /// Open the log in `path`; a missing or empty file becomes a new log, readable for its owner alone.
    ///
    /// # Errors
    /// `Unavailable`, with what to do, for a file that cannot be written, is no database, another program's, or of a
    /// later release; `Busy` where another process holds it for over five seconds.
    pub fn open(path: impl AsRef<Path>, durability: Durability) -> Result<Self, StoreError> {
        let path: Arc<Path> = Arc::from(path.as_ref());
        let writer = open::writer(&path, durability)?;
        let bounds = sql::bounds(&writer)?;
        let writer = Arc::new(Mutex::new(writer));
        let watch = Watch { connection: open::reader(&path)?, version: 0 };
        Ok(Self {
            identity: Identity::of(&path),
            readers: Readers::new(&path),
            watch: Mutex::new(watch),
            checkpointer: Checkpointer::start(open::checkpointer(&path)?, Arc::clone(&writer))?,
            tail: Tail::new(bounds),
            writer,
            path,
        })
    }

    /// Write a consistent copy to `to`, which must not exist, while the log goes on. The copy is a history of its own
    /// (another epoch): what is appended to the original later is not in it, and no cursor may pretend that it is.
    ///
    /// # Errors
    /// `Unavailable` when `to` exists or cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let failed = |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", to.display()));
        if to.try_exists().map_err(failed)? {
            return Err(StoreError::Unavailable(format!("{}: it exists; name another file", to.display())));
        }
        // Whoever finds the file under its name finds all of it.
        let mut partial = to.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        if let Err(error) = std::fs::remove_file(&partial)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(failed(error));
        }
        open::create(&partial)?;
        let copied = self.copy(&partial);
        if copied.is_err() {
            let _ = std::fs::remove_file(&partial);
        }
        copied?;
        std::fs::rename(&partial, to).map_err(failed)
    }

    fn copy(&self, to: &Path) -> Result<(), StoreError> {
        let failed = |error: &rusqlite::Error| explain(to, error);
        let mut copy = rusqlite::Connection::open(to).map_err(|error| failed(&error))?;
        self.readers.with(|from| {
            let backup = rusqlite::backup::Backup::new(from.raw(), &mut copy).map_err(|error| failed(&error))?;
            // All in one step: it reads one state of the log, and begins again for no commit.
            backup.step(-1).map(drop).map_err(|error| failed(&error))
        })?;
        copy.execute_batch(schema::RENEW_EPOCH).map_err(|error| failed(&error))?;
        copy.close().map_err(|(_, error)| failed(&error))
    }

    /// Run `work` in a transaction of the one writer.
    fn write<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let writer = self.lock_writer()?;
        sql::write(&*writer, || work(&writer))
    }

    /// Give the pages of what was removed back to the system, however many they are.
    ///
    /// # Errors
    /// As any write. Where others read the log the whole time the file shrinks later, by their checkpoint.
    pub fn shrink(&self) -> Result<(), StoreError> {
        while self.vacuum()? > 0 {}
        let deadline = Instant::now() + SHRINK_WAIT;
        loop {
            let writer = self.lock_writer()?;
            let busy: bool =
                writer.with(|raw| raw.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)))?;
            drop(writer);
            // A checkpoint of somebody else is under way: SQLite does not wait for that by itself.
            if !busy || Instant::now() >= deadline {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
    }

    /// Give some pages back that are no longer in use by anything, which needs no transaction with the rest. Returns how
    /// many are left.
    fn vacuum(&self) -> Result<i64, StoreError> {
        let writer = self.lock_writer()?;
        writer.with(|raw| {
            {
                let mut statement = raw.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
                let mut rows = statement.query([])?;
                while rows.next()?.is_some() {}
            }
            raw.query_row("PRAGMA freelist_count", [], |row| row.get(0))
        })
    }

    fn lock_writer(&self) -> Result<MutexGuard<'_, Connection>, StoreError> {
        self.check_file()?;
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if !writer.raw().is_autocommit() {
            // A panic inside a transaction left it open.
            sql::Database::execute(&*writer, sql::ROLLBACK, &[])?;
        }
        Ok(writer)
    }

    fn check_file(&self) -> Result<(), StoreError> {
        if self.identity == Identity::of(&self.path) {
            return Ok(());
        }
        Err(StoreError::Unavailable(format!(
            "{}: the file was moved or replaced while it was open; stop, put it in its place, and start again",
            self.path.display()
        )))
    }

    /// Look whether another connection has committed since the last look, and tell the tail.
    fn look_for_others(&self) -> Result<(), StoreError> {
        // One follower's look serves all.
        let Ok(mut watch) = self.watch.try_lock() else { return Ok(()) };
        self.check_file()?;
        let version = watch
            .connection
            .with(|raw| raw.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get::<_, i64>(0)))?;
        if version != watch.version {
            self.tail.notice(&sql::bounds(&watch.connection)?);
            watch.version = version;
        }
        Ok(())
    }
}

impl EventStore for SqliteStore {
    fn append(&self, groups: &[Vec<NewEvent>]) -> Result<Vec<GroupResult>, StoreError> {
        let writer = self.lock_writer()?;
        let done = sql::write(&*writer, || sql::append(&*writer, groups, clock::unix_ms()))?;
        if done.events.is_empty() {
            return Ok(done.results);
        }
        self.checkpointer.committed(u64::try_from(done.events.len()).unwrap_or(u64::MAX));
        // Still under the writer's lock: commits reach the tail in their order.
        self.tail.push(&done.epoch, done.before, done.head, done.events);
        Ok(done.results)
    }

    fn bounds(&self) -> Result<Bounds, StoreError> {
        self.check_file()?;
        self.readers.with(|db| sql::bounds(db))
    }

    fn read(&self, query: &Query) -> Result<Page, StoreError> {
        self.readers.with(|db| sql::read(db, query))
    }

    fn get(&self, id: &str) -> Result<Option<Event>, StoreError> {
        self.readers.with(|db| sql::get(db, id))
    }

    fn count(&self, filter: &Filter, after: Seq, until: Seq, max_rows: u32) -> Result<Counts, StoreError> {
        self.readers.with(|db| sql::count(db, filter, after, until, max_rows))
    }

    fn seq_at(&self, time: UnixMs, inclusive: bool) -> Result<Seq, StoreError> {
        self.readers.with(|db| sql::seq_at(db, time, inclusive))
    }

    fn summary(&self, minutes: u32) -> Result<Summary, StoreError> {
        self.readers.with(|db| sql::summary(db, minutes, clock::unix_ms()))
    }

    fn trim(&self, until: Seq, max_rows: u32) -> Result<u64, StoreError> {
        let removed = self.write(|db| sql::trim(db, until, max_rows, clock::unix_ms()))?;
        if removed > 0 {
            self.checkpointer.committed(removed);
            self.vacuum()?;
        }
        if removed < u64::from(max_rows) {
            // The file ends where it should only once the write-ahead log has been moved into it.
            self.checkpointer.request();
        }
        Ok(removed)
    }

    fn load_snapshot(&self) -> Result<Option<(Seq, Vec<u8>)>, StoreError> {
        self.readers.with(|db| sql::load_snapshot(db))
    }

    fn save_snapshot(&self, seq: Seq, state: &[u8]) -> Result<(), StoreError> {
        self.write(|db| sql::save_snapshot(db, seq, state))
    }

    fn follow(&self, after: Seq, timeout: Duration) -> Result<Vec<Arc<Event>>, StoreError> {
        let wakes = self.tail.wakes();
        let deadline = Instant::now().checked_add(timeout).unwrap_or_else(|| Instant::now() + POLL * 1_000);
        let (mut reached, mut late) = (after, false);
        loop {
            let pause = (Instant::now() + POLL).min(deadline);
            match self.tail.next(reached, pause, wakes) {
                Look::Events(events) => return Ok(events),
                Look::Woken => return Ok(Vec::new()),
                Look::Behind(from) => {
                    let events = self.readers.with(|db| sql::follow(db, reached))?;
                    if !events.is_empty() {
                        return Ok(events.into_iter().map(Arc::new).collect());
                    }
                    // All that was there has been removed again.
                    reached = from;
                }
                Look::Nothing if late => return Ok(Vec::new()),
                Look::Nothing => {
                    // What this finds is handed out even when the time is up by then.
                    self.look_for_others()?;
                    late = Instant::now() >= deadline;
                }
            }
        }
    }

    fn wake(&self) {
        self.tail.wake();
    }
}

/// Which file a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// None where the file is gone, or the system tells no such thing.
    fn of(path: &Path) -> Option<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            std::fs::metadata(path).ok().map(|meta| Self { device: meta.dev(), inode: meta.ino() })
        }
        #[cfg(not(unix))]
        {
            let _ = path;
            None
        }
    }
}
