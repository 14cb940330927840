#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::filter::Filter;
use crate::words::{Event, Format};
use proptest::prelude::*;

fn settings(rate: u32) -> Settings {
    Settings { epoch: "e".to_owned(), rate, ..Settings::default() }
}

fn lanes(rate: u32) -> Lanes {
    let mut lanes = Lanes::default();
    lanes.configure(settings(rate));
    lanes
}

fn key(filter: Filter, rate: u32) -> LaneKey {
    LaneKey { channel: Channel::Events, filter, rate, format: Format::Json, label: None }
}

fn types(patterns: &[&str]) -> Filter {
    Filter { types: patterns.iter().map(|s| (*s).to_owned()).collect(), ..Filter::default() }
}

fn event(seq: Seq, event_type: &str) -> Shown {
    let event = Event {
        seq,
        id: seq.to_string(),
        event_type: event_type.to_owned(),
        source: "s".to_owned(),
        timestamp: "2024-01-15T10:30:00Z".to_owned(),
        data: "{}".to_owned(),
        ..Event::default()
    };
    Shown { event, display: None }
}

fn payload(frame: &LaneFrame) -> serde_json::Value {
    serde_json::from_str::<serde_json::Value>(&frame.text).unwrap()["payload"].clone()
}

/// A host that keeps time: it ticks when it was told to, and remembers what it was given and when.
struct Host {
    lanes: Lanes,
    now: MonotonicMs,
    wake: Option<MonotonicMs>,
    told: Vec<(MonotonicMs, LaneFrame)>,
}

impl Host {
    fn new(rate: u32) -> Self {
        Self { lanes: lanes(rate), now: 5_000, wake: None, told: Vec::new() }
    }

    fn take(&mut self, output: Output) {
        self.wake = output.wake;
        let now = self.now;
        self.told.extend(output.frames.into_iter().map(|frame| (now, frame)));
    }

    /// Let time pass, with every tick `late` ms after it was due.
    fn run_to(&mut self, end: MonotonicMs, late: u64) {
        while let Some(wake) = self.wake.filter(|wake| wake + late <= end) {
            self.now = self.now.max(wake + late);
            let output = self.lanes.tick(self.now);
            self.take(output);
        }
        self.now = end;
    }

    fn publish(&mut self, events: Vec<Shown>) {
        let head = events.last().map_or(0, |shown| shown.event.seq);
        let output = self.lanes.publish(events, head, self.now);
        self.take(output);
    }

    fn frames(&self, lane: LaneId) -> Vec<(MonotonicMs, &LaneFrame)> {
        self.told.iter().filter(|(_, frame)| frame.lane == lane).map(|(at, frame)| (*at, frame)).collect()
    }
}

