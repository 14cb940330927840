//! Another program's SQLite table, read row by row in the order in which the rows were written. The file is opened
//! read-only, and no lock is held while anything else is waited for: the other program is never in our way, nor we in
//! its. A row's event id follows from the row alone.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row as SqlRow};
use serde::Serialize;
use serde_json::value::RawValue;

use super::sender::Entry;

/// Rows of a batch.
const MAX_ROWS: usize = 500;
/// Bytes of a batch, after which no further row is read.
const MAX_BYTES: usize = 262_144;
/// Bytes of one value: more than any server takes as an event.
const MAX_VALUE_BYTES: usize = 1_100_000;
/// Bytes of an event's id.
const MAX_ID_BYTES: usize = 128;
/// How long a writer that holds the file is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum TableError {
    #[error("cannot read the SQLite file {path}: {cause}")]
    Sqlite { path: PathBuf, cause: rusqlite::Error },
    #[error("there is no table `{name}` in {path}; it has {there}")]
    NoTable { path: PathBuf, name: String, there: String },
    #[error(
        "the table `{name}` has no column `{column}`; it needs id, event_type and source, and may have task_id, agent_id, data and timestamp"
    )]
    NoColumn { name: String, column: &'static str },
    #[error("`{0}` is a view or a table without rowid, whose rows have no order of their own")]
    NoRowid(String),
}

/// A row as it was read.
#[derive(Debug)]
pub(super) enum Row {
    /// One to send.
    Event(Entry),
    /// One that cannot be an event.
    Unreadable { label: String, reason: String },
}

/// A place in the table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    rowid: i64,
    id: Sql,
}

/// Rows in order, and the last one's place; none when there are no more.
pub(super) struct Batch {
    pub(super) rows: Vec<Row>,
    pub(super) mark: Option<Mark>,
}

/// A file, however it is called.
type Identity = Option<(u64, u64)>;

pub(super) struct Table {
    path: PathBuf,
    name: String,
    prefix: String,
    connection: Connection,
    identity: Identity,
    select: String,
    /// Up to where every row was sent.
    last: Option<Mark>,
}

/// A prefix of ids, as an option gives it.
pub(super) fn prefix(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.len() <= 64 && text.bytes().all(is_id_byte) {
        Ok(text.to_owned())
    } else {
        Err("a prefix is 1 to 64 of A-Z a-z 0-9 . _ : -".to_owned())
    }
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._:-".contains(&byte)
}

impl Table {
    /// Opens the file and finds the table.
    pub(super) fn open(path: &Path, name: &str, prefix: Option<&str>) -> Result<Self, TableError> {
        let failed = |cause| TableError::Sqlite { path: path.to_owned(), cause };
        let identity = identity(path);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        let select = select(&connection, path, name)?;
        // As the table was made, however it is asked for: the ids follow from it.
        let as_made = "SELECT name FROM sqlite_schema WHERE type = 'table' AND lower(name) = lower(?1)";
        let name: String = connection.query_row(as_made, [name], |row| row.get(0)).map_err(failed)?;
        let prefix = prefix.map_or_else(|| spell(&name), str::to_owned);
        Ok(Self { path: path.to_owned(), name, prefix, connection, identity, select, last: None })
    }

    /// The next rows.
    pub(super) fn next_batch(&self) -> Result<Batch, TableError> {
        self.read_batch().map_err(|cause| self.failed(cause))
    }

    /// Everything up to here was sent.
    pub(super) fn settle(&mut self, mark: Mark) {
        self.last = Some(mark);
    }

    /// A number that changes whenever another connection has committed.
    pub(super) fn version(&self) -> Result<i64, TableError> {
        let version = self.connection.query_row("PRAGMA data_version", [], |row| row.get(0));
        version.map_err(|cause| self.failed(cause))
    }

    /// Whether another file is where this one was.
    pub(super) fn is_replaced(&self) -> bool {
        let now = identity(&self.path);
        now.is_some() && now != self.identity
    }

    /// Goes over to the file that is in this one's place.
    pub(super) fn reopen_if_replaced(&mut self) -> Result<bool, TableError> {
        let replaced = self.is_replaced();
        if replaced {
            *self = Self::open(&self.path, &self.name, Some(&self.prefix))?;
        }
        Ok(replaced)
    }

