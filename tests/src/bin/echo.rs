//! Serves `/echo` for suites that test RFC 6455, such as Autobahn's: the server's own handshake, shards, framing and
//! limits on messages, without tokens, on a loopback address. Prints where it listens, and ends with the process.

use std::net::SocketAddr;

use activity_feed::app;
use activity_feed::config::{ServeOptions, StoreUrl};
use activity_feed::web::auth::KeySource;
use anyhow::{Context, bail};

/// Connections that a suite may open a second, which is no matter of framing.
const CONNECT_RATE: u32 = 10_000;

fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listen: SocketAddr = address.parse().with_context(|| format!("`{address}` is no address with a port"))?;
    if !listen.ip().is_loopback() {
        bail!("{listen} is no loopback address, and there are no tokens here");
    }
    let options = ServeOptions {
        listen,
        store: StoreUrl::Memory,
        keys: KeySource::NoAuth,
        connect_rate_per_ip: CONNECT_RATE,
        max_connections_per_ip: 1_000,
        echo: true,
        ..ServeOptions::default()
    };
    app::run(&options, |ready| eprintln!("echo listening on ws://{}/echo", ready.address))
}