/// Promises 1 and 2 for one lane: `published` are the matching events with their times, in order.
fn check_promises(frames: &[(MonotonicMs, &LaneFrame)], published: &[(MonotonicMs, Seq)], rate: u32, start: Seq) {
    let mut settled = start;
    let mut rest = published.iter().copied().peekable();
    let mut sent = Vec::new();
    for (at, frame) in frames {
        assert_eq!(frame.from, settled, "frames settle the log without a gap");
        assert!(frame.to > frame.from, "every frame settles something");
        settled = frame.to;
        match frame.kind {
            FrameKind::Event => {
                let (came, seq) = rest.next().unwrap();
                assert_eq!(frame.to, seq, "in order, each once");
                assert!(at - came <= 1_200, "event {seq} waited {} ms", at - came);
                let payload = payload(frame);
                assert_eq!((payload["seq"].as_u64(), payload["prev"].as_u64()), (Some(seq), Some(frame.from)));
                sent.push(*at);
            }
            FrameKind::Skipped => {
                let mut covered = 0;
                while let Some((came, _)) = rest.next_if(|(_, seq)| *seq <= frame.to) {
                    assert!(at - came <= 1_200, "reported {} ms after it was logged", at - came);
                    covered += 1;
                }
                assert_eq!(frame.count, covered, "a report counts what it covers");
                assert!(covered > 0);
                let payload = payload(frame);
                assert_eq!((payload["count"].as_u64(), payload["reason"].as_str()), (Some(covered), Some("rate")));
                let by_type = payload["by_type"].as_object().unwrap();
                assert_eq!(by_type.values().filter_map(serde_json::Value::as_u64).sum::<u64>(), covered);
            }
            FrameKind::Position => {
                assert!(rest.peek().is_none_or(|(_, seq)| *seq > frame.to), "a position passes nothing that is held");
            }
            FrameKind::State => unreachable!("no lane of the feed"),
        }
    }
    assert_eq!(rest.next(), None, "every event is sent or reported");
    if let Some((_, newest)) = published.last() {
        let last = frames.iter().rev().find(|(_, frame)| frame.kind == FrameKind::Event).unwrap();
        assert_eq!(last.1.to, *newest, "the newest always arrives");
    }
    for (first, start) in sent.iter().enumerate() {
        let within = sent.iter().skip(first).take_while(|at| **at < start + 1_000).count();
        assert!(within <= usize::try_from(rate).unwrap(), "{within} events within a second");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Contract §4, promises 1 and 2, under any arrivals.
    #[test]
    fn every_event_is_sent_or_reported_within_the_rate_and_in_time(
        rates in prop::collection::vec(1_u32..12, 1..4),
        arrivals in prop::collection::vec((0_u64..1_500, 1_usize..40, prop::bool::weighted(0.3)), 1..40),
        late in 0_u64..20,
    ) {
        let mut host = Host::new(100);
        let all: Vec<_> = rates.iter().map(|rate| (host.lanes.open(key(Filter::default(), *rate), 0, &[]), *rate)).collect();
        let some = host.lanes.open(key(types(&["a.*"]), 5), 0, &[]);
        let (mut seq, mut published) = (0, Vec::new());
        for (pause, count, is_apart) in arrivals {
            let end = host.now + pause;
            host.run_to(end, late);
            let batch: Vec<Shown> = (0..count).map(|i| { seq += 1 + u64::from(i % 3 == 0); event(seq, if is_apart { "b.x" } else { "a.x" }) }).collect();
            published.extend(batch.iter().map(|shown| (host.now, shown.event.seq, is_apart)));
            host.publish(batch);
        }
        let end = host.now + 30_000;
        host.run_to(end, late);
        prop_assert_eq!(host.wake, None, "nothing is held, so nothing is due");
        for (lane, rate) in all {
            let published: Vec<_> = published.iter().map(|(at, seq, _)| (*at, *seq)).collect();
            check_promises(&host.frames(lane), &published, rate, 0);
        }
        let published: Vec<_> = published.iter().filter(|(_, _, apart)| !apart).map(|(at, seq, _)| (*at, *seq)).collect();
        check_promises(&host.frames(some), &published, 5, 0);
    }

    /// The index finds exactly the lanes that a naive matcher finds.
    #[test]
    fn the_index_agrees_with_asking_every_lane(
        filters in prop::collection::vec(filter(), 1..12),
        closed in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        events in prop::collection::vec(any_event(), 1..20),
    ) {
        let mut lanes = lanes(1_000);
        let mut open: BTreeMap<LaneId, Filter> =
            filters.iter().map(|filter| (lanes.open(key(filter.clone(), 1_000), 0, &[]), filter.clone())).collect();
        for index in closed {
            let id = u32::try_from(index.index(filters.len())).unwrap();
            lanes.close(id);
            open.remove(&id);
        }
        let events: Vec<Shown> = (1..).zip(events).map(|(seq, event)| Shown { event: Event { seq, ..event }, display: None }).collect();
        let output = lanes.publish(events.clone(), 0, 5_000);
        for (id, filter) in open {
            let got: Vec<Seq> = output.frames.iter().filter(|frame| frame.lane == id).map(|frame| frame.to).collect();
            let naive: Vec<Seq> = events.iter().filter(|shown| filter.matches(&shown.event)).map(|shown| shown.event.seq).collect();
            prop_assert_eq!(got, naive, "{:?}", filter);
        }
        for id in 0..u32::try_from(filters.len()).unwrap() {
            lanes.close(id);
        }
        prop_assert!(lanes.index.is_empty());
    }
}

fn word() -> impl Strategy<Value = String> {
    "[ab]"
}

fn filter() -> impl Strategy<Value = Filter> {
    let list = || prop_oneof![2 => Just(vec![]), 1 => prop::collection::vec(word(), 1..3)];
    let pattern = prop_oneof![Just("*".to_owned()), "[ab](\\.[ab]){0,2}(\\.\\*)?"];
    let patterns = prop::collection::vec(pattern, 0..3);
    (patterns, list(), list(), list()).prop_map(|(types, sources, task_ids, agent_ids)| {
        Filter { types, sources, task_ids, agent_ids }.ask(None).unwrap()
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    let optional = || prop::option::of(word());
    ("[ab](\\.[ab]){0,3}", word(), optional(), optional()).prop_map(|(event_type, source, task_id, agent_id)| Event {
        event_type,
        source,
        task_id,
        agent_id,
        data: "{}".to_owned(),
        ..Event::default()
    })
}

#[test]
fn a_filter_that_passes_nothing_still_moves_the_cursor() {
    let mut host = Host::new(10);
    let lane = host.lanes.open(key(types(&["never.*"]), 10), 0, &[]);
    let mut last = host.now;
    for seq in 1..=60 {
        let next = host.now + 1_000;
        host.run_to(next, 0);
        host.publish(vec![event(seq, "a.b")]);
    }
    let frames = host.frames(lane);
    assert!(frames.len() >= 4, "{}", frames.len());
    for (at, frame) in frames {
        assert_eq!(frame.kind, FrameKind::Position);
        assert_eq!(payload(frame)["cursor"], format!("e:{}", frame.to));
        assert!(at - last <= 15_000, "{} ms without a position", at - last);
        last = at;
    }
}

#[test]
fn a_log_that_does_not_grow_wakes_nobody() {
    let mut host = Host::new(10);
    host.lanes.open(key(types(&["never.*"]), 10), 0, &[]);
    host.publish(vec![event(1, "a.b")]);
    host.run_to(60_000, 0);
    assert_eq!(host.told.len(), 1);
    assert_eq!(host.wake, None);
    // A head without events (they are hidden) is growth too.
    let output = host.lanes.publish(vec![], 9, host.now);
    host.take(output);
    host.run_to(120_000, 0);
    assert_eq!(host.told.last().unwrap().1.to, 9);
    assert_eq!(host.told.len(), 2);
}

#[test]
fn ten_thousand_idle_lanes_are_told_in_slices() {
    let mut host = Host::new(10);
    for agent in 0..10_000 {
        let filter = Filter { agent_ids: vec![format!("agent-{agent}")], ..Filter::default() };
        host.lanes.open(key(filter, 10), 0, &[]);
    }
    host.publish(vec![event(1, "a.b")]);
    let start = host.now;
    host.run_to(start + 20_000, 0);
    assert_eq!(host.told.len(), 10_000);
    let mut by_call: BTreeMap<MonotonicMs, usize> = BTreeMap::new();
    for (at, _) in &host.told {
        *by_call.entry(*at).or_default() += 1;
    }
    assert!(by_call.values().all(|count| *count <= POSITIONS_A_CALL));
    assert!(host.told.last().unwrap().0 - start <= 15_000);
}

#[test]
fn a_lane_goes_on_after_the_loss_of_an_instance() {
    let mut host = Host::new(2);
    let before = host.now - 500;
    let lane = host.lanes.open(key(Filter::default(), 2), 7, &[before, before]);
    host.publish((5..=9).map(|seq| event(seq, "a.b")).collect());
    assert!(host.told.is_empty(), "the rate of the last second still counts");
    host.run_to(20_000, 0);
    let frames = host.frames(lane);
    assert_eq!(frames.iter().map(|(_, frame)| (frame.from, frame.to)).collect::<Vec<_>>(), [(7, 8), (8, 9)]);
    assert!(frames[0].0 >= before + 1_000);
}

#[test]
fn an_event_that_comes_again_is_not_sent_again() {
    let mut host = Host::new(10);
    host.lanes.open(key(Filter::default(), 10), 0, &[]);
    host.publish(vec![event(1, "a.b"), event(2, "a.b")]);
    host.publish(vec![event(2, "a.b"), event(3, "a.b")]);
    assert_eq!(host.told.iter().map(|(_, frame)| frame.to).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn what_a_closed_lane_held_is_dropped() {
    let mut host = Host::new(1);
    let lane = host.lanes.open(key(Filter::default(), 1), 0, &[]);
    host.publish((1..=5).map(|seq| event(seq, "a.b")).collect());
    assert!(host.lanes.held_bytes.get() > 0);
    host.lanes.close(lane);
    host.lanes.close(lane);
    assert_eq!(host.lanes.held_bytes.get(), 0);
    let told = host.told.len();
    host.run_to(60_000, 0);
    assert_eq!(host.told.len(), told);
}

#[test]
fn large_events_for_many_lanes_come_in_bounded_pieces() {
    let mut host = Host::new(10);
    for name in 0..500 {
        let label = Some(format!("lane {name}"));
        host.lanes.open(LaneKey { label, ..key(Filter::default(), 10) }, 0, &[]);
    }
    let large = |seq| Shown {
        event: Event { data: format!("{{\"a\":\"{}\"}}", "x".repeat(60_000)), ..event(seq, "a.b").event },
        display: None,
    };
    let mut published = Vec::new();
    for round in 0..20 {
        let events: Vec<Shown> = (1..=4).map(|i| large(round * 4 + i)).collect();
        published.extend(events.iter().map(|shown| (host.now, shown.event.seq)));
        let head = events.last().unwrap().event.seq;
        let output = host.lanes.publish(events, head, host.now);
        assert!(output.frames.iter().map(|frame| frame.text.len()).sum::<usize>() < MAX_OUTPUT_BYTES + 100_000);
        assert!(host.lanes.held_bytes.get() < MAX_HELD_BYTES * 2);
        host.take(output);
        // The host comes back at once while something is due.
        while host.wake.is_some_and(|wake| wake <= host.now) {
            let output = host.lanes.tick(host.now);
            assert!(output.frames.iter().map(|frame| frame.text.len()).sum::<usize>() < MAX_OUTPUT_BYTES + 100_000);
            host.take(output);
        }
        let next = host.now + 100;
        host.run_to(next, 0);
    }
    let end = host.now + 20_000;
    host.run_to(end, 0);
    for lane in [0, 250, 499] {
        check_promises(&host.frames(lane), &published, 10, 0);
    }
    assert_eq!(host.lanes.held_bytes.get(), 0);
}

#[test]
fn the_state_is_told_once_a_second_and_only_when_it_changed() {
    let mut host = Host::new(10);
    let lane = host.lanes.open(LaneKey { channel: Channel::State, ..key(Filter::default(), 10) }, 0, &[]);
    for seq in 1..=50 {
        let next = host.now + 100;
        host.run_to(next, 0);
        host.publish(vec![event(seq, "agent.joined")]);
    }
    let end = host.now + 60_000;
    host.run_to(end, 0);
    let frames = host.frames(lane);
    assert!((4..=6).contains(&frames.len()), "{}", frames.len());
    assert!(frames.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 1_000 && pair[1].1.from == pair[0].1.to));
    assert_eq!(payload(frames.last().unwrap().1)["seq"], 50);
    assert_eq!(host.wake, None);
}

#[test]
fn a_lane_of_html_settles_positions_without_a_word() {
    let mut host = Host::new(10);
    host.lanes.open(LaneKey { format: Format::Html, ..key(types(&["never.*"]), 10) }, 0, &[]);
    host.publish(vec![event(1, "a.b")]);
    host.run_to(60_000, 0);
    let (_, frame) = &host.told[0];
    assert_eq!((frame.kind, frame.to, frame.text.as_str()), (FrameKind::Position, 1, ""));
}
