//! The application's settings, from the variables of `spin.toml`. Read once an instance; a wrong one is said in one line
//! and answered with 503, and the next request looks again.

use std::cell::RefCell;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use spin_sdk::variables;

use crate::bindings::activity::log::event_log::Limits;
use crate::doors::Origin;
use crate::jws::Keys;
use crate::problem::Problem;

/// Bytes that a secret holds at least: HS256 is no stronger than its key (RFC 7518, section 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// A GRIP proxy in front.
#[derive(Clone)]
pub(crate) struct Grip {
    /// Where to publish.
    pub(crate) publish: String,
    /// What it signs its requests with, and we ours.
    pub(crate) key: Option<Vec<u8>>,
}

/// All settings.
pub(crate) struct Config {
    /// The secret of tokens and cookies.
    pub(crate) keys: Keys,
    /// Live events a second to one subscription.
    pub(crate) rate: u32,
    /// Events replayed at most.
    pub(crate) buffer: u32,
    /// Milliseconds after which an event is removed; none: never.
    pub(crate) retain_ms: Option<u64>,
    /// Events that are kept; none: all.
    pub(crate) retain_events: Option<u64>,
    /// What a publisher may send in one request.
    pub(crate) limits: Limits,
    /// Bytes of a request's body.
    pub(crate) max_body_bytes: usize,
    /// Origins beside the application's own.
    pub(crate) allowed: Vec<Origin>,
    /// The GRIP proxy that carries WebSockets; none: there are none.
    pub(crate) grip: Option<Grip>,
}

thread_local! {
    static CONFIG: RefCell<Option<Rc<Config>>> = const { RefCell::new(None) };
}

/// The settings.
///
/// # Errors
/// 503: a variable is missing or wrong. Which one is written to stderr.
pub(crate) async fn get() -> Result<Rc<Config>, Problem> {
    if let Some(config) = CONFIG.with_borrow(Clone::clone) {
        return Ok(config);
    }
    match read().await {
        Ok(config) => {
            let config = Rc::new(config);
            CONFIG.set(Some(Rc::clone(&config)));
            Ok(config)
        }
        Err(why) => {
            eprintln!("activity-feed: {why}");
            Err(Problem::unavailable("the application is not set up; its log says what is missing"))
        }
    }
}

async fn read() -> Result<Config, String> {
    let secret = variable("secret").await?;
    let secret = secret.strip_suffix('\n').unwrap_or(&secret);
    if secret.len() < MIN_SECRET_BYTES {
        return Err(format!(
            "the variable `secret` has {} bytes, at least {MIN_SECRET_BYTES} are needed; make one with `openssl rand -hex 32`",
            secret.len()
        ));
    }
    let mut allowed = Vec::new();
    for text in variable("allowed_origins").await?.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let origin = Origin::parse(text.trim_end_matches('/'));
        allowed
            .push(origin.ok_or_else(|| {
                format!("the variable `allowed_origins`: `{text}` is not like `https://example.org`")
            })?);
    }
    let max_event_bytes = number("max_event_bytes", 1).await?;
    Ok(Config {
        keys: Keys::new(secret.as_bytes()),
        rate: u32::try_from(number("rate", 1).await?).unwrap_or(u32::MAX),
        buffer: u32::try_from(number("buffer", 1).await?).unwrap_or(u32::MAX),
        retain_ms: age("retain", &variable("retain").await?)?,
        retain_events: Some(number("retain_events", 0).await?).filter(|events| *events > 0),
        limits: Limits { max_event_bytes: u32::try_from(max_event_bytes).unwrap_or(u32::MAX), max_events: 1_000 },
        max_body_bytes: usize::try_from(number("max_body_bytes", 1).await?).unwrap_or(usize::MAX),
        allowed,
        grip: grip(variable("grip_url").await?.trim(), variable("grip_key").await?.trim())?,
    })
}

/// The proxy's own address for publishing, and its key: text, or after `base64:` bytes, as Pushpin takes it.
fn grip(url: &str, key: &str) -> Result<Option<Grip>, String> {
    if url.is_empty() {
        return Ok(None);
    }
    if !(url.starts_with("http://") || url.starts_with("https://")) || url.contains('?') {
        return Err(format!("the variable `grip_url` is `{url}`; an address is like `http://127.0.0.1:5561`"));
    }
    let key = match key.strip_prefix("base64:") {
        Some(coded) => STANDARD.decode(coded).map_err(|_| "the variable `grip_key` is no base64".to_owned())?,
        None => key.as_bytes().to_owned(),
    };
    Ok(Some(Grip {
        publish: format!("{}/publish/", url.trim_end_matches('/')),
        key: Some(key).filter(|key| !key.is_empty()),
    }))
}

async fn variable(name: &str) -> Result<String, String> {
    variables::get(name).await.map_err(|error| format!("the variable `{name}` cannot be had: {error}"))
}

async fn number(name: &str, least: u64) -> Result<u64, String> {
    let text = variable(name).await?;
    let number = text.trim().parse().ok().filter(|number| *number >= least);
    number.ok_or_else(|| format!("the variable `{name}` is `{text}`; a whole number from {least} is needed"))
}

/// `30d`, `12h`, `90m`, `45s`; nothing is never.
fn age(name: &str, text: &str) -> Result<Option<u64>, String> {
    let text = text.trim();
    if text.is_empty() || text == "0" {
        return Ok(None);
    }
    let unit = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let milliseconds = unit
        .into_iter()
        .find_map(|(suffix, milliseconds)| text.strip_suffix(suffix)?.parse::<u64>().ok()?.checked_mul(milliseconds));
    milliseconds
        .map(Some)
        .ok_or_else(|| format!("the variable `{name}` is `{text}`; an age is like `30d`, `12h` or `90m`"))
}
