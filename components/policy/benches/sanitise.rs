//! Nanoseconds a byte of the sanitiser, on events as they are and on the worst texts there are: `cargo bench -p activity-policy`.
#![expect(clippy::print_stdout, reason = "a bench prints")]

#[path = "../corpus/worst.rs"]
mod worst;

use activity_policy::json::{Json, write_string};
use activity_policy::sanitise;
use std::hint::black_box;
use std::time::Instant;

/// The best of some runs, in nanoseconds. Many short runs: on a busy machine a long one is always interrupted.
fn time(rounds: u32, mut run: impl FnMut()) -> f64 {
    (0..20)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..rounds {
                run();
            }
            start.elapsed().as_secs_f64() * 1e9 / f64::from(rounds)
        })
        .fold(f64::INFINITY, f64::min)
}

fn main() {
    let event = r#"{"task":"task-123","agent":"forge","bid_sats":100,"message":"Bid accepted after 3 rounds","tool":{"name":"search","args":{"query":"weather in Berlin","limit":10}},"tokens":{"input":512,"output":64},"url":"https://example.org/tasks/123?view=full","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}"#;
    let start = Instant::now();
    let _ = sanitise::field("source", "password=a, the first text of an instance: what is built once", &mut Vec::new());
    println!("{:>10.0} ns  the first text, with all that is built once", start.elapsed().as_secs_f64() * 1e9);
    // A part of a text's name, to profile that one alone.
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let nanos = time(if only.is_empty() { 200 } else { 5_000 }, || {
        if let Ok(mut json) = Json::parse(black_box(event), 64) {
            sanitise::data(&mut json, &mut Vec::new());
            black_box(&json);
        }
    });
    println!("{:>10.0} ns  an event of {} bytes, parsed and cleaned", nanos, event.len());
    let mut rows = Vec::new();
    let texts = worst::worst(65_536).into_iter().map(|(name, text)| {
        let mut data = "{\"text\":".to_owned();
        write_string(&text, &mut data);
        data.push('}');
        (name, data, text.len())
    });
    let structures = worst::structures(65_536).into_iter().map(|(name, data)| {
        let length = data.len();
        (name, data, length)
    });
    for (name, data, length) in texts.chain(structures).filter(|(name, _, _)| name.contains(&only)) {
        let nanos = time(1, || {
            if let Ok(mut json) = Json::parse(&data, 64) {
                sanitise::data(&mut json, &mut Vec::new());
                black_box(&json);
            }
        });
        rows.push((nanos, name, length));
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    println!("{:>10}  {:>8}  64 KiB of", "ms", "ns/byte");
    for (nanos, name, length) in rows {
        println!(
            "{:>10.2}  {:>8.1}  {name}",
            nanos / 1e6,
            nanos / f64::from(u32::try_from(length).unwrap_or(u32::MAX))
        );
    }
}
