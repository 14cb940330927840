//! Each built component inside wasmtime, through the engine: the built-in ones do their work on a store, and rules that
//! misbehave in every way we know of are each ended within their limit and counted, while the next call works.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use activity_feed::cli::component;
use activity_feed::engine::words::{
    Body, BodyFormat, Draft, Presentation, PublishLimits, RefusalCode, Settings, Shown, Submission,
};
use activity_feed::engine::{CallError, Engine, EngineOptions, Rules, RulesError};
use activity_feed::hub::feed::Feed;
use activity_feed::ingest::Ingest;
use activity_feed::metrics::Metrics;
use activity_feed::store::{
    Appended, Bounds, Counts, Event, EventStore, Filter, GroupResult, NewEvent, Page, Query, Seq, StoreError, Summary,
    UnixMs,
};
use activity_feed_tests::guests::artifacts;

const LIMITS: PublishLimits = PublishLimits { max_event_bytes: 65_536, max_events: 1_000 };

// ------------------------------------------------------------------------------------------------------- fixtures

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn guest(name: &str) -> Vec<u8> {
    std::fs::read(activity_feed_tests::guests::guest(name)).unwrap()
}

fn example_rules() -> Vec<u8> {
    std::fs::read(artifacts().join("example_rules.wasm")).unwrap()
}

/// An engine and its metrics; compiled code is shared by all tests through a cache of their own.
fn engine() -> (Engine, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new());
    let cache_dir = Some(artifacts().join("compiled"));
    (Engine::new(EngineOptions { cache_dir }, Arc::clone(&metrics)).unwrap(), metrics)
}

fn rules(name: &str) -> (Rules, Arc<Metrics>) {
    let (engine, metrics) = engine();
    (engine.rules(&guest(name)).unwrap(), metrics)
}

/// Why the engine does not take these bytes as rules.
fn refused(wasm: &[u8]) -> RulesError {
    match engine().0.rules(wasm) {
        Ok(_) => panic!("rules that do not fit were taken"),
        Err(error) => error,
    }
}

/// The value of a counter of one component.
fn metric(metrics: &Metrics, name: &str, component: &str) -> u64 {
    let line = format!("activity_feed_{name}_total{{component=\"{component}\"}} ");
    metrics.encode().lines().find_map(|l| l.strip_prefix(&line)).map_or(0, |v| v.parse().unwrap())
}

fn draft(event_type: &str, data: &str) -> Draft {
    Draft {
        id: None,
        event_type: event_type.to_owned(),
        source: "test".to_owned(),
        task_id: None,
        agent_id: None,
        timestamp: None,
        data: data.to_owned(),
    }
}

fn event(event_type: &str, data: &str) -> Event {
    Event {
        seq: 1,
        id: "e1".to_owned(),
        event_type: event_type.to_owned(),
        source: "test".to_owned(),
        task_id: None,
        agent_id: None,
        timestamp: "2026-01-15T10:30:00Z".to_owned(),
        data: data.to_owned(),
    }
}

/// A store that keeps what it is given, and takes as long over it, asleep and busy, as a test wants.
#[derive(Default)]
struct SlowStore {
    events: Mutex<Vec<NewEvent>>,
    asleep: Duration,
    busy: Duration,
    /// After each append it answers so many places too many: more than the component's memory holds, so that it fails
    /// with its events in the log.
    bloat: usize,
}

impl EventStore for SlowStore {
    fn append(&self, groups: &[Vec<NewEvent>]) -> Result<Vec<GroupResult>, StoreError> {
        std::thread::sleep(self.asleep);
        let start = Instant::now();
        while start.elapsed() < self.busy {
            std::hint::spin_loop();
        }
        let mut events = self.events.lock().unwrap();
        let mut add = |event: &NewEvent| {
            events.push(event.clone());
            Appended { seq: events.len() as Seq, duplicate: false }
        };
        let mut answers: Vec<GroupResult> =
            groups.iter().map(|group| Ok(group.iter().map(&mut add).collect())).collect();
        if let Some(Ok(places)) = answers.first_mut() {
            places.resize(places.len() + self.bloat, Appended { seq: 1, duplicate: false });
        }
        Ok(answers)
    }

