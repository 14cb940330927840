#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use serde_json::{Value, json};

use super::*;

const TABLE: &str = "CREATE TABLE events (id, event_type, source, task_id, agent_id, data, timestamp)";

fn database(sql: &str) -> (tempfile::TempDir, PathBuf, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(sql).unwrap();
    (folder, path, connection)
}

fn events(table: &Table) -> Vec<Value> {
    let rows = table.next_batch().unwrap().rows.into_iter();
    rows.map(|row| match row {
        Row::Event(entry) => serde_json::from_str(&entry.json).unwrap(),
        Row::Unreadable { label, reason } => panic!("{label}: {reason}"),
    })
    .collect()
}

#[test]
fn a_row_becomes_an_event_with_an_id_of_its_own() {
    let (_folder, path, connection) = database(TABLE);
    let insert = "INSERT INTO events VALUES (?1, 'a.b', 'bot', NULL, '', ?2, ?3)";
    connection.execute(insert, ("3f9c-uuid", r#"{"n":1.10}"#, "2024-01-15 10:30:00")).unwrap();
    connection.execute(insert, (7, "{}", 1_705_314_600)).unwrap();
    connection.execute(insert, ("a b", "{}", 1_705_314_600_250_i64)).unwrap();
    connection.execute(insert, (None::<i64>, None::<&str>, None::<i64>)).unwrap();
    let read = events(&Table::open(&path, "Events", None).unwrap());
    let ids: Vec<&str> = read.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["3f9c-uuid", "events:7", "events:a:20b", "events:row-4"]);
    let times: Vec<&Value> = read.iter().map(|event| &event["timestamp"]).collect();
    assert_eq!(
        times,
        [
            &json!("2024-01-15T10:30:00Z"),
            &json!("2024-01-15T10:30:00Z"),
            &json!("2024-01-15T10:30:00.25Z"),
            &Value::Null
        ]
    );
    assert_eq!(
        read[0],
        json!({"id": "3f9c-uuid", "event_type": "a.b", "source": "bot", "data": {"n": 1.10}, "timestamp": "2024-01-15T10:30:00Z"})
    );
}

#[test]
fn rows_come_once_in_order_and_in_batches() {
    let (_folder, path, connection) = database(TABLE);
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100)
                INSERT INTO events SELECT i, 'a.b', 'bot', NULL, NULL, '{}', NULL FROM n";
    connection.execute_batch(fill).unwrap();
    let mut table = Table::open(&path, "events", Some("p")).unwrap();
    let mut sizes = Vec::new();
    while let Batch { rows, mark: Some(mark) } = table.next_batch().unwrap() {
        sizes.push(rows.len());
        table.settle(mark);
    }
    assert_eq!(sizes, [500, 500, 100]);
}

#[test]
fn what_cannot_be_an_event_is_named() {
    let (_folder, path, connection) = database(TABLE);
    connection.execute_batch("INSERT INTO events VALUES (1, 'a.b', 'bot', NULL, NULL, 'no json', NULL), (2, 'a.b', x'ff', NULL, NULL, '{}', NULL)").unwrap();
    let rows = Table::open(&path, "events", None).unwrap().next_batch().unwrap().rows;
    let said: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
    assert!(said[0].contains("row 1 (id events:1)") && said[0].contains("data: not JSON"), "{said:?}");
    assert!(said[1].contains("source: not UTF-8"), "{said:?}");
}

#[test]
fn a_commit_is_seen_and_a_rewritten_table_is_read_anew() {
    let (_folder, path, connection) = database(TABLE);
    let row = "INSERT INTO events VALUES (hex(randomblob(8)), 'a.b', 'bot', NULL, NULL, '{}', NULL)";
    connection.execute_batch(row).unwrap();
    let mut table = Table::open(&path, "events", None).unwrap();
    let seen = table.version().unwrap();
    table.settle(table.next_batch().unwrap().mark.unwrap());
    assert_eq!(table.version().unwrap(), seen);
    connection.execute_batch(row).unwrap();
    assert_ne!(table.version().unwrap(), seen);
    assert!(!table.rewind_if_rewritten().unwrap());
    assert_eq!(events(&table).len(), 1, "only the new one");
    connection.execute_batch(&format!("DELETE FROM events; {row}")).unwrap();
    assert!(table.rewind_if_rewritten().unwrap(), "its rowid is that of the one before");
    assert_eq!(events(&table).len(), 1);
}

#[test]
fn a_table_that_cannot_be_read_is_explained() {
    let (_folder, path, _connection) = database(
        "CREATE TABLE other (x); CREATE TABLE bare (id TEXT PRIMARY KEY, event_type, source) WITHOUT ROWID; CREATE VIEW seen AS SELECT 1 id, 'a.b' event_type, 's' source",
    );
    let error = |name| Table::open(&path, name, None).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error("events").contains("it has other, bare"), "{}", error("events"));
    assert!(error("other").contains("no column `id`"));
    assert!(error("bare").contains("rowid") && error("seen").contains("rowid"), "{} {}", error("bare"), error("seen"));
    assert!(Table::open(&path.with_extension("none"), "events", None).is_err(), "it makes no file");
    assert!(!path.with_extension("none").exists());
}
