//! Every statement of a store call is driven by an index, in the order it is wanted in: nothing is sorted, nothing is
//! scanned, so that no call costs more in a longer log.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::cell::RefCell;
use std::sync::Arc;

use activity_store::sql::{self, Database, Param, Row, Value};

use super::super::{NewEvent, Order, Query};
use super::*;

/// Asks SQLite how it would run each statement before it does.
struct Explaining<'a> {
    inner: &'a Connection,
    plans: RefCell<Vec<(String, String)>>,
}

impl Explaining<'_> {
    fn explain(&self, sql: &str, params: &[Param<'_>]) {
        let rows = self.inner.query(&format!("EXPLAIN QUERY PLAN {sql}"), params).unwrap();
        for row in rows {
            if let Some(Value::Text(detail)) = row.get(3) {
                self.plans.borrow_mut().push((detail.clone(), sql.to_owned()));
            }
        }
    }

    /// The indexes that were used since the last call; fails where something is sorted or scanned.
    fn checked(&self) -> Vec<String> {
        let plans = std::mem::take(&mut *self.plans.borrow_mut());
        assert!(!plans.is_empty());
        for (detail, sql) in &plans {
            assert!(!detail.contains("TEMP B-TREE"), "{detail} in {sql}");
            // The steps of the bisection, and a subquery's few rows, are no table.
            let scan = detail.starts_with("SCAN activity_");
            assert!(!scan, "{detail} in {sql}");
        }
        plans.into_iter().map(|(detail, _)| detail).filter(|detail| detail.contains("activity_")).collect()
    }
}

impl Database for Explaining<'_> {
    fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        self.explain(sql, params);
        self.inner.query(sql, params)
    }

    fn execute(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        if !["BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"].contains(&sql) {
            self.explain(sql, params);
        }
        self.inner.execute(sql, params)
    }
}

fn new(n: u32) -> NewEvent {
    NewEvent {
        id: format!("id-{n:06}"),
        event_type: ["task.created", "task.step.done", "agent.joined", "bid.submitted"][n as usize % 4].into(),
        source: format!("source-{}", n % 3),
        task_id: n.is_multiple_of(2).then(|| format!("task-{}", n % 50)),
        agent_id: n.is_multiple_of(5).then(|| format!("agent-{}", n % 10)),
        timestamp: "2024-01-15T10:30:00Z".into(),
        stamped: true,
        data: format!("{{\"n\":{n}}}"),
    }
}

fn list(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[test]
fn every_statement_is_driven_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let path: Arc<Path> = Arc::from(folder.path().join("log.db"));
    let connection = open::writer(&path, Durability::Normal).unwrap();
    let events: Vec<_> = (0..5_000).map(new).collect();
    sql::write(&connection, || sql::append(&connection, &[events], 1_000)).unwrap();
    // Statistics must not talk SQLite out of an index either.
    for analyzed in [false, true] {
        if analyzed {
            connection.raw().execute_batch("ANALYZE").unwrap();
        }
        let db = Explaining { inner: &connection, plans: RefCell::default() };
        reads(&db);
        others(&db);
    }
}

fn reads(db: &Explaining<'_>) {
    let types = |types: &[&str]| Filter { types: list(types), ..Filter::default() };
    let tasks = Filter { task_ids: list(&["task-0", "task-10"]), ..Filter::default() };
    let agent = Filter { agent_ids: list(&["agent-5"]), ..Filter::default() };
    let source = Filter { sources: list(&["source-1"]), ..Filter::default() };
    let all = Filter { types: list(&["task.*"]), ..tasks.clone() };
    let all = Filter { agent_ids: list(&["agent-0"]), sources: list(&["source-1", "source-2"]), ..all };
    for order in [Order::Ascending, Order::Descending] {
        for text in [None, Some("4".to_owned())] {
            for (filter, index) in [
                (Filter::default(), "USING INTEGER PRIMARY KEY"),
                (types(&["task.created"]), "activity_events_type"),
                (types(&["task.*", "agent.joined", "none"]), "activity_events_type"),
                (source.clone(), "activity_events_source"),
                (tasks.clone(), "activity_events_task"),
                (agent.clone(), "activity_events_agent"),
                (all.clone(), "activity_events_task"),
            ] {
                let query = Query { filter, text: text.clone(), after: 10, until: Seq::MAX, order, limit: 20 };
                let page = sql::read(db, &query).unwrap();
                assert!(!page.events.is_empty(), "{query:?}");
                let used = db.checked();
                assert!(used.iter().any(|detail| detail.contains(index)), "{query:?}: {used:?}");
                sql::count(db, &query.filter, 10, Seq::MAX, 10_000).unwrap().total.unwrap();
                let used = db.checked();
                // Without a filter the index on the type counts.
                let index = if index.starts_with("USING") { "COVERING INDEX activity_events_type" } else { index };
                assert!(used.iter().any(|detail| detail.contains(index)), "{query:?}: {used:?}");
            }
        }
    }
}

fn others(db: &Explaining<'_>) {
    sql::bounds(db).unwrap();
    sql::get(db, "id-000007").unwrap().unwrap();
    assert!(db.checked().iter().any(|detail| detail.contains("activity_events_id")));
    assert_eq!(sql::seq_at(db, 1_000, true).unwrap(), 5_000);
    sql::summary(db, 60, 1_000).unwrap();
    sql::follow(db, 4_000).unwrap();
    sql::load_snapshot(db).unwrap();
    db.checked();
    // Nothing is kept of these: the second round wants the same log.
    let undone: Result<(), StoreError> = sql::write(db, || {
        let mut events = vec![new(1), new(6_000)];
        sql::append(db, &[events.clone()], 2_000)?;
        // A conflict takes the group's rows out again.
        if let [known, fresh] = events.as_mut_slice() {
            known.source = "other".into();
            fresh.id = "id-006001".into();
        }
        events.reverse();
        assert!(sql::append(db, &[events], 2_000)?.results.iter().all(Result::is_err));
        sql::trim(db, 100, 50, 2_000)?;
        sql::save_snapshot(db, 7, b"state")?;
        Err(StoreError::Busy("undo".into()))
    });
    assert_eq!(undone, Err(StoreError::Busy("undo".into())));
    db.checked();
    if sql::bounds(db).unwrap().head != 5_000 {
        panic!("the rollback left something behind");
    }
    db.checked();
}
