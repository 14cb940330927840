//! The event-store on Spin's SQLite: `activity:store/event-store` over `spin:sqlite`, with the schema and the SQL that
//! the host's store uses, so that either reads what the other wrote.
//!
//! Always true: a call holds a connection of its own while it runs, and a connection on which anything failed is not
//! used again. What is durable and how long one statement waits for a lock is Spin's to say.

#[allow(clippy::all, clippy::pedantic, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/types", "../../wit/store", "wit"],
        inline: "
            package activity:store-spin@0.1.0;
            world store-on-spin {
                import spin:sqlite/sqlite@3.1.0;
                export activity:store/event-store@0.1.0;
                export activity:store/ended@0.1.0;
            }
        ",
        world: "activity:store-spin/store-on-spin",
        generate_all,
    });
}

mod database;
mod translate;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use activity_store::sql::{self, Database};
use activity_store::{StoreError, UnixMs};

use bindings::activity::types::types;
use bindings::exports::activity::store::ended;
use bindings::exports::activity::store::event_store::{self as wit, Guest};
use database::Connection;

struct Component;

bindings::export!(Component with_types_in bindings);

/// How long a call tries to get at a locked database. Spin itself waits for five seconds in one statement; a remote
/// database answers at once.
const PATIENCE: Duration = Duration::from_secs(5);
/// The first pause between two tries; each following one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

fn now() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs::try_from(since.as_millis()).unwrap_or(UnixMs::MAX)
}

/// Run `work` on a connection; again, while the database is locked and there is patience left. Every call is safe to
/// repeat: what failed has left nothing behind.
fn with<T>(work: impl Fn(&dyn Database) -> Result<T, StoreError>) -> Result<T, wit::StoreError> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = FIRST_PAUSE;
    loop {
        let done = Connection::take().and_then(|connection| {
            let done = work(&connection)?;
            connection.keep();
            Ok(done)
        });
        match done {
            Err(StoreError::Busy(_)) if Instant::now() + pause < deadline => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            done => return done.map_err(translate::store_error),
        }
    }
}

impl Guest for Component {
    fn append(
        groups: Vec<Vec<wit::NewEvent>>,
    ) -> Result<Vec<Result<Vec<wit::Appended>, wit::Conflict>>, wit::StoreError> {
        let groups: Vec<Vec<_>> =
            groups.into_iter().map(|group| group.into_iter().map(translate::new_event).collect()).collect();
        let committed = with(|db| sql::write(db, || sql::append(db, &groups, now())))?;
        Ok(committed.results.into_iter().map(translate::group).collect())
    }

    fn bounds() -> Result<wit::LogBounds, wit::StoreError> {
        with(sql::bounds).map(translate::bounds)
    }

    fn read(query: wit::Query) -> Result<wit::Page, wit::StoreError> {
        let query = translate::query(query);
        with(|db| sql::read(db, &query)).map(translate::page)
    }

    fn get(id: String) -> Result<Option<types::Event>, wit::StoreError> {
        Ok(with(|db| sql::get(db, &id))?.map(translate::event))
    }

    fn count(filter: types::Filter, after: u64, until: u64, max_rows: u32) -> Result<wit::Counts, wit::StoreError> {
        let filter = translate::filter(filter);
        with(|db| sql::count(db, &filter, after, until, max_rows)).map(translate::counts)
    }

    fn seq_at(time: u64, inclusive: bool) -> Result<u64, wit::StoreError> {
        with(|db| sql::seq_at(db, time, inclusive))
    }

    fn summary(minutes: u32) -> Result<Vec<(u32, String, u64)>, wit::StoreError> {
        with(|db| sql::summary(db, minutes, now()))
    }

    fn trim(until: u64, max_rows: u32) -> Result<u64, wit::StoreError> {
        with(|db| sql::write(db, || sql::trim(db, until, max_rows, now())))
    }

    fn load_snapshot() -> Result<Option<(u64, Vec<u8>)>, wit::StoreError> {
        with(sql::load_snapshot)
    }

    fn save_snapshot(seq: u64, state: Vec<u8>) -> Result<(), wit::StoreError> {
        with(|db| sql::save_snapshot(db, seq, &state))
    }
}

impl ended::Guest for Component {
    fn end(session: String, until: u64) -> Result<(), String> {
        with(|db| sql::write(db, || database::end_session(db, &session, until, now()))).map_err(translate::in_words)
    }

    fn has_ended(session: String) -> Result<bool, String> {
        with(|db| database::has_session_ended(db, &session)).map_err(translate::in_words)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_for_spin_up_is_the_schema() {
        assert_eq!(include_str!("../schema.sql"), activity_store::schema::SCHEMA);
    }
}
