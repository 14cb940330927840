//! What only a file can do: outlive its process, be shared with another one, be the wrong one.

use std::fs;
use std::time::{Duration, Instant};

use super::*;
use activity_feed::store::StoreError;

fn refusal(result: Result<SqliteStore, StoreError>) -> String {
    match result {
        Ok(_) => panic!("it was opened"),
        Err(StoreError::Unavailable(why) | StoreError::Busy(why)) => why,
    }
}

#[test]
fn a_log_outlives_its_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    fill(&store, "", 10, &["t"]);
    store.save_snapshot(3, b"state").unwrap();
    let before = store.bounds().unwrap();
    drop(store);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a closed log is one file");
    let store = SqliteStore::open(folder.path().join("log.db"), Durability::Full).unwrap();
    assert_eq!(store.bounds().unwrap(), before);
    assert_eq!(store.load_snapshot().unwrap(), Some((3, b"state".to_vec())));
    assert!(log_group(&store, vec![new("3", "t")])[0].duplicate);
    store.trim(Seq::MAX, 1_000).unwrap();
    drop(store);
    let store = sqlite(&folder);
    assert_eq!(log(&store, new("3", "t")), 11);
    assert_eq!(store.bounds().unwrap().trimmed, 10);
}

#[test]
fn a_second_store_on_the_file_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (sqlite(&folder), sqlite(&folder));
    assert_eq!(here.bounds().unwrap().epoch, there.bounds().unwrap().epoch);
    std::thread::scope(|scope| {
        for (name, store) in [("here", &here), ("there", &there)] {
            scope.spawn(move || {
                for n in 0..100 {
                    log(store, new(&format!("{name}{n}"), "t"));
                }
            });
        }
        for store in [&here, &there] {
            scope.spawn(move || {
                let mut after = 0;
                let deadline = Instant::now() + Duration::from_secs(30);
                while after < 200 {
                    assert!(Instant::now() < deadline, "stopped at {after}");
                    for event in store.follow(after, Duration::from_secs(1)).unwrap() {
                        assert_eq!(event.seq, after + 1);
                        after = event.seq;
                    }
                }
            });
        }
    });
    // A follower that sleeps is woken by the other's commit, without one of its own.
    let head = here.bounds().unwrap().head;
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| here.follow(head, Duration::from_secs(30)).unwrap());
        log(&there, new("foreign", "t"));
        let appended = Instant::now();
        assert_eq!(waiting.join().unwrap()[0].id, "foreign");
        assert!(appended.elapsed() < Duration::from_secs(5));
    });
    assert!(log_group(&here, vec![new("foreign", "t")])[0].duplicate);
}

#[test]
fn rows_removed_by_hand_free_no_seq() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    fill(&store, "", 10, &["t"]);
    let hand = rusqlite::Connection::open(folder.path().join("log.db")).unwrap();
    hand.execute("DELETE FROM activity_events WHERE seq IN (3, 4, 9, 10)", []).unwrap();
    assert_eq!(log(&store, new("next", "t")), 11);
    // Holes are trimmed over.
    assert_eq!(store.trim(4, 1_000).unwrap(), 2);
    assert_eq!(store.bounds().unwrap().trimmed, 4);
    assert_eq!(store.seq_at(u64::MAX, true).unwrap(), 11);
    assert_eq!(store.seq_at(0, true).unwrap(), 4);
    let seqs: Vec<Seq> = store.read(&everything()).unwrap().events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, [5, 6, 7, 8, 11]);
}

#[test]
fn another_epoch_in_the_file_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    fill(&store, "", 5, &["t"]);
    let hand = rusqlite::Connection::open(folder.path().join("log.db")).unwrap();
    hand.execute_batch("DELETE FROM activity_events; UPDATE activity_log SET epoch = 'other', head = 0").unwrap();
    let bounds = store.bounds().unwrap();
    assert_eq!((bounds.epoch.as_str(), bounds.head), ("other", 0));
    assert_eq!(log(&store, new("a", "t")), 1);
    assert_eq!(store.follow(0, Duration::from_secs(5)).unwrap()[0].id, "a");
}

