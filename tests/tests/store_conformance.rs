//! The promises of `activity:store/event-store` and of `follow`, asked of every store of the host.
//!
//! A test is written once, against the trait; each store runs all of them. What only a file can do (reopening, a second
//! process's view, permissions) has its tests in `sqlite_file`.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "store_conformance/append.rs"]
mod append;
#[path = "store_conformance/follow.rs"]
mod follow;
#[path = "store_conformance/model.rs"]
mod model;
#[path = "store_conformance/read.rs"]
mod read;
#[path = "store_conformance/retention.rs"]
mod retention;
#[path = "store_conformance/sqlite_file.rs"]
mod sqlite_file;

use activity_feed::store::memory::MemoryStore;
use activity_feed::store::sqlite::{Durability, SqliteStore};
use activity_feed::store::{Appended, Event, EventStore, Filter, NewEvent, Order, Page, Query, Seq};
use activity_feed_tests::spin::store::SpinStore;

/// Run `check` on a new, empty store of each kind.
fn every_store(check: impl Fn(&dyn EventStore)) {
    check(&MemoryStore::new());
    let folder = tempfile::tempdir().unwrap();
    check(&sqlite(&folder));
    // The component that is the store on Spin, on a database as Spin makes it: an empty one.
    check(&SpinStore::open(&folder.path().join("spin.db")));
}

fn sqlite(folder: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(folder.path().join("log.db"), Durability::Normal).unwrap()
}

fn new(id: &str, event_type: &str) -> NewEvent {
    NewEvent {
        id: id.into(),
        event_type: event_type.into(),
        source: "coordinator".into(),
        task_id: None,
        agent_id: None,
        timestamp: "2024-01-15T10:30:00Z".into(),
        stamped: false,
        data: "{}".into(),
    }
}

/// Append one event that must be taken.
fn log(store: &dyn EventStore, event: NewEvent) -> Seq {
    let appended = log_group(store, vec![event]);
    assert!(!appended[0].duplicate);
    appended[0].seq
}

fn log_group(store: &dyn EventStore, events: Vec<NewEvent>) -> Vec<Appended> {
    store.append(&[events]).unwrap().remove(0).unwrap()
}

/// Append `count` events of types in turn, with ids `PREFIX0`, `PREFIX1` …
fn fill(store: &dyn EventStore, prefix: &str, count: usize, types: &[&str]) {
    let events: Vec<_> = (0..count).map(|n| new(&format!("{prefix}{n}"), types[n % types.len()])).collect();
    for group in events.chunks(1_000) {
        log_group(store, group.to_vec());
    }
}

fn everything() -> Query {
    Query { filter: Filter::default(), text: None, after: 0, until: Seq::MAX, order: Order::Ascending, limit: 1_000 }
}

fn types(types: &[&str]) -> Filter {
    Filter { types: list(types), ..Filter::default() }
}

fn list(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn ids(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

/// All pages of a query, each going on where the one before has ended.
fn all_pages(store: &dyn EventStore, mut query: Query) -> Vec<Event> {
    let mut found = Vec::new();
    loop {
        let Page { events, reached, more } = store.read(&query).unwrap();
        found.extend(events);
        if !more {
            return found;
        }
        let place = match query.order {
            Order::Ascending => &mut query.after,
            Order::Descending => &mut query.until,
        };
        assert_ne!(*place, reached, "a page must lead on");
        *place = reached;
    }
}
