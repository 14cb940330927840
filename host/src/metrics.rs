//! The Prometheus metrics, all named `activity_feed_…`. One value of [`Metrics`] a process; it is passed in, never global.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// One label, by the name that the metric's documentation gives it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Reason {
    /// Why.
    pub reason: &'static str,
}

/// Which component.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Component {
    /// `event-log`, `broadcaster` or `rules`.
    pub component: &'static str,
}

/// What kind of secret. Kinds come from the event-log component's table, so their number is bounded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Kind {
    /// Like `github_token`.
    pub kind: String,
}

/// Which transport.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Transport {
    /// `websocket` or `sse`.
    pub transport: &'static str,
}

/// How a replay went.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReplayResult {
    /// `recovered`, `pruned`, `future` or `failed`.
    pub result: &'static str,
}

/// Every reason that something is refused for: docs/limits.md says what each means.
const REFUSED: [&str; 33] = [
    "addresses",
    "answer_timeout",
    "bad_cursor",
    "bad_filter",
    "bad_request",
    "conflict",
    "connect_rate_per_ip",
    "connections",
    "connections_per_ip",
    "draining",
    "forbidden",
    "foreign_host",
    "foreign_origin",
    "future_cursor",
    "header_bytes",
    "header_timeout",
    "http_connections",
    "internal",
    "invalid",
    "malformed_http",
    "method_not_allowed",
    "not_found",
    "not_json",
    "publish_rate",
    "timeout",
    "too_large",
    "too_many",
    "unauthenticated",
    "unavailable",
    "unknown_channel",
    "unread_answers",
    "unsupported_media_type",
    "upgrade_required",
];
/// Every reason that the server closes a connection for.
const CLOSED: [&str; 11] = [
    "bad_message",
    "broken_framing",
    "going_away",
    "message_too_big",
    "no_subscribe",
    "not_allowed",
    "not_utf8",
    "silent",
    "token_expired",
    "too_many_messages",
    "too_slow",
];

type Seconds = Counter<f64, AtomicU64>;

/// Everything that is counted.
#[derive(Debug)]
#[expect(missing_docs, reason = "each is described where it is registered, in `new`")]
pub struct Metrics {
    registry: Registry,
    pub events_appended: Counter,
    pub duplicates: Counter,
    pub deliveries: Counter,
    pub skipped: Family<Reason, Counter>,
    pub connections: Family<Transport, Gauge>,
    pub refused: Family<Reason, Counter>,
    pub closed: Family<Reason, Counter>,
    pub replays: Family<ReplayResult, Counter>,
    pub append_seconds: Histogram,
    pub delivery_seconds: Histogram,
    pub ingest_queue: Gauge,
    pub lanes: Gauge,
    pub redactions: Family<Kind, Counter>,
    pub component_calls: Family<Component, Counter>,
    pub component_seconds: Family<Component, Seconds>,
    pub component_traps: Family<Component, Counter>,
    pub component_reloads: Family<Component, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let buckets = || [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0];
        let mut metrics = Self {
            registry: Registry::with_prefix("activity_feed"),
            events_appended: Counter::default(),
            duplicates: Counter::default(),
            deliveries: Counter::default(),
            skipped: Family::default(),
            connections: Family::default(),
            refused: Family::default(),
            closed: Family::default(),
            replays: Family::default(),
            append_seconds: Histogram::new(buckets()),
            delivery_seconds: Histogram::new(buckets()),
            ingest_queue: Gauge::default(),
            lanes: Gauge::default(),
            redactions: Family::default(),
            component_calls: Family::default(),
            component_seconds: Family::default(),
            component_traps: Family::default(),
            component_reloads: Family::default(),
        };
        let r = &mut metrics.registry;
        r.register("events_appended", "Events made durable by this process", metrics.events_appended.clone());
        r.register("events_duplicate", "Events that came again with an id that is kept", metrics.duplicates.clone());
        r.register("deliveries", "Event frames handed to subscribers", metrics.deliveries.clone());
        r.register("skipped", "Events reported as skipped, by reason", metrics.skipped.clone());
        r.register("connections", "Open subscriber connections, by transport", metrics.connections.clone());
        r.register("refused", "Requests and handshakes refused, by cause", metrics.refused.clone());
        r.register("closed", "Connections closed by the server, by cause", metrics.closed.clone());
        r.register("replays", "Replays, by result", metrics.replays.clone());
        let seconds = Unit::Seconds;
        r.register_with_unit(
            "append",
            "From a request's arrival at the ingest queue to durable",
            seconds.clone(),
            metrics.append_seconds.clone(),
        );
        r.register_with_unit(
            "append_to_socket",
            "From the append's commit to the frame's way into the sockets",
            seconds.clone(),
            metrics.delivery_seconds.clone(),
        );
        r.register("ingest_queue_depth", "Requests that wait for their append", metrics.ingest_queue.clone());
        r.register("lanes", "Open lanes", metrics.lanes.clone());
        r.register("redactions", "Secrets taken out before storing, by kind", metrics.redactions.clone());
        r.register("component_calls", "Calls, by component", metrics.component_calls.clone());
        r.register_with_unit(
            "component",
            "Time spent in calls, by component",
            seconds,
            metrics.component_seconds.clone(),
        );
        r.register(
            "component_traps",
            "Calls that trapped, ran too long or used too much memory",
            metrics.component_traps.clone(),
        );
        r.register("component_reloads", "Components loaded in place of another", metrics.component_reloads.clone());
        metrics.show_zeros();
        metrics
    }

    /// What has not happened yet is there as 0: an alert on a rise, and a look at a fresh server, need the series.
    fn show_zeros(&self) {
        for transport in ["websocket", "sse"] {
            drop(self.connections.get_or_create(&Transport { transport }));
        }
        for reason in ["rate", "buffer", "slow", "pruned"] {
            drop(self.skipped.get_or_create(&Reason { reason }));
        }
        for reason in REFUSED {
            drop(self.refused.get_or_create(&Reason { reason }));
        }
        for reason in CLOSED {
            drop(self.closed.get_or_create(&Reason { reason }));
        }
        for result in ["recovered", "pruned", "future", "failed"] {
            drop(self.replays.get_or_create(&ReplayResult { result }));
        }
    }

    /// The text of `/metrics` (OpenMetrics 1.0).
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail; an empty page would be the answer if it ever did.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
