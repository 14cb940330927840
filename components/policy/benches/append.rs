//! Nanoseconds an event of the event-log's part: parsed, validated, sanitised, stamped, by the kind of event:
//! `cargo bench -p activity-policy --bench append`. The words after `--` choose kinds by a part of their name, to count the
//! instructions of one alone.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use activity_policy::stamp::Stamp;
use activity_policy::submission::{self, BodyFormat, Limits};
use std::hint::black_box;
use std::time::Instant;

const LIMITS: Limits = Limits { max_event_bytes: 65_536, max_events: 1_000 };

/// Events of a call.
const BATCH: u32 = 64;

/// A name and an event as it is sent.
const EVENTS: [(&str, &str); 4] = [
    (
        "task.assigned",
        r#"{"event_type":"task.assigned","source":"coordinator","task_id":"task-8f3a21","agent_id":"agent-forge-7","data":{"agent":"forge","bid_sats":1250,"description":"Port the importer to the new schema and run it over the archive of last year","priority":"high","attempt":2,"deadline":"2026-01-15T12:00:00Z","tags":["import","schema","archive"],"url":"https://example.org/t"}}"#,
    ),
    (
        "tool.called",
        r#"{"event_type":"tool.called","source":"agent-forge-7","task_id":"task-8f3a21","agent_id":"agent-forge-7","data":{"tool_name":"shell","args":["cargo","test","--workspace"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span":{"id":"00f067aa0ba902b7","parent":"b7ad6b7169203331"},"tokens":{"input":5120,"output":640},"duration_ms":48211,"exit_code":0}}"#,
    ),
    (
        "system.error",
        r#"{"event_type":"system.error","source":"coordinator","agent_id":"agent-echo","data":{"message":"connection to https://example.org:8443/v1/tasks refused: os error 111 (attempt 3 of 5), trying again in 8 s","code":"ECONNREFUSED","stack":"at connect (net.js:1140:16)\n    at TCPConnectWrap.afterConnect (net.js:1141:10)","at":"2026-01-15T12:00:00.123Z"}}"#,
    ),
    (
        "bid.submitted",
        r#"{"event_type":"bid.submitted","source":"forge","task_id":"task-8f3a21","agent_id":"agent-forge-7","data":{"amount":50}}"#,
    ),
];

fn main() {
    let only: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    println!("{:>10}  an event of", "ns");
    for (name, event) in EVENTS {
        if !only.is_empty() && !only.iter().any(|only| name.contains(only.as_str())) {
            continue;
        }
        let mut least = f64::INFINITY;
        for round in 0..60 {
            let start = Instant::now();
            let mut stamp = Stamp::new(1_700_000_000_000 + round, (7, 11));
            for _ in 0..BATCH {
                let _ = black_box(submission::accept_body(
                    BodyFormat::Json,
                    black_box(event).as_bytes(),
                    LIMITS,
                    &mut stamp,
                ));
            }
            least = least.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH));
        }
        println!("{least:>10.0}  {} bytes: {name}", event.len());
    }
}
