//! One SQLite connection of rusqlite's, as [`activity_store::sql`] wants it. Statements stay compiled.

use std::path::Path;
use std::sync::Arc;

use activity_store::sql::{Database, Param, Row, Value};
use rusqlite::ErrorCode;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use super::StoreError;

/// Compiled statements kept by a connection. Filters of other lengths are other statements; the rest are some thirty.
const STATEMENTS: usize = 64;

/// A connection that knows its file, for what it says when something fails.
pub(super) struct Connection {
    inner: rusqlite::Connection,
    path: Arc<Path>,
}

impl Connection {
    pub(super) fn new(inner: rusqlite::Connection, path: &Arc<Path>) -> Self {
        inner.set_prepared_statement_cache_capacity(STATEMENTS);
        Self { inner, path: Arc::clone(path) }
    }

    /// For what only SQLite has: backup, checkpoints, several statements at once.
    pub(super) fn raw(&self) -> &rusqlite::Connection {
        &self.inner
    }

    /// Run `work` on the raw connection and say its errors in the store's words.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        work(&self.inner).map_err(|error| explain(&self.path, &error))
    }

    fn run<T>(
        &self,
        sql: &str,
        params: &[Param<'_>],
        work: impl FnOnce(&mut rusqlite::Statement<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            for (index, param) in (1..).zip(params) {
                statement.raw_bind_parameter(index, Bound(*param))?;
            }
            work(&mut statement)
        })
    }
}

impl Database for Connection {
    fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        self.run(sql, params, |statement| {
            let columns = statement.column_count();
            let mut found = Vec::new();
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next()? {
                found.push((0..columns).map(|column| value(row.get_ref(column)?)).collect::<rusqlite::Result<Row>>()?);
            }
            Ok(found)
        })
    }

    fn execute(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        let changed = self.run(sql, params, |statement| statement.raw_execute())?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }
}

struct Bound<'a>(Param<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Param::Null => ValueRef::Null,
            Param::Int(value) => ValueRef::Integer(value),
            Param::Text(text) => ValueRef::Text(text.as_bytes()),
            Param::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn value(value: ValueRef<'_>) -> rusqlite::Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Text(_) => Value::Text(value.as_str()?.to_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Real(value) => Value::Text(value.to_string()),
    })
}

/// What failed, on which file, and where it helps, what to do.
pub(super) fn explain(path: &Path, error: &rusqlite::Error) -> StoreError {
    let file = path.display();
    let Some(code) = error.sqlite_error_code() else {
        return StoreError::Unavailable(format!("{file}: {error}"));
    };
    let advice = match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            return StoreError::Busy(format!("another program is writing to {file}"));
        }
        ErrorCode::NotADatabase => "it is not a SQLite database; name another file, or move this one away",
        ErrorCode::DatabaseCorrupt => "it is damaged; stop, and restore a backup",
        ErrorCode::DiskFull => "the disk is full; make room, or shorten the retention",
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
            "it cannot be written; the file and its folder must be writable for this user"
        }
        ErrorCode::CannotOpen => "it cannot be opened; its folder must exist and be writable for this user",
        ErrorCode::SystemIoFailure => "the disk failed; see the system's log",
        _ => return StoreError::Unavailable(format!("{file}: {error}")),
    };
    StoreError::Unavailable(format!("{file}: {advice} ({error})"))
}
