//! Opens the file: makes it where it is missing, refuses what is no log of ours, and sets what every connection needs.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use activity_store::schema;
use activity_store::sql::{self, Database, Value};
use rusqlite::OpenFlags;

use super::connection::{Connection, explain};
use super::{Durability, StoreError};

/// How long a writer waits for another process's.
const BUSY: Duration = Duration::from_secs(5);

/// SQLite's own checkpoint inside a commit, in pages (64 MiB): the bound where the checkpoint thread cannot keep up.
const AUTOCHECKPOINT_PAGES: u32 = 16_384;

/// The connection that writes. Creates the file, readable for its owner alone, and the schema.
pub(super) fn writer(path: &Arc<Path>, durability: Durability) -> Result<Connection, StoreError> {
    create(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags)?;
    prepare(&connection, path)?;
    let synchronous = match durability {
        // `fullfsync` is for macOS, where fsync alone does not reach the disk.
        Durability::Full => "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;",
        Durability::Normal => "PRAGMA synchronous = NORMAL;",
    };
    connection.with(|raw| {
        raw.execute_batch(synchronous)?;
        raw.execute_batch(&format!(
            "PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT_PAGES}; PRAGMA journal_size_limit = 67108864; \
             PRAGMA cache_size = -16384;"
        ))
    })?;
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn reader(path: &Arc<Path>) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.with(|raw| raw.execute_batch("PRAGMA cache_size = -16384;"))?;
    Ok(connection)
}

/// A connection that moves what is committed from the write-ahead log into the file.
pub(super) fn checkpointer(path: &Arc<Path>) -> Result<Connection, StoreError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

fn connect(path: &Arc<Path>, flags: OpenFlags) -> Result<Connection, StoreError> {
    let raw = rusqlite::Connection::open_with_flags(path, flags).map_err(|error| explain(path, &error))?;
    let connection = Connection::new(raw, path);
    connection.with(|raw| raw.busy_timeout(BUSY))?;
    Ok(connection)
}

/// SQLite would make the file readable for everybody; its companions take over the mode.
pub(super) fn create(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|error| {
        StoreError::Unavailable(format!(
            "{}: cannot be opened for writing; the file and its folder must be there and writable for this user ({error})",
            path.display()
        ))
    })
}

fn prepare(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    if is_log(connection, path)? {
        return write_ahead(connection, path);
    }
    // Only an empty file takes this; it lets `trim` give pages back.
    connection.with(|raw| raw.execute_batch("PRAGMA auto_vacuum = INCREMENTAL;"))?;
    write_ahead(connection, path)?;
    // Another process may be doing the same: whoever comes second finds everything there.
    sql::write(connection, || connection.with(|raw| raw.execute_batch(schema::SCHEMA)))
}

/// False for an empty file.
fn is_log(connection: &Connection, path: &Path) -> Result<bool, StoreError> {
    let tables = connection.query(schema::READ_TABLES, &[])?;
    let is_log = |row: &sql::Row| matches!(row.first(), Some(Value::Text(name)) if name == schema::LOG_TABLE);
    if !tables.iter().any(is_log) {
        if tables.is_empty() {
            return Ok(false);
        }
        return Err(StoreError::Unavailable(format!(
            "{}: it is another program's database; name another file (`import --sqlite` reads such a table)",
            path.display()
        )));
    }
    let version = connection.query(schema::READ_VERSION, &[])?;
    match version.first().and_then(|row| row.first()) {
        Some(Value::Int(version)) if *version == schema::VERSION => Ok(true),
        Some(Value::Int(version)) if *version > schema::VERSION => Err(StoreError::Unavailable(format!(
            "{}: it was written by a later release (schema {version}, this one knows {}); update this program",
            path.display(),
            schema::VERSION
        ))),
        other => Err(StoreError::Unavailable(format!(
            "{}: it is no log of a known version ({other:?}); restore a backup",
            path.display()
        ))),
    }
}

/// Readers that do not wait for the writer need the write-ahead log. The file remembers it; the first change to it needs
/// the file alone for a moment, for which SQLite does not always wait by itself.
fn write_ahead(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let deadline = Instant::now() + BUSY;
    loop {
        let mode = connection.with(|raw| raw.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0)));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Err(StoreError::Busy(_)) | Ok(_) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Ok(mode) => {
                return Err(StoreError::Unavailable(format!(
                    "{}: it stays in journal mode {mode}; it must lie on a local disk, and no other program hold it",
                    path.display()
                )));
            }
            Err(error) => return Err(error),
        }
    }
}
