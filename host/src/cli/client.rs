//! The client's side of the HTTP API, for the commands that speak to a server: one server, one token, and errors that
//! say what to do next. A token that is minted here from a server's own secret is sent to loopback addresses only.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::clock;
use crate::config::StoreUrl;
use crate::web::auth::{Scope, Scopes, Secret, TokenSpec};

pub(super) const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// How long a token holds that is minted for one command.
const OWN_TOKEN_SECONDS: u64 = 12 * 3_600;
/// After how long such a token is made anew, and a token file read again, in ms: a command that follows outlives both.
const OWN_TOKEN_FRESH_MS: u64 = OWN_TOKEN_SECONDS * 1_000 / 2;
const TOKEN_FILE_FRESH_MS: u64 = 60_000;
/// Bytes of an answer that are read at most: a page of 1,000 events of 64 KiB.
const MAX_ANSWER_BYTES: u64 = 80 * 1_048_576;
/// Bytes of a token file that are read at most.
const MAX_TOKEN_BYTES: u64 = 16_384;

#[derive(clap::Args)]
pub(super) struct ClientArgs {
    /// The server
    #[arg(long, env = "ACTIVITY_FEED_URL", default_value = DEFAULT_URL, value_name = "URL")]
    url: String,
    /// The token to show; without it, one made from the secret beside the store, if that can be read
    #[arg(
        long,
        env = "ACTIVITY_FEED_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        conflicts_with = "token_file"
    )]
    token: Option<String>,
    /// A file with the token
    #[arg(long, env = "ACTIVITY_FEED_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Why nothing came of a request.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("nothing answers at {0}: is the server running? `activity-feed serve` starts one")]
    NobodyThere(String),
    #[error("cannot reach {0}: {1}")]
    Unreachable(String, String),
    #[error("`{0}` is no URL, like {DEFAULT_URL}")]
    BadUrl(String),
    #[error("cannot read the token file {path}: {source}")]
    TokenFile { path: PathBuf, source: io::Error },
    #[error("the server refuses ({status}): {detail}{}", hint(*.status))]
    Refused { status: u16, detail: String, index: Option<u64>, retry_after: Option<Duration> },
    #[error("the server's answer is not what a feed answers; is {0} an activity-feed?")]
    Nonsense(String),
}

fn hint(status: u16) -> &'static str {
    match status {
        401 => {
            "\nshow a token with --token, --token-file or ACTIVITY_FEED_TOKEN; `activity-feed token` mints one where \
             the server's secret is"
        }
        403 => "\n`activity-feed token --scope publish --scope subscribe` mints a token that may both log and read",
        404 => "\nis the URL right? It ends before /api",
        429 | 503 => "\ntry again in a moment",
        _ => "",
    }
}

impl ClientError {
    /// Whether the same request may succeed later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::NobodyThere(_) | Self::Unreachable(..) => true,
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500..),
            Self::BadUrl(_) | Self::TokenFile { .. } | Self::Nonsense(_) => false,
        }
    }

    /// How long the server asks to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Where the token comes from.
enum Credential {
    None,
    Given(String),
    /// One that is had anew from time to time.
    Renewed {
        source: TokenSource,
        current: Mutex<Fresh>,
    },
}

enum TokenSource {
    File(PathBuf),
    /// Minted here, for this scope.
    Own(Scope),
}

/// A token, and when it was had (Unix milliseconds: a machine that sleeps wakes with an old one).
struct Fresh {
    token: String,
    at_ms: u64,
}

impl Credential {
    fn of(args: &ClientArgs, is_loopback: bool, scope: Scope) -> Result<Self, ClientError> {
        let renewed =
            |source, token| Self::Renewed { source, current: Mutex::new(Fresh { token, at_ms: clock::unix_ms() }) };
        Ok(match (&args.token, &args.token_file) {
            (Some(token), _) => Self::Given(token.trim().to_owned()),
            (None, Some(path)) => renewed(TokenSource::File(path.clone()), read_token(path)?),
            (None, None) if is_loopback => {
                own_token(scope).map_or(Self::None, |token| renewed(TokenSource::Own(scope), token))
            }
            (None, None) => Self::None,
        })
    }

