//! Fan-out: what a delivery costs the server in CPU time, and how long an event takes from its publisher to its
//! subscribers, beside a bare write loop that sends frames of the same size at the same rate in the same minute.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::child::{Ask, Child, Role};
use super::floor::Written;
use super::http::EVENTS;
use super::load::{Clients, Counted, FEED, Load, SENT};
use super::publishers::Publishers;
use super::{number, percentile, rounded};

/// How long all clients may take to be ready.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// The load before the measure: whatever is set up at the first event is set up.
const WARM_UP: Duration = Duration::from_millis(300);
/// Nothing came for so long: it is over.
pub const QUIET: Duration = Duration::from_millis(300);
/// Bytes of an event's data besides the time it was sent.
const FILL: usize = 60;

/// Whom the clients listen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Filters {
    /// All get every event: one lane.
    Same,
    /// Each one listens to an agent of its own, and an event is of one agent: as many lanes as clients.
    Distinct,
    /// All but one listen to an agent that says nothing: two lanes. What `Distinct` is held against.
    OneOfAll,
}

/// One step of the measure.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// WebSocket clients.
    connections: usize,
    /// Events a second.
    rate: u32,
    filters: Filters,
}

impl Step {
    /// The steps of a run that asks for nothing else.
    pub fn usual() -> Vec<Self> {
        let same = |connections, rate| Self { connections, rate, filters: Filters::Same };
        let mut steps = vec![same(10, 100), same(200, 1_000), same(1_000, 100)];
        steps.push(Self { connections: 1_000, rate: 200, filters: Filters::OneOfAll });
        steps.push(Self { connections: 1_000, rate: 200, filters: Filters::Distinct });
        steps
    }

    /// One number of clients, with each kind of filters.
    pub fn both_filters(connections: usize, rate: u32) -> Vec<Self> {
        let step = |filters| Self { connections, rate, filters };
        [Filters::Same, Filters::OneOfAll, Filters::Distinct].map(step).to_vec()
    }

    /// How many clients get one event.
    fn receivers(self) -> usize {
        if self.filters == Filters::Same { self.connections } else { 1 }
    }

    fn subscribe(self, client: usize) -> String {
        let agent = match self.filters {
            Filters::Same => return r#"{"action":"subscribe","channel":"events","replay":0}"#.to_owned(),
            Filters::OneOfAll if client > 0 => "none".to_owned(),
            _ => format!("agent-{client}"),
        };
        format!(r#"{{"action":"subscribe","channel":"events","replay":0,"agent_ids":["{agent}"]}}"#)
    }

    fn event(self, event: u64, sent: u64) -> String {
        let connections = u64::try_from(self.connections).unwrap_or(u64::MAX);
        let agent = if self.filters == Filters::Distinct { event % connections } else { 0 };
        format!(
            r#"{{"event_type":"task.progress","source":"bench","task_id":"task-7","agent_id":"agent-{agent}","data":{{{SENT}{sent},"message":"{:x<FILL$}"}}}}"#,
            ""
        )
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} clients, {} events/s, filters: {}", self.connections, self.rate, self.filters.name())
    }
}

impl Filters {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "none",
            Self::Distinct => "one each",
            Self::OneOfAll => "one apart",
        }
    }
}

/// What a step came to.
#[derive(Debug, Serialize)]
pub struct Report {
    /// WebSocket clients.
    pub connections: usize,
    /// Events a second.
    pub events_per_second: u32,
    /// Events a request.
    pub batch: u32,
    /// Their filters.
    pub filters: Filters,
    /// Event frames that came.
    pub deliveries: u64,
    /// Event frames that did not.
    pub lost: u64,
    /// Of the client that got fewest, the share of what it was due.
    pub fewest_share: f64,
    /// CPU of the server, appends and all, by deliveries.
    pub cpu_us_a_delivery: f64,
    /// CPU of the server by events.
    pub cpu_us_an_event: f64,
    /// From the publisher to the subscriber.
    pub p50_ms: f64,
    /// The same.
    pub p99_ms: f64,
    /// The bare loop; left out where clients have filters, since it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bare_loop: Option<Bare>,
}

/// What the bare loop came to.
#[derive(Debug, Serialize)]
pub struct Bare {
    /// CPU of the loop by frames.
    pub cpu_us_a_delivery: f64,
    /// From before the first write to the reading.
    pub p50_ms: f64,
    /// The same.
    pub p99_ms: f64,
    /// The server's CPU a delivery by the loop's.
    pub ratio: f64,
}

