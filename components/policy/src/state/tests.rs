#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::words::{Event, Shown};
use proptest::prelude::*;
use serde_json::{Value, json};

fn fold(state: &mut State, event: Event) {
    state.fold(&Body::new(Shown { event, display: None }));
}

fn event(seq: Seq, event_type: &str, task: Option<&str>, agent: Option<&str>, data: Value) -> Event {
    Event {
        seq,
        id: seq.to_string(),
        event_type: event_type.to_owned(),
        source: "s".to_owned(),
        task_id: task.map(str::to_owned),
        agent_id: agent.map(str::to_owned),
        timestamp: format!("2024-01-15T10:{:02}:{:02}Z", seq / 60 % 60, seq % 60),
        data: data.to_string(),
    }
}

fn json(state: &State) -> Value {
    serde_json::from_str(&state.json()).unwrap()
}

fn told(events: impl IntoIterator<Item = (&'static str, Option<&'static str>, Option<&'static str>, Value)>) -> Value {
    let mut state = State::default();
    for (seq, (event_type, task, agent, data)) in (1..).zip(events) {
        fold(&mut state, event(seq, event_type, task, agent, data));
    }
    json(&state)
}

#[test]
fn an_empty_swarm() {
    assert_eq!(
        json(&State::default()),
        json!({"seq":0,"events":0,"errors":0,"agents":[],"auctions":[],
            "tasks":{"created":0,"bidding":0,"assigned":0,"started":0,"completed":0,"failed":0}})
    );
}

#[test]
fn agents_and_what_they_did_last() {
    let state = told([
        ("agent.joined", None, Some("agent-1"), json!({"name": "Echo"})),
        ("agent.joined", None, None, json!({"name": "Forge"})),
        ("task.assigned", Some("t"), Some("agent-1"), json!({"agent": "Echo"})),
        ("agent.left", None, None, json!({"name": "Forge"})),
        ("agent.status_changed", None, Some("agent-2"), json!({"status": "thinking"})),
        ("system.info", None, None, json!({"message": "nobody's"})),
    ]);
    assert_eq!(
        state["agents"],
        json!([
            {"id":"agent-2","name":"agent-2","status":"thinking","last":{"event_type":"agent.status_changed","text":"Agent agent-2 is now thinking","timestamp":"2024-01-15T10:00:05Z"}},
            {"id":"Forge","name":"Forge","status":"offline","last":{"event_type":"agent.left","text":"Agent Forge left","timestamp":"2024-01-15T10:00:04Z"}},
            {"id":"agent-1","name":"Echo","status":"working","last":{"event_type":"task.assigned","text":"Task assigned to Echo","timestamp":"2024-01-15T10:00:03Z"}},
        ])
    );
    assert_eq!(state["events"], 6);
}

#[test]
fn tasks_by_status_and_an_auction_from_its_start_to_its_end() {
    let start = [
        ("task.created", Some("t"), None, json!({"description": "paint it"})),
        ("task.bidding", Some("t"), None, json!({"closes_at": "2024-01-15T10:30:00Z"})),
        ("bid.submitted", Some("t"), Some("a"), json!({"amount": 70, "agent": "forge"})),
        ("bid.submitted", Some("t"), Some("b"), json!({"bid_sats": 50})),
        ("bid.submitted", Some("t"), Some("c"), json!({"amount": 60})),
        ("task.created", Some("u"), None, json!({})),
    ];
    let state = told(start.clone());
    assert_eq!((state["tasks"]["bidding"].as_u64(), state["tasks"]["created"].as_u64()), (Some(1), Some(1)));
    assert_eq!(
        state["auctions"],
        json!([{"task_id":"t","description":"paint it","bids":3,"best":{"agent":"b","amount":50},
            "opened":"2024-01-15T10:00:02Z","closes":"2024-01-15T10:30:00Z"}])
    );
    let end = [
        ("task.assigned", Some("t"), Some("b"), json!({})),
        ("bid.submitted", Some("t"), Some("d"), json!({"amount": 1})),
        ("task.started", Some("t"), Some("b"), json!({})),
        ("task.completed", Some("t"), Some("b"), json!({})),
        ("task.completed", Some("t"), Some("b"), json!({})),
        ("bid.submitted", Some("t"), Some("d"), json!({"amount": 1})),
        ("task.failed", Some("u"), None, json!({})),
    ];
    let state = told(start.into_iter().chain(end));
    assert_eq!(state["auctions"], json!([]));
    assert_eq!(state["tasks"], json!({"created":0,"bidding":0,"assigned":0,"started":0,"completed":1,"failed":1}));
    assert_eq!(state["errors"], 1);
}

#[test]
fn an_event_twice_is_folded_once() {
    let mut state = State::default();
    for seq in [1, 1, 2, 1, 2] {
        fold(&mut state, event(seq, "task.created", Some(&seq.to_string()), None, json!({})));
    }
    assert_eq!((state.seq(), json(&state)["tasks"]["created"].as_u64()), (2, Some(2)));
    state.reach(9);
    fold(&mut state, event(5, "task.created", Some("5"), None, json!({})));
    assert_eq!((state.seq(), state.changed(), json(&state)["events"].as_u64()), (9, 2, Some(2)));
}

#[test]
fn it_is_bounded_and_the_quietest_gives_way() {
    let mut state = State::default();
    let mut seq = 0;
    for i in 0..12_000 {
        seq += 1;
        let name = format!("n{i}");
        fold(&mut state, event(seq, "task.bidding", Some(&name), Some(&name), json!({"description": "x".repeat(300)})));
        // The first one stays, as it goes on acting.
        if i % 100 == 0 {
            seq += 1;
            fold(&mut state, event(seq, "task.bidding", Some("n0"), Some("n0"), json!({})));
        }
    }
    let told = json(&state);
    assert_eq!(told["agents"].as_array().unwrap().len(), MAX_AGENTS);
    assert!(told["agents"].as_array().unwrap().iter().any(|agent| agent["id"] == "n0"));
    assert_eq!(told["tasks"]["bidding"], MAX_TASKS);
    assert_eq!(told["auctions"].as_array().unwrap().len(), MAX_AUCTIONS);
    assert!(state.json().len() < 256 * 1_024, "a slow reader's bound: {}", state.json().len());
    assert!(state.snapshot().len() < 8 << 20);
}

#[test]
fn what_is_no_snapshot_is_not_restored() {
    for bytes in [&b""[..], b"{}", b"null", b"\xff", br#"{"version":2}"#, br#"{"version":1,"seq":1}"#] {
        assert!(State::restore(bytes).is_none());
    }
}

fn any_event() -> impl Strategy<Value = (String, Option<String>, Option<String>, Value)> {
    let event_type = prop::sample::select(vec![
        "task.created",
        "task.bidding",
        "task.assigned",
        "task.started",
        "task.completed",
        "task.failed",
        "bid.submitted",
        "auction.opened",
        "auction.closed",
        "agent.joined",
        "agent.left",
        "agent.status_changed",
        "tool.called",
        "system.error",
    ]);
    let name = || prop::option::weighted(0.8, "[a-e]");
    let data = prop_oneof![
        Just(json!({})),
        ("[a-e]", 0_u32..100, "[a-z\"\\\\ é]{0,100}").prop_map(
            |(name, amount, text)| json!({"name": name, "amount": amount, "description": text, "status": text})
        ),
        Just(json!({"amount": "12", "closes": "2024-01-15T10:30:00Z", "agent": "x"})),
        Just(json!({"amount": 1e300, "name": null, "description": ["x"]})),
    ];
    (event_type.prop_map(str::to_owned), name(), name(), data)
}

proptest! {
    #[test]
    fn going_on_from_a_snapshot_is_going_on(events in prop::collection::vec(any_event(), 1..60), cut in any::<prop::sample::Index>()) {
        let events: Vec<Event> = (1..).zip(events)
            .map(|(seq, (event_type, task, agent, data))| event(seq, &event_type, task.as_deref(), agent.as_deref(), data))
            .collect();
        let cut = cut.index(events.len());
        let mut whole = State::default();
        let mut first = State::default();
        for event in &events[..cut] {
            fold(&mut first, event.clone());
        }
        let mut second = State::restore(&first.snapshot()).unwrap();
        prop_assert_eq!(second.json(), first.json());
        for event in &events {
            fold(&mut whole, event.clone());
            // Those before the snapshot are passed over.
            fold(&mut second, event.clone());
        }
        prop_assert_eq!(second.json(), whole.json());
        prop_assert_eq!(second.snapshot(), whole.snapshot());
        prop_assert_eq!(second.changed(), whole.changed());
        json(&whole);
    }
}
