//! `examples/python`: a program that logs events by its `log_event()`, run by the `python3` of this machine. Left out
//! where there is none, unless `ACTIVITY_FEED_REQUIRE_BROWSER=1`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use activity_feed_tests::needs::has;
use activity_feed_tests::tokens::scoped;
use activity_feed_tests::{SOON, Server, binary, wait_for};

/// Runs a Python program beside the example, against this server; None where there is no Python.
fn python(test: &str, url: &str, program: &str) -> Option<Command> {
    if !has("python3", test) {
        return None;
    }
    let mut command = Command::new("python3");
    command
        .args(["-B", "-c", program])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/python"))
        .env("ACTIVITY_FEED_URL", url)
        .env("ACTIVITY_FEED_TOKEN", scoped("publish"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Some(command)
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", binary::stderr(output));
    binary::stdout(output)
}

#[test]
fn an_event_is_logged_with_all_its_fields() {
    let server = Server::start(&[]);
    let program = "
from activity_feed import log_event, flush
import datetime
event_id = log_event('task.created', 'bot', task_id='t1', agent_id='a1', data={'description': 'Hellö', 'at': datetime.date(2024, 1, 15)})
for n in range(1000):
    log_event('tool.called', 'bot', data={'n': n})
assert flush(30)
print(event_id)";
    let Some(mut program) = python("an_event_is_logged_with_all_its_fields", &server.url(), program) else { return };
    let id = said(&program.output().unwrap()).trim().to_owned();
    let event = server.http().get(&format!("/api/events/{id}")).expect(200).json();
    assert_eq!(event["display"]["text"], "New task: Hellö");
    assert_eq!(event["data"]["at"], "2024-01-15");
    assert_eq!((event["task_id"].as_str(), event["agent_id"].as_str()), (Some("t1"), Some("a1")));
    let summary = server.http().get("/api/events/summary").expect(200).json();
    assert_eq!(summary["by_type"]["tool.called"], 1000);
}

#[test]
fn what_goes_wrong_breaks_nothing() {
    let server = Server::start(&[]);
    let program = "
from activity_feed import log_event, flush
import math
loop = {}
loop['self'] = loop
assert log_event('a.b', 'bot', data=loop) is None
assert log_event('a.b', 'bot', data={'n': math.nan}) is None
assert log_event('NOT A TYPE', 'bot')
assert log_event('a.b', None)
for n in range(5):
    log_event('a.fine', 'bot', data={'n': n})
assert flush(30)";
    let Some(mut program) = python("what_goes_wrong_breaks_nothing", &server.url(), program) else { return };
    let output = program.output().unwrap();
    said(&output);
    let events = server.http().history("type=a.*&order=asc&since=earliest")["events"].as_array().unwrap().clone();
    assert_eq!(events.iter().map(|event| event["data"]["n"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let warnings = binary::stderr(&output);
    assert_eq!(warnings.matches("dropped").count(), 2, "{warnings}");
    assert_eq!(warnings.matches("refused").count(), 2, "{warnings}");
}

#[test]
fn a_server_that_is_away_holds_nobody_up_and_gets_it_later() {
    let mut server = Server::start(&[]);
    let program = "
from activity_feed import log_event, flush
import time
begun = time.monotonic()
for n in range(100):
    log_event('a.later', 'bot', data={'n': n})
print('queued' if time.monotonic() - begun < 1 else 'slow', flush=True)
assert flush(60)";
    server.kill();
    let Some(mut program) = python("a_server_that_is_away_holds_nobody_up_and_gets_it_later", &server.url(), program)
    else {
        return;
    };
    let mut child = program.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "queued");
    server.start_again();
    said(&child.wait_with_output().unwrap());
    let count = || server.http().history("type=a.later&limit=1000")["events"].as_array().unwrap().len();
    wait_for("all of them, once", SOON, || (count() == 100).then_some(()));
}
