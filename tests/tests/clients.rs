//! Contract section 2, `export` and `import`: a log goes out and in again and is the same; a table that another program
//! writes is followed; whatever is repeated logs nothing twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use activity_feed_tests::tokens::scoped;
use activity_feed_tests::{SOON, Server, binary, event, wait_for};
use rusqlite::Connection;
use serde_json::{Value, json};

/// Runs a client command against a server, with this on stdin.
fn client(server: &Server, args: &[&str], stdin: &str) -> Output {
    let mut command = binary::command(args);
    command.env("ACTIVITY_FEED_URL", server.url()).env("ACTIVITY_FEED_TOKEN", scoped("admin"));
    command.env("XDG_STATE_HOME", server.dir());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be started");
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[track_caller]
fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", binary::stderr(output));
    binary::stdout(output)
}

/// What two logs must agree on: everything but the places.
fn content(server: &Server) -> Vec<Value> {
    let page = server.http().history("since=earliest&limit=1000");
    let mut events = page["events"].as_array().unwrap().clone();
    for event in &mut events {
        event.as_object_mut().unwrap().retain(|name, _| !["seq", "cursor"].contains(&name.as_str()));
    }
    events
}

#[test]
fn a_log_goes_out_and_in_again_and_is_the_same() {
    let (from, to) = (Server::start(&[]), Server::start(&[]));
    let whole = json!({"event_type": "task.created", "source": "q", "task_id": "t", "agent_id": "a", "id": "mine:1",
        "timestamp": "2024-01-15T10:30:00Z", "data": {"z": "é\u{1f600}\n", "a": [1, null, {"password": "hunter22hunter"}]}});
    from.publish(&whole);
    let exact = br#"{"event_type":"a.b","source":"q","data":{"n":1.10,"big":12345678901234567890123}}"#;
    from.http().post_bytes("/api/events", "application/json", exact).expect(201);
    from.publish_many("a.c", 1200);

    let exported = done(&client(&from, &["export"], ""));
    let lines: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1202);
    assert!(lines.windows(2).all(|pair| pair[0]["seq"].as_u64() < pair[1]["seq"].as_u64()), "oldest first");
    assert!(exported.contains("12345678901234567890123") && exported.contains("1.10"), "digit by digit");
    assert!(!exported.contains("hunter22"), "what was redacted is not there to be exported");

    let file = to.dir().join("export.ndjson");
    fs::write(&file, &exported).unwrap();
    let said = done(&client(&to, &["import", file.to_str().unwrap()], ""));
    assert!(said.contains("1202 events imported"), "{said}");
    assert_eq!(content(&from), content(&to));
    let again = done(&client(&to, &["import", "-"], &exported));
    assert!(again.contains("0 events imported, 1202 were there before"), "{again}");
    let home = done(&client(&from, &["import", "-"], &exported));
    assert!(home.contains("0 events imported, 1202 were there before"), "also where it came from: {home}");
}

#[test]
fn an_export_can_be_filtered_and_goes_on_at_a_cursor() {
    let server = Server::start(&[]);
    server.publish_many("a.b", 3);
    let middle = server.head();
    server.publish_many("a.c", 2);
    server.publish_many("b.c", 2);
    let count = |args: &[&str]| {
        let args: Vec<&str> = ["export"].iter().chain(args).copied().collect();
        let output = client(&server, &args, "");
        (done(&output).lines().count(), binary::stderr(&output))
    };
    assert_eq!(count(&[]).0, 7);
    assert_eq!(count(&["--type", "a.*"]).0, 5);
    assert_eq!(count(&["--until", &middle]).0, 3);
    assert_eq!(count(&["--since", &middle, "--type", "a.*", "--type", "x.y"]).0, 2);
    let (none, said) = count(&["--since", &server.head()]);
    assert!(none == 0 && said.contains(&server.head()), "it says where to go on: {said}");
    assert_eq!(count(&["--since", "10m"]).0, 7);
}

#[test]
fn what_is_refused_is_named_and_does_not_stop_the_rest() {
    let server = Server::start(&[]);
    let mut lines: Vec<String> =
        (0..40).map(|n| json!({"id": format!("e-{n}"), "event_type": "a.b", "source": "q"}).to_string()).collect();
    lines[7] = json!({"id": "bad-type", "event_type": "NOT A TYPE", "source": "q"}).to_string();
    lines[12] = r#"{"id":null,"event_type":"a.b","source":"q"}"#.to_owned();
    lines[20] = "not json".to_owned();
    lines[39] = json!({"id": "e-0", "event_type": "a.b", "source": "another"}).to_string();
    let output = client(&server, &["import", "-"], &lines.join("\n"));
    let said = binary::stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("line 8 (id bad-type)")
            && said.contains("line 21")
            && said.contains("line 40 (id e-0)")
            && said.contains("line 13 (id null): id is null"),
        "{said}"
    );
    assert_eq!(said.matches("refused: ").count(), 4, "{said}");
    assert_eq!(content(&server).len(), 36);
}

