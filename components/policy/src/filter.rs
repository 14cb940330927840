//! Which events somebody asks for, and how a token narrows it. A filter is kept in one canonical form (sorted, without
//! repeats, without patterns that another one covers), so that all who ask for the same share one lane.

use crate::words::{ErrorCode, Event, ProtocolError};

/// Entries in one list.
pub const MAX_ENTRIES: usize = 64;
/// Bytes of one entry.
pub const MAX_ENTRY_BYTES: usize = 128;

/// Every list that is not empty must match by one of its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// `*`, `prefix.*` or exact.
    pub types: Vec<String>,
    /// Exact.
    pub sources: Vec<String>,
    /// Exact.
    pub task_ids: Vec<String>,
    /// Exact.
    pub agent_ids: Vec<String>,
}

impl Filter {
    /// Whether the event is asked for.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        matches_types(&self.types, &event.event_type)
            && is_one_of(&self.sources, Some(&event.source))
            && is_one_of(&self.task_ids, event.task_id.as_deref())
            && is_one_of(&self.agent_ids, event.agent_id.as_deref())
    }

    /// Check what a client asked for, bring it into canonical form and narrow it to what the token allows.
    ///
    /// # Errors
    /// `bad_filter` for a list or an entry over its bound or a type that none can be; `forbidden` for more than `grant`.
    pub fn ask(self, grant: Option<&[String]>) -> Result<Self, ProtocolError> {
        let lists = [
            ("types", &self.types),
            ("sources", &self.sources),
            ("task_ids", &self.task_ids),
            ("agent_ids", &self.agent_ids),
        ];
        for (name, list) in lists {
            if list.len() > MAX_ENTRIES {
                return Err(ProtocolError::new(ErrorCode::BadFilter, format!("{name}: at most {MAX_ENTRIES} entries")));
            }
            if list.iter().any(|entry| entry.is_empty() || entry.len() > MAX_ENTRY_BYTES) {
                let message = format!("{name}: each entry has 1 to {MAX_ENTRY_BYTES} bytes");
                return Err(ProtocolError::new(ErrorCode::BadFilter, message));
            }
        }
        if !self.types.iter().all(|pattern| is_pattern(pattern)) {
            let message = "types: each entry is an event type, a prefix like `task.*`, or `*`";
            return Err(ProtocolError::new(ErrorCode::BadFilter, message));
        }
        Ok(Self {
            types: narrow(self.types, grant)?,
            sources: sorted(self.sources),
            task_ids: sorted(self.task_ids),
            agent_ids: sorted(self.agent_ids),
        })
    }
}

/// Whether a token that allows these patterns allows this type. A token that names none allows none.
#[must_use]
pub fn allows(grant: &[String], event_type: &str) -> bool {
    grant.iter().any(|pattern| matches_pattern(pattern, event_type))
}

/// Whether a pattern stands for this type. `prefix.*` is what is below the prefix, at any depth, not the prefix itself.
#[must_use]
pub fn matches_pattern(pattern: &str, event_type: &str) -> bool {
    match prefix_of(pattern) {
        Some("") => true,
        Some(prefix) => is_below(event_type, prefix),
        None => pattern == event_type,
    }
}

/// The prefix of `prefix.*`, empty for `*`; none for an exact type.
pub(crate) fn prefix_of(pattern: &str) -> Option<&str> {
    if pattern == "*" { Some("") } else { pattern.strip_suffix(".*") }
}

/// Whether the text is an event type: segments of lower-case letters, digits, `_`, `-`, joined by dots.
#[must_use]
pub fn is_event_type(text: &str) -> bool {
    text.split('.').all(|segment| {
        !segment.is_empty()
            && segment.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
    })
}

fn is_pattern(text: &str) -> bool {
    text == "*" || is_event_type(text.strip_suffix(".*").unwrap_or(text))
}

/// An empty list asks for all.
pub(crate) fn matches_types(patterns: &[String], event_type: &str) -> bool {
    patterns.is_empty() || allows(patterns, event_type)
}

/// An empty list asks for all.
fn is_one_of(list: &[String], value: Option<&str>) -> bool {
    list.is_empty() || value.is_some_and(|value| list.iter().any(|entry| entry == value))
}

fn is_below(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
}

/// Whether everything that `narrow` stands for, `wide` stands for too.
fn covers(wide: &str, narrow: &str) -> bool {
    match (prefix_of(wide), prefix_of(narrow)) {
        (Some(""), _) => true,
        (Some(wide), Some(narrow)) => wide == narrow || is_below(narrow, wide),
        _ => matches_pattern(wide, narrow),
    }
}

/// What is asked for and allowed too. Each pattern that is asked for by name must be allowed in part at least, and an
/// exact type wholly; `*`, or nothing, asks for whatever is allowed.
fn narrow(asked: Vec<String>, grant: Option<&[String]>) -> Result<Vec<String>, ProtocolError> {
    let Some(grant) = grant.filter(|grant| !grant.iter().any(|pattern| pattern == "*")) else {
        return Ok(canonical(asked));
    };
    if grant.is_empty() {
        return Err(ProtocolError::new(ErrorCode::Forbidden, "the token allows no event types"));
    }
    let mut narrowed = Vec::new();
    for pattern in &asked {
        let mut allowed = false;
        for granted in grant {
            if covers(granted, pattern) {
                narrowed.push(pattern.clone());
                allowed = true;
            } else if covers(pattern, granted) {
                narrowed.push(granted.clone());
                allowed = true;
            }
        }
        if !allowed {
            return Err(ProtocolError::new(
                ErrorCode::Forbidden,
                "types: the token does not allow all that is asked for",
            ));
        }
    }
    if asked.is_empty() {
        narrowed = grant.to_vec();
    }
    Ok(canonical(narrowed))
}

