//! A bounded table by name, in which the entry that was longest without an event gives way to a new one.

use std::collections::BTreeMap;

use crate::words::Seq;

/// Entries by name, and names by the seq of their last event. An event touches one entry of a table, so no two entries
/// have the same seq.
pub(super) struct Table<T> {
    entries: BTreeMap<String, (Seq, T)>,
    by_seq: BTreeMap<Seq, String>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), by_seq: BTreeMap::new() }
    }
}

impl<T> Table<T> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.entries.get_mut(name).map(|(_, entry)| entry)
    }

    /// An event of this seq was about the entry.
    pub(super) fn touch(&mut self, name: &str, seq: Seq) -> Option<&mut T> {
        let (last, entry) = self.entries.get_mut(name)?;
        if let Some(name) = self.by_seq.remove(last) {
            self.by_seq.insert(seq, name);
        }
        *last = seq;
        Some(entry)
    }

    /// Add an entry that is not there, and return the one that had to go for it.
    pub(super) fn insert(&mut self, name: &str, seq: Seq, entry: T, most: usize) -> Option<(String, T)> {
        let gone = if self.entries.len() >= most {
            self.by_seq.pop_first().and_then(|(_, oldest)| {
                let (_, entry) = self.entries.remove(&oldest)?;
                Some((oldest, entry))
            })
        } else {
            None
        };
        self.by_seq.insert(seq, name.to_owned());
        self.entries.insert(name.to_owned(), (seq, entry));
        gone
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<T> {
        let (seq, entry) = self.entries.remove(name)?;
        self.by_seq.remove(&seq);
        Some(entry)
    }

    /// The latest first.
    pub(super) fn latest(&self) -> impl Iterator<Item = (Seq, &str, &T)> {
        self.by_seq.iter().rev().filter_map(|(seq, name)| Some((*seq, name.as_str(), &self.entries.get(name)?.1)))
    }
}
