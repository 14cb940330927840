//! Events to publish, what their publisher is told, and the parts of a cursor.

use serde_json::{Value, json};

/// An event of this type with this data.
pub fn event(event_type: &str, data: Value) -> Value {
    json!({"event_type": event_type, "source": "tests", "data": data})
}

/// As many agents that join as a state knows, with long names: it is larger than what waits for one client.
pub fn large_swarm() -> Vec<Value> {
    let joined = |n: usize| {
        let mut joined = event("agent.joined", json!({ "name": format!("{n} {}", "name ".repeat(12)) }));
        joined["agent_id"] = json!(format!("agent-{n}-{}", "i".repeat(110)));
        joined
    };
    (0..1_000).map(joined).collect()
}

/// One entry of the answer to a `POST /api/events`.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The event's id.
    pub id: String,
    /// Its place in the log.
    pub seq: u64,
    /// The cursor that has passed it.
    pub cursor: String,
    /// Whether it was there before.
    pub duplicate: bool,
}

impl Receipt {
    /// Reads one entry.
    #[track_caller]
    pub fn read(entry: &Value) -> Self {
        Self {
            id: entry["id"].as_str().expect("an id").to_owned(),
            seq: entry["seq"].as_u64().expect("a seq"),
            cursor: entry["cursor"].as_str().expect("a cursor").to_owned(),
            duplicate: entry["duplicate"].as_bool().expect("a duplicate flag"),
        }
    }
}

/// The seq in a cursor that stands in a frame: `<epoch>:<seq>`.
#[track_caller]
pub fn seq_of(cursor: &Value) -> u64 {
    split(cursor.as_str().unwrap_or_else(|| panic!("not a cursor: {cursor}"))).1
}

/// The epoch and the seq of a cursor.
#[track_caller]
pub fn split(cursor: &str) -> (&str, u64) {
    let (epoch, seq) = cursor.rsplit_once(':').unwrap_or_else(|| panic!("not a cursor: {cursor}"));
    (epoch, seq.parse().unwrap_or_else(|_| panic!("not a cursor: {cursor}")))
}

/// The ids of the events of a page, or of the event frames among frames, in order.
pub fn ids(list: &[Value]) -> Vec<String> {
    list.iter().filter_map(|item| payload(item)["id"].as_str().map(str::to_owned)).collect()
}

/// The seqs of the events of a page, or of the event frames among frames, in order.
pub fn seqs(list: &[Value]) -> Vec<u64> {
    list.iter().filter_map(|item| payload(item)["seq"].as_u64()).collect()
}

fn payload(item: &Value) -> &Value {
    if item["type"].is_string() { &item["payload"] } else { item }
}
