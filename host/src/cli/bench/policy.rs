//! The policy: what the two built-in components take for an event of 350 bytes, called as the server calls them, and the
//! same code native. Time is the calling thread's CPU time; the store behind the event-log does nothing.

use std::sync::Arc;
use std::time::Duration;

use activity_policy::stamp::Stamp;
use activity_policy::submission::{self, BodyFormat as PlainFormat, Limits};
use activity_policy::{lanes, words};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::{number, rounded};
use crate::engine::words::{Body, BodyFormat, Channel, Format, LaneKey, PublishLimits, Settings, Shown, Submission};
use crate::engine::{Engine, EngineOptions};
use crate::metrics::Metrics;
use crate::store::{
    Appended, Bounds, Counts, Event, EventStore, Filter, GroupResult, NewEvent, Page, Query, Seq, StoreError, Summary,
    UnixMs,
};

/// Events of a call: what a busy server gathers.
const BATCH: usize = 64;
/// Calls of one sample.
const CALLS: usize = 100;
/// Samples, of which the least is told: whatever else runs on the machine only ever adds.
const SAMPLES: usize = 7;
/// Live events a second of the lane: more than there are.
const RATE: u32 = 1_000_000_000;

/// An event of 350 bytes as it is sent.
const EVENT: &str = r#"{"event_type":"task.assigned","source":"coordinator","task_id":"task-8f3a21","agent_id":"agent-forge-7","data":{"agent":"forge","bid_sats":1250,"description":"Port the importer to the new schema and run it over the archive of last year","priority":"high","attempt":2,"deadline":"2026-01-15T12:00:00Z","tags":["import","schema","archive"],"url":"https://example.org/t"}}"#;

/// What the policy costs.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Bytes of the event.
    pub event_bytes: usize,
    /// Events of a call.
    pub batch: usize,
    /// Parse, validate, sanitise, stamp.
    pub event_log: Cost,
    /// Match, throttle, word, encode, for one lane.
    pub broadcaster: Cost,
}

/// Microseconds an event.
#[derive(Debug, Serialize)]
pub struct Cost {
    /// In the component, the border both ways included.
    pub component_us: f64,
    /// The same code native.
    pub native_us: f64,
    /// One by the other.
    pub ratio: f64,
}

/// Call both ways.
///
/// # Errors
/// A component does not start, or fails.
pub fn measure() -> anyhow::Result<Report> {
    let engine = Engine::new(EngineOptions::default(), Arc::new(Metrics::new()))?;
    Ok(Report {
        event_bytes: EVENT.len(),
        batch: BATCH,
        event_log: event_log(&engine)?,
        broadcaster: broadcaster(&engine)?,
    })
}

fn event_log(engine: &Engine) -> anyhow::Result<Cost> {
    let mut component = engine.event_log(Arc::new(Nowhere))?;
    let body = Body { format: BodyFormat::Json, bytes: EVENT.as_bytes().into() };
    let submissions = vec![Submission::Body(body); BATCH];
    let limits = PublishLimits { max_event_bytes: 65_536, max_events: 1_000 };
    let component_us = sample(|| {
        let answers = component.append(submissions.clone(), limits)?;
        anyhow::ensure!(answers.iter().all(Result::is_ok), "the event was refused");
        Ok(())
    })?;
    let limits = Limits { max_event_bytes: 65_536, max_events: 1_000 };
    let native_us = sample(|| {
        let mut stamp = Stamp::new(crate::clock::unix_ms(), (7, 11));
        for _ in 0..BATCH {
            let accepted = submission::accept_body(PlainFormat::Json, EVENT.as_bytes(), limits, &mut stamp);
            anyhow::ensure!(std::hint::black_box(accepted).is_ok(), "the event was refused");
        }
        Ok(())
    })?;
    Ok(cost(component_us, native_us))
}

