//! Says which events a filter means, without SQL: for the memory store, and as the yardstick that the SQL is tested
//! against. It always agrees with [`crate::sql`]; whether a filter is valid is the policy's to judge.

use crate::{Event, Filter};

/// How one entry of `Filter::types` is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypePattern<'a> {
    /// `*`
    Any,
    /// `task.*`, kept as `task.`: every type below it at any depth, not the prefix itself.
    Below(&'a str),
    /// One type.
    Exact(&'a str),
}

impl<'a> TypePattern<'a> {
    /// Read an entry. What is neither `*` nor ends in `.*` is an exact type, whatever it holds.
    #[must_use]
    pub fn read(entry: &'a str) -> Self {
        match entry.strip_suffix('*') {
            Some("") => Self::Any,
            Some(prefix) if prefix.len() > 1 && prefix.ends_with('.') => Self::Below(prefix),
            _ => Self::Exact(entry),
        }
    }

    /// Whether an event of this type is meant.
    #[must_use]
    pub fn matches(self, event_type: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Below(prefix) => event_type.len() > prefix.len() && event_type.starts_with(prefix),
            Self::Exact(exact) => event_type == exact,
        }
    }
}

/// Whether an event of this type passes `types`; an empty list passes all.
#[must_use]
pub fn matches_type(types: &[String], event_type: &str) -> bool {
    types.is_empty() || types.iter().any(|entry| TypePattern::read(entry).matches(event_type))
}

/// Whether the event passes every list of the filter.
#[must_use]
pub fn matches_filter(filter: &Filter, event: &Event) -> bool {
    let one_of =
        |list: &[String], value: Option<&str>| list.is_empty() || list.iter().any(|v| Some(v.as_str()) == value);
    matches_type(&filter.types, &event.event_type)
        && one_of(&filter.sources, Some(&event.source))
        && one_of(&filter.task_ids, event.task_id.as_deref())
        && one_of(&filter.agent_ids, event.agent_id.as_deref())
}

/// Whether `text` stands in the event's type, source, ids or data, ASCII letters of either case alike.
#[must_use]
pub fn matches_text(text: &str, event: &Event) -> bool {
    [
        Some(&event.event_type),
        Some(&event.source),
        Some(&event.id),
        event.task_id.as_ref(),
        event.agent_id.as_ref(),
        Some(&event.data),
    ]
    .into_iter()
    .flatten()
    .any(|field| contains_ignore_ascii_case(field, text))
}

fn contains_ignore_ascii_case(haystack: &str, needle: &str) -> bool {
    let needle = needle.as_bytes();
    needle.is_empty() || haystack.as_bytes().windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_means_what_is_below_it() {
        let below = |pattern, event_type| TypePattern::read(pattern).matches(event_type);
        assert!(below("task.*", "task.created"));
        assert!(below("task.*", "task.step.done"));
        assert!(!below("task.*", "task"));
        assert!(!below("task.*", "tasks.created"));
        assert!(!below("task.*", "task."));
        assert!(below("*", "anything"));
        assert_eq!(TypePattern::read(".*"), TypePattern::Exact(".*"));
        assert_eq!(TypePattern::read("task*"), TypePattern::Exact("task*"));
    }

    #[test]
    fn text_knows_no_case_and_no_wildcards() {
        assert!(contains_ignore_ascii_case("100% SURE", "0% sure"));
        assert!(!contains_ignore_ascii_case("100 of", "%"));
        assert!(!contains_ignore_ascii_case("É", "é"));
        assert!(contains_ignore_ascii_case("", ""));
    }
}
