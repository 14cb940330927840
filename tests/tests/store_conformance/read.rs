//! Ranges, filters, text, counts and times: what is asked for and nothing else, in the order asked for.

use super::*;
use activity_feed::store::Counts;

fn find(store: &dyn EventStore, filter: Filter, text: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    for order in [Order::Ascending, Order::Descending] {
        for limit in [1_000, 2] {
            let query = Query { filter: filter.clone(), text: text.map(Into::into), order, limit, ..everything() };
            let mut events = all_pages(store, query);
            if order == Order::Descending {
                events.reverse();
            }
            found.push(events.into_iter().map(|event| event.id).collect::<Vec<_>>());
        }
    }
    assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "{filter:?} {text:?} {found:?}");
    found.swap_remove(0)
}

#[test]
fn ranges_and_limits_in_both_directions() {
    every_store(|store| {
        fill(store, "", 10, &["t"]);
        let page = |after, until, order, limit| {
            let page = store.read(&Query { after, until, order, limit, ..everything() }).unwrap();
            (page.events.iter().map(|event| event.seq).collect::<Vec<_>>(), page.reached, page.more)
        };
        use Order::{Ascending, Descending};
        assert_eq!(page(0, Seq::MAX, Ascending, 4), (vec![1, 2, 3, 4], 4, true));
        assert_eq!(page(4, Seq::MAX, Ascending, 100), ((5..=10).collect(), 10, false));
        assert_eq!(page(4, 6, Ascending, 100), (vec![5, 6], 6, false));
        assert_eq!(page(4, 6, Ascending, 2), (vec![5, 6], 6, false));
        assert_eq!(page(0, Seq::MAX, Descending, 4), (vec![10, 9, 8, 7], 6, true));
        assert_eq!(page(0, 6, Descending, 100), (vec![6, 5, 4, 3, 2, 1], 0, false));
        assert_eq!(page(4, 6, Descending, 1), (vec![6], 5, true));
        assert_eq!(page(5, 6, Descending, 1), (vec![6], 5, false));
        assert_eq!(page(6, 6, Ascending, 10), (vec![], 6, false));
        assert_eq!(page(8, 3, Descending, 10), (vec![], 8, false));
        // Beyond the head: nothing is there yet, and the place stays.
        assert_eq!(page(10, Seq::MAX, Ascending, 10), (vec![], 10, false));
        assert_eq!(page(99, Seq::MAX, Ascending, 10), (vec![], 99, false));
        assert_eq!(page(0, 0, Ascending, 10), (vec![], 0, false));
        assert_eq!(page(Seq::MAX, Seq::MAX, Descending, 10), (vec![], Seq::MAX, false));
    });
}

#[test]
fn types_by_name_and_by_prefix() {
    every_store(|store| {
        for event_type in ["task", "task.created", "task.step.done", "tasks.x", "task-x.y", "agent.joined", "task_x"] {
            log(store, new(event_type, event_type));
        }
        let of = |patterns: &[&str]| find(store, types(patterns), None);
        assert_eq!(of(&["task.created"]), ["task.created"]);
        assert_eq!(of(&["task.*"]), ["task.created", "task.step.done"]);
        assert_eq!(of(&["task.step.*"]), ["task.step.done"]);
        assert_eq!(of(&["task.*", "task.created", "task.step.*"]), ["task.created", "task.step.done"]);
        assert_eq!(
            of(&["agent.joined", "task.*", "none", "none.*"]),
            ["task.created", "task.step.done", "agent.joined"]
        );
        assert_eq!(of(&["none.*"]), [""; 0]);
        assert_eq!(of(&["TASK.*"]), [""; 0]);
        assert_eq!(of(&["Task.created"]), [""; 0]);
        assert_eq!(of(&["*"]).len(), 7);
        assert_eq!(of(&["none", "*"]).len(), 7);
        // What looks like a wildcard elsewhere is a letter.
        assert_eq!(of(&["task_created"]), [""; 0]);
        assert_eq!(of(&["task%"]), [""; 0]);
        assert_eq!(of(&["task*"]), [""; 0]);
        assert_eq!(of(&["tas[k]"]), [""; 0]);
    });
}

#[test]
fn more_types_than_are_merged() {
    every_store(|store| {
        let events: Vec<_> = (0..400).map(|n| new(&format!("e{n}"), &format!("many.t{}", n % 200))).collect();
        log_group(store, events);
        log(store, new("other", "few.x"));
        assert_eq!(find(store, types(&["many.*"]), None).len(), 400);
        assert_eq!(find(store, types(&["few.*"]), None), ["other"]);
        let all = store.count(&types(&["many.*"]), 0, Seq::MAX, 10_000).unwrap();
        assert_eq!((all.total, all.by_type.len()), (Some(400), 200));
        assert_eq!(store.count(&Filter::default(), 0, Seq::MAX, 10_000).unwrap().total, Some(401));
        assert_eq!(store.count(&types(&["many.*"]), 0, Seq::MAX, 399).unwrap().total, None);
    });
}

