//! How the log is told over HTTP: what the summary is asked for, how many bytes a page holds, and what both are written
//! like. What is read, and for whom, is the hosts'; parameters of a page are the broadcaster's to read.

use std::collections::BTreeMap;

use serde_json::json;

use crate::problem::Problem;

/// Bytes of events on one page: a thousand of the largest would be 64 MiB, several times over, for each who asks.
const PAGE_BYTES: usize = 8 << 20;
/// What an event takes beside its `data`, about.
const EVENT_BYTES: usize = 400;
/// Events that a page reads before it knows how large they are.
const FIRST_READ: u32 = 100;

/// What is left of a page's bytes while it is filled by several reads.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    left: usize,
    looked_at: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { left: PAGE_BYTES, looked_at: 0 }
    }
}

impl Room {
    /// Events to ask the store for first, where `limit` are wanted.
    #[must_use]
    pub fn first_read(limit: u32) -> u32 {
        limit.min(FIRST_READ)
    }

    /// How many of the events that were read, by the bytes of their `data`, there is room for; it is taken.
    pub fn take(&mut self, data_bytes: impl IntoIterator<Item = usize>) -> usize {
        let mut fitting = 0;
        for bytes in data_bytes {
            let Some(left) = self.left.checked_sub(bytes + EVENT_BYTES) else { break };
            self.left = left;
            fitting += 1;
        }
        self.looked_at += fitting;
        fitting
    }

    /// Events to ask for next, where `missing` are wanted: as many as will fit if they are like those before them.
    #[must_use]
    pub fn next_read(&self, missing: u32) -> u32 {
        let mean = (PAGE_BYTES - self.left) / self.looked_at.max(1);
        let fitting = u32::try_from(self.left / mean.max(1)).unwrap_or(u32::MAX).max(1);
        missing.min(fitting)
    }
}

/// A page of history, from the payloads of its events: they are JSON already, and are joined, not parsed and written
/// again. `next` is where the next page goes on.
#[must_use]
pub fn page(epoch: &str, payloads: &[String], next: u64, head: u64, more: bool, skipped: Option<&str>) -> String {
    let cursor = |seq: u64| json!(format!("{epoch}:{seq}")).to_string();
    let mut body = String::with_capacity(payloads.iter().map(|payload| payload.len() + 1).sum::<usize>() + 256);
    body.push_str("{\"events\":[");
    for (index, payload) in payloads.iter().enumerate() {
        body.push_str(if index == 0 { "" } else { "," });
        body.push_str(payload);
    }
    body.push_str("],\"cursor\":");
    body.push_str(&cursor(next));
    body.push_str(",\"head\":");
    body.push_str(&cursor(head));
    body.push_str(if more { ",\"more\":true" } else { ",\"more\":false" });
    if let Some(skipped) = skipped {
        body.push_str(",\"skipped\":");
        body.push_str(skipped);
    }
    body.push('}');
    body
}

/// The one parameter of the summary.
///
/// # Errors
/// 422 for another one, and for what is no number of minutes in a day.
pub fn read_minutes(query: &str) -> Result<u32, Problem> {
    let mut minutes = 60;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "minutes" {
            return Err(Problem::invalid("`summary` takes one parameter, `minutes`"));
        }
        minutes = value
            .parse()
            .ok()
            .filter(|minutes| (1..=1_440).contains(minutes))
            .ok_or_else(|| Problem::invalid("`minutes` is a whole number from 1 to 1440"))?;
    }
    Ok(minutes)
}

/// The summary of events that were counted as (minutes ago, type, events), those alone whose type the token shows.
#[must_use]
pub fn summary(minutes: u32, counts: impl IntoIterator<Item = (u32, String, u64)>) -> String {
    let mut by_type: BTreeMap<String, u64> = BTreeMap::new();
    let mut per_minute = vec![0_u64; usize::try_from(minutes).unwrap_or(0)];
    let mut per_minute_by_type: BTreeMap<String, BTreeMap<u32, u64>> = BTreeMap::new();
    for (ago, event_type, count) in counts {
        // Oldest first, like a chart is read.
        let at = minutes.saturating_sub(ago.saturating_add(1));
        if let Some(minute) = usize::try_from(at).ok().and_then(|at| per_minute.get_mut(at)) {
            *minute += count;
        }
        *by_type.entry(event_type.clone()).or_default() += count;
        *per_minute_by_type.entry(event_type).or_default().entry(at).or_default() += count;
    }
    let total: u64 = by_type.values().sum();
    json!({
        "minutes": minutes,
        "total": total,
        "by_type": by_type,
        "per_minute": per_minute,
        "per_minute_by_type": per_minute_by_type,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::Value;

    use super::*;

    #[test]
    fn a_page_is_bounded_by_its_bytes_and_told_what_fits() {
        let mut room = Room::default();
        assert_eq!(Room::first_read(1_000), 100);
        assert_eq!(room.take([65_536; 100]), 100);
        assert_eq!(room.next_read(900), 27, "as many as will fit");
        assert_eq!(room.take([65_536; 50]), 27);
        assert_eq!(room.take([65_536]), 0, "the page is full");
        assert_eq!(Room::default().next_read(5), 5, "nothing is known yet");
    }

    #[test]
    fn a_page_is_what_its_payloads_are() {
        let payloads = ["{\"id\":\"a\"}".to_owned(), "{\"id\":\"b\"}".to_owned()];
        let body: Value = serde_json::from_str(&page("e", &payloads, 7, 9, true, Some("{\"count\":3}"))).unwrap();
        let expected = json!({"events": [{"id": "a"}, {"id": "b"}], "cursor": "e:7", "head": "e:9", "more": true,
            "skipped": {"count": 3}});
        assert_eq!(body, expected);
        assert_eq!(page("e", &[], 0, 0, false, None), r#"{"events":[],"cursor":"e:0","head":"e:0","more":false}"#);
    }

    #[test]
    fn a_summary_is_by_type_and_by_minute() {
        assert_eq!((read_minutes("").unwrap(), read_minutes("minutes=5").unwrap()), (60, 5));
        for bad in ["minutes=0", "minutes=1441", "minutes=x", "hours=1", "minutes="] {
            assert_eq!(read_minutes(bad).unwrap_err().status(), 422, "{bad}");
        }
        let counts = [(0, "b".to_owned(), 1), (2, "a".to_owned(), 4), (2, "b".to_owned(), 2)];
        let body: Value = serde_json::from_str(&summary(3, counts)).unwrap();
        let expected = json!({"minutes": 3, "total": 7, "by_type": {"a": 4, "b": 3}, "per_minute": [6, 0, 1],
            "per_minute_by_type": {"a": {"0": 4}, "b": {"0": 2, "2": 1}}});
        assert_eq!(body, expected);
    }
}
