//! Nanoseconds an event of the lanes: matched, throttled, worded and encoded, by the number of lanes that there are and of those that it
//! is for: `cargo bench -p activity-policy --bench lanes`. An event must cost what it matches, not what there is.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use activity_policy::filter::Filter;
use activity_policy::lanes::Lanes;
use activity_policy::words::{Channel, Event, Format, LaneKey, Settings, Shown};
use std::hint::black_box;
use std::time::Instant;

/// Live events a second of each lane: more than there are.
const RATE: u32 = 1_000_000_000;
/// Events of a call.
const BATCH: u64 = 64;

fn key(format: Format, agent: Option<usize>) -> LaneKey {
    let agent_ids = agent.map(|agent| format!("agent-{agent}")).into_iter().collect();
    LaneKey {
        channel: Channel::Events,
        filter: Filter { agent_ids, ..Filter::default() },
        rate: RATE,
        format,
        label: None,
    }
}

fn shown(seq: u64) -> Shown {
    let event = Event {
        seq,
        id: format!("0197f0c2-7a3e-7cc0-9d6c-{seq:012x}"),
        event_type: "task.assigned".to_owned(),
        source: "coordinator".to_owned(),
        task_id: Some("task-8f3a21".to_owned()),
        agent_id: Some("agent-0".to_owned()),
        timestamp: "2026-01-15T12:00:00.000Z".to_owned(),
        data: r#"{"agent":"forge","bid_sats":1250,"description":"Port the importer to the new schema","attempt":2}"#
            .to_owned(),
    };
    Shown { event, display: None }
}

/// The best of some runs, in nanoseconds an event.
fn measure(keys: impl IntoIterator<Item = LaneKey>) -> f64 {
    let mut lanes = Lanes::default();
    lanes.configure(Settings { epoch: "0123456789ab".to_owned(), rate: RATE, buffer: 100, ping_ms: 25_000 });
    for key in keys {
        lanes.open(key, 0, &[]);
    }
    let mut seq = 0;
    (0..100)
        .map(|round| {
            let events: Vec<Shown> = (0..BATCH)
                .map(|_| {
                    seq += 1;
                    shown(seq)
                })
                .collect();
            let start = Instant::now();
            black_box(lanes.publish(events, seq, round));
            start.elapsed().as_secs_f64() * 1e9 / 64.0
        })
        .fold(f64::INFINITY, f64::min)
}

fn main() {
    println!("{:>10}  an event for", "ns");
    for (format, name) in [(Format::Json, "JSON"), (Format::Html, "HTML"), (Format::SseJson, "an event stream")] {
        println!("{:>10.0}  one lane, {name}", measure([key(format, None)]));
    }
    for lanes in [1, 100, 10_000] {
        println!(
            "{:>10.0}  one of {lanes} lanes, each of an agent of its own",
            measure((0..lanes).map(|agent| key(Format::Json, Some(agent))))
        );
    }
    for lanes in [10, 100] {
        let rates = (0..lanes).map(|lane| LaneKey { rate: RATE - lane, ..key(Format::Json, None) });
        println!("{:>10.0}  all of {lanes} lanes, each of a rate of its own", measure(rates));
    }
}