#[test]
fn every_list_must_match_by_one_of_its_entries() {
    every_store(|store| {
        let event = |id: &str, event_type: &str, source: &str, task: Option<&str>, agent: Option<&str>| NewEvent {
            source: source.into(),
            task_id: task.map(Into::into),
            agent_id: agent.map(Into::into),
            ..new(id, event_type)
        };
        log(store, event("1", "task.created", "a", Some("t1"), None));
        log(store, event("2", "task.assigned", "a", Some("t1"), Some("x")));
        log(store, event("3", "task.created", "b", Some("t2"), Some("x")));
        log(store, event("4", "agent.joined", "b", None, Some("y")));
        log(store, event("5", "system.info", "%", Some("_"), Some("*?[")));
        let all = Filter::default;
        assert_eq!(find(store, Filter { sources: list(&["a"]), ..all() }, None), ["1", "2"]);
        assert_eq!(find(store, Filter { sources: list(&["b", "a", "b"]), ..all() }, None), ["1", "2", "3", "4"]);
        assert_eq!(find(store, Filter { task_ids: list(&["t2", "t1"]), ..all() }, None), ["1", "2", "3"]);
        assert_eq!(find(store, Filter { agent_ids: list(&["x"]), ..all() }, None), ["2", "3"]);
        assert_eq!(find(store, Filter { agent_ids: list(&["x"]), ..types(&["task.created"]) }, None), ["3"]);
        assert_eq!(find(store, Filter { task_ids: list(&["t1"]), agent_ids: list(&["y"]), ..all() }, None), [""; 0]);
        let every =
            Filter { sources: list(&["a"]), task_ids: list(&["t1"]), agent_ids: list(&["x"]), ..types(&["task.*"]) };
        assert_eq!(find(store, every, None), ["2"]);
        assert_eq!(find(store, Filter { agent_ids: list(&["X"]), ..all() }, None), [""; 0]);
        // Each metacharacter is a value like any other.
        assert_eq!(find(store, Filter { sources: list(&["%"]), ..all() }, None), ["5"]);
        assert_eq!(find(store, Filter { task_ids: list(&["_"]), ..all() }, None), ["5"]);
        assert_eq!(find(store, Filter { agent_ids: list(&["*?["]), ..all() }, None), ["5"]);
        assert_eq!(find(store, Filter { agent_ids: list(&["*"]), ..all() }, None), [""; 0]);
    });
}

