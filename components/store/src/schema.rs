//! The schema of the SQLite log, for every program that opens one: the host and, through `schema.sql`, Spin.
//!
//! It may be run again at any time and then changes nothing. Names start with `activity_`, since on Spin one database
//! holds an application's other tables too.
//!
//! # The file
//!
//! - `activity_log`, one row: the schema's version, the epoch, what retention has removed (`trimmed`), the highest seq
//!   given (`head`) and the latest time given (`logged_at`). `head` and `logged_at` only ever rise: seqs are taken
//!   from `head`, so that none is used twice, not even after every row is gone.
//! - `activity_events`, one row an event, in the order of `seq`; `logged_at` rises with it, which is why no index on the
//!   time is needed: a time is found by bisection. `seq` ends each index by itself, being the table's rowid, so that
//!   "the last so many of one type" is read off the end of a range.
//! - `activity_minutes`: events by minute logged and type, of the last day, kept in the transaction of each append.
//! - `activity_snapshot`, at most one row: the folded state of the swarm.

/// The version of this schema. A file of a higher one was written by a later release.
pub const VERSION: i64 = 1;

/// How many minutes `activity_minutes` reaches back.
pub const MINUTES_KEPT: i64 = 1_440;

/// Creates what is missing. Several statements; run them in one transaction where the driver can.
pub const SCHEMA: &str = include_str!("schema.sql");

/// Reads the version, where `activity_log` is there.
pub const READ_VERSION: &str = "SELECT version FROM activity_log WHERE one = 1";

/// Names the tables, to tell an empty file, a log and another program's database apart.
pub const READ_TABLES: &str =
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

/// The table whose presence makes a database a log of ours.
pub const LOG_TABLE: &str = "activity_log";

/// Gives a log a new epoch: what its clients knew is no longer what it holds.
pub const RENEW_EPOCH: &str = "UPDATE activity_log SET epoch = lower(hex(randomblob(6))) WHERE one = 1";
