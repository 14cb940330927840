//! `spin.toml` says what the test host does, and either host's log is the other's.

use std::time::Duration;

use activity_feed::store::sqlite::{Durability, SqliteStore};
use activity_feed::store::{EventStore, Filter, Order, Query, Seq};
use activity_feed_tests::spin;
use activity_feed_tests::spin::application::{DEFAULTS, DEPENDENCIES};
use activity_feed_tests::{SOON, Server};

use super::*;

fn manifest() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join("spin.toml")).unwrap()
}

#[test]
fn the_manifest_names_what_the_build_makes() {
    let manifest = manifest();
    assert!(manifest.contains("source = \"target/spin/feed.wasm\""));
    for (interface, file, inherits) in DEPENDENCIES {
        let line = format!("\"{interface}\" = {{ path = \"target/spin/{file}\"");
        let line = manifest.lines().find(|found| found.starts_with(&line)).expect(interface);
        assert_eq!(line.contains("inherit_configuration = [\"sqlite_databases\"]"), inherits, "{line}");
        assert!(!spin::built(file).is_empty());
    }
    assert_eq!(manifest.matches("inherit_configuration = ").count(), 2, "nothing else inherits");
}

#[test]
fn the_manifest_has_every_variable_and_its_default() {
    let manifest = manifest();
    for (name, default) in DEFAULTS {
        assert!(manifest.contains(&format!("\n{name} = \"{{{{ {name} }}}}\"\n")), "{name} reaches the component");
        if name != "secret" {
            let line = format!("\n{name} = {{ default = \"{default}\"");
            assert!(
                [" }\n", ", secret = true }\n"].iter().any(|end| manifest.contains(&format!("{line}{end}"))),
                "{name}"
            );
        }
    }
    assert!(manifest.contains("\nsecret = { required = true, secret = true }\n"), "a secret has no default");
}

fn ids(store: &dyn EventStore) -> Vec<String> {
    let everything = Query {
        filter: Filter::default(),
        text: None,
        after: 0,
        until: Seq::MAX,
        order: Order::Ascending,
        limit: 1_000,
    };
    store.read(&everything).unwrap().events.into_iter().map(|event| event.id).collect()
}

#[test]
fn a_log_goes_from_one_host_to_the_other_and_back() {
    let spin = Spin::start(|_| {});
    let first = publish_many(&spin, "a.b", 3);
    let file = spin.file();
    let native = SqliteStore::open(&file, Durability::Full).unwrap();
    assert_eq!(ids(&native), first.iter().map(|receipt| receipt.id.clone()).collect::<Vec<_>>());
    let epoch = native.bounds().unwrap().epoch;
    drop(native);
    let second = publish_many(&spin, "a.b", 2);
    assert_eq!(second[0].seq, 4, "the same log goes on");
    assert_eq!(second[1].cursor, format!("{epoch}:5"));
    assert_eq!(ids(&SqliteStore::open(&file, Durability::Full).unwrap()).len(), 5);
}

#[test]
fn a_native_server_carries_websockets_beside_the_application() {
    let server = Server::start(&[]);
    let file = server.dir().join("feed.db");
    let spin = on(&file, |_| {});
    let mut ws = server.ws();
    ws.subscribe(&json!({}));
    let mut sse = spin.sse("since=latest");
    sse.until("caught_up");
    std::thread::scope(|scope| {
        let spin = &spin;
        scope.spawn(|| (0..20).for_each(|_| drop(publish_many(spin, "from.spin", 1))));
        scope.spawn(|| (0..20).for_each(|_| drop(server.publish_many("from.native", 1))));
    });
    let page = server.http().history("since=earliest&limit=1000");
    let events = page["events"].as_array().unwrap();
    assert_eq!(events.len(), 40);
    let seqs: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=40).collect::<Vec<_>>(), "no seq twice, none lost");
    assert_eq!(spin.http().history("since=earliest&limit=1000")["events"], page["events"], "both show the same");
    // The newest reaches the readers of both, whoever logged it.
    ws.until("the last event", SOON, |frame| frame["payload"]["seq"] == 40 || frame["payload"]["to"] == page["head"]);
    let deadline = std::time::Instant::now() + SOON;
    loop {
        let block = sse.message_within(Duration::from_secs(5));
        if block.json()["seq"] == 40 || block.json()["to"] == page["head"] {
            break;
        }
        assert!(std::time::Instant::now() < deadline);
    }
}
