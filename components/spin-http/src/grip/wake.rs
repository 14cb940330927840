//! Wakes sockets: publishes to the proxy, after an append, a ping on the channels of the new events' types. The client's
//! pong comes back as a request, and its answer brings what is due. Nothing of an event is in a ping.
//!
//! Always true: an append neither waits for the proxy nor fails with it, and whatever becomes of a ping, no event is lost
//! by it: a socket is asked again at the next one, or after 12 s at most (`c:keep-alive`, see the parent module).

use std::cell::RefCell;
use std::collections::BTreeSet;

use bytes::Bytes;
use futures::future::{self, Either};
use http_body_util::Full;
use serde_json::{Value, json};
use spin_sdk::http::{self, HeaderValue, Method, Request, Uri};
use spin_sdk::wasip3;

use crate::clock::{monotonic_ms, sleep_ms, unix_ms};
use crate::config::{Config, Grip};
use crate::grip::channels;
use crate::jws;

/// One publish at most in this time, for all appends of an instance.
const PAUSE_MS: u64 = 40;
/// How long a proxy may take; an instance that nobody asks ends after a second.
const PATIENCE_MS: u64 = 1_500;
/// A ping that failed is tried once more after this.
const RETRY_MS: u64 = 300;
/// After this a publisher that has said nothing is taken for gone.
const LONGEST_MS: u64 = 10_000;
/// Items in one request: Pushpin takes a megabyte.
const ITEMS: usize = 2_000;
/// Seconds that a signature holds.
const SIGNED_FOR: u64 = 300;

#[derive(Default)]
struct Waking {
    /// Channels that were not published to yet.
    channels: BTreeSet<String>,
    /// When the publisher was last heard of; none: there is none.
    publisher: Option<u64>,
}

thread_local! {
    static WAKING: RefCell<Waking> = RefCell::default();
}

/// Events of these types were appended.
pub(crate) fn appended(config: &Config, types: &BTreeSet<String>) {
    let Some(grip) = &config.grip else { return };
    let starts = WAKING.with_borrow_mut(|waking| {
        for event_type in types {
            channels::woken_by(event_type, &mut waking.channels);
        }
        waking.start()
    });
    if starts {
        wasip3::spawn(publish_all(grip.clone()));
    }
}

/// This session has ended: so do its sockets.
pub(crate) fn session_ended(config: &Config, session: &str) {
    let Some(grip) = config.grip.clone() else { return };
    let close = json!({"action": "close", "code": 4001, "reason": "the session has ended"});
    let items = json!([{"channel": channels::of_session(session), "formats": {"ws-message": close}}]);
    wasip3::spawn(async move {
        publish(&grip, &items).await;
    });
}

impl Waking {
    /// Whether a publisher has to be started.
    fn start(&mut self) -> bool {
        let now = monotonic_ms();
        let runs = self.publisher.is_some_and(|heard| now < heard.saturating_add(LONGEST_MS));
        if !runs {
            self.publisher = Some(now);
        }
        !runs
    }

    /// What to publish next; none: the publisher's work is done.
    fn take(&mut self) -> Option<Vec<String>> {
        let next = std::mem::take(&mut self.channels);
        self.publisher = (!next.is_empty()).then(monotonic_ms);
        self.publisher.map(|_| next.into_iter().collect())
    }
}

async fn publish_all(grip: Grip) {
    while let Some(channels) = WAKING.with_borrow_mut(Waking::take) {
        for some in channels.chunks(ITEMS) {
            let ping = json!({"type": "ping", "content": "new"});
            let items = some.iter().map(|channel| json!({"channel": channel, "formats": {"ws-message": ping}}));
            let items = Value::Array(items.collect());
            if !publish(&grip, &items).await {
                sleep_ms(RETRY_MS).await;
                publish(&grip, &items).await;
            }
        }
        sleep_ms(PAUSE_MS).await;
    }
}

/// Whether the proxy has taken it.
async fn publish(grip: &Grip, items: &Value) -> bool {
    let Some(request) = request(grip, items) else { return false };
    let sending = std::pin::pin!(http::send(request));
    let patience = std::pin::pin!(sleep_ms(PATIENCE_MS));
    let why = match future::select(sending, patience).await {
        Either::Left((Ok(response), _)) if response.status().is_success() => return true,
        Either::Left((Ok(response), _)) => format!("it answered {}", response.status()),
        Either::Left((Err(error), _)) => error.to_string(),
        Either::Right(_) => "it does not answer".to_owned(),
    };
    eprintln!("activity-feed: the GRIP proxy at {} was not told of new events: {why}", grip.publish);
    false
}

fn request(grip: &Grip, items: &Value) -> Option<Request<Full<Bytes>>> {
    let body = Bytes::from(json!({ "items": items }).to_string());
    let length = body.len();
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = grip.publish.parse::<Uri>().ok()?;
    let headers = request.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    // Spin sends what has no length in chunks, which Pushpin refuses.
    headers.insert("content-length", HeaderValue::from(length));
    if let Some(key) = &grip.key {
        let claims = json!({"iss": "activity-feed", "exp": unix_ms() / 1_000 + SIGNED_FOR});
        let token = jws::seal(key, &claims)?;
        headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {token}")).ok()?);
    }
    Some(request)
}
