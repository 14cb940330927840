//! What `serve` was asked for, checked and in the types that the server works with. A value of [`ServeOptions`] always
//! describes a server that may start: what is unsafe together (no key on a public address) is refused here, each with
//! its remedy. How options are spelled on the command line and in the environment is `cli`'s.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

use crate::hub::websocket::MessageLimits;
use crate::server;
use crate::web::auth::KeySource;
use crate::web::origin::Origin;
use crate::web::unread;

/// The log that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// Gone with the process.
    Memory,
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "memory:" {
            return Ok(Self::Memory);
        }
        match text.split_once(':') {
            Some(("sqlite", "")) => Err("`sqlite:` needs a file, like `sqlite:activity-feed.db`".to_owned()),
            Some(("sqlite", file)) => Ok(Self::Sqlite(PathBuf::from(file))),
            _ => Err("a store is `sqlite:FILE` or `memory:`".to_owned()),
        }
    }
}

impl std::fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Memory => f.write_str("memory:"),
        }
    }
}

impl StoreUrl {
    /// Where the secret of this store is when none is named: beside the file, or in the working directory.
    #[must_use]
    pub fn secret_path(&self) -> PathBuf {
        match self {
            Self::Sqlite(path) => beside(path, ".secret"),
            Self::Memory => PathBuf::from("activity-feed.secret"),
        }
    }

    /// Where sign-outs are kept, so that they hold over a restart: beside the file; a log in memory has no such place.
    #[must_use]
    pub fn signed_out_path(&self) -> Option<PathBuf> {
        match self {
            Self::Sqlite(path) => Some(beside(path, ".signed-out")),
            Self::Memory => None,
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// What an acknowledged event survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Durability {
    /// The loss of power.
    Full,
    /// The end of the process, not the loss of power.
    Normal,
}

/// How the log on stderr is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// The URL path under which everything is served: empty, or like `/feed`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// Empty, or like `/feed`: without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BasePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.trim_end_matches('/');
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
        if path.is_empty() {
            Ok(Self::default())
        } else if path.starts_with('/') && path.chars().all(plain) && !path.contains("//") {
            Ok(Self(path.to_owned()))
        } else {
            Err("a base path is like `/feed`".to_owned())
        }
    }
}

/// A span of time as people write it: `10s`, `15m`, `12h`, `30d`, `2w`, `500ms`; a bare number is seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits).unwrap_or_default();
        let ms_a_unit: u64 = match unit {
            "ms" => 1,
            "" | "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err("a time is like `10s`, `15m`, `12h` or `30d`".to_owned()),
        };
        let number: u64 = number.parse().map_err(|_| "a time is like `10s`, `15m`, `12h` or `30d`".to_owned())?;
        let ms = number.checked_mul(ms_a_unit).filter(|ms| *ms <= MAX_SPAN_MS).ok_or("that is over 1,000 years")?;
        Ok(Self(Duration::from_millis(ms)))
    }
}

/// A thousand years: far enough from every overflow of a date.
const MAX_SPAN_MS: u64 = 1_000 * 366 * 86_400_000;

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        let (size, unit) = units.into_iter().find(|(size, _)| ms >= *size && ms % size == 0).unwrap_or((1, "ms"));
        write!(f, "{}{unit}", ms / size)
    }
}

