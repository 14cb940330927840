//! `serve`: the options of the server, and what it says when it is ready.

use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::value_parser;
use ipnet::IpNet;

use super::logging;
use crate::app::{self, Ready};
use crate::config::{self, BasePath, ConfigError, Durability, LogFormat, ServeOptions, Span, StoreUrl};
use crate::hub::websocket::MessageLimits;
use crate::web::auth::{Scope, Scopes, TokenSpec};
use crate::web::origin::Origin;

/// How long the token of a printed sign-in link holds.
const LINK_SECONDS: u64 = 12 * 3_600;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Where to listen; port 0 picks a free one
    #[arg(long, env = "ACTIVITY_FEED_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDR:PORT", value_parser = address)]
    listen: SocketAddr,
    /// The log: sqlite:FILE or memory:
    #[arg(long, env = "ACTIVITY_FEED_STORE", default_value = "sqlite:activity-feed.db", value_name = "STORE")]
    store: StoreUrl,
    /// What an acknowledged event survives: the loss of power, or the end of the process
    #[arg(long, env = "ACTIVITY_FEED_DURABILITY", default_value = "full")]
    durability: Durability,
    /// Live events a second to one subscription
    #[arg(long, env = "ACTIVITY_FEED_RATE", default_value_t = 10, value_name = "N", value_parser = value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Events replayed at most
    #[arg(long, env = "ACTIVITY_FEED_BUFFER", default_value_t = 100, value_name = "N", value_parser = value_parser!(u32).range(1..=1_000))]
    buffer: u32,
    /// Remove events older than this, like 30d
    #[arg(long, env = "ACTIVITY_FEED_RETAIN", value_name = "AGE")]
    retain: Option<Span>,
    /// Keep at most so many events
    #[arg(long, env = "ACTIVITY_FEED_RETAIN_EVENTS", value_name = "N", value_parser = value_parser!(u64).range(1..))]
    retain_events: Option<u64>,
    /// WebSockets and SSE streams at once
    #[arg(long, env = "ACTIVITY_FEED_MAX_CONNECTIONS", default_value_t = 10_000, value_name = "N")]
    max_connections: usize,
    /// The same, of one client address (IPv6: one /64)
    #[arg(long, env = "ACTIVITY_FEED_MAX_CONNECTIONS_PER_IP", default_value_t = 30, value_name = "N")]
    max_connections_per_ip: usize,
    /// New ones a second of one client address, after a burst of 30
    #[arg(long, env = "ACTIVITY_FEED_CONNECT_RATE_PER_IP", default_value_t = 10, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    connect_rate_per_ip: u32,
    /// Bytes of one event
    #[arg(long, env = "ACTIVITY_FEED_MAX_EVENT_BYTES", default_value_t = 65_536, value_name = "N", value_parser = value_parser!(u32).range(256..=1_048_576))]
    max_event_bytes: u32,
    /// Events a second of one publisher (a token's subject); without it, as many as it likes
    #[arg(long, env = "ACTIVITY_FEED_PUBLISH_RATE", value_name = "N", value_parser = value_parser!(u32).range(1..=1_000_000))]
    publish_rate: Option<u32>,
    /// Bytes of a request's body
    #[arg(long, env = "ACTIVITY_FEED_MAX_BODY_BYTES", default_value_t = 1_048_576, value_name = "N", value_parser = value_parser!(u32).range(256..=67_108_864))]
    max_body_bytes: u32,
    /// Bytes of a request's line and headers
    #[arg(long, env = "ACTIVITY_FEED_MAX_HEADER_BYTES", default_value_t = 32_768, value_name = "N", value_parser = value_parser!(u32).range(4_096..=1_048_576))]
    max_header_bytes: u32,
    /// How long a request's headers may take to come, its body, and its answer to be read
    #[arg(long, env = "ACTIVITY_FEED_REQUEST_TIMEOUT", default_value = "30s", value_name = "TIME", value_parser = wait)]
    request_timeout: Span,
    /// Bytes of answers that clients have not read yet; one address may have a quarter
    #[arg(long, env = "ACTIVITY_FEED_MAX_UNREAD_BYTES", default_value_t = 268_435_456, value_name = "N", value_parser = value_parser!(u64).range(1_048_576..))]
    max_unread_bytes: u64,
    /// Bytes of a WebSocket client's message
    #[arg(long, env = "ACTIVITY_FEED_MAX_MESSAGE_BYTES", default_value_t = 65_536, value_name = "N", value_parser = value_parser!(u32).range(1_024..=1_048_576))]
    max_message_bytes: u32,
    /// Messages a second of a WebSocket client
    #[arg(long, env = "ACTIVITY_FEED_MESSAGE_RATE", default_value_t = 50, value_name = "N", value_parser = value_parser!(u32).range(1..=100_000))]
    message_rate: u32,
    /// Different subscriptions at once
    #[arg(long, env = "ACTIVITY_FEED_MAX_LANES", default_value_t = 10_000, value_name = "N")]
    max_lanes: usize,
    /// A file with an HS256 secret of at least 32 bytes, to verify tokens with
    #[arg(long, env = "ACTIVITY_FEED_SECRET_FILE", value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// A file with a JWK set (EdDSA, ES256, RS256), to verify tokens with
    #[arg(long, env = "ACTIVITY_FEED_JWKS_FILE", value_name = "FILE")]
    jwks_file: Option<PathBuf>,
    /// A list of revoked tokens, one `jti` a line, read again on SIGHUP; their sockets are closed
    #[arg(long, env = "ACTIVITY_FEED_REVOKED_FILE", value_name = "FILE")]
    revoked_file: Option<PathBuf>,
    /// An origin beside the server's own, whose pages may use the feed (CORS); repeatable
    #[arg(long, env = "ACTIVITY_FEED_ALLOWED_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    allowed_origin: Vec<Origin>,
    /// A proxy whose X-Forwarded-For is believed; repeatable
    #[arg(long, env = "ACTIVITY_FEED_TRUSTED_PROXY", value_name = "CIDR", value_delimiter = ',', value_parser = network)]
    trusted_proxy: Vec<IpNet>,
    /// The URL path under which everything is served, like /feed
    #[arg(long, env = "ACTIVITY_FEED_BASE_PATH", default_value = "/", value_name = "PATH")]
    base_path: BasePath,
    /// A component with your own rules
    #[arg(long, env = "ACTIVITY_FEED_RULES", value_name = "FILE.wasm")]
    rules: Option<PathBuf>,
    /// How the log on stderr is written
    #[arg(long, env = "ACTIVITY_FEED_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// How long a stopping server waits for what it has accepted
    #[arg(long, env = "ACTIVITY_FEED_DRAIN_TIMEOUT", default_value = "10s", value_name = "TIME")]
    drain_timeout: Span,
    /// Let everybody do everything (on loopback addresses only)
    #[arg(long, env = "ACTIVITY_FEED_NO_AUTH", value_parser = FalseyValueParser::new())]
    no_auth: bool,
}

/// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let hint = || format!("`{text}` is no address with a port, like 127.0.0.1:8080");
    text.to_socket_addrs().map_err(|_| hint())?.next().ok_or_else(hint)
}

/// A time that something is waited for: not none at all, and not for ever.
fn wait(text: &str) -> Result<Span, String> {
    let span: Span = text.parse()?;
    let fits = (Duration::from_millis(100)..=Duration::from_secs(3_600)).contains(&span.0);
    if fits { Ok(span) } else { Err("this time is from 100ms to 1h".to_owned()) }
}

/// `10.0.0.0/8`, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let one = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| one()).map_err(|_| format!("`{text}` is no network, like 10.0.0.0/8"))
}

impl Args {
    fn options(self) -> Result<ServeOptions, ConfigError> {
        let (secret, jwks) = (self.secret_file.as_deref(), self.jwks_file.as_deref());
        let keys = config::keys(self.listen, &self.store, secret, jwks, self.no_auth)?;
        Ok(ServeOptions {
            listen: self.listen,
            store: self.store,
            durability: self.durability,
            rate: self.rate,
            buffer: self.buffer,
            retain: self.retain.map(|span| span.0),
            retain_events: self.retain_events,
            max_connections: self.max_connections,
            max_connections_per_ip: self.max_connections_per_ip,
            connect_rate_per_ip: self.connect_rate_per_ip,
            max_event_bytes: self.max_event_bytes,
            max_body_bytes: usize::try_from(self.max_body_bytes).unwrap_or(usize::MAX),
            publish_rate: self.publish_rate,
            max_header_bytes: usize::try_from(self.max_header_bytes).unwrap_or(usize::MAX),
            request_timeout: self.request_timeout.0,
            max_unread_bytes: usize::try_from(self.max_unread_bytes).unwrap_or(usize::MAX),
            messages: MessageLimits {
                bytes: usize::try_from(self.max_message_bytes).unwrap_or(usize::MAX),
                a_second: self.message_rate,
            },
            max_lanes: self.max_lanes,
            keys,
            revoked_file: self.revoked_file,
            allowed_origins: self.allowed_origin,
            trusted_proxies: self.trusted_proxy,
            base_path: self.base_path,
            rules: self.rules,
            drain_timeout: self.drain_timeout.0,
            echo: false,
        })
    }
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    logging::start(args.log_format);
    let options = args.options()?;
    app::run(&options, |ready| {
        // Before the line that scripts wait for: once that is there, so is this.
        if options.made_its_key() {
            eprintln!("sign in: {}", sign_in_url(ready, options.base_path.as_str()));
        }
        announce(ready);
    })
}