    fn bounds(&self) -> Result<Bounds, StoreError> {
        unimplemented!()
    }

    fn read(&self, _: &Query) -> Result<Page, StoreError> {
        unimplemented!()
    }

    fn get(&self, _: &str) -> Result<Option<Event>, StoreError> {
        unimplemented!()
    }

    fn count(&self, _: &Filter, _: Seq, _: Seq, _: u32) -> Result<Counts, StoreError> {
        unimplemented!()
    }

    fn seq_at(&self, _: UnixMs, _: bool) -> Result<Seq, StoreError> {
        unimplemented!()
    }

    fn summary(&self, _: u32) -> Result<Summary, StoreError> {
        unimplemented!()
    }

    fn trim(&self, _: Seq, _: u32) -> Result<u64, StoreError> {
        unimplemented!()
    }

    fn load_snapshot(&self) -> Result<Option<(Seq, Vec<u8>)>, StoreError> {
        unimplemented!()
    }

    fn save_snapshot(&self, _: Seq, _: &[u8]) -> Result<(), StoreError> {
        unimplemented!()
    }

    fn follow(&self, _: Seq, _: Duration) -> Result<Vec<Arc<Event>>, StoreError> {
        unimplemented!()
    }

    fn wake(&self) {}
}

fn json(text: &str) -> Submission {
    Submission::Body(Body { format: BodyFormat::Json, bytes: text.to_owned().into() })
}

fn settings() -> Settings {
    Settings { epoch: "test".to_owned(), rate: 10, buffer: 100, ping_ms: 25_000 }
}

// ------------------------------------------------------------------------------------------------------ event-log

const GOOD: &str = r#"{"event_type":"task.created","source":"coordinator","data":{"description":"paint"}}"#;

#[test]
fn the_event_log_appends_what_was_sent_and_gives_receipts() {
    let (engine, metrics) = engine();
    let store = Arc::new(SlowStore::default());
    let mut log = engine.event_log(Arc::clone(&store) as Arc<dyn EventStore>).unwrap();
    let answers = log.append(vec![json(GOOD), json(GOOD)], LIMITS).unwrap();
    let seqs: Vec<Seq> = answers.iter().map(|a| a.as_ref().unwrap()[0].seq).collect();
    assert_eq!(seqs, [1, 2]);
    let events = store.events.lock().unwrap();
    assert_eq!(events.len(), 2);
    assert_ne!(events[0].id, events[1].id, "each has an id of its own");
    assert!(metric(&metrics, "component_calls", "event-log") >= 1);
    assert_eq!(metric(&metrics, "component_traps", "event-log"), 0);
}

/// Contract §8: a call's time is its own, imports excluded.
#[test]
fn a_slow_store_is_not_charged_to_the_event_log() {
    let (engine, metrics) = engine();
    let (asleep, busy) = (Duration::from_millis(200), Duration::from_millis(200));
    let store = Arc::new(SlowStore { asleep, busy, ..SlowStore::default() });
    let mut log = engine.event_log(store).unwrap();
    for _ in 0..2 {
        assert!(log.append(vec![json(GOOD)], LIMITS).unwrap()[0].is_ok());
    }
    assert_eq!(metric(&metrics, "component_traps", "event-log"), 0);
}

