//! Prints the figures of `docs/spin.md`: the Spin application in the tests' own host beside the native server, in one run,
//! on one machine. More hosts may be given as `NAME=PROGRAM`, a program that takes the options of `serve` which the
//! harness of the tests gives. Build with `--release`: a host that is not optimised says little.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it measures with the tests' harness, and fails as they do"
)]

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use activity_feed_tests::spin::application::DEPENDENCIES;
use activity_feed_tests::{Client, SOON, Server, Sse, binary, event, spin, tokens};
use serde_json::{Value, json};

/// Streams of the fan-out.
const STREAMS: usize = 500;
/// Events of the fan-out, one after the other.
const EVENTS: usize = 20;
/// Longer than Spin keeps an instance that nobody asks anything.
const UNTIL_COLD: Duration = Duration::from_millis(1_500);

fn main() {
    let beside = env::current_exe().expect("a program knows its own path");
    let mut hosts = vec![
        ("native".to_owned(), binary::path().clone()),
        ("Spin (test host)".to_owned(), beside.with_file_name("spin-host")),
    ];
    hosts.extend(env::args().skip(1).map(|argument| {
        let (name, program) = argument.split_once('=').expect("an argument is NAME=PROGRAM");
        (name.to_owned(), PathBuf::from(program))
    }));
    let columns: Vec<Vec<(&str, String)>> = hosts.iter().map(|(_, program)| measure(program)).collect();
    let names: Vec<&str> = hosts.iter().map(|(name, _)| name.as_str()).collect();
    println!("| | {} |\n| --- |{}", names.join(" | "), " --- |".repeat(names.len()));
    for (row, (label, _)) in columns[0].iter().enumerate() {
        let cells: Vec<&str> = columns.iter().map(|column| column[row].1.as_str()).collect();
        println!("| {label} | {} |", cells.join(" | "));
    }
    println!("\n| file | bytes |\n| --- | --- |");
    let mut all = 0;
    for file in ["feed.wasm"].into_iter().chain(DEPENDENCIES.iter().map(|(_, file, _)| *file)) {
        let bytes = spin::built(file).len();
        all += bytes;
        println!("| {file} | {bytes} |");
    }
    println!("| together | {all} |");
}

/// All figures of one host.
fn measure(program: &Path) -> Vec<(&'static str, String)> {
    let server = Server::start_program(program, &["--max-connections-per-ip", "5000", "--connect-rate-per-ip", "5000"]);
    let http = server.http();
    let append = |body: &Value| drop(http.post("/api/events", body).expect(201));
    let one = event("task.assigned", json!({"agent": "forge", "note": "x".repeat(200)}));
    let batch = Value::from(vec![one.clone(); 100]);
    append(&one);
    let single = times(200, || append(&one));
    let batched = times(20, || append(&batch));
    let together = {
        let started = Instant::now();
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| (0..25).for_each(|_| append(&one)));
            }
        });
        400.0 / started.elapsed().as_secs_f64()
    };
    let page = times(50, || drop(http.get("/api/events?limit=100").expect(200)));
    let large = times(10, || drop(http.get("/api/events?limit=1000").expect(200)));
    let cold = (0..10).map(|_| {
        thread::sleep(UNTIL_COLD);
        times(1, || drop(http.get("/api/events?limit=1").expect(200)))[0]
    });
    let cold: Vec<f64> = sorted(cold.collect());
    let (fanout, cpu) = fan_out(&server);
    vec![
        ("append, one after the other: p50, p99", both(&single)),
        ("append of 100 in one request: p50", ms(quantile(&batched, 50))),
        ("append, 16 at once", format!("{together:.0} a second")),
        ("page of 100: p50", ms(quantile(&page, 50))),
        ("page of 1,000: p50", ms(quantile(&large, 50))),
        ("first request after a pause: p50", ms(quantile(&cold, 50))),
        ("500 SSE streams, from the request to the event: p50, p99", both(&fanout)),
        ("CPU of one delivery", format!("{cpu:.0} µs")),
    ]
}

/// Milliseconds from a publish to each stream's event, and the server's microseconds of CPU for each.
fn fan_out(server: &Server) -> (Vec<f64>, f64) {
    let subscriber = Client::new(server.addr, Some(&tokens::scoped("subscribe")));
    let ready = Barrier::new(STREAMS + 1);
    let before = server.cpu();
    let (sent, got) = thread::scope(|scope| {
        let readers: Vec<_> = (0..STREAMS)
            .map(|_| {
                scope.spawn(|| {
                    let path = "/api/events/stream?since=latest&type=figures.event&rate=1000";
                    let mut sse = Sse::open(&subscriber, path, &[]).unwrap_or_else(|r| panic!("{}", r.text()));
                    sse.until("caught_up");
                    ready.wait();
                    let mut seen = Vec::with_capacity(EVENTS);
                    while seen.len() < EVENTS {
                        let block = sse.message_within(SOON);
                        if block.event.is_empty() {
                            seen.push((block.json()["data"]["n"].as_u64().expect("a number"), Instant::now()));
                        }
                    }
                    seen
                })
            })
            .collect();
        ready.wait();
        let sent: Vec<Instant> = (0..EVENTS)
            .map(|n| {
                let at = Instant::now();
                server.publish(&event("figures.event", json!({ "n": n })));
                thread::sleep(Duration::from_millis(300).saturating_sub(at.elapsed()));
                at
            })
            .collect();
        (sent, readers.into_iter().flat_map(|reader| reader.join().expect("it reads")).collect::<Vec<_>>())
    });
    let cpu = (server.cpu() - before).as_secs_f64() * 1e6 / got.len() as f64;
    let took = got.into_iter().map(|(n, at)| (at - sent[usize::try_from(n).unwrap()]).as_secs_f64() * 1e3);
    (sorted(took.collect()), cpu)
}

/// Milliseconds of each of so many calls, sorted.
fn times(count: usize, mut call: impl FnMut()) -> Vec<f64> {
    let one = |_| {
        let started = Instant::now();
        call();
        started.elapsed().as_secs_f64() * 1e3
    };
    sorted((0..count).map(one).collect())
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn quantile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

fn ms(value: f64) -> String {
    format!("{value:.1} ms")
}

fn both(sorted: &[f64]) -> String {
    format!("{}, {}", ms(quantile(sorted, 50)), ms(quantile(sorted, 99)))
}