    /// Starts again when the last row is not where it was: deleted, or the rowids given anew by a VACUUM or by a table
    /// that was emptied. What was sent before is a duplicate to the server, and what was not is not lost.
    pub(super) fn rewind_if_rewritten(&mut self) -> Result<bool, TableError> {
        let Some(last) = &self.last else { return Ok(false) };
        let sql = format!("SELECT \"id\" FROM {} WHERE rowid = ?1", quoted(&self.name));
        let there = self.connection.query_row(&sql, [last.rowid], |row| row.get::<_, Sql>(0)).optional();
        let rewritten = there.map_err(|cause| self.failed(cause))?.as_ref() != Some(&last.id);
        if rewritten {
            self.last = None;
        }
        Ok(rewritten)
    }

    fn failed(&self, cause: rusqlite::Error) -> TableError {
        TableError::Sqlite { path: self.path.clone(), cause }
    }

    fn read_batch(&self) -> rusqlite::Result<Batch> {
        let mut statement = self.connection.prepare_cached(&self.select)?;
        let mut found = statement.query([self.last.as_ref().map_or(i64::MIN, |last| last.rowid)])?;
        let mut batch = Batch { rows: Vec::new(), mark: None };
        let mut bytes = 0;
        while let Some(row) =
            (batch.rows.len() < MAX_ROWS && bytes < MAX_BYTES).then(|| found.next()).transpose()?.flatten()
        {
            let read = self.read(row)?;
            if let Row::Event(entry) = &read {
                bytes += entry.json.len();
            }
            batch.mark = Some(Mark { rowid: row.get(0)?, id: row.get(1)? });
            batch.rows.push(read);
        }
        Ok(batch)
    }

    fn read(&self, row: &SqlRow<'_>) -> rusqlite::Result<Row> {
        let rowid: i64 = row.get(0)?;
        let id = self.event_id(rowid, row.get_ref(1)?);
        let label = match &id {
            Ok(id) => format!("row {rowid} (id {id})"),
            Err(_) => format!("row {rowid}"),
        };
        let column = |at: usize, name: &str| -> rusqlite::Result<Result<Option<String>, String>> {
            Ok(text(row.get_ref(at)?).map_err(|what| format!("{name}: {what}")))
        };
        let (event_type, source) = (column(2, "event_type")?, column(3, "source")?);
        let (task_id, agent_id) = (column(4, "task_id")?, column(5, "agent_id")?);
        let (data, timestamp) = (column(6, "data")?, timestamp(row.get_ref(7)?));
        let event = || -> Result<String, String> {
            let data = data?.filter(|text| !text.trim().is_empty());
            let data = data.as_deref().map(serde_json::from_str::<&RawValue>).transpose();
            let event = Event {
                id: id?,
                event_type: event_type?,
                source: source?,
                task_id: task_id?.filter(|text| !text.is_empty()),
                agent_id: agent_id?.filter(|text| !text.is_empty()),
                data: data.map_err(|error| format!("data: not JSON: {error}"))?,
                timestamp,
            };
            serde_json::to_string(&event).map_err(|error| error.to_string())
        };
        Ok(match event() {
            Ok(json) => Row::Event(Entry { label, json }),
            Err(reason) => Row::Unreadable { label, reason },
        })
    }

    /// A row's own id, if it is one that no other table would give; else the prefix and what tells the row apart.
    fn event_id(&self, rowid: i64, value: ValueRef<'_>) -> Result<String, String> {
        let own = match text(value).map_err(|what| format!("id: {what}"))?.filter(|id| !id.is_empty()) {
            None => return Ok(format!("{}:row-{rowid}", self.prefix)),
            Some(own) => own,
        };
        let is_number = own.bytes().all(|b| b.is_ascii_digit() || b"-.".contains(&b));
        let id =
            if is_number || !own.bytes().all(is_id_byte) { format!("{}:{}", self.prefix, spell(&own)) } else { own };
        if id.len() > MAX_ID_BYTES { Err(format!("id: longer than {MAX_ID_BYTES} bytes")) } else { Ok(id) }
    }
}

/// What is sent of a row.
#[derive(Serialize)]
struct Event<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

