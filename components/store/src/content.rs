//! Decides whether an id that comes again comes with the same content: a repeated publish is then a duplicate, and
//! anything else a conflict. It never looks at the seq or at the store's own time.

use serde_json::{Number, Value};

use crate::NewEvent;

/// The content of a stored event, as far as it is compared.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the fields are those of `NewEvent`")]
pub struct Stored<'a> {
    pub event_type: &'a str,
    pub source: &'a str,
    pub task_id: Option<&'a str>,
    pub agent_id: Option<&'a str>,
    pub timestamp: &'a str,
    pub stamped: bool,
    pub data: &'a str,
}

/// Whether `new` says what `stored` says: all fields alike, `data` as JSON values, and the timestamps unless the server
/// set one of them.
#[must_use]
pub fn same(stored: Stored<'_>, new: &NewEvent) -> bool {
    stored.event_type == new.event_type
        && stored.source == new.source
        && stored.task_id == new.task_id.as_deref()
        && stored.agent_id == new.agent_id.as_deref()
        && (stored.stamped || new.stamped || stored.timestamp == new.timestamp)
        && same_json(stored.data, &new.data)
}

/// Whether two JSON texts are the same value. Text that is no JSON, or holds a number out of range, is only equal to
/// itself.
fn same_json(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    match (serde_json::from_str(left), serde_json::from_str(right)) {
        (Ok(left), Ok(right)) => same_value(&left, &right),
        _ => false,
    }
}

/// serde_json's own equality tells 1 from 1.0; JSON does not. The depth is bounded by serde_json's reader (128).
fn same_value(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => same_number(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same_value(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, left)| right.get(key).is_some_and(|right| same_value(left, right)))
        }
        _ => left == right,
    }
}

fn same_number(left: &Number, right: &Number) -> bool {
    // Whole numbers are compared exactly: above 2^53 two of them may share one float.
    let whole = |number: &Number| number.is_u64() || number.is_i64();
    if whole(left) && whole(right) { left == right } else { left.as_f64() == right.as_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(data: &str) -> Stored<'_> {
        Stored {
            event_type: "task.created",
            source: "coordinator",
            task_id: Some("t1"),
            agent_id: None,
            timestamp: "2024-01-15T10:30:00Z",
            stamped: false,
            data,
        }
    }

    fn new(data: &str) -> NewEvent {
        NewEvent {
            id: "a".into(),
            event_type: "task.created".into(),
            source: "coordinator".into(),
            task_id: Some("t1".into()),
            agent_id: None,
            timestamp: "2024-01-15T10:30:00Z".into(),
            stamped: false,
            data: data.into(),
        }
    }

    #[test]
    fn data_is_compared_as_json() {
        assert!(same(stored(r#"{"a":1,"b":[1.0,"x"]}"#), &new(r#"{ "b": [1, "\u0078"], "a": 1e0 }"#)));
        assert!(!same(stored(r#"{"a":1}"#), &new(r#"{"a":2}"#)));
        assert!(!same(stored(r#"{"a":1}"#), &new(r#"{"a":1,"b":null}"#)));
        assert!(!same(stored(r#"{"a":[1,2]}"#), &new(r#"{"a":[2,1]}"#)));
        assert!(!same(stored(r#"{"a":9007199254740993}"#), &new(r#"{"a":9007199254740992}"#)));
        assert!(same(stored(r#"{"a":1e999}"#), &new(r#"{"a":1e999}"#)));
        assert!(!same(stored(r#"{"a":1e999}"#), &new(r#"{"a": 1e999}"#)));
    }

    #[test]
    fn a_timestamp_counts_only_where_publishers_gave_both() {
        let mut other = new("{}");
        other.timestamp = "2025-01-01T00:00:00Z".into();
        assert!(!same(stored("{}"), &other));
        assert!(same(Stored { stamped: true, ..stored("{}") }, &other));
        other.stamped = true;
        assert!(same(stored("{}"), &other));
    }

    #[test]
    fn every_field_counts() {
        let event = new("{}");
        assert!(same(stored("{}"), &event));
        assert!(!same(Stored { event_type: "task.failed", ..stored("{}") }, &event));
        assert!(!same(Stored { source: "other", ..stored("{}") }, &event));
        assert!(!same(Stored { task_id: None, ..stored("{}") }, &event));
        assert!(!same(Stored { agent_id: Some(""), ..stored("{}") }, &event));
    }
}
