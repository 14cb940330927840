//! Contract section 2: `prune` and `backup`, on a log that a server runs on and on one that is at rest; `export` and
//! `import` as the two ends of a pipe.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::io::Write;
use std::process::{Output, Stdio};
use std::time::Duration;

use activity_feed_tests::elsewhere;
use activity_feed_tests::events::ids;
use activity_feed_tests::tokens::scoped;
use activity_feed_tests::{Ledger, SOON, Server, binary, event, wait_for};
use serde_json::{Value, json};

#[track_caller]
fn done(args: &[&str]) -> Output {
    let output = binary::run(args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", binary::stderr(&output));
    output
}

/// Bytes of the file that holds the log.
fn size(server: &Server) -> u64 {
    fs::metadata(server.dir().join("feed.db")).unwrap().len()
}

/// Two megabytes of events.
fn fill(server: &Server) {
    let events: Vec<Value> = (0..100).map(|_| event("a.b", json!({ "text": "all work ".repeat(600) }))).collect();
    for _ in 0..4 {
        server.publish(&Value::from(events.clone()));
    }
}

#[test]
fn prune_on_a_running_store_keeps_the_newest_and_the_file_shrinks() {
    let server = Server::start(&[]);
    fill(&server);
    let newest = server.publish_many("a.newest", 5);
    done(&["prune", "--store", &server.store(), "--keep", "5"]);
    let page = server.http().history("since=earliest&limit=1000");
    assert_eq!(
        ids(page["events"].as_array().unwrap()),
        newest.iter().map(|receipt| receipt.id.clone()).collect::<Vec<_>>()
    );
    assert!(size(&server) < 300_000, "{} bytes are left", size(&server));
    done(&["prune", "--store", &server.store(), "--older-than", "1h"]);
    assert_eq!(server.http().history("since=earliest")["events"].as_array().unwrap().len(), 5);
    let next = server.publish_many("a.b", 1);
    assert!(next[0].seq > newest[4].seq, "no seq is used twice");
}

#[test]
fn promise_1_what_another_process_logs_and_prunes_at_once_is_reported() {
    let server = Server::start(&[]);
    let mut ws = server.ws();
    let mut ledger = Ledger::open(&ws.subscribe(&json!({"since": "earliest"})));
    server.publish_many("a.b", 1);
    ledger.read_to(&mut ws, 1, SOON);
    elsewhere::logs_and_removes(&server.dir().join("feed.db"));
    // Going away: it comes back with its cursor, and is told.
    ws.expect_close(4201, SOON);

    let mut ws = server.ws();
    let subscribed = ws.subscribe(&json!({"since": ledger.cursor}));
    assert_eq!(subscribed["recovered"], false);
    ledger.read_to(&mut ws, 6, SOON);
    let gaps: Vec<_> = ledger.gaps.iter().map(|gap| (gap.from, gap.to, gap.reason())).collect();
    assert_eq!(gaps, [(1, 4, "pruned")]);
    assert_eq!(ledger.seqs(), [1, 5, 6]);
}

#[test]
fn prune_on_a_stopped_store_shrinks_it_too() {
    let mut server = Server::start(&[]);
    fill(&server);
    server.kill();
    done(&["prune", "--store", &server.store(), "--keep", "0"]);
    assert!(size(&server) < 300_000, "{} bytes are left", size(&server));
    server.start_again();
    assert_eq!(server.http().history("since=earliest")["events"], json!([]));
}

#[test]
fn retention_by_the_server_shrinks_the_file() {
    let mut server = Server::start(&[]);
    fill(&server);
    server.keep(5);
    wait_for("the file to shrink", SOON, || (size(&server) < 300_000).then_some(()));
}

#[test]
fn what_cannot_be_looked_after_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = format!("sqlite:{}", dir.path().join("none.db").display());
    for (args, code) in [
        (vec!["prune", "--store", &nowhere, "--keep", "1"], 1),
        (vec!["prune", "--store", &nowhere], 2),
        (vec!["prune", "--store", "memory:", "--keep", "1"], 2),
        (vec!["backup", "--store", &nowhere, "copy.db"], 1),
    ] {
        let output = binary::run(&args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", binary::stderr(&output));
    }
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "and no log was made");
}

#[test]
fn a_backup_of_a_running_store_is_a_log_of_its_own() {
    let server = Server::start(&[]);
    let receipts = server.publish_many("a.b", 20);
    let copy = server.dir().join("copy.db");
    done(&["backup", "--store", &server.store(), copy.to_str().unwrap()]);
    server.publish_many("a.b", 1);
    let other = Server::start(&["--store", &format!("sqlite:{}", copy.display())]);
    let page = other.http().history(&format!("since={}&limit=1000", receipts[4].cursor));
    assert_eq!(page["events"].as_array().unwrap().len(), 20, "all up to the backup, and nothing after it");
    assert_eq!(page["skipped"]["reason"], "pruned", "its history is another one: {}", page["skipped"]);
}

#[test]
fn export_into_import_is_the_same_log_however_often() {
    let (from, to) = (Server::start(&[]), Server::start(&[]));
    from.publish(&json!([
        {"event_type": "task.created", "source": "s", "task_id": "t", "data": {"description": "one"}},
        {"event_type": "agent.left", "source": "s", "agent_id": "a", "timestamp": "2024-01-15T10:30:00Z"},
    ]));
    let token = scoped("admin");
    let exported = done(&["export", "--url", &from.url(), "--token", &token]).stdout;
    for _ in 0..2 {
        // Without a FILE it is stdin that is read.
        let mut import = binary::command(&["import", "--url", &to.url(), "--token", &token])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        import.stdin.take().unwrap().write_all(&exported).unwrap();
        let output = import.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", binary::stderr(&output));
    }
    let bare = |server: &Server| -> Vec<Value> {
        let page = server.http().history("since=earliest");
        let mut events = page["events"].as_array().unwrap().clone();
        for event in &mut events {
            event.as_object_mut().unwrap().retain(|name, _| name != "cursor" && name != "seq");
        }
        events
    };
    wait_for("both events", Duration::from_secs(5), || (bare(&to).len() == 2).then_some(()));
    assert_eq!(bare(&to), bare(&from));
}
