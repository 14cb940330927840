//! What the sanitiser costs where it runs, in the event-log component: the worst texts there are, 64 KiB each, one event a call.
//!
//! A text that takes the component's time away would be refused, and so would what comes with it; that each is taken is what is
//! tested. The times are printed, for the table in `docs/sanitising.md`: processor time of the calling thread, the least of some.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

#[path = "../../components/policy/corpus/worst.rs"]
mod worst;

use std::sync::Arc;
use std::time::Duration;

use activity_feed::engine::words::{Body, BodyFormat, PublishLimits, Submission};
use activity_feed::engine::{Engine, EngineOptions};
use activity_feed::metrics::Metrics;
use activity_feed::store::memory::MemoryStore;
use rustix::time::{ClockId, clock_gettime};

/// Room for the text in its event.
const LIMITS: PublishLimits = PublishLimits { max_event_bytes: 1_048_576, max_events: 1 };

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

#[test]
fn the_component_takes_the_worst_texts_of_64_kib() {
    let engine = Engine::new(EngineOptions::default(), Arc::new(Metrics::new())).unwrap();
    let mut component = engine.event_log(Arc::new(MemoryStore::default())).unwrap();
    let texts = worst::worst(65_536).into_iter().map(|(name, text)| {
        let data = serde_json::json!({ "text": text });
        (name, data.to_string())
    });
    let structures = worst::structures(65_536).into_iter().map(|(name, data)| {
        let data = if data.starts_with('{') { data } else { format!("{{\"list\":{data}}}") };
        (name, data)
    });
    let mut rows = Vec::new();
    for (name, data) in texts.chain(structures) {
        let event = format!("{{\"event_type\":\"x\",\"source\":\"s\",\"data\":{data}}}");
        let mut least = Duration::MAX;
        for _ in 0..3 {
            let body = Body { format: BodyFormat::Json, bytes: event.clone().into_bytes().into() };
            let begun = thread_cpu();
            let answers = component.append(vec![Submission::Body(body)], LIMITS);
            least = least.min(thread_cpu().saturating_sub(begun));
            assert!(answers.is_ok_and(|answers| answers.iter().all(Result::is_ok)), "{name} is not taken");
        }
        rows.push((least, name, event.len()));
    }
    rows.sort();
    println!("{:>8} {:>8}  64 KiB of", "ms", "ns/byte");
    for (time, name, length) in rows.iter().rev() {
        let nanos = time.as_secs_f64() * 1e9;
        println!("{:>8.2} {:>8.1}  {name}", nanos / 1e6, nanos / f64::from(u32::try_from(*length).unwrap()));
    }
}