fn identity(path: &Path) -> Identity {
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// A name in SQL, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The statement that reads the rows after one.
fn select(connection: &Connection, path: &Path, name: &str) -> Result<String, TableError> {
    let failed = |cause| TableError::Sqlite { path: path.to_owned(), cause };
    let list = |sql: &str, parameters: &[&str]| -> rusqlite::Result<Vec<String>> {
        let mut statement = connection.prepare(sql)?;
        let names = statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get(0))?;
        names.collect()
    };
    let columns = list("SELECT lower(name) FROM pragma_table_info(?1)", &[name]).map_err(failed)?;
    if columns.is_empty() {
        let tables = list(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' LIMIT 20",
            &[],
        );
        let tables = tables.map_err(failed)?;
        let there = if tables.is_empty() { "none".to_owned() } else { tables.join(", ") };
        return Err(TableError::NoTable { path: path.to_owned(), name: name.to_owned(), there });
    }
    let has = |column: &str| columns.iter().any(|known| known == column);
    if let Some(column) = ["id", "event_type", "source"].into_iter().find(|column| !has(column)) {
        return Err(TableError::NoColumn { name: name.to_owned(), column });
    }
    // SQLite takes a quoted name that is no column for a string: only columns that are there are named.
    let optional = |column: &str| if has(column) { quoted(column) } else { "NULL".to_owned() };
    let [task_id, agent_id, data, timestamp] = ["task_id", "agent_id", "data", "timestamp"].map(optional);
    let select = format!(
        "SELECT rowid, \"id\", \"event_type\", \"source\", {task_id}, {agent_id}, {data}, {timestamp} \
         FROM {} WHERE rowid > ?1 ORDER BY rowid LIMIT {MAX_ROWS}",
        quoted(name)
    );
    let views = list("SELECT name FROM sqlite_schema WHERE type = 'view' AND lower(name) = lower(?1)", &[name]);
    match connection.prepare(&select) {
        Ok(_) if views.map_err(failed)?.is_empty() => Ok(select),
        Err(rusqlite::Error::SqliteFailure(error, _)) if error.code != rusqlite::ErrorCode::Unknown => {
            Err(failed(rusqlite::Error::SqliteFailure(error, None)))
        }
        Ok(_) | Err(_) => Err(TableError::NoRowid(name.to_owned())),
    }
}

/// A value as text; none is NULL.
fn text(value: ValueRef<'_>) -> Result<Option<String>, String> {
    let bytes = match value {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(number) => return Ok(Some(number.to_string())),
        ValueRef::Real(number) => return Ok(Some(number.to_string())),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
    };
    if bytes.len() > MAX_VALUE_BYTES {
        return Err(format!("longer than {MAX_VALUE_BYTES} bytes"));
    }
    std::str::from_utf8(bytes).map(|text| Some(text.to_owned())).map_err(|_| "not UTF-8".to_owned())
}

/// Text in the characters of an id: each other byte becomes `:` and two hexadecimal digits.
fn spell(text: &str) -> String {
    let byte = |b: u8| if is_id_byte(b) && b != b':' { char::from(b).to_string() } else { format!(":{b:02x}") };
    text.bytes().map(byte).collect()
}

/// A time as programs write it into a table: RFC 3339, SQLite's own form (which is in UTC), or seconds, milliseconds or
/// microseconds since the Unix epoch. What is none of these is left to the server to refuse.
fn timestamp(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Integer(number) => of_number(number).map(|time| time.to_string()).or(Some(number.to_string())),
        ValueRef::Real(seconds) => {
            let time =
                jiff::SignedDuration::try_from_secs_f64(seconds).ok().and_then(|d| Timestamp::from_duration(d).ok());
            time.map(|time| format!("{time:.3}")).or(Some(seconds.to_string()))
        }
        ValueRef::Null => None,
        ValueRef::Text(_) | ValueRef::Blob(_) => {
            let text = text(value).ok().flatten().filter(|text| !text.is_empty())?;
            let time = text.parse::<Timestamp>().ok().or_else(|| {
                let civil = text.parse::<DateTime>().ok()?;
                civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
            });
            let time = time.or_else(|| text.parse().ok().and_then(of_number));
            Some(time.map_or(text, |time| time.to_string()))
        }
    }
}

fn of_number(number: i64) -> Option<Timestamp> {
    match number.unsigned_abs() {
        0..100_000_000_000 => Timestamp::from_second(number).ok(),
        100_000_000_000..100_000_000_000_000 => Timestamp::from_millisecond(number).ok(),
        _ => Timestamp::from_microsecond(number).ok(),
    }
}

#[cfg(test)]
mod tests;
