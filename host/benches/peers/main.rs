//! Other servers beside ours: the same clients, the same events, the same machine, in turn.
//!
//! The load, the bare loop and our own server are those of `activity-feed bench`. A server that is not installed is left
//! out, and it is said how to install it. README.md says what is compared, and what is unlike. Linux only: CPU time and
//! memory are read from /proc, the same way for all.

mod list;
mod process;
mod round;
mod table;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use activity_feed::cli::bench::fanout;
use clap::Parser;
use serde::Serialize;

use crate::list::Peer;
use crate::process::Folders;
use crate::round::Figures;

/// Measure other servers beside ours.
#[derive(Parser)]
struct Args {
    /// Measure only these beside ours, by name; repeatable
    #[arg(long, value_name = "PEER", value_delimiter = ',')]
    only: Vec<String>,
    /// WebSocket clients
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=20_000))]
    connections: usize,
    /// Events a second
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Seconds in which events are published, each round
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Rounds; each one takes all servers in turn
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Print one JSON object in place of the table, with the figures of each round
    #[arg(long)]
    json: bool,
    /// Where `target/peers` is, if not there
    #[arg(long, value_name = "FOLDER")]
    installed: Option<PathBuf>,
    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// All that was measured.
#[derive(Debug, Serialize)]
struct Report {
    connections: usize,
    events_per_second: u32,
    seconds: u64,
    rounds: u32,
    servers: Vec<Server>,
    missing: Vec<Missing>,
}

/// One server's figures.
#[derive(Debug, Serialize)]
struct Server {
    name: &'static str,
    title: &'static str,
    /// Of each figure its own; none: no round came to its end.
    median: Option<Figures>,
    rounds: Vec<Figures>,
    /// What ended a round before its time.
    faults: Vec<String>,
}

/// A server that is not installed.
#[derive(Debug, Serialize)]
struct Missing {
    name: &'static str,
    install: &'static str,
}

fn main() -> ExitCode {
    // Our own server and the bare loop are this program again, as `bench` starts itself.
    if std::env::args().any(|arg| arg == "--child") {
        return activity_feed::cli::main();
    }
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    for name in &args.only {
        let known: Vec<&str> = list::PEERS.iter().map(|peer| peer.name).collect();
        anyhow::ensure!(known.contains(&name.as_str()), "no peer is called {name}: {}", known.join(", "));
    }
    activity_feed::server::raise_descriptor_limit();
    let folders = Folders::new(args.installed.clone());
    let wanted = |peer: &&Peer| args.only.is_empty() || args.only.iter().any(|name| name == peer.name);
    let (peers, absent): (Vec<_>, Vec<_>) =
        list::PEERS.iter().filter(wanted).partition(|peer| folders.has(&(peer.needs)(&folders)));
    let missing = absent.into_iter().map(|peer| Missing { name: peer.name, install: peer.install }).collect();
    let step = round::Step { connections: args.connections, rate: args.rate, time: Duration::from_secs(args.seconds) };

    let (mut bare, mut ours) = (Server::new("bare", "bare loop"), Server::new("ours", "activity-feed, durable"));
    let mut others: Vec<Server> = peers.iter().map(|peer| Server::new(peer.name, peer.title)).collect();
    for round in 1..=args.rounds {
        eprintln!("round {round}: activity-feed …");
        let own = round::ours(step)?;
        eprintln!("round {round}: bare loop …");
        let floor = fanout::bare(step.connections, step.rate, step.time, own.frame_bytes, own.cpu_us_a_delivery)?;
        bare.rounds.push(Figures::of_bare(&floor, own.frame_bytes, step));
        for (peer, server) in peers.iter().zip(&mut others) {
            eprintln!("round {round}: {} …", peer.title);
            match round::peer(peer, &folders, step, own.frame_bytes) {
                Ok(figures) => server.rounds.push(figures),
                Err(error) => server.faults.push(format!("round {round}: {error:#}")),
            }
        }
        ours.rounds.push(own);
    }
    let mut servers = vec![bare, ours];
    servers.append(&mut others);
    for server in &mut servers {
        server.median = Figures::median(&server.rounds);
    }
    let report = Report {
        connections: args.connections,
        events_per_second: args.rate,
        seconds: args.seconds,
        rounds: args.rounds,
        servers,
        missing,
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", table::of(&report))?;
    }
    Ok(out.flush()?)
}

impl Server {
    fn new(name: &'static str, title: &'static str) -> Self {
        Self { name, title, median: None, rounds: Vec::new(), faults: Vec::new() }
    }
}
