//! What a server's metrics say of what it has refused and closed: each hostile shape moves the counter that
//! docs/limits.md names for it, and no other.

use std::collections::BTreeMap;

use crate::http::Client;
use crate::{SOON, wait_for};

/// The reasons that a refusal with this status may be counted under. 0 is an end of the connection without an answer.
#[must_use]
pub fn reasons_of(status: u16) -> &'static [&'static str] {
    match status {
        0 => &["malformed_http", "header_bytes", "header_timeout"],
        400 => &["bad_request", "malformed_http", "not_json"],
        401 => &["unauthenticated"],
        403 => &["forbidden", "foreign_host", "foreign_origin"],
        404 => &["not_found"],
        405 => &["method_not_allowed"],
        408 => &["timeout"],
        409 => &["conflict"],
        413 => &["too_large"],
        414 | 431 => &["header_bytes"],
        415 => &["unsupported_media_type"],
        422 => &["invalid", "bad_cursor", "bad_filter", "future_cursor", "unknown_channel", "too_many"],
        426 => &["upgrade_required"],
        429 => {
            &["addresses", "connect_rate_per_ip", "connections", "connections_per_ip", "publish_rate", "unread_answers"]
        }
        505 => &["malformed_http"],
        _ => &[],
    }
}

/// The reason that a close with this code is counted under.
///
/// # Panics
/// When the server has no such code.
#[must_use]
pub fn reason_of_close(code: u16) -> &'static str {
    match code {
        1002 => "broken_framing",
        1007 => "not_utf8",
        1009 => "message_too_big",
        4000 => "bad_message",
        4001 | 4003 => "not_allowed",
        4008 => "no_subscribe",
        4101 => "too_slow",
        4103 => "too_many_messages",
        4201 => "going_away",
        4202 => "token_expired",
        _ => panic!("{code} is no code that a server closes with"),
    }
}

/// The counts of a server that nobody else troubles.
#[derive(Debug)]
pub struct Counted {
    http: Client,
    before: BTreeMap<String, u64>,
}

impl Counted {
    /// As they stand now. `http` may read `/metrics`.
    #[must_use]
    pub fn new(http: Client) -> Self {
        let before = counts(&http);
        Self { http, before }
    }

    /// Waits until something was counted since the last time, which must be one of these reasons and nothing else.
    #[track_caller]
    pub fn expect(&mut self, what: &str, reasons: &[&str]) {
        if self.before.is_empty() {
            return;
        }
        let moved = wait_for(&format!("{what} to be counted as one of {reasons:?}"), SOON, || {
            let now = counts(&self.http);
            let moved: Vec<String> =
                now.iter().filter(|(name, n)| self.before[*name] < **n).map(|(name, _)| name.clone()).collect();
            (!moved.is_empty()).then(|| self.before = now).map(|()| moved)
        });
        assert!(
            moved.iter().all(|reason| reasons.contains(&reason.as_str())),
            "{what}: counted as {moved:?}, not {reasons:?}"
        );
    }

    /// Nothing was counted since the last time.
    #[track_caller]
    pub fn expect_none(&mut self, what: &str) {
        assert_eq!(counts(&self.http), self.before, "{what} was counted");
    }
}

/// Every reason of `activity_feed_refused_total` and `activity_feed_closed_total`, with its count.
#[must_use]
#[track_caller]
pub fn counts(http: &Client) -> BTreeMap<String, u64> {
    let answer = http.get("/metrics");
    // The Spin application counts nothing (docs/spin.md); the same tests ask it.
    if answer.status == 404 {
        return BTreeMap::new();
    }
    let metrics = answer.expect(200).text();
    let reasons = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix("activity_feed_refused_total{reason=\"");
        rest.or_else(|| line.strip_prefix("activity_feed_closed_total{reason=\""))?.split_once("\"} ")
    });
    reasons.map(|(reason, count)| (reason.to_owned(), count.parse().expect("a count"))).collect()
}