#[test]
fn a_file_replaced_while_open_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    fill(&store, "", 5, &["t"]);
    fs::rename(folder.path().join("log.db"), folder.path().join("gone.db")).unwrap();
    let error = store.append(&[vec![new("lost", "t")]]).unwrap_err();
    assert!(error.to_string().contains("moved or replaced"), "{error}");
    assert!(store.bounds().is_err());
    fs::rename(folder.path().join("gone.db"), folder.path().join("log.db")).unwrap();
    log(&store, new("kept", "t"));
}

#[test]
fn a_copy_is_whole_and_a_history_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    fill(&store, "", 500, &["t"]);
    let copy = folder.path().join("copy.db");
    store.backup(&copy).unwrap();
    fill(&store, "later", 5, &["t"]);
    assert!(store.backup(&copy).unwrap_err().to_string().contains("exists"));
    let copied = SqliteStore::open(&copy, Durability::Normal).unwrap();
    assert_eq!(all_pages(&copied, everything()), all_pages(&store, Query { until: 500, ..everything() }));
    assert_ne!(copied.bounds().unwrap().epoch, store.bounds().unwrap().epoch);
    assert_eq!(copied.bounds().unwrap().head, 500);
}

#[test]
fn trimming_shrinks_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let store = sqlite(&folder);
    let events = |n: u32| NewEvent { data: format!(r#"{{"x":"{}"}}"#, "x".repeat(2_000)), ..new(&n.to_string(), "t") };
    log_group(&store, (0..1_000).map(events).collect());
    drop(store);
    let full = fs::metadata(&path).unwrap().len();
    let store = sqlite(&folder);
    assert_eq!(store.trim(Seq::MAX, 1_000).unwrap(), 1_000);
    drop(store);
    let empty = fs::metadata(&path).unwrap().len();
    assert!(empty * 10 < full, "{empty} of {full}");
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    fill(&store, "", 5, &["t"]);
    store.backup(&folder.path().join("copy.db")).unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", entry.path().display());
    }
}

#[test]
fn what_is_no_log_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let open = || refusal(SqliteStore::open(&path, Durability::Full));
    fs::write(&path, "not a database, but long enough to be looked at as one".repeat(100)).unwrap();
    assert!(open().contains("not a SQLite database"), "{}", open());
    fs::remove_file(&path).unwrap();

    let hand = rusqlite::Connection::open(&path).unwrap();
    hand.execute_batch("CREATE TABLE events (id TEXT)").unwrap();
    assert!(open().contains("another program's database"), "{}", open());
    drop(hand);
    fs::remove_file(&path).unwrap();

    drop(sqlite(&folder));
    let hand = rusqlite::Connection::open(&path).unwrap();
    hand.execute_batch("UPDATE activity_log SET version = 99").unwrap();
    assert!(open().contains("later release (schema 99"), "{}", open());
    drop(hand);

    let nowhere = refusal(SqliteStore::open(folder.path().join("no/such/folder/log.db"), Durability::Full));
    assert!(nowhere.contains("folder must be there"), "{nowhere}");
    let a_folder = refusal(SqliteStore::open(folder.path(), Durability::Full));
    assert!(a_folder.contains("cannot be opened"), "{a_folder}");
}

#[test]
fn a_writer_that_does_not_let_go_is_busy_not_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    let hand = rusqlite::Connection::open(folder.path().join("log.db")).unwrap();
    hand.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(store.append(&[vec![new("a", "t")]]), Err(StoreError::Busy(_))));
    // Readers do not wait for it.
    assert_eq!(store.bounds().unwrap().head, 0);
    hand.execute_batch("ROLLBACK").unwrap();
    log(&store, new("a", "t"));
}