/// Contract §3: all or nothing. A component that fails when its events are in the log must not log them again: those
/// without an id of their own would be there twice.
#[test]
fn a_failure_behind_the_append_is_told_and_nothing_is_appended_again() {
    let (engine, metrics) = engine();
    let store = Arc::new(SlowStore { asleep: Duration::from_millis(100), bloat: 6_000_000, ..SlowStore::default() });
    let log: Arc<dyn EventStore> = Arc::clone(&store) as _;
    let event_log = engine.event_log(Arc::clone(&log)).unwrap();
    let ingest = Ingest::start(event_log, Arc::new(Feed::new(log)), LIMITS, Arc::clone(&metrics)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let one = |text: &'static str| ingest.submit(Body { format: BodyFormat::Json, bytes: text.into() });
        // While the first is under way the others gather, and go together.
        let (a, b, c) = tokio::join!(one(GOOD), one(GOOD), one(GOOD));
        for answer in [a, b, c] {
            let refusal = answer.unwrap_err();
            assert_eq!(refusal.code, RefusalCode::Unavailable);
            assert!(refusal.detail.contains("may hold them"), "{}", refusal.detail);
        }
    });
    assert_eq!(store.events.lock().unwrap().len(), 3, "each once");
    assert!(metric(&metrics, "component_traps", "event-log") >= 1);
}

#[test]
fn a_body_is_taken_apart_for_rules() {
    let (engine, _) = engine();
    let mut log = engine.event_log(Arc::new(SlowStore::default())).unwrap();
    let body = Body { format: BodyFormat::Ndjson, bytes: format!("{GOOD}\n{GOOD}\n").into() };
    let drafts = log.parse(&body, LIMITS).unwrap().unwrap();
    assert_eq!(drafts.len(), 2);
    assert_eq!(drafts[0].event_type, "task.created");
    let answers = log.append(vec![Submission::Drafts(drafts)], LIMITS).unwrap();
    assert_eq!(answers[0].as_ref().unwrap().len(), 2);
}

// ---------------------------------------------------------------------------------------------------- broadcaster

#[test]
fn the_broadcaster_is_configured_and_writes_payloads() {
    let (engine, _) = engine();
    let mut broadcaster = engine.broadcaster(settings()).unwrap();
    let shown = Shown { event: Arc::new(event("task.completed", "{}")), display: None };
    let payloads = broadcaster.payloads(&[shown]).unwrap();
    let payload: serde_json::Value = serde_json::from_str(&payloads[0]).unwrap();
    assert_eq!(payload["cursor"], "test:1", "the epoch is the settings'");
    assert_eq!(payload["display"]["text"], "Task completed");
}

// ---------------------------------------------------------------------------------------------- rules that behave

#[test]
fn the_example_rules_refuse_show_and_hide() {
    let (engine, metrics) = engine();
    let mut rules = engine.rules(&example_rules()).unwrap();
    let reason = rules.prepare(draft("task.created", "{}")).unwrap().unwrap_err();
    assert!(reason.contains("task_id"), "{reason}");
    let with_task = Draft { task_id: Some("t1".to_owned()), ..draft("task.created", "{}") };
    assert_eq!(rules.prepare(with_task.clone()).unwrap(), Ok(with_task));
    assert_eq!(rules.present(&event("debug.trace", "{}")).unwrap(), Presentation::Hide);
    assert_eq!(rules.present(&event("task.created", "{}")).unwrap(), Presentation::Plain);
    let data = r#"{"amount_sats":2100,"from":"forge"}"#;
    let Presentation::Show(shown) = rules.present(&event("payment.received", data)).unwrap() else {
        panic!("a payment has words of its own")
    };
    assert_eq!((shown.icon.as_str(), shown.text.as_str()), ("⚡", "forge paid 2100 sats"));
    assert_eq!(metric(&metrics, "component_traps", "rules"), 0);
}

#[test]
fn rules_put_in_place_of_others_count_as_a_reload() {
    let (engine, metrics) = engine();
    let _first = engine.rules(&example_rules()).unwrap();
    assert_eq!(metric(&metrics, "component_reloads", "rules"), 0);
    let _second = engine.rules(&example_rules()).unwrap();
    assert_eq!(metric(&metrics, "component_reloads", "rules"), 1);
}

