//! What every store of the log shares: the words of `activity:store` as plain Rust types, the schema and the SQL of the
//! SQLite logs (the host's and Spin's), and the rules of matching and of "the same content".
//!
//! It knows no database driver and does no I/O, so that it serves the host and, compiled to WebAssembly, `store-spin`:
//! both hand [`sql`] their connection behind [`sql::Database`].

pub mod content;
pub mod matching;
pub mod schema;
pub mod sql;
mod words;

pub use words::{
    Appended, Bounds, Conflict, Counts, Event, Filter, NewEvent, Order, Page, Query, Seq, StoreError, Summary, UnixMs,
};
