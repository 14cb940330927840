//! Idle clients: the server's memory for each of them while they are subscribed and nothing happens, what is left of it
//! when they have gone, and how fast they come in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::child::Child;
use super::load::{Clients, FEED, Load};
use super::{number, rounded};

/// How long all clients may take to be ready.
const CONNECT_LIMIT: Duration = Duration::from_secs(60);
/// For what is freed in the background to be freed.
const SETTLE: Duration = Duration::from_millis(1_500);
/// Clients that come and go before the measure: whatever is set up at the first is set up.
const WARM_UP: usize = 64;

/// What idle clients cost.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Subscribed WebSocket clients.
    pub connections: usize,
    /// From the first connect to the last `caught_up`.
    pub open_seconds: f64,
    /// CPU of the server from its accept to the `caught_up`.
    pub open_cpu_us: f64,
    /// Resident memory of the server by clients.
    pub kib_a_connection: f64,
    /// What of that is still resident once they have gone.
    pub kib_left_a_connection: f64,
}

/// Connect, wait, leave, wait.
///
/// # Errors
/// The server does not start, or sends a client away.
pub fn measure(connections: usize) -> anyhow::Result<Report> {
    let folder = tempfile::tempdir()?;
    let mut server = Child::server(folder.path(), connections + WARM_UP)?;
    let subscribe = |_| r#"{"action":"subscribe","channel":"events","replay":0}"#.to_owned();
    let clients = |connections| Clients {
        address: server.address,
        protocol: FEED,
        connections,
        subscribe: Some(Arc::new(subscribe)),
    };
    let (few, all) = (clients(WARM_UP), clients(connections));
    drop(Load::connect(few, CONNECT_LIMIT)?);
    std::thread::sleep(SETTLE);

    let before = server.usage()?;
    let begun = Instant::now();
    let load = Load::connect(all, CONNECT_LIMIT)?;
    let opened = begun.elapsed();
    let cpu_ns = server.usage()?.cpu_ns - before.cpu_ns;
    std::thread::sleep(SETTLE);
    let full = server.usage()?.resident;
    drop(load);
    std::thread::sleep(SETTLE);
    let empty = server.usage()?.resident;

    let kib = |bytes: u64| rounded(number(bytes.saturating_sub(before.resident)) / 1_024.0 / number(connections), 2);
    Ok(Report {
        connections,
        open_seconds: rounded(opened.as_secs_f64(), 2),
        open_cpu_us: rounded(number(cpu_ns) / 1_000.0 / number(connections), 1),
        kib_a_connection: kib(full),
        kib_left_a_connection: kib(empty),
    })
}