fn broadcaster(engine: &Engine) -> anyhow::Result<Cost> {
    let settings = Settings { epoch: "0123456789ab".to_owned(), rate: RATE, buffer: 100, ping_ms: 25_000 };
    let mut component = engine.broadcaster(settings)?;
    let key =
        LaneKey { channel: Channel::Events, filter: Filter::default(), rate: RATE, format: Format::Json, label: None };
    component.open_lane(&key, 0, &[])?;
    let event = accepted()?;
    let mut seq = 0;
    let component_us = sample(|| {
        let shown: Vec<Shown> = (0..BATCH)
            .map(|_| {
                seq += 1;
                Shown { event: Arc::new(logged(&event, seq)), display: None }
            })
            .collect();
        let output = component.publish(&shown, seq, crate::clock::monotonic_ms())?;
        anyhow::ensure!(output.frames.len() == BATCH, "a frame is missing");
        Ok(())
    })?;
    // Making the events is the benchmark's, on both sides.
    let making_us = sample(|| {
        seq += 1;
        std::hint::black_box((0..BATCH).map(|_| Arc::new(logged(&event, seq))).collect::<Vec<_>>());
        Ok(())
    })?;

    let mut native = lanes::Lanes::default();
    native.configure(words::Settings { epoch: "0123456789ab".to_owned(), rate: RATE, buffer: 100, ping_ms: 25_000 });
    let key = words::LaneKey {
        channel: words::Channel::Events,
        filter: activity_policy::filter::Filter::default(),
        rate: RATE,
        format: words::Format::Json,
        label: None,
    };
    native.open(key, 0, &[]);
    let mut seq = 0;
    let native_us = sample(|| {
        let shown = (0..BATCH)
            .map(|_| {
                seq += 1;
                let Event { seq, id, event_type, source, task_id, agent_id, timestamp, data } = logged(&event, seq);
                let event = words::Event { seq, id, event_type, source, task_id, agent_id, timestamp, data };
                words::Shown { event, display: None }
            })
            .collect();
        let output = native.publish(shown, seq, crate::clock::monotonic_ms());
        anyhow::ensure!(output.frames.len() == BATCH, "a frame is missing");
        Ok(())
    })?;
    Ok(cost(component_us - making_us, native_us - making_us))
}

fn cost(component_us: f64, native_us: f64) -> Cost {
    Cost {
        component_us: rounded(component_us, 2),
        native_us: rounded(native_us, 2),
        ratio: rounded(component_us / native_us, 2),
    }
}

/// Microseconds an event of the fastest sample.
fn sample(mut call: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..SAMPLES {
        let begun = thread_cpu();
        for _ in 0..CALLS {
            call()?;
        }
        let took = thread_cpu().saturating_sub(begun);
        least = least.min(took.as_secs_f64() * 1e6 / number(CALLS * BATCH));
    }
    Ok(least)
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The event as the event-log gives it to the store.
fn accepted() -> anyhow::Result<words::NewEvent> {
    let limits = Limits { max_event_bytes: 65_536, max_events: 1 };
    let mut stamp = Stamp::new(crate::clock::unix_ms(), (7, 11));
    let accepted = submission::accept_body(PlainFormat::Json, EVENT.as_bytes(), limits, &mut stamp);
    let first = accepted.ok().and_then(|events| events.into_iter().next());
    first.map(|accepted| accepted.event).ok_or_else(|| anyhow::anyhow!("the event was refused"))
}

fn logged(event: &words::NewEvent, seq: Seq) -> Event {
    Event {
        seq,
        id: event.id.clone(),
        event_type: event.event_type.clone(),
        source: event.source.clone(),
        task_id: event.task_id.clone(),
        agent_id: event.agent_id.clone(),
        timestamp: event.timestamp.clone(),
        data: event.data.clone(),
    }
}

/// A store that keeps nothing: what is left is the component.
struct Nowhere;

impl EventStore for Nowhere {
    fn append(&self, groups: &[Vec<NewEvent>]) -> Result<Vec<GroupResult>, StoreError> {
        let group = |group: &Vec<NewEvent>| Ok(group.iter().map(|_| Appended { seq: 1, duplicate: false }).collect());
        Ok(groups.iter().map(group).collect())
    }

    fn bounds(&self) -> Result<Bounds, StoreError> {
        Err(nothing())
    }

    fn read(&self, _: &Query) -> Result<Page, StoreError> {
        Err(nothing())
    }

    fn get(&self, _: &str) -> Result<Option<Event>, StoreError> {
        Err(nothing())
    }

    fn count(&self, _: &Filter, _: Seq, _: Seq, _: u32) -> Result<Counts, StoreError> {
        Err(nothing())
    }

    fn seq_at(&self, _: UnixMs, _: bool) -> Result<Seq, StoreError> {
        Err(nothing())
    }

    fn summary(&self, _: u32) -> Result<Summary, StoreError> {
        Err(nothing())
    }

    fn trim(&self, _: Seq, _: u32) -> Result<u64, StoreError> {
        Err(nothing())
    }

    fn load_snapshot(&self) -> Result<Option<(Seq, Vec<u8>)>, StoreError> {
        Err(nothing())
    }

    fn save_snapshot(&self, _: Seq, _: &[u8]) -> Result<(), StoreError> {
        Err(nothing())
    }

    fn follow(&self, _: Seq, _: Duration) -> Result<Vec<Arc<Event>>, StoreError> {
        Err(nothing())
    }

    fn wake(&self) {}
}

fn nothing() -> StoreError {
    StoreError::Unavailable("nothing is kept here".to_owned())
}
