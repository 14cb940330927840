//! One connection to Spin's SQLite as [`activity_store::sql`] wants it, and the check that the database is a log.

use std::cell::RefCell;

use activity_store::sql::{self, Database, Param, Row, Value};
use activity_store::{StoreError, UnixMs, schema};

use crate::bindings::spin::sqlite::sqlite;

/// The database that the application gives its log.
const DATABASE: &str = "default";

/// Sessions that were ended; beside the log, and no part of its schema: only instances of an application share it.
const ENDED_TABLE: &str = "activity_ended";
const CREATE_ENDED: &str = "CREATE TABLE IF NOT EXISTS activity_ended (session TEXT PRIMARY KEY, until INTEGER NOT NULL) \
    STRICT, WITHOUT ROWID";

thread_local! {
    /// The connection of the last call, for the next one: opening costs a read of the whole schema.
    static KEPT: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

/// A connection to a database that is known to be a log.
pub(crate) struct Connection(sqlite::Connection);

impl Connection {
    /// The one that was kept, or a new one. It belongs to the caller alone: a call that comes while another one waits
    /// for the disk must not get into its transaction.
    pub(crate) fn take() -> Result<Self, StoreError> {
        if let Some(kept) = KEPT.take() {
            return Ok(kept);
        }
        let connection = Self(sqlite::Connection::open(DATABASE).map_err(explain)?);
        connection.check()?;
        Ok(connection)
    }

    /// All went well: for the next call.
    pub(crate) fn keep(self) {
        KEPT.set(Some(self));
    }

    /// It is a log of this version. An empty database becomes one.
    fn check(&self) -> Result<(), StoreError> {
        let tables = self.query(schema::READ_TABLES, &[])?;
        let is_there = |table| tables.iter().any(|row| matches!(row.first(), Some(Value::Text(name)) if name == table));
        if !is_there(schema::LOG_TABLE) {
            // Spin has no call for several statements at once; none of the schema's holds a `;` of its own.
            return sql::write(self, || {
                for statement in schema::SCHEMA.split(";\n").filter(|statement| !statement.trim().is_empty()) {
                    self.execute(statement, &[])?;
                }
                self.execute(CREATE_ENDED, &[])?;
                Ok(())
            });
        }
        self.check_version()?;
        if !is_there(ENDED_TABLE) {
            self.execute(CREATE_ENDED, &[])?;
        }
        Ok(())
    }

    fn check_version(&self) -> Result<(), StoreError> {
        match self.query(schema::READ_VERSION, &[])?.first().and_then(|row| row.first()) {
            Some(Value::Int(version)) if *version == schema::VERSION => Ok(()),
            Some(Value::Int(version)) => Err(StoreError::Unavailable(format!(
                "the log in the SQLite database `{DATABASE}` has schema {version}, this release knows {}; use the \
                 release that wrote it, or another database",
                schema::VERSION
            ))),
            _ => Err(StoreError::Unavailable(format!(
                "the log in the SQLite database `{DATABASE}` has lost its first row; restore a backup"
            ))),
        }
    }

    fn run(&self, statement: &str, params: &[Param<'_>]) -> Result<sqlite::QueryResult, StoreError> {
        let params: Vec<sqlite::Value> = params.iter().map(param).collect();
        self.0.execute(statement, &params).map_err(explain)
    }
}

impl Database for Connection {
    fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        Ok(self.run(sql, params)?.rows.into_iter().map(|row| row.values.into_iter().map(value).collect()).collect())
    }

    fn execute(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        self.run(sql, params)?;
        Ok(self.0.changes())
    }
}

fn param(param: &Param<'_>) -> sqlite::Value {
    match *param {
        Param::Null => sqlite::Value::Null,
        Param::Int(value) => sqlite::Value::Integer(value),
        Param::Text(text) => sqlite::Value::Text(text.to_owned()),
        Param::Blob(bytes) => sqlite::Value::Blob(bytes.to_owned()),
    }
}

fn value(value: sqlite::Value) -> Value {
    match value {
        sqlite::Value::Integer(value) => Value::Int(value),
        sqlite::Value::Text(text) => Value::Text(text),
        sqlite::Value::Blob(bytes) => Value::Blob(bytes),
        // No column of the log is one.
        sqlite::Value::Real(_) | sqlite::Value::Null => Value::Null,
    }
}

/// What failed, and where it helps, what to do.
fn explain(error: sqlite::Error) -> StoreError {
    let detail = match error {
        sqlite::Error::NoSuchDatabase => {
            format!(
                "there is no SQLite database `{DATABASE}`; give the application one in Spin's runtime configuration"
            )
        }
        sqlite::Error::AccessDenied => format!(
            "access to the SQLite database `{DATABASE}` is denied; `spin.toml` must say `sqlite_databases = \
             [\"{DATABASE}\"]` for the component and `inherit_configuration` for the dependency"
        ),
        sqlite::Error::InvalidConnection => "the connection to SQLite is gone".to_owned(),
        sqlite::Error::DatabaseFull => "the database is full; make room, or shorten the retention".to_owned(),
        // SQLite's words for SQLITE_BUSY and SQLITE_LOCKED, which is all that Spin hands on of them.
        sqlite::Error::Io(detail) if detail.contains("locked") || detail.contains("busy") => {
            return StoreError::Busy("another program is writing to the database".to_owned());
        }
        sqlite::Error::Io(detail) => detail,
    };
    StoreError::Unavailable(detail)
}

/// Note that a session has ended, and forget those whose cookies have.
pub(crate) fn end_session(db: &dyn Database, session: &str, until: UnixMs, now: UnixMs) -> Result<(), StoreError> {
    let time = |ms: UnixMs| Param::Int(i64::try_from(ms).unwrap_or(i64::MAX));
    db.execute("DELETE FROM activity_ended WHERE until < ?1", &[time(now)])?;
    db.execute(
        "INSERT OR REPLACE INTO activity_ended (session, until) VALUES (?1, ?2)",
        &[Param::Text(session), time(until)],
    )?;
    Ok(())
}

/// Whether that was noted.
pub(crate) fn has_session_ended(db: &dyn Database, session: &str) -> Result<bool, StoreError> {
    Ok(!db.query("SELECT 1 FROM activity_ended WHERE session = ?1", &[Param::Text(session)])?.is_empty())
}
