//! What a `skipped` says of the events it covers: how many, and how many of each type, the most frequent ones by name.

use std::collections::BTreeMap;

use crate::words::Seq;

/// Types that are named; the rest is under `*`.
pub const MAX_TYPES: usize = 32;
/// Types that an open report tells apart. Far more than it names, so that the most frequent are right in practice.
const MAX_TRACKED: usize = 1_024;

/// A report that is still growing.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// The last event that it covers.
    pub to: Seq,
    /// How many it covers.
    pub count: u64,
    by_type: BTreeMap<String, u64>,
}

impl Tally {
    /// Cover one more.
    pub fn add(&mut self, seq: Seq, event_type: &str) {
        self.to = seq;
        self.count += 1;
        if let Some(count) = self.by_type.get_mut(event_type) {
            *count += 1;
        } else if self.by_type.len() < MAX_TRACKED {
            self.by_type.insert(event_type.to_owned(), 1);
        } else {
            *self.by_type.entry("*".to_owned()).or_default() += 1;
        }
    }

    /// The counts by type, as they are told.
    #[must_use]
    pub fn by_type(self) -> Vec<(String, u64)> {
        most_frequent(self.by_type.into_iter().collect())
    }
}

/// The most frequent types first, those of one count by name, and all beyond [`MAX_TYPES`] together under `*` at the end.
#[must_use]
pub fn most_frequent(mut by_type: Vec<(String, u64)>) -> Vec<(String, u64)> {
    let mut rest = 0_u64;
    by_type.retain(|(name, count)| {
        if name == "*" {
            rest = rest.saturating_add(*count);
        }
        name != "*"
    });
    by_type.sort_unstable_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
    if by_type.len() > MAX_TYPES {
        rest = by_type.split_off(MAX_TYPES).iter().fold(rest, |sum, (_, count)| sum.saturating_add(*count));
    }
    if rest > 0 {
        by_type.push(("*".to_owned(), rest));
    }
    by_type
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_most_frequent_are_named() {
        let many: Vec<_> = (0..40).map(|i| (format!("t.{i:02}"), 40 - i)).collect();
        let told = most_frequent(many);
        assert_eq!(told.len(), MAX_TYPES + 1);
        assert_eq!(told.first(), Some(&("t.00".to_owned(), 40)));
        assert_eq!(told.last(), Some(&("*".to_owned(), (1..=8).sum())));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_from_the_count(types in prop::collection::vec("[a-z]{1,2}", 0..300)) {
            let mut tally = Tally::default();
            for (seq, name) in (1..).zip(&types) {
                tally.add(seq, name);
            }
            prop_assert_eq!(usize::try_from(tally.count), Ok(types.len()));
            let count = tally.count;
            prop_assert_eq!(tally.by_type().iter().map(|(_, n)| n).sum::<u64>(), count);
        }
    }
}