/// Without what another pattern covers; `*` alone is the empty list.
fn canonical(patterns: Vec<String>) -> Vec<String> {
    if patterns.iter().any(|pattern| pattern == "*") {
        return Vec::new();
    }
    let patterns = sorted(patterns);
    let kept =
        patterns.iter().filter(|pattern| !patterns.iter().any(|other| other != *pattern && covers(other, pattern)));
    kept.cloned().collect()
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort_unstable();
    list.dedup();
    list
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    fn ask(asked: &[&str], grant: Option<&[&str]>) -> Result<Vec<String>, ErrorCode> {
        let grant = grant.map(strings);
        let filter = Filter { types: strings(asked), ..Filter::default() };
        filter.ask(grant.as_deref()).map(|filter| filter.types).map_err(|error| error.code)
    }

    #[test]
    fn a_pattern_stands_for_what_is_below_its_prefix() {
        assert!(matches_pattern("*", "task.created"));
        assert!(matches_pattern("task.*", "task.created"));
        assert!(matches_pattern("task.*", "task.created.twice"));
        assert!(!matches_pattern("task.*", "task"));
        assert!(!matches_pattern("task.*", "tasks.created"));
        assert!(matches_pattern("task.created", "task.created"));
        assert!(!matches_pattern("task.created", "task.created.twice"));
    }

    #[test]
    fn the_token_narrows_what_is_asked_for() {
        assert_eq!(ask(&[], None), Ok(vec![]));
        assert_eq!(ask(&["*"], None), Ok(vec![]));
        assert_eq!(ask(&["task.created", "task.*"], None), Ok(strings(&["task.*"])));
        assert_eq!(ask(&[], Some(&["task.*"])), Ok(strings(&["task.*"])));
        assert_eq!(ask(&["*"], Some(&["task.*"])), Ok(strings(&["task.*"])));
        assert_eq!(ask(&["task.created"], Some(&["task.*"])), Ok(strings(&["task.created"])));
        assert_eq!(ask(&["task.*"], Some(&["task.created", "bid.*"])), Ok(strings(&["task.created"])));
        assert_eq!(ask(&["task.*"], Some(&["task.sub.*"])), Ok(strings(&["task.sub.*"])));
        assert_eq!(ask(&["bid.*"], Some(&["task.*"])), Err(ErrorCode::Forbidden));
        assert_eq!(ask(&["task.created", "bid.submitted"], Some(&["task.*"])), Err(ErrorCode::Forbidden));
        assert_eq!(ask(&["*", "bid.submitted"], Some(&["task.*"])), Err(ErrorCode::Forbidden));
        assert_eq!(ask(&["task"], Some(&["task.*"])), Err(ErrorCode::Forbidden));
        assert_eq!(ask(&[], Some(&[])), Err(ErrorCode::Forbidden));
        assert_eq!(ask(&["bid.submitted"], Some(&["*"])), Ok(strings(&["bid.submitted"])));
    }

    #[test]
    fn bounds_and_shapes_are_checked() {
        for asked in
            ["", "Task.*", "task.", ".task", "task..x", "ta*k", "*.created", "task.*.x", "**", "t\u{e4}sk", ".*"]
        {
            assert_eq!(ask(&[asked], None), Err(ErrorCode::BadFilter), "{asked:?}");
        }
        assert_eq!(ask(&["a"; 64], None), Ok(strings(&["a"])));
        assert_eq!(ask(&["a"; 65], None), Err(ErrorCode::BadFilter));
        let sources =
            |source: String| Filter { sources: vec![source], ..Filter::default() }.ask(None).map_err(|e| e.code);
        assert!(sources("s".repeat(128)).is_ok());
        assert_eq!(sources("s".repeat(129)), Err(ErrorCode::BadFilter));
    }

    fn pattern() -> impl Strategy<Value = String> {
        prop_oneof![Just("*".to_owned()), "[ab](\\.[ab]){0,2}(\\.\\*)?"]
    }

    proptest! {
        #[test]
        fn narrowed_is_what_is_asked_for_and_allowed(
            asked in prop::collection::vec(pattern(), 0..4),
            grant in prop::collection::vec(pattern(), 1..4),
            event_type in "[ab](\\.[ab]){0,3}",
        ) {
            let filter = Filter { types: asked.clone(), ..Filter::default() };
            match filter.ask(Some(&grant)) {
                Ok(filter) => prop_assert_eq!(
                    matches_types(&filter.types, &event_type),
                    matches_types(&asked, &event_type) && allows(&grant, &event_type)
                ),
                // Refused means that one of the patterns asked for by name finds nothing in the grant.
                Err(error) => {
                    prop_assert_eq!(error.code, ErrorCode::Forbidden);
                    prop_assert!(asked.iter().any(|a| a != "*" && !grant.iter().any(|g| covers(g, a) || covers(a, g))));
                }
            }
        }

        #[test]
        fn the_same_asked_in_another_way_is_the_same_filter(mut asked in prop::collection::vec(pattern(), 1..5)) {
            let first = Filter { types: asked.clone(), ..Filter::default() }.ask(None).unwrap();
            asked.reverse();
            asked.extend(asked.clone());
            prop_assert_eq!(first, Filter { types: asked, ..Filter::default() }.ask(None).unwrap());
        }
    }
}
