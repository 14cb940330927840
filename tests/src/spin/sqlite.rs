//! `spin:sqlite` on rusqlite: the blocking half that the store uses, on one file, as Spin gives it: a rollback journal,
//! five seconds of patience with a lock, and errors in SQLite's words.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

mod bindings {
    #![allow(missing_docs, reason = "generated")]
    wasmtime::component::bindgen!({
        path: ["../wit/types", "../wit/store", "../components/store-spin/wit"],
        inline: "
            package activity:test-host@0.1.0;
            world store-on-spin {
                import spin:sqlite/sqlite@3.1.0;
                export activity:store/event-store@0.1.0;
            }
        ",
        world: "activity:test-host/store-on-spin",
        with: { "spin:sqlite/sqlite.connection": super::Connection },
        imports: { default: trappable },
    });
}

use bindings::spin::sqlite::sqlite::{self as wit, Error, QueryResult, RowResult, Value};
pub use bindings::{StoreOnSpin, StoreOnSpinPre, activity, exports};

/// How long a statement waits for a lock: Spin leaves rusqlite's own.
const BUSY: Duration = Duration::from_secs(5);

/// A connection that a component holds.
pub struct Connection(rusqlite::Connection);

/// What a component sees of the databases.
pub struct SqliteView<'a> {
    /// The connections.
    pub table: &'a mut ResourceTable,
    /// The file of `default`; none: there is no such database.
    pub file: Option<&'a Path>,
}

/// Names [`SqliteView`] to the linker.
pub struct HasSqlite;

impl HasData for HasSqlite {
    type Data<'a> = SqliteView<'a>;
}

/// Give the components of this linker SQLite.
pub fn add_to_linker<T: 'static>(linker: &mut Linker<T>, view: fn(&mut T) -> SqliteView<'_>) -> wasmtime::Result<()> {
    wit::add_to_linker::<T, HasSqlite>(linker, view)
}

/// Under another name, SQLite as a component gets it that inherits nothing: it is there, and denied.
pub fn add_denied_to_linker<T: 'static>(linker: &mut Linker<T>, name: &str) -> wasmtime::Result<()> {
    let mut instance = linker.instance(name)?;
    instance.resource("connection", wasmtime::component::ResourceType::host::<Connection>(), |_, _| Ok(()))?;
    instance.func_wrap("[static]connection.open", |_, (_,): (String,)| {
        Ok((Err::<Resource<Connection>, Error>(Error::AccessDenied),))
    })?;
    instance.func_wrap("[method]connection.execute", |_, (_, _, _): (Resource<Connection>, String, Vec<Value>)| {
        Ok((Err::<QueryResult, Error>(Error::AccessDenied),))
    })?;
    instance.func_wrap("[method]connection.changes", |_, (_,): (Resource<Connection>,)| Ok((0u64,)))
}

impl wit::Host for SqliteView<'_> {}

impl wit::HostConnection for SqliteView<'_> {
    fn open(&mut self, database: String) -> wasmtime::Result<Result<Resource<Connection>, Error>> {
        let Some(file) = self.file.filter(|_| database == "default") else {
            return Ok(Err(Error::NoSuchDatabase));
        };
        match open(file) {
            Ok(connection) => Ok(Ok(self.table.push(Connection(connection))?)),
            Err(error) => Ok(Err(Error::Io(error.to_string()))),
        }
    }

    fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<Result<QueryResult, Error>> {
        let connection = &self.table.get(&connection)?.0;
        Ok(execute(connection, &statement, parameters).map_err(|error| Error::Io(error.to_string())))
    }

    fn changes(&mut self, connection: Resource<Connection>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&connection)?.0.changes())
    }

    fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

fn open(file: &Path) -> rusqlite::Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(PathBuf::from(file))?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

fn execute(
    connection: &rusqlite::Connection,
    statement: &str,
    parameters: Vec<Value>,
) -> rusqlite::Result<QueryResult> {
    let mut statement = connection.prepare_cached(statement)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let parameters: Vec<ToSqlOutput<'_>> = parameters.iter().map(bound).collect();
    let mut found = statement.query(rusqlite::params_from_iter(parameters))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let values = (0..columns.len()).map(|column| Ok(value(row.get_ref(column)?)));
        rows.push(RowResult { values: values.collect::<rusqlite::Result<_>>()? });
    }
    Ok(QueryResult { columns, rows })
}

fn bound(value: &Value) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match value {
        Value::Integer(value) => ValueRef::Integer(*value),
        Value::Real(value) => ValueRef::Real(*value),
        Value::Text(text) => ValueRef::Text(text.as_bytes()),
        Value::Blob(bytes) => ValueRef::Blob(bytes),
        Value::Null => ValueRef::Null,
    })
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_owned()),
    }
}
