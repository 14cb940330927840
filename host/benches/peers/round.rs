//! One server, once: clients come and stay idle, then events are published.

use std::sync::Arc;
use std::time::{Duration, Instant};

use activity_feed::cli::bench::child::Child;
use activity_feed::cli::bench::fanout::{Bare, CONNECT_LIMIT, QUIET, bytes_a_frame};
use activity_feed::cli::bench::http::EVENTS;
use activity_feed::cli::bench::load::{Clients, FEED, Load, Protocol, SENT};
use activity_feed::cli::bench::publishers::Publishers;
use activity_feed::cli::bench::{number, percentile, rounded};
use serde::Serialize;

use crate::list::Peer;
use crate::process::{self, Folders, Running};

/// Clients that come and go before the measure: whatever is set up at the first is set up.
const FEW: usize = 64;
/// For what is done or freed in the background to be done.
const SETTLE: Duration = Duration::from_millis(1_500);
/// Events before the measure, for whoever compiles what is used often.
const WARM_UP: Duration = Duration::from_secs(1);
/// Bytes of our own events' message.
const FILL: usize = 60;

/// What is asked of each server.
#[derive(Clone, Copy)]
pub struct Step {
    pub connections: usize,
    /// Events a second.
    pub rate: u32,
    pub time: Duration,
}

/// What a round came to.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Bytes of a frame's payload.
    pub frame_bytes: usize,
    /// What it took of the publishers; fewer than asked for: it did not keep up.
    pub events_per_second: f64,
    /// User and system, all processes, requests and all.
    pub cpu_us_a_delivery: f64,
    /// From the publisher to the subscriber.
    pub p50_ms: f64,
    /// The same.
    pub p99_ms: f64,
    /// Of a subscribed connection before any event. Not of the bare loop, which keeps nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kib_a_connection: Option<f64>,
    /// Deliveries that did not come; the bare loop does not wait for who is slow, and does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
}

/// How one server is used.
struct Use<F> {
    id: u32,
    clients: Clients,
    path: fn(&str) -> String,
    event: F,
}

/// Ours, on a durable SQLite log.
///
/// # Errors
/// It does not start, or sends a client away.
pub fn ours(step: Step) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir()?;
    let server = Child::server(folder.path(), step.connections + FEW)?;
    let subscribe = r#"{"action":"subscribe","channel":"events","replay":0}"#;
    let clients = clients(server.address, FEED, Some(subscribe), step.connections);
    let event = |_, sent| event(sent, FILL);
    measure(step, Use { id: server.id(), clients, path: |_| EVENTS.to_owned(), event })
}

/// A peer, whose frames are to have so many bytes.
///
/// # Errors
/// It does not start, sends a client away, or refuses an event.
pub fn peer(peer: &Peer, folders: &Folders, step: Step, bytes: usize) -> anyhow::Result<Figures> {
    let server = Running::start(peer, folders)?;
    let talk = &peer.talk;
    let clients = clients(server.address, talk.protocol, talk.subscribe, step.connections);
    // The time has nine digits at most, and mostly.
    let fill = bytes.saturating_sub((talk.frame)(&event(100_000_000, 0)).len());
    let body = talk.body;
    let used = Use { id: server.id(), clients, path: talk.path, event: move |_, sent| body(&event(sent, fill)) };
    measure(step, used).map_err(|error| match server.said() {
        said if said.is_empty() => error,
        said => error.context(format!("it said: {said}")),
    })
}

fn clients(
    address: std::net::SocketAddr,
    protocol: Protocol,
    subscribe: Option<&'static str>,
    connections: usize,
) -> Clients {
    let subscribe = subscribe.map(|subscribe| Arc::new(move |_| subscribe.to_owned()) as Arc<dyn Fn(usize) -> String>);
    Clients { address, protocol, connections, subscribe }
}

/// An event as it is published, its message of so many bytes.
fn event(sent: u64, fill: usize) -> String {
    format!(
        r#"{{"event_type":"task.progress","source":"bench","task_id":"task-7","agent_id":"agent-0","data":{{{SENT}{sent},"message":"{:x<fill$}"}}}}"#,
        ""
    )
}

fn measure<F>(step: Step, server: Use<F>) -> anyhow::Result<Figures>
where
    F: Fn(u64, u64) -> String + Clone + Send + 'static,
{
    let address = server.clients.address;
    drop(Load::connect(Clients { connections: FEW, ..server.clients.clone() }, CONNECT_LIMIT)?);
    std::thread::sleep(SETTLE);
    let before = process::usage(server.id)?.memory;
    let mut load = Load::connect(server.clients.clone(), CONNECT_LIMIT)?;
    std::thread::sleep(SETTLE);
    let idle = process::usage(server.id)?.memory.saturating_sub(before);

    let publish = |load: &mut Load, time| -> anyhow::Result<(u64, Duration)> {
        let begun = Instant::now();
        let publishers = Publishers::start(address, step.rate, 1, time, server.path, server.event.clone());
        let done = publishers.done();
        let waiting = std::thread::spawn(move || (publishers.wait(), begun.elapsed()));
        load.read_until(&done, QUIET)?;
        let (sent, took) = waiting.join().map_err(|_| anyhow::anyhow!("the publishers panicked"))?;
        Ok((sent?, took))
    };
    publish(&mut load, WARM_UP)?;
    load.restart();
    let before = process::usage(server.id)?.cpu_us;
    let (published, took) = publish(&mut load, step.time)?;
    let cpu_us = process::usage(server.id)?.cpu_us - before;
    let mut counted = load.counted();
    let due = published * u64::try_from(step.connections)?;
    Ok(Figures {
        frame_bytes: bytes_a_frame(&counted),
        events_per_second: rounded(number(published) / took.as_secs_f64().max(step.time.as_secs_f64()), 1),
        cpu_us_a_delivery: rounded(number(cpu_us) / number(counted.events.max(1)), 2),
        p50_ms: rounded(percentile(&mut counted.latencies, 0.5), 2),
        p99_ms: rounded(percentile(&mut counted.latencies, 0.99), 2),
        kib_a_connection: Some(rounded(number(idle) / 1_024.0 / number(u64::try_from(step.connections)?), 2)),
        lost: Some(due.saturating_sub(counted.events)),
    })
}

impl Figures {
    /// The bare loop's.
    pub fn of_bare(bare: &Bare, frame_bytes: usize, step: Step) -> Self {
        Self {
            frame_bytes,
            events_per_second: f64::from(step.rate),
            cpu_us_a_delivery: bare.cpu_us_a_delivery,
            p50_ms: bare.p50_ms,
            p99_ms: bare.p99_ms,
            kib_a_connection: None,
            lost: None,
        }
    }

    /// Of each figure the median, but what was lost in all.
    pub fn median(rounds: &[Self]) -> Option<Self> {
        let first = rounds.first()?;
        let of = |figure: fn(&Self) -> f64| {
            let mut values: Vec<f64> = rounds.iter().map(figure).collect();
            percentile(&mut values, 0.5)
        };
        Some(Self {
            frame_bytes: first.frame_bytes,
            events_per_second: of(|figures| figures.events_per_second),
            cpu_us_a_delivery: of(|figures| figures.cpu_us_a_delivery),
            p50_ms: of(|figures| figures.p50_ms),
            p99_ms: of(|figures| figures.p99_ms),
            kib_a_connection: first.kib_a_connection.map(|_| of(|figures| figures.kib_a_connection.unwrap_or(0.0))),
            lost: rounds.iter().map(|figures| figures.lost).sum(),
        })
    }
}