    fn token(&self, now_ms: u64) -> Option<String> {
        match self {
            Self::None => None,
            Self::Given(token) => Some(token.clone()),
            Self::Renewed { source, current } => {
                let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
                let (fresh_ms, again): (u64, &dyn Fn() -> Option<String>) = match source {
                    TokenSource::File(path) => (TOKEN_FILE_FRESH_MS, &|| read_token(path).ok()),
                    TokenSource::Own(scope) => (OWN_TOKEN_FRESH_MS, &|| own_token(*scope)),
                };
                // What cannot be had anew goes on as it is, for the server to judge.
                if now_ms.saturating_sub(current.at_ms) >= fresh_ms
                    && let Some(token) = again()
                {
                    *current = Fresh { token, at_ms: now_ms };
                }
                Some(current.token.clone())
            }
        }
    }
}

/// A server, and how to ask it.
pub(super) struct Client {
    agent: Agent,
    url: String,
    credential: Credential,
}

impl Client {
    /// `scope` is what a token made here is good for. `read_timeout` is how long the server may be silent in an answer.
    pub(super) fn new(args: &ClientArgs, scope: Scope, read_timeout: Duration) -> Result<Self, ClientError> {
        let url = args.url.trim_end_matches('/').to_owned();
        let parsed = url.parse::<ureq::http::Uri>().map_err(|_| ClientError::BadUrl(args.url.clone()))?;
        let host = match (parsed.scheme_str(), parsed.host()) {
            (Some("http" | "https"), Some(host)) => host,
            _ => return Err(ClientError::BadUrl(args.url.clone())),
        };
        let credential = Credential::of(args, is_loopback(host), scope)?;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_per_read(Some(read_timeout))
            .timeout_per_write(Some(Duration::from_secs(30)))
            .user_agent(concat!("activity-feed/", env!("CARGO_PKG_VERSION")))
            .tls_config(ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build())
            .build()
            .new_agent();
        Ok(Self { agent, url, credential })
    }

    /// `GET`s a path below the server's URL; gives the answer if the server grants it.
    pub(super) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Response<Body>, ClientError> {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        for (name, value) in
            headers.iter().copied().chain(self.authorization().as_ref().map(|a| ("authorization", a.as_str())))
        {
            request = request.header(name, value);
        }
        self.judge(request.call())
    }

    /// `POST`s a body; gives the answer's JSON if the server grants it.
    pub(super) fn post(&self, path: &str, media_type: &str, body: &[u8]) -> Result<Value, ClientError> {
        let mut request = self.agent.post(format!("{}{path}", self.url)).header("content-type", media_type);
        if let Some(authorization) = self.authorization() {
            request = request.header("authorization", authorization);
        }
        self.json(self.judge(request.send(body))?)
    }

    /// An answer's JSON.
    pub(super) fn json(&self, answer: Response<Body>) -> Result<Value, ClientError> {
        serde_json::from_str(&self.text(answer)?).map_err(|_| self.nonsense())
    }

    /// An answer's text.
    pub(super) fn text(&self, mut answer: Response<Body>) -> Result<String, ClientError> {
        let text = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string();
        text.map_err(|error| ClientError::Unreachable(self.url.clone(), error.to_string()))
    }

    /// What is said of an answer that no feed would give.
    pub(super) fn nonsense(&self) -> ClientError {
        ClientError::Nonsense(self.url.clone())
    }

    fn authorization(&self) -> Option<String> {
        self.credential.token(clock::unix_ms()).map(|token| format!("Bearer {token}"))
    }