/// The one line on stdout that says where the server is; scripts wait for it.
pub(super) fn announce(ready: &Ready) {
    say(&format!("activity-feed listening on http://{}", ready.address));
}

/// A line on stdout, there at once. Nobody listening is no reason to stop serving.
pub(super) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A link that signs its bearer in as admin for a while. The token is in the fragment, which browsers send to nobody.
pub(super) fn sign_in_url(ready: &Ready, base_path: &str) -> String {
    let spec = TokenSpec {
        subject: Some("owner".to_owned()),
        scopes: Scopes::of(&[Scope::Admin]),
        types: None,
        ttl_seconds: LINK_SECONDS,
    };
    let token = ready.auth.mint(&spec).unwrap_or_default();
    format!("http://{}{base_path}/swarm/live#token={token}", ready.address)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn options(line: &str) -> Result<ServeOptions, String> {
        let words = std::iter::once("serve").chain(line.split_whitespace());
        let parsed = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        parsed.args.options().map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_the_contracts() {
        let (line, plain) = (options("").unwrap(), ServeOptions::default());
        assert_eq!(format!("{line:?}"), format!("{plain:?}"));
        assert_eq!(line.listen.to_string(), "127.0.0.1:8080");
        assert_eq!((line.rate, line.buffer, line.max_connections_per_ip), (10, 100, 30));
    }

    #[test]
    fn every_option_arrives() {
        let line = "--listen 127.0.0.1:0 --store memory: --durability normal --rate 50 --buffer 20 --retain 30d \
                    --retain-events 1000 --max-connections 5 --max-connections-per-ip 2 --connect-rate-per-ip 3 \
                    --max-event-bytes 1024 --max-body-bytes 2048 --max-lanes 7 --secret-file k \
                    --allowed-origin https://a.example --allowed-origin https://b.example --trusted-proxy 10.0.0.0/8 \
                    --trusted-proxy ::1 --publish-rate 9 --revoked-file v --max-header-bytes 5000 --request-timeout 2s \
                    --max-message-bytes 2000 --message-rate 7 --max-unread-bytes 2000000 \
                    --base-path /feed/ --rules r.wasm --log-format json --drain-timeout 2s";
        let options = options(line).unwrap();
        assert_eq!(options.retain.unwrap().as_secs(), 30 * 86_400);
        assert_eq!(options.allowed_origins.len(), 2);
        assert_eq!(options.trusted_proxies.len(), 2);
        assert_eq!(options.base_path.as_str(), "/feed");
        assert_eq!(options.drain_timeout.as_secs(), 2);
        assert_eq!((options.publish_rate, options.max_header_bytes), (Some(9), 5_000));
        assert_eq!((options.request_timeout.as_secs(), options.max_unread_bytes), (2, 2_000_000));
        assert_eq!(options.messages, MessageLimits { bytes: 2_000, a_second: 7 });
        assert!(options.revoked_file.is_some() && !options.made_its_key());
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_remedy() {
        for line in [
            "--rate 0",
            "--listen nowhere",
            "--store mysql://x",
            "--drain-timeout soon",
            "--request-timeout 0s",
            "--publish-rate 0",
            "--allowed-origin example.org",
            "--listen 0.0.0.0:0",
            "--listen 0.0.0.0:0 --no-auth",
            "--secret-file a --jwks-file b",
        ] {
            assert!(options(line).is_err(), "{line}");
        }
    }
}
