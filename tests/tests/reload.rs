//! Contract sections 3 and 9: what SIGHUP reads again (keys, revoked tokens, rules) while clients are connected and events
//! come in. What is broken changes nothing, what is good holds from the next event on, and no event is lost in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use activity_feed::engine::{Engine, EngineOptions, Worker};
use activity_feed::hub::feed::Feed;
use activity_feed::metrics::Metrics;
use activity_feed::store::Event;
use activity_feed::store::memory::MemoryStore;
use activity_feed_tests::guests::{artifacts, guest};
use activity_feed_tests::tokens::{SECRET, now, scoped, sign};
use activity_feed_tests::{Ledger, Receipt, SOON, Server, event, wait_for};
use serde_json::json;

const LOADED: [&str; 3] = ["keys reloaded", "list of revoked tokens is reloaded", "rules reloaded"];
const LEFT: [&str; 3] =
    ["the keys were not reloaded", "the list of revoked tokens was not reloaded", "the rules were not reloaded"];

/// What the log says, and how often it has said it.
fn said(server: &Server, words: [&str; 3]) -> [usize; 3] {
    let log = server.stderr();
    words.map(|words| log.matches(words).count())
}

/// Sends SIGHUP, and waits until each of the three files was read again, or was not.
#[track_caller]
fn hang_up(server: &Server, expected: [&str; 3]) {
    let before = said(server, expected);
    server.hang_up();
    wait_for(&format!("{expected:?}"), SOON, || {
        said(server, expected).iter().zip(before).all(|(now, before)| *now > before).then_some(())
    });
}

fn example_rules() -> Vec<u8> {
    fs::read(artifacts().join("example_rules.wasm")).unwrap()
}

#[test]
fn broken_files_under_load_lose_nothing_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (secret, revoked, rules) =
        (folder.path().join("secret"), folder.path().join("revoked"), folder.path().join("rules.wasm"));
    let paths: [&Path; 3] = [&secret, &revoked, &rules];
    let good = [format!("{SECRET}\n").into_bytes(), b"gone\n".to_vec(), example_rules()];
    let write = |files: &[Vec<u8>; 3]| {
        for (path, bytes) in paths.iter().zip(files) {
            fs::write(path, bytes).unwrap();
        }
    };
    write(&good);
    let [secret, revoked, rules] = paths.map(|path| path.to_str().unwrap());
    let options =
        ["--secret-file", secret, "--revoked-file", revoked, "--rules", rules, "--rate", "2000", "--buffer", "1000"];
    let server = Server::start(&options);
    let gone = sign(&json!({"scope": "admin", "exp": now() + 3600, "jti": "gone"}), SECRET);
    let wrong_world = fs::read(guest("wrong_world")).unwrap();
    let half = example_rules()[..20_000].to_vec();
    let mut ws = server.ws();
    let mut ledger = Ledger::open(&ws.subscribe(&json!({"since": "earliest"})));
    let (stop, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
    let receipts: Vec<Receipt> = thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let mut receipts = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                receipts.extend(server.publish_many("a.b", 3));
                requests.fetch_add(1, Ordering::Relaxed);
            }
            receipts
        });
        let broken = [
            [b"short".to_vec(), b"\xff\xfe".to_vec(), b"hello".to_vec()],
            [Vec::new(), vec![0xc3], wrong_world],
            [b"\n\n\n".to_vec(), b"a\n\x80\n".to_vec(), half],
        ];
        for files in &broken {
            let before = requests.load(Ordering::Relaxed);
            write(files);
            hang_up(&server, LEFT);
            server.http_as(&gone).get("/api/events").problem(401);
            server.http().get("/api/events?limit=1").expect(200);
            let refused = server.http().post("/api/events", &event("task.created", json!({}))).problem(422);
            assert!(refused["detail"].as_str().unwrap().contains("task_id"), "the rules hold: {refused}");
            write(&good);
            hang_up(&server, LOADED);
            wait_for("a load", SOON, || (requests.load(Ordering::Relaxed) > before + 2).then_some(()));
        }
        for path in paths {
            fs::remove_file(path).unwrap();
        }
        hang_up(&server, LEFT);
        server.http_as(&gone).get("/api/events").problem(401);
        stop.store(true, Ordering::Relaxed);
        publisher.join().unwrap()
    });
    let last = receipts.last().unwrap().seq;
    ledger.read_to(&mut ws, last, SOON);
    ledger.account(receipts.iter().map(|receipt| (receipt.seq, "a.b")), last);
    assert!(ledger.gaps.is_empty(), "nothing was left out: {:?}", ledger.gaps);
    ws.expect_alive();
}