/// Everything that a server can be told. The defaults are those of the command line.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Where it listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The log.
    pub store: StoreUrl,
    /// What an acknowledged event survives.
    pub durability: Durability,
    /// Live events a second to one subscription.
    pub rate: u32,
    /// Events replayed at most.
    pub buffer: u32,
    /// Events older than this are removed.
    pub retain: Option<Duration>,
    /// Events beyond so many are removed, the oldest first.
    pub retain_events: Option<u64>,
    /// WebSockets and SSE streams at once.
    pub max_connections: usize,
    /// The same, of one client address.
    pub max_connections_per_ip: usize,
    /// New ones a second and client address.
    pub connect_rate_per_ip: u32,
    /// Bytes of one event.
    pub max_event_bytes: u32,
    /// Events a second of one publisher; none is as many as it likes.
    pub publish_rate: Option<u32>,
    /// Bytes of a request's body.
    pub max_body_bytes: usize,
    /// Bytes of a request's line and headers.
    pub max_header_bytes: usize,
    /// Time for a request's headers, again for its body, and again for the answer to be read.
    pub request_timeout: Duration,
    /// Bytes of answers that clients have not read yet; one address may have a quarter.
    pub max_unread_bytes: usize,
    /// What one WebSocket client may send.
    pub messages: MessageLimits,
    /// Different subscriptions at once.
    pub max_lanes: usize,
    /// What tokens are verified with.
    pub keys: KeySource,
    /// A list of tokens that are revoked, by `jti`.
    pub revoked_file: Option<PathBuf>,
    /// Origins beside the server's own, whose pages may use the feed.
    pub allowed_origins: Vec<Origin>,
    /// Proxies whose word on the client's address is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// The URL path under which everything is served.
    pub base_path: BasePath,
    /// A component with the user's rules.
    pub rules: Option<PathBuf>,
    /// How long a stopping server waits for what it has accepted.
    pub drain_timeout: Duration,
    /// Serve `/echo` too, for suites that test WebSocket framing. No option of the command line sets it.
    pub echo: bool,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            store: StoreUrl::Sqlite(PathBuf::from("activity-feed.db")),
            durability: Durability::Full,
            rate: 10,
            buffer: 100,
            retain: None,
            retain_events: None,
            max_connections: 10_000,
            max_connections_per_ip: 30,
            connect_rate_per_ip: 10,
            max_event_bytes: 65_536,
            publish_rate: None,
            max_body_bytes: 1_048_576,
            max_header_bytes: server::MAX_HEADER_BYTES,
            request_timeout: server::REQUEST_TIMEOUT,
            max_unread_bytes: unread::MAX_UNREAD_BYTES,
            messages: MessageLimits::default(),
            max_lanes: 10_000,
            keys: KeySource::MadeSecretFile(PathBuf::from("activity-feed.db.secret")),
            revoked_file: None,
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            base_path: BasePath::default(),
            rules: None,
            drain_timeout: Duration::from_secs(10),
            echo: false,
        }
    }
}

impl ServeOptions {
    /// Whether the server can be reached from this machine alone.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.listen.ip().to_canonical().is_loopback()
    }

    /// Whether nobody named a key, so that whoever starts the server has to be told how to sign in.
    #[must_use]
    pub fn made_its_key(&self) -> bool {
        matches!(self.keys, KeySource::MadeSecretFile(_))
    }
}

/// Settings that cannot go together. Lists all that is wrong, each with its remedy.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

