//! Random histories: the SQLite store and the memory store, which share no code for it, answer everything alike.

use activity_feed::store::Counts;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Vec<NewEvent>>),
    Read(Query),
    Count(Filter, Seq, Seq, u32),
    Get(String),
    Trim(Seq, u32),
    Reopen,
}

const TYPES: [&str; 6] = ["task.created", "task.step.done", "task", "agent.joined", "agent.left", "x"];

fn event() -> impl Strategy<Value = NewEvent> {
    let maybe = |name: &'static str| prop::option::of((0..3u8).prop_map(move |n| format!("{name}{n}")));
    (0..40u8, 0..TYPES.len(), 0..3u8, maybe("task"), maybe("%agent_"), 0..3u8, any::<bool>()).prop_map(
        |(id, event_type, source, task_id, agent_id, data, stamped)| NewEvent {
            id: format!("id{id}"),
            event_type: TYPES[event_type].into(),
            source: format!("S{source}"),
            task_id,
            agent_id,
            timestamp: "2024-01-15T10:30:00Z".into(),
            stamped,
            data: format!(r#"{{"Value":"{data}%"}}"#),
        },
    )
}

fn filter() -> impl Strategy<Value = Filter> {
    let few = |values: &'static [&'static str]| {
        let value = prop::sample::select(values).prop_map(str::to_owned);
        prop_oneof![2 => Just(Vec::new()), 1 => vec(value, 1..4)]
    };
    (
        few(&["task.*", "task.step.*", "*", "agent.left", "x", "none.*", "task"]),
        few(&["S0", "S1", "s1"]),
        few(&["task0", "task1", "task_"]),
        few(&["%agent_0", "%agent_2", "%"]),
    )
        .prop_map(|(types, sources, task_ids, agent_ids)| Filter { types, sources, task_ids, agent_ids })
}

fn step() -> impl Strategy<Value = Step> {
    let seq = || prop_oneof![3 => 0..60u64, 1 => Just(Seq::MAX)];
    let text = prop_oneof![3 => Just(None), 1 => prop::sample::select(&["1%", "VALUE", "id1", "%agent", "_"][..]).prop_map(|t| Some(t.to_owned()))];
    let order = prop_oneof![Just(Order::Ascending), Just(Order::Descending)];
    prop_oneof![
        4 => vec(vec(event(), 0..5), 0..4).prop_map(Step::Append),
        4 => (filter(), text, seq(), seq(), order, 0..12u32).prop_map(|(filter, text, after, until, order, limit)| {
            Step::Read(Query { filter, text, after, until, order, limit })
        }),
        2 => (filter(), seq(), seq(), 0..30u32).prop_map(|(filter, after, until, rows)| Step::Count(filter, after, until, rows)),
        1 => (0..40u8).prop_map(|id| Step::Get(format!("id{id}"))),
        1 => (seq(), 0..20u32).prop_map(|(until, rows)| Step::Trim(until, rows)),
        1 => Just(Step::Reopen),
    ]
}

/// Which list is looked at is a store's own business, and so is when it gives up; what it does say is the same.
fn agree(one: &Counts, other: &Counts) {
    let sorted = |counts: &Counts| {
        let mut by_type = counts.by_type.clone();
        by_type.sort();
        by_type
    };
    if one.total.is_some() && other.total.is_some() {
        assert_eq!((one.total, sorted(one)), (other.total, sorted(other)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_tell_the_same_story(steps in vec(step(), 1..40)) {
        let memory = MemoryStore::new();
        let folder = tempfile::tempdir().unwrap();
        let mut file = sqlite(&folder);
        for step in steps {
            match step {
                Step::Append(groups) => {
                    prop_assert_eq!(memory.append(&groups), file.append(&groups));
                }
                Step::Read(query) => {
                    prop_assert_eq!(memory.read(&query).unwrap(), file.read(&query).unwrap(), "{:?}", query);
                    if query.limit > 0 {
                        prop_assert_eq!(all_pages(&memory, query.clone()), all_pages(&file, query));
                    }
                }
                Step::Count(filter, after, until, rows) => {
                    let count = |store: &dyn EventStore, rows| store.count(&filter, after, until, rows).unwrap();
                    agree(&count(&memory, rows), &count(&file, rows));
                    prop_assert!(count(&memory, 10_000).total.is_some() && count(&file, 10_000).total.is_some());
                    agree(&count(&memory, 10_000), &count(&file, 10_000));
                }
                Step::Get(id) => prop_assert_eq!(memory.get(&id).unwrap(), file.get(&id).unwrap()),
                Step::Trim(until, rows) => {
                    prop_assert_eq!(memory.trim(until, rows).unwrap(), file.trim(until, rows).unwrap());
                }
                Step::Reopen => {
                    drop(file);
                    file = sqlite(&folder);
                }
            }
            let (one, other) = (memory.bounds().unwrap(), file.bounds().unwrap());
            prop_assert_eq!((one.trimmed, one.head), (other.trimmed, other.head));
        }
        let by_type = |store: &dyn EventStore| {
            let mut counts = std::collections::BTreeMap::<String, u64>::new();
            for (_, event_type, events) in store.summary(60).unwrap() {
                *counts.entry(event_type).or_default() += events;
            }
            counts
        };
        prop_assert_eq!(by_type(&memory), by_type(&file));
    }
}