    fn judge(&self, outcome: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, ClientError> {
        let mut answer = outcome.map_err(|error| match error {
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                ClientError::NobodyThere(self.url.clone())
            }
            ureq::Error::ConnectionFailed => ClientError::NobodyThere(self.url.clone()),
            ureq::Error::HostNotFound => ClientError::Unreachable(self.url.clone(), "no such host".to_owned()),
            other => ClientError::Unreachable(self.url.clone(), other.to_string()),
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let text = answer.body_mut().with_config().limit(65_536).read_to_string().unwrap_or_default();
        let problem = serde_json::from_str::<Value>(&text).unwrap_or_default();
        let said = problem.get("detail").or_else(|| problem.get("title")).and_then(Value::as_str);
        let detail = said.or(status.canonical_reason()).unwrap_or("no reason given");
        let index = problem.get("index").and_then(Value::as_u64);
        Err(ClientError::Refused { status: status.as_u16(), detail: plain(detail), index, retry_after })
    }
}

fn read_token(path: &Path) -> Result<String, ClientError> {
    let failed = |source| ClientError::TokenFile { path: path.to_owned(), source };
    let mut text = String::new();
    std::fs::File::open(path).map_err(failed)?.take(MAX_TOKEN_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(text.trim().to_owned())
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A token made from the secret that `serve` made beside the store in this directory; None when there is none.
fn own_token(scope: Scope) -> Option<String> {
    let store = std::env::var("ACTIVITY_FEED_STORE").ok().and_then(|text| text.parse::<StoreUrl>().ok());
    let store = store.unwrap_or_else(|| StoreUrl::Sqlite(PathBuf::from("activity-feed.db")));
    let named = std::env::var_os("ACTIVITY_FEED_SECRET_FILE").map(PathBuf::from);
    let secret = Secret::read(&named.unwrap_or_else(|| store.secret_path())).ok()?;
    let spec = TokenSpec {
        subject: Some("cli".to_owned()),
        scopes: Scopes::of(&[scope]),
        types: None,
        ttl_seconds: OWN_TOKEN_SECONDS,
    };
    secret.mint(&spec, clock::unix_ms() / 1_000).ok()
}

/// Text from a server, made harmless for a terminal: no control characters (ANSI sequences among them), no bidi
/// overrides, no invisible characters that would move the cursor or hide what is there.
pub(super) fn plain(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if harmful(c) { ' ' } else { c }).collect()
}

/// Pauses between tries: doubled each time up to a bound, and a random share of it taken, so that many who lost the
/// same server do not come back at the same moment.
pub(super) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(500);

    pub(super) fn new(longest: Duration) -> Self {
        Self { next: Self::FIRST, longest }
    }

    /// How long to pause now, at least `at_least`.
    pub(super) fn pause(&mut self, at_least: Option<Duration>) -> Duration {
        let mut random = [0_u8; 2];
        // Without random numbers the pause is only less spread.
        let _ = getrandom::fill(&mut random);
        let share = f64::from(u16::from_le_bytes(random)) / f64::from(u16::MAX);
        let pause = self.next.mul_f64(share).max(Duration::from_millis(50));
        self.next = (self.next * 2).min(self.longest);
        pause.max(at_least.unwrap_or_default().min(Duration::from_secs(60)))
    }

    /// Something went well.
    pub(super) fn reset(&mut self) {
        self.next = Self::FIRST;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn text_from_a_server_cannot_steer_a_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\u{202e}c\r\nd"), "a [31mb c  d");
        assert_eq!(plain("👩‍💻 naïve 日本"), "👩‍💻 naïve 日本");
    }

    #[test]
    fn pauses_grow_to_a_bound_and_heed_the_server() {
        let mut backoff = Backoff::new(Duration::from_secs(4));
        assert!((0..50).all(|_| backoff.pause(None) <= Duration::from_secs(4)));
        assert_eq!(backoff.next, Duration::from_secs(4));
        assert!(backoff.pause(Some(Duration::from_secs(9))) >= Duration::from_secs(9));
        backoff.reset();
        assert!(backoff.pause(None) <= Backoff::FIRST);
    }

    #[test]
    fn a_token_file_is_read_again_and_kept_when_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "first\n").unwrap();
        let args = ClientArgs { url: DEFAULT_URL.to_owned(), token: None, token_file: Some(path.clone()) };
        let credential = Credential::of(&args, true, Scope::Publish).unwrap();
        std::fs::write(&path, "second\n").unwrap();
        let now = clock::unix_ms();
        assert_eq!(credential.token(now).as_deref(), Some("first"));
        assert_eq!(credential.token(now + TOKEN_FILE_FRESH_MS + 1_000).as_deref(), Some("second"));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(credential.token(now + 10 * TOKEN_FILE_FRESH_MS).as_deref(), Some("second"));
    }

    #[test]
    fn an_own_token_goes_to_loopback_only() {
        assert!(["localhost", "127.0.0.1", "127.1.2.3", "[::1]"].into_iter().all(is_loopback));
        assert!(!["example.org", "10.0.0.1", "localhost.example.org", "[::2]", "0.0.0.0"].into_iter().any(is_loopback));
    }

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        let refused = |status| ClientError::Refused { status, detail: String::new(), index: None, retry_after: None };
        assert!([408, 429, 500, 503].into_iter().all(|status| refused(status).is_passing()));
        assert!(![400, 401, 403, 404, 409, 413, 422].into_iter().any(|status| refused(status).is_passing()));
        assert!(refused(401).to_string().contains("ACTIVITY_FEED_TOKEN"));
    }
}
