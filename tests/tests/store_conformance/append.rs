//! Groups are whole or not at all, ids are never stored twice, seqs only rise.

use super::*;
use activity_feed::store::Conflict;

#[test]
fn an_event_comes_back_as_it_went_in() {
    every_store(|store| {
        let mut event = new("a:1.x_y-Z", "task.created");
        event.task_id = Some("task-1".into());
        event.agent_id = Some("agent-1".into());
        event.data = r#"{"text":"Ünïcode 👤 \"quoted\"","n":9007199254740993}"#.into();
        let seq = log(store, event.clone());
        let bounds = store.bounds().unwrap();
        assert_eq!((bounds.trimmed, bounds.head), (0, seq));
        assert!((8..=64).contains(&bounds.epoch.len()) && bounds.epoch.chars().all(|c| c.is_ascii_alphanumeric()));
        let stored = store.get("a:1.x_y-Z").unwrap().unwrap();
        let expected = Event {
            seq,
            id: event.id,
            event_type: event.event_type,
            source: event.source,
            task_id: event.task_id,
            agent_id: event.agent_id,
            timestamp: event.timestamp,
            data: event.data,
        };
        assert_eq!(stored, expected);
        assert_eq!(store.read(&everything()).unwrap().events, [expected]);
        assert_eq!(store.get("A:1.x_y-Z").unwrap(), None);
    });
}

#[test]
fn seqs_rise_over_groups_and_calls() {
    every_store(|store| {
        let first = store.append(&[vec![new("a", "t"), new("b", "t")], vec![], vec![new("c", "t")]]).unwrap();
        let seqs: Vec<Seq> = first.into_iter().flat_map(Result::unwrap).map(|appended| appended.seq).collect();
        let last = log(store, new("d", "t"));
        assert!(seqs[0] > 0 && seqs[0] < seqs[1] && seqs[1] < seqs[2] && seqs[2] < last);
        assert_eq!(ids(&store.read(&everything()).unwrap().events), ["a", "b", "c", "d"]);
        assert_eq!(store.append(&[]).unwrap(), []);
    });
}

#[test]
fn the_same_content_is_a_duplicate() {
    every_store(|store| {
        let mut event = new("a", "t");
        event.data = r#"{"a":1,"b":[true,null]}"#.into();
        let seq = log(store, event.clone());
        let head = store.bounds().unwrap().head;
        event.data = r#"{ "b" : [true, null], "a" : 1.0 }"#.into();
        assert_eq!(log_group(store, vec![event.clone()]), [Appended { seq, duplicate: true }]);
        // A timestamp of the server's is no content, on either side.
        event.stamped = true;
        event.timestamp = "2030-01-01T00:00:00Z".into();
        assert_eq!(log_group(store, vec![event.clone()]), [Appended { seq, duplicate: true }]);
        assert_eq!(store.bounds().unwrap().head, head);
        assert_eq!(store.read(&everything()).unwrap().events.len(), 1);
    });
}

#[test]
fn duplicates_within_one_call_and_one_group_are_seen() {
    every_store(|store| {
        let results = store.append(&[vec![new("a", "t"), new("a", "t")], vec![new("b", "t"), new("a", "t")]]).unwrap();
        let appended: Vec<_> = results.into_iter().flat_map(Result::unwrap).collect();
        let duplicates: Vec<bool> = appended.iter().map(|appended| appended.duplicate).collect();
        assert_eq!(duplicates, [false, true, false, true]);
        assert!(appended[0].seq == appended[1].seq && appended[0].seq == appended[3].seq);
        assert_eq!(ids(&store.read(&everything()).unwrap().events), ["a", "b"]);
    });
}

#[test]
fn every_other_content_is_a_conflict() {
    every_store(|store| {
        log(store, NewEvent { task_id: Some("x".into()), ..new("a", "t") });
        let same = NewEvent { task_id: Some("x".into()), ..new("a", "t") };
        for changed in [
            NewEvent { event_type: "u".into(), ..same.clone() },
            NewEvent { source: "other".into(), ..same.clone() },
            NewEvent { task_id: None, ..same.clone() },
            NewEvent { agent_id: Some("x".into()), ..same.clone() },
            NewEvent { timestamp: "2024-01-15T10:30:01Z".into(), ..same.clone() },
            NewEvent { data: r#"{"a":1}"#.into(), ..same.clone() },
        ] {
            let results = store.append(&[vec![changed]]).unwrap();
            assert_eq!(results, [Err(Conflict { index: 0, id: "a".into() })]);
        }
        assert!(log_group(store, vec![same])[0].duplicate);
    });
}

#[test]
fn a_conflict_takes_its_group_alone() {
    every_store(|store| {
        log(store, new("taken", "t"));
        let clash = || new("taken", "other");
        let results = store
            .append(&[
                vec![new("a", "t"), new("b", "t")],
                vec![new("c", "t"), new("d", "t"), clash(), new("e", "t")],
                // The ids of the group that was left out are free, with whatever content.
                vec![new("c", "other"), new("f", "t")],
                vec![clash()],
                vec![new("same", "t"), new("same", "other")],
            ])
            .unwrap();
        assert!(results[0].is_ok());
        assert_eq!(results[1], Err(Conflict { index: 2, id: "taken".into() }));
        assert!(results[2].as_ref().unwrap().iter().all(|appended| !appended.duplicate));
        assert_eq!(results[3], Err(Conflict { index: 0, id: "taken".into() }));
        assert_eq!(results[4], Err(Conflict { index: 1, id: "same".into() }));
        let page = store.read(&everything()).unwrap();
        assert_eq!(ids(&page.events), ["taken", "a", "b", "c", "f"]);
        assert!(page.events.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        assert_eq!(page.events[4].seq, store.bounds().unwrap().head);
        assert_eq!(store.summary(5).unwrap().iter().map(|(_, _, events)| events).sum::<u64>(), 5);
    });
}

#[test]
fn ten_thousand_in_a_call() {
    every_store(|store| {
        let group = |g: usize| (0..1_000).map(|n| new(&format!("{g}-{n}"), "t")).collect::<Vec<_>>();
        let results = store.append(&(0..10).map(group).collect::<Vec<_>>()).unwrap();
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(all_pages(store, everything()).len(), 10_000);
    });
}