/// The keys for a server on `listen`, from what was asked for.
///
/// # Errors
/// More than one source of keys, or none where one is needed.
pub fn keys(
    listen: SocketAddr,
    store: &StoreUrl,
    secret_file: Option<&Path>,
    jwks_file: Option<&Path>,
    no_auth: bool,
) -> Result<KeySource, ConfigError> {
    let loopback = listen.ip().to_canonical().is_loopback();
    let mut wrong = Vec::new();
    if usize::from(secret_file.is_some()) + usize::from(jwks_file.is_some()) + usize::from(no_auth) > 1 {
        wrong.push("give only one of --secret-file, --jwks-file and --no-auth".to_owned());
    }
    if no_auth && !loopback {
        wrong.push(format!(
            "--no-auth lets everybody do everything, so it is for loopback addresses only, and {listen} is none; \
             leave it out, or listen on 127.0.0.1"
        ));
    }
    if secret_file.is_none() && jwks_file.is_none() && !no_auth && !loopback {
        wrong.push(format!(
            "{listen} can be reached from other machines, so a key is needed: make one with \
             `(umask 077; openssl rand -hex 32 > feed.secret)` and give --secret-file feed.secret \
             (or --jwks-file with your identity provider's public keys)"
        ));
    }
    if !wrong.is_empty() {
        return Err(ConfigError(wrong));
    }
    Ok(match (secret_file, jwks_file, no_auth) {
        (Some(path), ..) => KeySource::SecretFile(path.to_owned()),
        (_, Some(path), _) => KeySource::JwksFile(path.to_owned()),
        (.., true) => KeySource::NoAuth,
        _ => KeySource::MadeSecretFile(store.secret_path()),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn spans_are_what_people_write() {
        let ms = |text: &str| text.parse::<Span>().map(|span| span.0.as_millis());
        for (text, want) in [
            ("10s", 10_000),
            ("15m", 900_000),
            ("12h", 43_200_000),
            ("30d", 2_592_000_000),
            ("2w", 1_209_600_000),
            ("500ms", 500),
            ("7", 7_000),
            ("0s", 0),
        ] {
            assert_eq!(ms(text), Ok(want), "{text}");
        }
        for text in ["", "s", "-1s", "1.5h", "10 s", "1y", "99999999999999999999s", "9999999999d", "m10"] {
            assert!(ms(text).is_err(), "{text}");
        }
        for text in ["10s", "15m", "12h", "30d", "500ms"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn stores_are_named_by_url() {
        assert_eq!("memory:".parse(), Ok(StoreUrl::Memory));
        assert_eq!("sqlite:/tmp/a.db".parse(), Ok(StoreUrl::Sqlite("/tmp/a.db".into())));
        for text in ["", "sqlite:", "memory", "a.db", "mysql://x"] {
            assert!(text.parse::<StoreUrl>().is_err(), "{text}");
        }
        assert_eq!(StoreUrl::Sqlite("/d/a.db".into()).secret_path(), PathBuf::from("/d/a.db.secret"));
    }

    #[test]
    fn a_public_address_needs_a_key() {
        let store = StoreUrl::Memory;
        let source = |listen: &str, secret: Option<&Path>, jwks: Option<&Path>, open| {
            keys(listen.parse().unwrap(), &store, secret, jwks, open).map_err(|error| error.to_string())
        };
        let file = Some(Path::new("k"));
        let made = KeySource::MadeSecretFile("activity-feed.secret".into());
        assert_eq!(source("127.0.0.1:0", None, None, false), Ok(made.clone()));
        assert_eq!(source("[::1]:0", None, None, false), Ok(made));
        assert_eq!(source("0.0.0.0:0", file, None, false), Ok(KeySource::SecretFile("k".into())));
        assert_eq!(source("0.0.0.0:0", None, file, false), Ok(KeySource::JwksFile("k".into())));
        assert_eq!(source("127.0.0.1:0", None, None, true), Ok(KeySource::NoAuth));
        assert!(source("0.0.0.0:0", None, None, false).unwrap_err().contains("openssl rand"));
        assert!(source("[::]:0", None, None, true).unwrap_err().contains("loopback"));
        assert!(source("127.0.0.1:0", file, file, false).unwrap_err().contains("only one"));
        assert_eq!(source("0.0.0.0:0", file, None, true).unwrap_err().lines().count(), 2, "all that is wrong");
    }

    #[test]
    fn base_paths_have_no_slash_at_the_end() {
        let path = |text: &str| text.parse::<BasePath>().map(|path| path.as_str().to_owned());
        assert_eq!(path("/"), Ok(String::new()));
        assert_eq!(path(""), Ok(String::new()));
        assert_eq!(path("/feed/"), Ok("/feed".to_owned()));
        assert_eq!(path("/a/b"), Ok("/a/b".to_owned()));
        for text in ["feed", "/a b", "/a?b", "/a;b", "//a", "/{x}"] {
            assert!(path(text).is_err(), "{text}");
        }
    }
}