#[test]
fn text_is_found_as_it_stands() {
    every_store(|store| {
        let with = |id: &str, data: &str| NewEvent { data: data.into(), ..new(id, "task.created") };
        log(store, with("a1", r#"{"text":"100% Sure"}"#));
        log(store, with("a2", r#"{"text":"100 of 100_x"}"#));
        log(store, with("a3", r#"{"path":"C:\\temp","glob":"[a-z]*?"}"#));
        log(store, NewEvent { agent_id: Some("Forge".into()), ..new("b1", "agent.joined") });
        log(store, NewEvent { task_id: Some("T-77".into()), source: "Robot-É".into(), ..new("b2", "system.info") });
        let text = |text: &str| find(store, Filter::default(), Some(text));
        assert_eq!(text("100"), ["a1", "a2"]);
        assert_eq!(text("100%"), ["a1"]);
        assert_eq!(text("%"), ["a1"]);
        assert_eq!(text("0_x"), ["a2"]);
        assert_eq!(text("[a-z]*?"), ["a3"]);
        assert_eq!(text(r"\\temp"), ["a3"]);
        assert_eq!(text(r"\"), ["a3"]);
        assert_eq!(text("SURE"), ["a1"]);
        assert_eq!(text("forge"), ["b1"]);
        assert_eq!(text("t-77"), ["b2"]);
        assert_eq!(text("robot-É"), ["b2"]);
        assert_eq!(text("robot-é"), [""; 0]);
        assert_eq!(text("A1"), ["a1"]);
        assert_eq!(text("Agent.J"), ["b1"]);
        assert_eq!(text("coordinator").len(), 4);
        assert_eq!(text("2024").len(), 0, "the timestamp is not looked at");
        assert_eq!(text("").len(), 5);
        assert_eq!(text("\0"), [""; 0]);
        assert_eq!(find(store, types(&["task.*"]), Some("o")), ["a1", "a2", "a3"]);
        assert_eq!(find(store, types(&["agent.*"]), Some("100")), [""; 0]);
    });
}

#[test]
fn a_read_looks_at_a_bounded_number_of_rows_and_says_how_far_it_came() {
    every_store(|store| {
        log(store, NewEvent { data: r#"{"needle":1}"#.into(), ..new("first", "t") });
        fill(store, "x", 12_000, &["t"]);
        log(store, NewEvent { data: r#"{"needle":2}"#.into(), ..new("last", "t") });
        for (order, near, far) in [(Order::Ascending, "first", "last"), (Order::Descending, "last", "first")] {
            let query = Query { text: Some("needle".into()), order, ..everything() };
            let page = store.read(&query).unwrap();
            assert_eq!(ids(&page.events), [near]);
            assert!(page.more);
            assert_eq!(ids(&all_pages(store, query)), [near, far]);
        }
    });
}

#[test]
fn counts_are_exact_or_absent() {
    every_store(|store| {
        fill(store, "", 90, &["a.x", "a.y", "b"]);
        log(store, NewEvent { agent_id: Some("z".into()), ..new("z", "b") });
        let count = |filter: &Filter, after, until, rows| {
            let Counts { total, mut by_type } = store.count(filter, after, until, rows).unwrap();
            by_type.sort();
            (total, by_type.into_iter().map(|(t, n)| format!("{t}={n}")).collect::<Vec<_>>().join(" "))
        };
        let all = Filter::default();
        assert_eq!(count(&all, 0, Seq::MAX, 10_000), (Some(91), "a.x=30 a.y=30 b=31".into()));
        assert_eq!(count(&all, 0, Seq::MAX, 91).0, Some(91));
        assert_eq!(count(&all, 0, Seq::MAX, 90), (None, String::new()));
        assert_eq!(count(&all, 1, 4, 10), (Some(3), "a.x=1 a.y=1 b=1".into()));
        assert_eq!(count(&types(&["a.*"]), 0, Seq::MAX, 60).0, Some(60));
        assert_eq!(count(&types(&["a.*"]), 0, Seq::MAX, 59).0, None);
        assert_eq!(count(&types(&["a.*", "none"]), 0, 4, 10), (Some(3), "a.x=2 a.y=1".into()));
        let agent = Filter { agent_ids: list(&["z"]), ..all.clone() };
        assert_eq!(count(&agent, 0, Seq::MAX, 1), (Some(1), "b=1".into()));
        // The rare list is what is looked at.
        assert_eq!(count(&Filter { agent_ids: list(&["z"]), ..types(&["b"]) }, 0, Seq::MAX, 1).0, Some(1));
        assert_eq!(count(&types(&["none"]), 0, Seq::MAX, 0), (Some(0), String::new()));
        assert_eq!(count(&all, 91, Seq::MAX, 10), (Some(0), String::new()));
        assert_eq!(count(&all, 50, 40, 10), (Some(0), String::new()));
    });
}

#[test]
fn a_time_has_its_place_in_the_log() {
    every_store(|store| {
        assert_eq!(store.seq_at(u64::MAX, true).unwrap(), 0);
        let start = activity_feed::clock::unix_ms();
        fill(store, "a", 20, &["t"]);
        let between = wait_for_a_later_millisecond();
        wait_for_a_later_millisecond();
        fill(store, "b", 5, &["t"]);
        assert_eq!(store.seq_at(start - 1, true).unwrap(), 0);
        assert_eq!(store.seq_at(start, false).unwrap(), 0);
        assert_eq!(store.seq_at(between, true).unwrap(), 20);
        assert_eq!(store.seq_at(between, false).unwrap(), 20);
        assert_eq!(store.seq_at(u64::MAX, true).unwrap(), 25);
        assert_eq!(store.seq_at(0, false).unwrap(), 0);
        store.trim(10, 1_000).unwrap();
        assert_eq!(store.seq_at(start - 1, true).unwrap(), 10);
        assert_eq!(store.seq_at(between, true).unwrap(), 20);
    });
}

fn wait_for_a_later_millisecond() -> u64 {
    let now = activity_feed::clock::unix_ms();
    loop {
        let later = activity_feed::clock::unix_ms();
        if later > now {
            return later;
        }
        std::hint::spin_loop();
    }
}

#[test]
fn the_summary_counts_by_minute_and_type() {
    every_store(|store| {
        assert_eq!(store.summary(60).unwrap(), []);
        fill(store, "", 9, &["a", "b", "b"]);
        let total = |event_type: &str| -> u64 {
            // The minute may turn between two looks, so an event is one of the last two.
            let summary = store.summary(60).unwrap();
            assert!(summary.iter().all(|(ago, _, events)| *ago < 2 && *events > 0), "{summary:?}");
            summary.iter().filter(|(_, t, _)| t == event_type).map(|(_, _, events)| events).sum()
        };
        assert_eq!((total("a"), total("b")), (3, 6));
        // A duplicate is no second event.
        log_group(store, vec![new("0", "a")]);
        assert_eq!(total("a"), 3);
        store.trim(2, 1_000).unwrap();
        assert_eq!((total("a"), total("b")), (2, 5));
        store.trim(9, 1_000).unwrap();
        assert_eq!(store.summary(1_440).unwrap(), []);
    });
}
