//! Which lanes an event may concern, without asking each. A lane stands under the entries of one of its lists, the one
//! that tells most apart (agents, tasks, sources, then types), or under "all" when it has none. What is found here is a
//! candidate: the whole filter is asked afterwards. What is not found is not asked for.

use std::collections::BTreeMap;

use super::LaneId;
use crate::filter::{Filter, prefix_of};
use crate::words::Event;

type Table = BTreeMap<String, Vec<LaneId>>;

/// One of the index's tables.
#[derive(Clone, Copy)]
enum Kind {
    Agent,
    Task,
    Source,
    Type,
    Prefix,
    All,
}

#[derive(Default)]
pub(super) struct Index {
    agents: Table,
    tasks: Table,
    sources: Table,
    types: Table,
    /// By the prefix of `prefix.*`.
    prefixes: Table,
    all: Vec<LaneId>,
}

impl Index {
    pub(super) fn add(&mut self, id: LaneId, filter: &Filter) {
        for (kind, key) in places(filter) {
            match self.table(kind) {
                Some(table) => table.entry(key.to_owned()).or_default().push(id),
                None => self.all.push(id),
            }
        }
    }

    pub(super) fn remove(&mut self, id: LaneId, filter: &Filter) {
        for (kind, key) in places(filter) {
            let Some(table) = self.table(kind) else {
                self.all.retain(|other| *other != id);
                continue;
            };
            if let Some(lanes) = table.get_mut(key) {
                lanes.retain(|other| *other != id);
                // The tables are as large as what is asked for now, not as what was ever asked for.
                if lanes.is_empty() {
                    table.remove(key);
                }
            }
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let tables = [&self.agents, &self.tasks, &self.sources, &self.types, &self.prefixes];
        self.all.is_empty() && tables.iter().all(|table| table.is_empty())
    }

    /// A lane may be visited more than once.
    pub(super) fn candidates(&self, event: &Event, mut visit: impl FnMut(LaneId)) {
        let mut all_of = |table: &Table, key: &str| {
            if !table.is_empty()
                && let Some(lanes) = table.get(key)
            {
                lanes.iter().copied().for_each(&mut visit);
            }
        };
        if let Some(agent_id) = &event.agent_id {
            all_of(&self.agents, agent_id);
        }
        if let Some(task_id) = &event.task_id {
            all_of(&self.tasks, task_id);
        }
        all_of(&self.sources, &event.source);
        all_of(&self.types, &event.event_type);
        if !self.prefixes.is_empty() {
            for (dot, _) in event.event_type.match_indices('.') {
                if let Some(prefix) = event.event_type.get(..dot) {
                    all_of(&self.prefixes, prefix);
                }
            }
        }
        self.all.iter().copied().for_each(visit);
    }

    fn table(&mut self, kind: Kind) -> Option<&mut Table> {
        match kind {
            Kind::Agent => Some(&mut self.agents),
            Kind::Task => Some(&mut self.tasks),
            Kind::Source => Some(&mut self.sources),
            Kind::Type => Some(&mut self.types),
            Kind::Prefix => Some(&mut self.prefixes),
            Kind::All => None,
        }
    }
}

/// Where a lane with this filter stands.
fn places(filter: &Filter) -> Vec<(Kind, &str)> {
    let exact = [(Kind::Agent, &filter.agent_ids), (Kind::Task, &filter.task_ids), (Kind::Source, &filter.sources)];
    if let Some((kind, list)) = exact.into_iter().find(|(_, list)| !list.is_empty()) {
        return list.iter().map(|key| (kind, key.as_str())).collect();
    }
    let place = |pattern| match prefix_of(pattern) {
        Some("") => (Kind::All, ""),
        Some(prefix) => (Kind::Prefix, prefix),
        None => (Kind::Type, pattern),
    };
    let places: Vec<_> = filter.types.iter().map(|pattern| place(pattern.as_str())).collect();
    if places.is_empty() { vec![(Kind::All, "")] } else { places }
}
