//! Serves `/echo` for suites that test RFC 6455, such as Autobahn's: the server's own handshake, shards, framing and
//! limits on messages, without tokens, on a loopback address. Prints where it listens, and ends with the process.
//!
//! `echo [ADDR:PORT] [--large]`: with `--large`, messages of up to 16 MiB as fast as they come, for cases that measure.

use std::net::SocketAddr;

use activity_feed::app;
use activity_feed::config::{ServeOptions, StoreUrl};
use activity_feed::hub::websocket::MessageLimits;
use activity_feed::web::auth::KeySource;
use anyhow::{Context, bail};

/// What suites send that measure, and that no client of a feed needs.
const LARGE: MessageLimits = MessageLimits { bytes: 16 * 1_048_576, a_second: 1_000_000 };
/// Connections that a suite may open a second, which is no matter of framing.
const CONNECT_RATE: u32 = 10_000;

fn main() -> anyhow::Result<()> {
    let (options, places): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word.starts_with("--"));
    let address = places.into_iter().next().unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let messages = match options.as_slice() {
        [] => MessageLimits::default(),
        [large] if large == "--large" => LARGE,
        other => bail!("{other:?}: the one option is --large"),
    };
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
        messages,
        echo: true,
        ..ServeOptions::default()
    };
    app::run(&options, |ready| eprintln!("echo listening on ws://{}/echo", ready.address))
}
