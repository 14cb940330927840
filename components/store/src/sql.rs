//! The log in SQL: every call of `activity:store/event-store` as statements over one connection.
//!
//! What a statement costs never grows with the log: each is driven by an index in the order it is wanted in, and what
//! cannot be (several lists at once, text) looks at a bounded number of rows. No driver is named here: the host and
//! store-spin each give theirs as a [`Database`], and look after waiting and durability themselves.
//!
//! Reads need no transaction: each first takes the head and looks at nothing above it, so that what is appended between
//! two of its statements is neither seen nor passed over.

mod append;
mod count;
mod filter;
mod read;
mod times;
mod trim;

pub use append::{Committed, GroupResult, append};
pub use count::count;
pub use read::{MAX_ROWS_A_READ, follow, get, read};
pub use times::{seq_at, summary};
pub use trim::trim;

use crate::{Bounds, Event, Seq, StoreError};

/// Takes the lock of the one writer, so that nothing read in the transaction can be out of date when it is used.
const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
/// Undoes what a transaction did.
pub const ROLLBACK: &str = "ROLLBACK";

/// Bytes of a stored state at most.
pub const MAX_SNAPSHOT_BYTES: usize = 8 * 1024 * 1024;

/// A value given to a statement, for `?1`, `?2` …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the cases are SQLite's")]
pub enum Param<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Blob(&'a [u8]),
}

impl<'a> From<Option<&'a str>> for Param<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the cases are SQLite's; the log holds no floats")]
pub enum Value {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

/// The values of one row, taken from the left.
pub type Row = Vec<Value>;

/// One connection to SQLite. It keeps compiled statements by their text: there are few texts, and they come often.
pub trait Database {
    /// Run a statement and give all its rows.
    ///
    /// # Errors
    /// As the driver says: `Busy` for a lock that was not had in time, `Unavailable` for all else.
    fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError>;

    /// Run a statement that changes rows and say how many.
    ///
    /// # Errors
    /// As for `query`.
    fn execute(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError>;
}

/// Run `work` in a write transaction; where it fails, or the commit does, nothing of it stays.
///
/// # Errors
/// Those of `work`, or of the transaction itself.
pub fn write<T>(db: &dyn Database, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    db.execute(BEGIN_WRITE, &[])?;
    let done = work().and_then(|value| db.execute(COMMIT, &[]).map(|_| value));
    if done.is_err() {
        // SQLite may have rolled back by itself (disk full), and then says that there is nothing to roll back.
        let _ = db.execute(ROLLBACK, &[]);
    }
    done
}

/// What the store holds now.
///
/// # Errors
/// Those of the driver, or `Unavailable` where the row is missing.
pub fn bounds(db: &dyn Database) -> Result<Bounds, StoreError> {
    // Rows that somebody put in by hand count as given, so that no append can meet them.
    let rows = db.query(
        "SELECT epoch, trimmed, max(head, coalesce((SELECT max(seq) FROM activity_events), 0)) \
         FROM activity_log WHERE one = 1",
        &[],
    )?;
    let mut row = Columns::of(rows.into_iter().next())?;
    Ok(Bounds { epoch: row.text()?, trimmed: row.seq()?, head: row.seq()? })
}

/// The stored state of the swarm and the seq it was folded up to.
///
/// # Errors
/// Those of the driver.
pub fn load_snapshot(db: &dyn Database) -> Result<Option<(Seq, Vec<u8>)>, StoreError> {
    let rows = db.query("SELECT seq, state FROM activity_snapshot WHERE one = 1", &[])?;
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let mut row = Columns::of(Some(row))?;
    Ok(Some((row.seq()?, row.blob()?)))
}

/// Replace the stored state, unless it is a newer one.
///
/// # Errors
/// Those of the driver; `Unavailable` for a state over [`MAX_SNAPSHOT_BYTES`].
pub fn save_snapshot(db: &dyn Database, seq: Seq, state: &[u8]) -> Result<(), StoreError> {
    check_snapshot(state)?;
    db.execute(
        "INSERT INTO activity_snapshot (one, seq, state) VALUES (1, ?1, ?2) \
         ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, state = excluded.state WHERE excluded.seq >= seq",
        &[Param::Int(int(seq)), Param::Blob(state)],
    )?;
    Ok(())
}

/// Refuses a state that is too large to be stored.
///
/// # Errors
/// `Unavailable` for one over [`MAX_SNAPSHOT_BYTES`].
pub fn check_snapshot(state: &[u8]) -> Result<(), StoreError> {
    if state.len() > MAX_SNAPSHOT_BYTES {
        return Err(StoreError::Unavailable(format!(
            "a state of {} bytes is over the {MAX_SNAPSHOT_BYTES} that are stored",
            state.len()
        )));
    }
    Ok(())
}

/// A seq or a time as SQLite has it. What lies beyond its range is beyond every event too.
fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Takes a row apart. What does not fit is a file that somebody else has changed, not a bug of ours.
struct Columns(std::vec::IntoIter<Value>);

impl Columns {
    fn of(row: Option<Row>) -> Result<Self, StoreError> {
        row.map(|row| Self(row.into_iter()))
            .ok_or_else(|| StoreError::Unavailable("the log's own row is missing".into()))
    }

    fn seq(&mut self) -> Result<Seq, StoreError> {
        match self.0.next() {
            Some(Value::Int(value)) => Ok(u64::try_from(value).unwrap_or(0)),
            other => Err(unexpected("a number", other.as_ref())),
        }
    }

    fn text(&mut self) -> Result<String, StoreError> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(text),
            other => Err(unexpected("a text", other.as_ref())),
        }
    }

    fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.0.next() {
            Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            other => Err(unexpected("a text or nothing", other.as_ref())),
        }
    }

    fn blob(&mut self) -> Result<Vec<u8>, StoreError> {
        match self.0.next() {
            Some(Value::Blob(blob)) => Ok(blob),
            other => Err(unexpected("bytes", other.as_ref())),
        }
    }

    /// In the order of [`EVENT_COLUMNS`].
    fn event(&mut self) -> Result<Event, StoreError> {
        Ok(Event {
            seq: self.seq()?,
            id: self.text()?,
            event_type: self.text()?,
            source: self.text()?,
            task_id: self.optional_text()?,
            agent_id: self.optional_text()?,
            timestamp: self.text()?,
            data: self.text()?,
        })
    }
}

const EVENT_COLUMNS: &str = "seq, id, event_type, source, task_id, agent_id, timestamp, data";

fn events(rows: Vec<Row>) -> Result<Vec<Event>, StoreError> {
    rows.into_iter().map(|row| Columns::of(Some(row))?.event()).collect()
}

fn unexpected(wanted: &str, found: Option<&Value>) -> StoreError {
    let found = match found {
        None => "nothing",
        Some(Value::Null) => "null",
        Some(Value::Int(_)) => "a number",
        Some(Value::Text(_)) => "a text",
        Some(Value::Blob(_)) => "bytes",
    };
    StoreError::Unavailable(format!("the log holds {found} where {wanted} should stand"))
}