/// Run one step, with so many events a request.
///
/// # Errors
/// The server does not start, or sends a client away.
pub fn measure(step: Step, batch: u32, time: Duration) -> anyhow::Result<Report> {
    let folder = tempfile::tempdir()?;
    let mut server = Child::server(folder.path(), step.connections + 16)?;
    let clients = Clients {
        address: server.address,
        protocol: FEED,
        connections: step.connections,
        subscribe: Some(Arc::new(move |client| step.subscribe(client))),
    };
    let mut load = Load::connect(clients, CONNECT_LIMIT)?;
    let address = server.address;
    let publish = |load: &mut Load, time| -> anyhow::Result<u64> {
        let event = move |event, sent| step.event(event, sent);
        let publishers = Publishers::start(address, step.rate, batch, time, |_| EVENTS.to_owned(), event);
        let done = publishers.done();
        let waiting = std::thread::spawn(move || publishers.wait());
        load.read_until(&done, QUIET)?;
        waiting.join().map_err(|_| anyhow::anyhow!("the publishers panicked"))?
    };
    publish(&mut load, WARM_UP)?;
    load.restart();
    let before = server.usage()?.cpu_ns;
    let published = publish(&mut load, time)?;
    let cpu_us = number(server.usage()?.cpu_ns - before) / 1_000.0;
    drop(server);
    let mut counted = load.counted();

    let receivers = u64::try_from(step.receivers())?;
    let cpu_us_a_delivery = rounded(cpu_us / number(counted.events.max(1)), 2);
    let bare_loop = match step.filters {
        Filters::Same => Some(bare(step.connections, step.rate, time, bytes_a_frame(&counted), cpu_us_a_delivery)?),
        _ => None,
    };
    Ok(Report {
        connections: step.connections,
        events_per_second: step.rate,
        batch,
        filters: step.filters,
        deliveries: counted.events,
        lost: (published * receivers).saturating_sub(counted.events),
        fewest_share: match step.filters {
            Filters::Same => rounded(number(counted.fewest) / number(published.max(1)), 3),
            _ => 1.0,
        },
        cpu_us_a_delivery,
        cpu_us_an_event: rounded(cpu_us / number(published.max(1)), 1),
        p50_ms: rounded(percentile(&mut counted.latencies, 0.5), 2),
        p99_ms: rounded(percentile(&mut counted.latencies, 0.99), 2),
        bare_loop,
    })
}

/// Bytes of a frame's payload, about.
pub fn bytes_a_frame(counted: &Counted) -> usize {
    let frame = counted.bytes / counted.events.max(1);
    usize::try_from(frame).unwrap_or(0).saturating_sub(4)
}

/// The bare loop, with frames of so many bytes, beside a server that took `server_us` a delivery.
///
/// # Errors
/// It does not start, or a client of it goes.
pub fn bare(connections: usize, rate: u32, time: Duration, bytes: usize, server_us: f64) -> anyhow::Result<Bare> {
    let mut floor = Child::start(&Role::Floor { connections })?;
    let clients = Clients { address: floor.address, protocol: FEED, connections, subscribe: None };
    // The loop accepts while the clients connect.
    let mut load = std::thread::scope(|scope| {
        let accepting = scope.spawn(|| floor.ask::<Written>(&Ask::Write { rate: 0, ms: 0, bytes }));
        let load = Load::connect(clients, CONNECT_LIMIT)?;
        accepting.join().map_err(|_| anyhow::anyhow!("the bare loop's asker panicked"))??;
        anyhow::Ok(load)
    })?;
    let run = |load: &mut Load, floor: &mut Child, time: Duration| -> anyhow::Result<Written> {
        let done = AtomicBool::new(false);
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| {
                let written = floor.ask::<Written>(&Ask::Write { rate, ms, bytes });
                done.store(true, Ordering::Release);
                written
            });
            load.read_until(&done, QUIET)?;
            writing.join().map_err(|_| anyhow::anyhow!("the bare loop's asker panicked"))?
        })
    };
    run(&mut load, &mut floor, WARM_UP)?;
    load.restart();
    let before = floor.usage()?.cpu_ns;
    let written = run(&mut load, &mut floor, time)?;
    let cpu_us = number(floor.usage()?.cpu_ns - before) / 1_000.0;
    let mut counted = load.counted();
    let cpu_us_a_delivery = cpu_us / number(written.deliveries.max(1));
    Ok(Bare {
        cpu_us_a_delivery: rounded(cpu_us_a_delivery, 2),
        p50_ms: rounded(percentile(&mut counted.latencies, 0.5), 2),
        p99_ms: rounded(percentile(&mut counted.latencies, 0.99), 2),
        ratio: rounded(server_us / cpu_us_a_delivery, 2),
    })
}
