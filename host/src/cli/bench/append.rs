//! Durable appends over HTTP: how many a second, and how long each takes, beside what the disk's sync and a bare SQLite
//! with the same tables take in the same folder.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use activity_store::schema;
use anyhow::anyhow;
use rusqlite::params;
use serde::Serialize;

use super::child::Child;
use super::http::Http;
use super::{number, percentile, rounded};

/// Syncs of the bare file.
const SYNCS: usize = 200;
/// Events of a large batch.
const BATCH: usize = 500;

/// What appends cost.
#[derive(Debug, Serialize)]
pub struct Report {
    /// One write of 4 KiB and its sync on a bare file, at the median.
    pub sync_ms: f64,
    /// Batches of 500 into a bare SQLite with the same tables, synced.
    pub bare_sqlite_events_per_second: f64,
    /// By publishers and events a request.
    pub runs: Vec<Run>,
}

/// One way of publishing.
#[derive(Debug, Serialize)]
pub struct Run {
    /// At once.
    pub publishers: usize,
    /// Events of each request.
    pub batch: usize,
    /// Acknowledged as durable.
    pub events_per_second: f64,
    /// CPU of the server by events.
    pub cpu_us_an_event: f64,
    /// From the request to its answer.
    pub p50_ms: f64,
    /// The same.
    pub p99_ms: f64,
}

/// Publish in each way for a while.
///
/// # Errors
/// The server does not start, or refuses.
pub fn measure(time: Duration) -> anyhow::Result<Report> {
    let folder = tempfile::tempdir()?;
    let sync_ms = sync(folder.path())?;
    let bare_sqlite_events_per_second = bare(folder.path(), time)?;
    let mut runs = Vec::new();
    for (publishers, batch) in [(1, 1), (64, 1), (1, BATCH), (4, BATCH)] {
        let folder = tempfile::tempdir()?;
        let mut server = Child::server(folder.path(), 16)?;
        runs.push(publish(&mut server, publishers, batch, time)?);
    }
    Ok(Report { sync_ms, bare_sqlite_events_per_second, runs })
}

fn publish(server: &mut Child, publishers: usize, batch: usize, time: Duration) -> anyhow::Result<Run> {
    let body = body(batch);
    Http::connect(server.address)?.publish(&body)?;
    let (address, before) = (server.address, server.usage()?.cpu_ns);
    let begun = Instant::now();
    let mut latencies = std::thread::scope(|scope| {
        let publisher = || -> anyhow::Result<Vec<f64>> {
            let mut http = Http::connect(address)?;
            let mut latencies = Vec::new();
            while begun.elapsed() < time {
                let sent = Instant::now();
                http.publish(&body)?;
                latencies.push(sent.elapsed().as_secs_f64() * 1_000.0);
            }
            Ok(latencies)
        };
        let threads: Vec<_> = (0..publishers).map(|_| scope.spawn(publisher)).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| anyhow!("a publisher panicked"))??);
        }
        anyhow::Ok(all)
    })?;
    let took = begun.elapsed().as_secs_f64();
    let events = number(latencies.len() * batch);
    Ok(Run {
        publishers,
        batch,
        events_per_second: (events / took).round(),
        cpu_us_an_event: rounded(number(server.usage()?.cpu_ns - before) / 1_000.0 / events, 1),
        p50_ms: rounded(percentile(&mut latencies, 0.5), 2),
        p99_ms: rounded(percentile(&mut latencies, 0.99), 2),
    })
}

fn body(batch: usize) -> String {
    let event = |number| {
        format!(
            r#"{{"event_type":"task.assigned","source":"coordinator","task_id":"task-{number}","agent_id":"agent-{}","data":{{"bid_sats":{number},"agent":"forge","message":"takes the task over from the queue"}}}}"#,
            number % 16
        )
    };
    if batch == 1 { event(1) } else { format!("[{}]", (0..batch).map(event).collect::<Vec<_>>().join(",")) }
}

fn sync(folder: &Path) -> anyhow::Result<f64> {
    let mut file = File::create(folder.join("sync"))?;
    let mut samples = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&[7; 4_096])?;
        file.sync_data()?;
        samples.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(rounded(percentile(&mut samples, 0.5), 3))
}

fn bare(folder: &Path, time: Duration) -> anyhow::Result<f64> {
    const INSERT: &str = "INSERT INTO activity_events (seq, id, event_type, source, task_id, agent_id, timestamp, \
         stamped, logged_at, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let mut db = rusqlite::Connection::open(folder.join("bare.db"))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.execute_batch(schema::SCHEMA)?;
    let (begun, mut seq) = (Instant::now(), 0_i64);
    while begun.elapsed() < time {
        let batch = db.transaction()?;
        {
            let mut insert = batch.prepare_cached(INSERT)?;
            for number in 0..BATCH {
                seq += 1;
                insert.execute(params![
                    seq,
                    format!("018cd1a2-0000-7000-8000-{seq:012x}"),
                    "task.assigned",
                    "coordinator",
                    format!("task-{number}"),
                    format!("agent-{}", number % 16),
                    "2026-01-15T10:30:00.000Z",
                    1,
                    1_768_473_000_000_i64,
                    r#"{"bid_sats":100,"agent":"forge","message":"takes the task over from the queue"}"#,
                ])?;
            }
        }
        batch.commit()?;
    }
    Ok((number(u64::try_from(seq)?) / begun.elapsed().as_secs_f64()).round())
}
