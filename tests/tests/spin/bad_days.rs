//! What goes wrong on Spin, and what is said of it: a request or a stream may end, nothing that was stored is lost, and
//! whoever runs the application reads one line that says what to do.

use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use activity_feed_tests::{SOON, tokens, wait_for};

use super::*;

/// The folder with the built guests and example rules.
fn guests() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let target = root.join("target/components");
        for what in [["hostile-guests", "--examples"], ["example-rules", "--lib"]] {
            let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            for name in ["RUSTFLAGS", "RUSTC_WRAPPER", "CARGO_ENCODED_RUSTFLAGS", "CARGO_MAKEFLAGS", "MAKEFLAGS"] {
                cargo.env_remove(name);
            }
            cargo.current_dir(root).env_remove("RUSTC_WORKSPACE_WRAPPER").env_remove("CARGO_TARGET_DIR");
            cargo.args(["build", "--quiet", "--profile", "component", "--target", "wasm32-wasip2", "-p"]);
            let status = cargo.args(what).arg("--target-dir").arg(&target).status().unwrap();
            assert!(status.success(), "{} could not be built", what[0]);
        }
        target.join("wasm32-wasip2/component")
    })
}

/// One line of what the application has written names this.
fn says(application: &Application, what: &str) {
    wait_for("a line on stderr", SOON, || {
        let said = application.stderr();
        said.lines().any(|line| line.starts_with("activity-feed: ") && line.contains(what)).then_some(())
    });
}

#[test]
fn a_trap_ends_its_streams_and_loses_nothing_stored() {
    let traps = std::fs::read(guests().join("examples/traps.wasm")).unwrap();
    let spin = Spin::start(|options| options.rules = Some(traps));
    let stored = publish_many(&spin, "a.b", 2);
    let mut sse = spin.sse("since=earliest");
    sse.until("caught_up");
    let mut another = spin.sse("since=latest&type=c.d");
    another.until("caught_up");
    assert!(spin.instances().is_none_or(|made| made == 1));
    let cursor = stored[1].cursor.clone();
    spin.http().post("/api/events", &event("poison", json!({}))).expect(500);
    // They share the instance, which is gone; EventSource comes again with its cursor.
    sse.expect_end(SOON);
    another.expect_end(SOON);
    let next = publish_many(&spin, "a.b", 1)[0].clone();
    assert_eq!(next.seq, 3, "nothing of the poisoned request is in the log");
    let mut sse = spin.sse(&format!("since={cursor}"));
    let blocks = sse.until("caught_up");
    let events: Vec<Value> = blocks.iter().filter(|b| b.event.is_empty()).map(|b| b.json()["seq"].clone()).collect();
    assert_eq!(events, [3]);
}

#[test]
fn a_dependency_that_inherits_nothing_is_denied() {
    let spin = Spin::start(|options| options.log_inherits = false);
    let problem = spin.http().post("/api/events", &event("a.b", json!({}))).problem(503);
    assert!(!problem.to_string().contains("inherit"), "a publisher is not told how the application is built");
    spin.http().get("/api/events").problem(503);
    let detail = spin.http().get("/readyz").problem(503)["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("the store is away") && !detail.contains("inherit"), "the log alone says why: {detail}");
    says(&spin, "inherit_configuration");
    spin.http().get("/healthz").expect(200);
}

#[test]
fn a_database_that_is_missing_or_of_another_version_is_named() {
    let spin = Spin::start(|options| options.file = None);
    spin.http().get("/api/events").problem(503);
    // A real Spin has one of this name in any case, which cannot be opened.
    let real = spin.instances().is_none();
    says(&spin, if real { "unable to open database file" } else { "there is no SQLite database `default`" });

    let spin = Spin::start(|_| {});
    publish_many(&spin, "a.b", 1);
    let file = rusqlite::Connection::open(spin.file()).unwrap();
    file.execute("UPDATE activity_log SET version = 99", []).unwrap();
    let later = on(&spin.file(), |_| {});
    let answer = later.http().get("/api/events");
    assert_eq!(answer.header("retry-after"), Some("1"));
    answer.problem(503);
    says(&later, "has schema 99");
}

#[test]
fn a_wrong_variable_is_named() {
    for (name, value, what) in [
        ("secret", "short", "`secret` has 5 bytes"),
        ("rate", "fast", "`rate` is `fast`"),
        ("retain", "a while", "`retain` is `a while`"),
        ("allowed_origins", "example.org", "`allowed_origins`: `example.org`"),
    ] {
        let spin = Spin::start(|options| options.variables = vec![(name, value.to_owned())]);
        spin.http().get("/api/events").problem(503);
        says(&spin, what);
        assert!(!spin.stderr().contains(tokens::SECRET));
    }
}

#[test]
fn a_locked_database_is_waited_for_and_then_503() {
    let spin = Spin::start(|_| {});
    publish_many(&spin, "a.b", 1);
    let hand = rusqlite::Connection::open(spin.file()).unwrap();
    hand.execute_batch("BEGIN IMMEDIATE").unwrap();
    let asked = Instant::now();
    let answer = spin.http().post("/api/events", &event("a.b", json!({})));
    assert_eq!(answer.header("retry-after"), Some("1"));
    answer.problem(503);
    assert!(asked.elapsed() < Duration::from_secs(15), "bounded");
    hand.execute_batch("ROLLBACK").unwrap();
    assert_eq!(publish_many(&spin, "a.b", 1)[0].seq, 2);
}

#[test]
fn rules_of_ones_own_refuse_rewrite_and_hide() {
    let rules = std::fs::read(guests().join("example_rules.wasm")).unwrap();
    let spin = Spin::start(|options| options.rules = Some(rules));
    let refused = spin.http().post("/api/events", &json!([event("a.b", json!({})), event("task.created", json!({}))]));
    let refused = refused.problem(422);
    assert_eq!(refused["index"], 1);
    assert!(refused["detail"].as_str().unwrap().contains("needs a task_id"), "{refused}");
    let mut sse = spin.sse("since=latest");
    sse.until("caught_up");
    let logged = publish(
        &spin,
        &json!([event("debug.noise", json!({})), event("payment.received", json!({"from": "Ann", "amount_sats": 7}))]),
    );
    let shown = sse.until("").pop().unwrap().json();
    assert_eq!((&shown["seq"], &shown["display"]["text"]), (&json!(logged[1].seq), &json!("Ann paid 7 sats")));
    let page = spin.http().history("since=earliest");
    assert_eq!(page["events"].as_array().unwrap().len(), 1, "hidden in history, too: {page}");
    spin.http().get(&format!("/api/events/{}", logged[0].id)).problem(404);
    let summary = spin.http().get("/api/events/summary").expect(200).json();
    assert_eq!((&summary["total"], &summary["by_type"]), (&json!(1), &json!({"payment.received": 1})), "{summary}");
}