/// A file as another program writes it, and a connection that stays open as that program's would.
fn their_table(server: &Server) -> (PathBuf, Connection) {
    let path = server.dir().join("theirs.db");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE activity (id TEXT PRIMARY KEY, event_type TEXT, source TEXT, task_id TEXT, agent_id TEXT,
                                    data TEXT, timestamp TEXT);",
        )
        .unwrap();
    (path, connection)
}

fn insert(connection: &Connection, id: &str, event_type: &str, data: &str) {
    let row = "INSERT INTO activity VALUES (?1, ?2, 'bot', 't1', NULL, ?3, '2024-01-15 10:30:00')";
    connection.execute(row, (id, event_type, data)).unwrap();
}

#[test]
fn a_table_is_imported_once_however_often_it_is_read() {
    let server = Server::start(&[]);
    let (path, connection) = their_table(&server);
    for n in 0..700 {
        insert(&connection, &format!("row-{n}"), "task.created", &json!({ "description": n }).to_string());
    }
    insert(&connection, "wrong", "NOT A TYPE", "{}");
    insert(&connection, "broken", "a.b", "no json");
    insert(&connection, "last", "a.b", "{}");
    let args = ["import", "--sqlite", path.to_str().unwrap(), "--table", "activity"];
    let output = client(&server, &args, "");
    let said = binary::stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("(id wrong)") && said.contains("(id broken): data: not JSON"), "{said}");
    assert!(binary::stdout(&output).contains("701 events imported"), "{}", binary::stdout(&output));
    let first = server.http().get("/api/events/row-0").expect(200).json();
    assert_eq!(first["timestamp"], "2024-01-15T10:30:00Z");
    assert_eq!((&first["source"], &first["task_id"]), (&json!("bot"), &json!("t1")));
    assert!(first.get("agent_id").is_none());
    let again = client(&server, &args, "");
    assert!(binary::stdout(&again).contains("0 events imported, 701 were there before"), "{}", binary::stdout(&again));
    assert_eq!(content(&server).len(), 701);

    for wrong in [["--table", "none"], ["--table", "sqlite_schema"]] {
        let output = client(&server, &["import", "--sqlite", path.to_str().unwrap(), wrong[0], wrong[1]], "");
        assert_eq!(output.status.code(), Some(1), "{}", binary::stderr(&output));
    }
    assert_eq!(client(&server, &["import", "--sqlite", "x.db"], "").status.code(), Some(2));
}

/// Ends with the test.
struct Follower(Child);

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_followed_table_is_in_the_feed_at_once_and_over_a_restart() {
    let mut server = Server::start(&[]);
    let (path, connection) = their_table(&server);
    insert(&connection, "before", "a.b", "{}");
    let follower = binary::command(&["import", "--sqlite", path.to_str().unwrap(), "--table", "activity", "--follow"])
        .env("ACTIVITY_FEED_URL", server.url())
        .env("ACTIVITY_FEED_TOKEN", scoped("publish"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _follower = Follower(follower);
    let there = |id: &str| server.http().get(&format!("/api/events/{id}")).status == 200;
    wait_for("what was there before", SOON, || there("before").then_some(()));
    // The best of five: other tests share these cores.
    let quickest = (0..5).map(|n| {
        let id = format!("live-{n}");
        insert(&connection, &id, "a.b", "{}");
        let begun = Instant::now();
        wait_for("a row", SOON, || there(&id).then_some(()));
        begun.elapsed()
    });
    let quickest = quickest.min().unwrap();
    assert!(quickest < Duration::from_millis(300), "{quickest:?}");

    insert(&connection, "wrong", "NOT A TYPE", "{}");
    server.kill();
    insert(&connection, "between", "a.b", "{}");
    server.start_again();
    let there = |id: &str| server.http().get(&format!("/api/events/{id}")).status == 200;
    wait_for("what was written meanwhile", Duration::from_secs(30), || there("between").then_some(()));
    connection.execute_batch("DELETE FROM activity; VACUUM").unwrap();
    insert(&connection, "after", "a.b", "{}");
    wait_for("a row of the table that was emptied", SOON, || there("after").then_some(()));
    assert_eq!(content(&server).len(), 8);
}

#[test]
fn the_manual_page_names_every_command() {
    let page = binary::run(&["man"]);
    let page = done(&page);
    assert!(page.contains(".TH activity\\-feed 1") || page.contains(".TH activity-feed 1"), "{page}");
    for command in ["serve", "demo", "log", "tail", "export", "import", "token", "component", "completions"] {
        assert!(page.contains(&format!("activity\\-feed\\-{command}(1)")), "{command}");
    }
    let dir = tempfile::tempdir().unwrap();
    done(&binary::run(&["man", "--dir", dir.path().to_str().unwrap()]));
    assert!(dir.path().join("activity-feed-import.1").exists());
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let server = Server::start(&[]);
    server.publish(&event("a.b", json!({})));
    server.publish_many("a.b", 900);
    let mut child = binary::command(&["export", "--url", &server.url(), "--token", &scoped("subscribe")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", binary::stderr(&output));
}