#[test]
fn rules_are_swapped_while_clients_are_connected() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.wasm");
    fs::write(&rules, fs::read(artifacts().join("plain_rules.wasm")).unwrap()).unwrap();
    let server = Server::start(&["--rules", rules.to_str().unwrap()]);
    let mut ws = server.ws_as(&scoped("subscribe"));
    ws.subscribe(&json!({}));
    ws.replay();
    let mut stream = server.sse("");
    stream.until("caught_up");
    let payment = event("payment.received", json!({"amount_sats": 2100, "from": "forge"}));
    server.publish(&payment);
    assert_eq!(ws.expect("event")["payload"]["display"]["icon"], "•");
    assert_eq!(stream.message().json()["display"]["icon"], "•");
    fs::write(&rules, example_rules()).unwrap();
    server.hang_up();
    wait_for("the rules", SOON, || server.stderr().contains("rules reloaded").then_some(()));
    server.publish(&payment);
    for display in [&ws.expect("event")["payload"]["display"], &stream.message().json()["display"]] {
        assert_eq!((&display["icon"], &display["text"]), (&json!("⚡"), &json!("forge paid 2100 sats")));
    }
    server.http().post("/api/events", &event("task.created", json!({}))).problem(422);
}

/// A page is read while the rules are swapped: it is as the ones or as the others have it, and what the ones have said of
/// it is not what the others are taken to say.
#[test]
fn what_is_shown_while_rules_are_swapped_is_hidden_by_the_ones_or_by_the_others() {
    let metrics = Arc::new(Metrics::new());
    let options = EngineOptions { cache_dir: Some(artifacts().join("compiled")) };
    let engine = Engine::new(options, Arc::clone(&metrics)).unwrap();
    let worker = |wasm: &[u8]| {
        let rules = engine.rules(wasm).unwrap();
        Worker::spawn("rules", 4, move || rules).unwrap()
    };
    let (hide, show) = (worker(&example_rules()), worker(&fs::read(artifacts().join("plain_rules.wasm")).unwrap()));
    let event = |seq| Event {
        seq,
        id: seq.to_string(),
        event_type: "debug.trace".to_owned(),
        source: "test".to_owned(),
        task_id: None,
        agent_id: None,
        timestamp: "2026-01-15T10:30:00Z".to_owned(),
        data: "{}".to_owned(),
    };
    let events: Vec<Arc<Event>> = (1..=20_000).map(|seq| Arc::new(event(seq))).collect();
    let feed = Feed::new(Arc::new(MemoryStore::new()));
    feed.set_rules(Some(hide));
    // The rules' word on the first is known when the page is asked for.
    assert!(feed.show(events[..1].to_vec()).is_empty());
    let asked = || {
        let text = metrics.encode();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("activity_feed_component_calls_total{component=\"rules\"} "));
        line.map_or(0, |calls| calls.parse::<u64>().unwrap())
    };
    let before = asked();
    let shown = thread::scope(|scope| {
        let page = scope.spawn(|| feed.show(events.clone()));
        wait_for("the rules being asked", SOON, || (asked() > before).then_some(()));
        feed.set_rules(Some(show));
        assert!(!page.is_finished(), "they were swapped in the middle of it");
        page.join().unwrap()
    });
    let seqs: Vec<u64> = shown.iter().map(|shown| shown.event.seq).collect();
    assert!(seqs.is_empty(), "shown, though the rules that were asked hide them: {seqs:?}");
    assert_eq!(feed.show(events.clone()).len(), events.len(), "the rules in force hide none of them");
}
