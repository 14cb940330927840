//! `demo`: a server on loopback with a store that is gone afterwards, a simulated swarm, and one URL to open.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use activity_swarm::{Options, Swarm};
use anyhow::Context;

use super::serve::{address, announce, say, sign_in_url};
use super::{Usage, logging};
use crate::app::{self, Ready};
use crate::config::{LogFormat, ServeOptions, StoreUrl};
use crate::web::auth::{KeySource, Scope, Scopes, TokenSpec};

/// How long the demo's own tokens hold: longer than anybody looks at a demo.
const TOKEN_SECONDS: u64 = 30 * 86_400;
/// Events that are there from the start.
const HISTORY: usize = 60;
/// The swarm asks once a second at most and for itself alone: it must not use up its address's connections.
const DEFAULT_RATE: f64 = 3.0;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Where to listen, a loopback address; without it port 8080, or a free one when that is taken
    #[arg(long, env = "ACTIVITY_FEED_LISTEN", value_name = "ADDR:PORT", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Events a second that the swarm makes
    #[arg(long, env = "ACTIVITY_FEED_SWARM_RATE", default_value_t = DEFAULT_RATE, value_name = "N")]
    swarm_rate: f64,
}

impl Default for Args {
    fn default() -> Self {
        Self { listen: None, swarm_rate: DEFAULT_RATE }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    logging::start(LogFormat::Text);
    let folder = tempfile::Builder::new().prefix("activity-feed-demo").tempdir().context("cannot make a folder")?;
    let options = ServeOptions {
        listen: args.listen.unwrap_or_else(free_address),
        store: StoreUrl::Sqlite(folder.path().join("feed.db")),
        keys: KeySource::MadeSecretFile(folder.path().join("feed.db.secret")),
        ..ServeOptions::default()
    };
    if !options.is_loopback() {
        return Err(Usage(format!("{} is no loopback address; to serve others, use `serve`", options.listen)).into());
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut swarm = None;
    let served = app::run(&options, |ready| {
        announce(ready);
        greet(ready, folder.path());
        swarm = Some(start_swarm(ready, args.swarm_rate, Arc::clone(&stop)));
    });
    stop.store(true, Ordering::Relaxed);
    if let Some(swarm) = swarm {
        let _ = swarm.join();
    }
    served
}

/// The port that people know, or any that is free.
fn free_address() -> SocketAddr {
    let usual = SocketAddr::from(([127, 0, 0, 1], 8080));
    match TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => SocketAddr::from(([127, 0, 0, 1], 0)),
    }
}

fn token(ready: &Ready, subject: &str, scope: Scope) -> Option<String> {
    let subject = Some(subject.to_owned());
    ready.auth.mint(&TokenSpec { subject, scopes: Scopes::of(&[scope]), types: None, ttl_seconds: TOKEN_SECONDS })
}

/// Says where to look, and how to take part.
fn greet(ready: &Ready, folder: &Path) {
    eprintln!("\nA simulated swarm is at work. Open this in a browser; Ctrl-C ends the demo:\n");
    say(&sign_in_url(ready, ""));
    let path = folder.join("token");
    let written = token(ready, "demo", Scope::Admin).map(|token| write_private(&path, &token));
    if matches!(written, Some(Ok(()))) {
        let client = format!("--url http://{} --token-file {}", ready.address, path.display());
        eprintln!("\nLog an event of your own, or follow the feed, from another terminal:\n");
        eprintln!("  activity-feed log task.created --data '{{\"description\":\"Hello\"}}' {client}");
        eprintln!("  activity-feed tail {client}\n");
    }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes()).inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

fn start_swarm(ready: &Ready, rate: f64, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let options = Options {
        url: format!("http://{}", ready.address),
        token: token(ready, "swarm", Scope::Publish),
        rate,
        history: HISTORY,
    };
    std::thread::spawn(move || {
        let mut swarm = Swarm::new(clock_seed());
        if let Err(error) = activity_swarm::run(&mut swarm, &options, &stop) {
            tracing::error!(%error, "the swarm has stopped");
        }
    })
}

fn clock_seed() -> u64 {
    crate::clock::unix_ms()
}
