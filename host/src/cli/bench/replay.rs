//! Replay: clients that come all at once and are each sent the newest 100 events.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::child::Child;
use super::http::Http;
use super::load::{Clients, FEED, Load};
use super::{number, rounded};

/// How long all clients may take to be ready.
const CONNECT_LIMIT: Duration = Duration::from_secs(60);
/// Events that are replayed to each.
const REPLAYED: usize = 100;
/// Events in the log.
const LOGGED: usize = 1_000;

/// What replays cost.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Clients that come at once.
    pub connections: usize,
    /// Events that each is sent.
    pub events: usize,
    /// From the first connect to the last `caught_up`.
    pub seconds: f64,
    /// Over all clients.
    pub events_per_second: f64,
    /// CPU of the server for one replay, the connect not counted.
    pub cpu_us_a_replay: f64,
}

/// Fill a log and have it replayed.
///
/// # Errors
/// The server does not start, or sends a client away.
pub fn measure(connections: usize) -> anyhow::Result<Report> {
    let folder = tempfile::tempdir()?;
    let mut server = Child::server(folder.path(), connections * 3)?;
    let mut http = Http::connect(server.address)?;
    let event = r#"{"event_type":"task.progress","source":"bench","task_id":"task-7","agent_id":"agent-7","data":{"percent":40,"message":"half of the way, and all is well"}}"#;
    http.publish(&format!("[{}]", vec![event; LOGGED].join(",")))?;

    let mut connect = |events: usize| -> anyhow::Result<(Duration, f64)> {
        let subscribe = move |_| format!(r#"{{"action":"subscribe","channel":"events","replay":{events}}}"#);
        let clients =
            Clients { address: server.address, protocol: FEED, connections, subscribe: Some(Arc::new(subscribe)) };
        let before = server.usage()?.cpu_ns;
        let begun = Instant::now();
        let load = Load::connect(clients, CONNECT_LIMIT)?;
        let took = begun.elapsed();
        drop(load);
        Ok((took, number(server.usage()?.cpu_ns - before) / 1_000.0 / number(connections)))
    };
    let (_, plain_us) = connect(0)?;
    let (took, replay_us) = connect(REPLAYED)?;
    Ok(Report {
        connections,
        events: REPLAYED,
        seconds: rounded(took.as_secs_f64(), 2),
        events_per_second: (number(connections * REPLAYED) / took.as_secs_f64()).round(),
        cpu_us_a_replay: rounded((replay_us - plain_us).max(0.0), 1),
    })
}
