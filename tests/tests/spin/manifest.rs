//! `spin.toml` says what the test host does, and either host's log is the other's.

use activity_feed::store::sqlite::{Durability, SqliteStore};
use activity_feed::store::{EventStore, Filter, Order, Query, Seq};
use activity_feed_tests::spin;
use activity_feed_tests::spin::application::{DEFAULTS, DEPENDENCIES};

use super::*;

fn manifest() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join("spin.toml")).unwrap()
}

#[test]
fn the_manifest_names_what_the_build_makes() {
    let manifest = manifest();
    assert!(manifest.contains("source = \"target/spin/feed.wasm\""));
    let mut bytes = spin::built("feed.wasm").len();
    for (name, file, inherits) in DEPENDENCIES {
        let line = format!("\"{name}\" = {{ path = \"target/spin/{file}\"");
        let line = manifest.lines().find(|found| found.starts_with(&line)).expect(name);
        assert_eq!(line.contains("inherit_configuration = [\"sqlite_databases\"]"), inherits, "{line}");
        bytes += spin::built(file).len();
    }
    let inherits = DEPENDENCIES.iter().filter(|(.., inherits)| *inherits).count();
    assert_eq!(manifest.matches("inherit_configuration = ").count(), inherits, "nothing else inherits");
    assert!(bytes < 1_500_000, "the application has grown to {bytes} bytes");
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
