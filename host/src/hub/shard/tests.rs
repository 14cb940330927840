//! What a shard does when things come in an order that no test from outside can choose. The client is an event stream, of which
//! a test knows to the byte how much it has read.

#![expect(clippy::unwrap_used, reason = "tests")]

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;

use super::connection::StreamGauge;
use super::flow::{Flow, UNSENT_LIMIT};
use super::*;
use crate::engine::words::{Format, LaneKey};
use crate::hub::client::Grant;
use crate::hub::fill::Filled;
use crate::hub::frame::Told;
use crate::hub::testing;

/// A shard with one client.
struct Stage {
    shard: Shard,
    name: ConnectionRef,
    gauge: Arc<StreamGauge>,
    sent: UnboundedReceiver<Bytes>,
    /// Held, so that the lanes can be told.
    _commands: Receiver<crate::hub::lanes::Command>,
}

impl Stage {
    fn new() -> Self {
        let (core, commands) = testing::core(testing::feed(0));
        let mut shard = Shard::new(0, core, prepare().unwrap().1);
        let grant = Grant { types: None, expires: u64::MAX, session: None, token_id: None };
        let client = Arc::new(Client::new("test".to_owned(), false, grant, Box::new(())));
        let (sender, sent) = unbounded_channel();
        let gauge = Arc::new(StreamGauge::default());
        let (reply, mut opened) = oneshot::channel();
        shard.open(client, Opened::Stream { sender, gauge: Arc::clone(&gauge) }, None, reply, &mut []);
        Self { shard, name: opened.try_recv().unwrap(), gauge, sent, _commands: commands }
    }

    /// A subscription that was sent these, which end at `position`.
    fn begin(&mut self, id: u32, frames: &[Arc<Frame>], position: Seq) {
        let key = Arc::new(LaneKey { label: Some(id.to_string()), ..LaneKey::plain(Format::Json) });
        self.shard.begin(self.name.subscription(id), key, frames, position);
    }

    /// It has its lane, which is named like it and has settled this.
    fn attach(&mut self, id: u32, settled: Seq) {
        let subscription = self.name.subscription(id);
        self.shard.attached(Attached { subscription, lane: id, settled, opening: Vec::new() });
    }

    fn deliver(&mut self, lane: LaneRef, frame: Arc<Frame>) {
        self.shard.gathered.entry(lane).or_default().push(frame);
        self.shard.deliver_gathered();
    }

    fn fill(&mut self, id: u32, frames: Vec<Arc<Frame>>, position: Seq) {
        self.shard.filled(self.name.subscription(id), Some(Filled { frames, position }));
    }

    /// The client reads one frame; what was unsent may be read with it. Returns how the frame begins.
    fn read(&mut self) -> Option<String> {
        let bytes = self.sent.try_recv().ok()?;
        if self.gauge.taken(bytes.len()) {
            self.shard.drained(self.name.key);
        }
        Some(String::from_utf8(bytes.iter().copied().take_while(|byte| *byte != b' ').collect()).unwrap())
    }

    fn read_all(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.read()).collect()
    }

    fn subscription(&mut self, id: u32) -> &flow::Subscription {
        self.shard.connections.get_mut(self.name.key).unwrap().subscription(id).unwrap()
    }
}

fn frame(kind: Told, from: Seq, to: Seq) -> Arc<Frame> {
    Frame::plain(kind, from, to, Bytes::from(format!("{kind:?}-{to}")))
}

/// One of which two are too much.
fn large(from: Seq, to: Seq) -> Arc<Frame> {
    let mut bytes = format!("Event-{to} ").into_bytes();
    bytes.resize(UNSENT_LIMIT / 2 + 1, b'x');
    Frame::plain(Told::Event, from, to, bytes.into())
}

#[tokio::test]
async fn promise_5_what_is_filled_while_much_is_unsent_for_another_subscription_leaves_no_gap() {
    let mut stage = Stage::new();
    stage.begin(1, &[], 0);
    stage.attach(1, 0);
    stage.begin(2, &[], 3);
    stage.attach(2, 5);
    stage.deliver(1, large(0, 1));
    stage.deliver(1, large(1, 2));
    stage.deliver(2, frame(Told::Event, 5, 6));
    // There is room again, but the client has not read all.
    stage.read();
    stage.fill(2, vec![frame(Told::Event, 3, 4), frame(Told::Position, 5, 5)], 5);
    stage.deliver(2, frame(Told::Event, 6, 7));
    let sent = stage.read_all();
    assert!(!sent.contains(&"Event-7".to_owned()), "the one before it was not sent: {sent:?}");
    // All that follows the fill is read from the log.
    assert!(matches!(stage.subscription(2).flow, Flow::Held { .. }));
    assert_eq!(stage.subscription(2).position, 4);
}

#[tokio::test]
async fn promise_3_a_replay_whose_last_event_is_too_much_ends_with_caught_up_once_it_is_read() {
    for attached_first in [true, false] {
        let mut stage = Stage::new();
        stage.begin(1, &[frame(Told::Aside, 0, 0), large(0, 1), large(1, 2), frame(Told::Position, 5, 5)], 5);
        if attached_first {
            stage.attach(1, 5);
        }
        let mut sent = stage.read_all();
        if !attached_first {
            stage.attach(1, 5);
            sent.extend(stage.read_all());
        }
        assert_eq!(sent, ["Aside-0", "Event-1", "Event-2", "Position-5"], "attached first: {attached_first}");
        stage.deliver(1, frame(Told::Event, 5, 6));
        assert_eq!(stage.read_all(), ["Event-6"]);
    }
}

#[tokio::test]
async fn promise_3_a_replay_of_which_not_all_was_sent_does_not_end_before_the_rest() {
    let mut stage = Stage::new();
    stage.begin(1, &[large(0, 1), large(1, 2), large(2, 3), frame(Told::Position, 3, 3)], 3);
    stage.attach(1, 3);
    assert_eq!(stage.read_all(), ["Event-1", "Event-2"]);
    assert!(matches!(stage.subscription(1).flow, Flow::Held { .. }), "the rest is read from the log");
    assert_eq!(stage.subscription(1).position, 2);
}

#[tokio::test]
async fn promise_3_a_fill_whose_last_event_is_too_much_ends_with_caught_up_once_it_is_read() {
    let mut stage = Stage::new();
    stage.begin(1, &[], 0);
    stage.attach(1, 2);
    stage.fill(1, vec![large(0, 1), large(1, 2), frame(Told::Position, 2, 2)], 2);
    let sent: Vec<String> = std::iter::from_fn(|| stage.read()).take(3).collect();
    assert_eq!(sent, ["Event-1", "Event-2", "Position-2"]);
}

#[tokio::test]
async fn a_replay_of_nothing_stands_where_it_was_asked_to_begin() {
    let mut stage = Stage::new();
    stage.begin(1, &[frame(Told::Aside, 4, 4), frame(Told::Position, 9, 9)], 9);
    assert_eq!(stage.subscription(1).position, 4);
    stage.attach(1, 9);
    assert_eq!(stage.read_all(), ["Aside-4", "Position-9"]);
    assert_eq!(stage.subscription(1).position, 9);
}