// -------------------------------------------------------------------------------------------- rules that do not fit

#[test]
fn wants_more() {
    let error = refused(&guest("wants_more"));
    assert_eq!(error, RulesError::UnknownImports { names: vec!["evil:plan/shell".to_owned()] });
}

#[test]
fn wrong_world() {
    let error = refused(&guest("wrong_world"));
    assert!(matches!(error, RulesError::MissingExport { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("activity:rules/rules@0.1.0") && text.contains("double"), "{text}");
}

#[test]
fn wrong_types() {
    let error = refused(&guest("wrong_types"));
    assert!(matches!(error, RulesError::Mismatch { .. }), "{error:?}");
}

#[test]
fn what_is_no_component_is_refused() {
    let core_module = b"\0asm\x01\0\0\0";
    let component = example_rules();
    for bytes in [&b""[..], b"hello", core_module, &component[..component.len() / 2]] {
        let error = refused(bytes);
        assert!(matches!(error, RulesError::NotAComponent { .. }), "{error:?}");
    }
    let error = refused(&vec![0; 40 << 20]);
    assert!(matches!(error, RulesError::TooLarge { .. }), "{error:?}");
}

// ---------------------------------------------------------------------------------------------- rules that misbehave

/// Ended, counted, and the next call runs on a fresh instance.
fn assert_ended<T: std::fmt::Debug>(
    rules: &mut Rules,
    metrics: &Metrics,
    call: impl Fn(&mut Rules) -> Result<T, CallError>,
    expected: impl Fn(&CallError) -> bool,
) {
    for round in 1..=2 {
        let start = Instant::now();
        let error = call(rules).unwrap_err();
        assert!(expected(&error), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "ended after {:?}", start.elapsed());
        assert_eq!(metric(metrics, "component_traps", "rules"), round);
        assert_eq!(metric(metrics, "component_reloads", "rules"), round - 1, "replaced at the next call");
    }
}

#[test]
fn spins() {
    let (mut rules, metrics) = rules("spins");
    let start = Instant::now();
    assert!(matches!(rules.clone().present(&event("a.b", "{}")), Err(CallError::TimedOut { component: "rules" })));
    assert!(start.elapsed() >= Duration::from_millis(100), "it had its time: {:?}", start.elapsed());
    let (mut fresh, fresh_metrics) = self::rules("spins");
    let prepare = |r: &mut Rules| r.prepare(draft("a.b", "{}"));
    assert_ended(&mut fresh, &fresh_metrics, prepare, |e| matches!(e, CallError::TimedOut { .. }));
    assert_eq!(metric(&metrics, "component_traps", "rules"), 1, "a clone counts with its original");
    assert!(rules.prepare(draft("a.b", "{}")).is_err());
}

#[test]
fn hoards() {
    let (mut rules, metrics) = rules("hoards");
    let prepare = |r: &mut Rules| r.prepare(draft("a.b", "{}"));
    assert_ended(&mut rules, &metrics, prepare, |e| matches!(e, CallError::OutOfMemory { .. }));
    assert_eq!(rules.present(&event("a.b", "{}")).unwrap(), Presentation::Plain);
}

#[test]
fn traps() {
    let (mut rules, metrics) = rules("traps");
    for calls in 1..=3 {
        let passed = rules.prepare(draft("a.b", "{}")).unwrap().unwrap();
        assert_eq!(passed.data, format!("{{\"calls\":{calls}}}"), "calls share an instance");
    }
    let poison = |r: &mut Rules| r.prepare(draft("poison", "{\"secret\":1}"));
    let silent = |e: &CallError| matches!(e, CallError::Trapped { .. }) && !e.to_string().contains("secret");
    assert_ended(&mut rules, &metrics, poison, silent);
    let passed = rules.prepare(draft("a.b", "{}")).unwrap().unwrap();
    assert_eq!(passed.data, "{\"calls\":1}", "the instance is a fresh one");
}

#[test]
fn recurses() {
    let (mut rules, metrics) = rules("recurses");
    let prepare = |r: &mut Rules| r.prepare(draft("a.b", "{}"));
    assert_ended(&mut rules, &metrics, prepare, |e| matches!(e, CallError::Trapped { .. }));
}

/// A guest that waits is on no clock of ours, so it is not let wait at all.
#[test]
fn sleeps() {
    let (mut rules, metrics) = rules("sleeps");
    let prepare = |r: &mut Rules| r.prepare(draft("a.b", "{}"));
    assert_ended(
        &mut rules,
        &metrics,
        prepare,
        |e| matches!(e, CallError::Trapped { cause, .. } if cause.contains("may not wait")),
    );
}

#[test]
fn online() {
    let (mut rules, metrics) = rules("online");
    assert_eq!(rules.prepare(draft("a.b", "{}")).unwrap(), Ok(draft("a.b", "{}")), "an import is no call");
    let call = |r: &mut Rules| r.prepare(draft("online", "{}"));
    let named = |e: &CallError| matches!(e, CallError::Trapped { cause, .. } if cause.contains("wasi:letters/types"));
    assert_ended(&mut rules, &metrics, call, named);
}

#[test]
fn snoops() {
    let (mut rules, _) = rules("snoops");
    assert_eq!(rules.prepare(draft("a.b", "{}")).unwrap(), Ok(draft("a.b", "{}")), "there is nothing to find");
}

#[test]
fn floods() {
    let (mut rules, _) = rules("floods");
    assert_eq!(rules.prepare(draft("a.b", "{}")).unwrap().unwrap_err().len(), 1_024);
    let Presentation::Show(shown) = rules.present(&event("a.b", "{}")).unwrap() else { panic!("it shows") };
    assert_eq!(shown.text.len(), 4_096);
}

#[test]
fn repeats() {
    let (mut rules, _) = rules("repeats");
    let Presentation::Show(shown) = rules.present(&event("a.b", "{}")).unwrap() else { panic!("it shows") };
    assert_eq!((&shown.text, &shown.label), (&shown.icon, &shown.icon), "a publisher's words, as they came");
}

/// A guest without a test would be a hole that looks like a check.
#[test]
fn each_guest_has_its_test() {
    let this = std::fs::read_to_string(workspace().join("tests/tests/components.rs")).unwrap();
    for entry in std::fs::read_dir(workspace().join("tests/guests/examples")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(this.contains(&format!("fn {name}()")), "{name} has no test of its name");
    }
}

// ------------------------------------------------------------------------------------------------ component check

#[test]
fn a_check_says_what_rules_do_and_how_fast() {
    let (engine, _) = engine();
    let report = component::check(&engine, &example_rules());
    assert!(report.is_good(), "{report}");
    assert!(report.imports.iter().any(|name| name.starts_with("wasi:")), "std imports some WASI");
    let trial = report.outcome.as_ref().unwrap();
    assert_eq!((trial.prepare.answered, trial.present.answered), (1_000, 1_000));
    assert!(trial.shown > 0 && trial.hidden > 0 && trial.refused == 0);
    let text = report.to_string();
    assert!(text.contains("fits      yes") && text.contains("µs an event"), "{text}");
}

#[test]
fn a_check_says_what_is_wrong() {
    let (engine, _) = engine();
    let missing = component::check(&engine, &guest("wants_more"));
    assert!(!missing.is_good() && missing.to_string().contains("evil:plan/shell"), "{missing}");
    let nothing = component::check(&engine, b"hello");
    assert!(nothing.to_string().contains("not a WebAssembly component"), "{nothing}");
    let crashing = component::check(&engine, &guest("recurses"));
    assert!(!crashing.is_good() && crashing.to_string().contains("10 FAILED"), "{crashing}");
}
