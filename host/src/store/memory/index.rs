//! Where the events of each type, source, task and agent stand. A read goes over the list (or the merge of lists) that
//! is shortest for its filter; it always finds every match there, and checks the rest of the filter itself.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use activity_store::matching::TypePattern;

use crate::store::{Event, Filter, Order, Seq};

type Lists = BTreeMap<String, VecDeque<Seq>>;

#[derive(Default)]
pub(super) struct Indexes {
    types: Lists,
    sources: Lists,
    tasks: Lists,
    agents: Lists,
}

impl Indexes {
    pub(super) fn push(&mut self, event: &Event) {
        self.each(event, |lists, key| match lists.get_mut(key) {
            Some(list) => list.push_back(event.seq),
            None => {
                lists.insert(key.to_owned(), VecDeque::from([event.seq]));
            }
        });
    }

    pub(super) fn drop_newest(&mut self, event: &Event) {
        self.each(event, |lists, key| remove(lists, key, VecDeque::pop_back));
    }

    pub(super) fn drop_oldest(&mut self, event: &Event) {
        self.each(event, |lists, key| remove(lists, key, VecDeque::pop_front));
    }

    fn each(&mut self, event: &Event, change: impl Fn(&mut Lists, &str)) {
        change(&mut self.types, &event.event_type);
        change(&mut self.sources, &event.source);
        if let Some(task) = &event.task_id {
            change(&mut self.tasks, task);
        }
        if let Some(agent) = &event.agent_id {
            change(&mut self.agents, agent);
        }
    }

    /// The seqs of `(after, until]` among which all matches are, in order, each once.
    pub(super) fn seqs(
        &self,
        filter: &Filter,
        after: Seq,
        until: Seq,
        order: Order,
    ) -> Box<dyn Iterator<Item = Seq> + '_> {
        let candidates = [
            exact(&self.tasks, &filter.task_ids),
            exact(&self.agents, &filter.agent_ids),
            exact(&self.sources, &filter.sources),
            self.of_types(&filter.types),
        ];
        let shortest = candidates
            .into_iter()
            .flatten()
            .map(|lists| lists.into_iter().map(|list| Range::new(list, after, until)).collect::<Vec<_>>())
            .min_by_key(|ranges| ranges.iter().map(|range| range.end - range.start).sum::<usize>());
        match (shortest, order) {
            (Some(ranges), _) => Box::new(Merge::new(ranges, order)),
            (None, Order::Ascending) => Box::new(after + 1..=until),
            (None, Order::Descending) => Box::new((after + 1..=until).rev()),
        }
    }

    /// None: all types are asked for.
    fn of_types(&self, entries: &[String]) -> Option<Vec<&VecDeque<Seq>>> {
        let mut found = BTreeMap::new();
        for entry in entries {
            match TypePattern::read(entry) {
                TypePattern::Any => return None,
                TypePattern::Exact(exact) => found.extend(self.types.get_key_value(exact)),
                pattern @ TypePattern::Below(prefix) => {
                    let below = self.types.range(prefix.to_owned()..);
                    found.extend(below.skip_while(|(t, _)| *t == prefix).take_while(|(t, _)| pattern.matches(t)));
                }
            }
        }
        (!entries.is_empty()).then(|| found.into_values().collect())
    }
}

fn remove(lists: &mut Lists, key: &str, pop: impl Fn(&mut VecDeque<Seq>) -> Option<Seq>) {
    if let Some(list) = lists.get_mut(key) {
        pop(list);
        if list.is_empty() {
            lists.remove(key);
        }
    }
}

/// None: the filter does not ask for any of these.
fn exact<'a>(lists: &'a Lists, values: &[String]) -> Option<Vec<&'a VecDeque<Seq>>> {
    let mut values: Vec<&String> = values.iter().collect();
    values.sort_unstable();
    values.dedup();
    (!values.is_empty()).then(|| values.into_iter().filter_map(|value| lists.get(value)).collect())
}

/// What of a list lies in the window.
struct Range<'a> {
    list: &'a VecDeque<Seq>,
    start: usize,
    end: usize,
}

impl<'a> Range<'a> {
    fn new(list: &'a VecDeque<Seq>, after: Seq, until: Seq) -> Self {
        let start = list.partition_point(|seq| *seq <= after);
        Self { list, start, end: list.partition_point(|seq| *seq <= until).max(start) }
    }

    fn take(&mut self, order: Order) -> Option<Seq> {
        if self.start == self.end {
            return None;
        }
        let position = match order {
            Order::Ascending => {
                self.start += 1;
                self.start - 1
            }
            Order::Descending => {
                self.end -= 1;
                self.end
            }
        };
        self.list.get(position).copied()
    }
}

/// Several ranges as one, in order. No seq stands in two of them.
struct Merge<'a> {
    ranges: Vec<Range<'a>>,
    order: Order,
    /// The next of each range that is not at its end. One of the two is empty.
    lowest: BinaryHeap<Reverse<(Seq, usize)>>,
    highest: BinaryHeap<(Seq, usize)>,
}

impl<'a> Merge<'a> {
    fn new(ranges: Vec<Range<'a>>, order: Order) -> Self {
        let count = ranges.len();
        let mut merge = Self { ranges, order, lowest: BinaryHeap::new(), highest: BinaryHeap::new() };
        (0..count).for_each(|range| merge.advance(range));
        merge
    }

    fn advance(&mut self, range: usize) {
        let Some(seq) = self.ranges.get_mut(range).and_then(|range| range.take(self.order)) else { return };
        match self.order {
            Order::Ascending => self.lowest.push(Reverse((seq, range))),
            Order::Descending => self.highest.push((seq, range)),
        }
    }
}

impl Iterator for Merge<'_> {
    type Item = Seq;

    fn next(&mut self) -> Option<Seq> {
        let (seq, range) = match self.order {
            Order::Ascending => self.lowest.pop()?.0,
            Order::Descending => self.highest.pop()?,
        };
        self.advance(range);
        Some(seq)
    }
}
