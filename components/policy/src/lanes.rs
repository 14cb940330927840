//! Who gets what, and when. A lane is one distinct (filter, rate, format, name); all who ask for the same share it, and
//! an event is matched, throttled and written once a lane.
//!
//! Always true: within a lane frames are in seq order and settle the log without a gap (each one's `from` is the `to`
//! of the one before); every matching event is in exactly one frame, sent or counted; no frame passes an event that the
//! lane still holds. An event costs what it matches: [`index`] finds its lanes, and time costs what is due, by a list
//! sorted by time. What is held and what one call gives back is bounded in bytes, whatever the number of lanes.
//!
//! Sockets, and who is attached to a lane, are the host's.

mod index;
mod lane;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use self::index::Index;
use self::lane::Lane;
use crate::body::Body;
use crate::format;
use crate::state::State;
use crate::words::{Channel, Item, LaneKey, MonotonicMs, Seq, Settings, Shown};

/// Names an open lane. Never used twice by one instance, so that a frame which is under way cannot reach another lane.
pub type LaneId = u32;

/// A lane that holds nothing tells its position so long after the log has grown. The promise is 15 s.
const POSITION_EVERY_MS: u64 = 10_000;
/// Lanes that tell their position in one call: ten thousand at once would be a burst that delays live events.
const POSITIONS_A_CALL: usize = 512;
/// Between two calls of one round of positions.
const POSITION_PAUSE_MS: u64 = 5;
/// A state lane says at most so often that the state has changed.
const STATE_EVERY_MS: u64 = 1_000;
/// Bytes of frames that one call gives back before the rest waits for the next: ten thousand lanes with a large event
/// would not fit into an instance's memory.
const MAX_OUTPUT_BYTES: usize = 6 << 20;
/// Bytes of events that all lanes hold together before queues shrink to their newest event.
const MAX_HELD_BYTES: usize = 8 << 20;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the cases are those of the WIT enum")]
pub enum FrameKind {
    Event,
    Skipped,
    Position,
    State,
}

/// A frame for all who share a lane. It settles `(from, to]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the WIT record")]
pub struct LaneFrame {
    pub lane: LaneId,
    pub kind: FrameKind,
    pub from: Seq,
    pub to: Seq,
    /// Empty where the format has no words for it; then it only settles.
    pub text: String,
    pub count: u64,
}

/// What is due, and when to come back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the WIT record")]
pub struct Output {
    pub frames: Vec<LaneFrame>,
    pub wake: Option<MonotonicMs>,
}

/// All lanes of an instance, and the state of the swarm that goes out on some of them.
#[derive(Default)]
pub struct Lanes {
    settings: Settings,
    lanes: BTreeMap<LaneId, Lane>,
    index: Index,
    /// When which lane has something due. A lane is in it at most once, at its [`Lane::timer`].
    timers: BTreeSet<(MonotonicMs, LaneId)>,
    positions: Positions,
    state_lanes: BTreeMap<LaneId, StateLane>,
    state: State,
    next_id: LaneId,
    /// The log is known up to here.
    head: Seq,
    held_bytes: Rc<Cell<usize>>,
}

/// The rounds in which idle lanes tell where the log is.
#[derive(Default)]
struct Positions {
    /// None: the log has not grown since the last round.
    due: Option<MonotonicMs>,
    /// Where the round goes on.
    next: LaneId,
    /// What the head was when the round began.
    head: Seq,
}

/// A lane of the channel `state`.
struct StateLane {
    key: LaneKey,
    /// What was told up to here.
    settled: Seq,
    /// Not before; none: just opened, and the state came whole with it.
    next: Option<MonotonicMs>,
}

/// A body that some lane may hold, counted while it lives.
struct Held {
    body: Body,
    bytes: usize,
    ledger: Rc<Cell<usize>>,
}

impl Held {
    fn new(shown: Shown, ledger: &Rc<Cell<usize>>) -> Self {
        // The event, and about as much for each text that is made of it.
        let bytes = shown.event.data.len() * 2 + 1_024;
        ledger.set(ledger.get().saturating_add(bytes));
        Self { body: Body::new(shown), bytes, ledger: Rc::clone(ledger) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.ledger.set(self.ledger.get().saturating_sub(self.bytes));
    }
}

/// Frames of one call.
#[derive(Default)]
struct Out {
    frames: Vec<LaneFrame>,
    bytes: usize,
}

impl Out {
    fn push(&mut self, frame: LaneFrame) {
        self.bytes += frame.text.len();
        self.frames.push(frame);
    }

    fn is_full(&self) -> bool {
        self.bytes >= MAX_OUTPUT_BYTES
    }
}

impl Lanes {
    /// Take the settings; a second call replaces them for what is asked from then on.
    pub fn configure(&mut self, settings: Settings) {
        self.settings = Settings { rate: settings.rate.max(1), ..settings };
    }

    /// What the server allows.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Open a lane that has sent or reported everything up to `settled`; `sent` are the times of its live events of the
    /// last second, when it goes on after the loss of an instance.
    pub fn open(&mut self, key: LaneKey, settled: Seq, sent: &[MonotonicMs]) -> LaneId {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        match key.channel {
            Channel::State => {
                self.state_lanes.insert(id, StateLane { key, settled, next: None });
            }
            Channel::Events => {
                self.index.add(id, &key.filter);
                self.lanes.insert(id, Lane::new(id, key, settled, sent));
            }
        }
        id
    }

    /// Close a lane. What it held is dropped.
    pub fn close(&mut self, id: LaneId) {
        self.state_lanes.remove(&id);
        if let Some(lane) = self.lanes.remove(&id) {
            self.index.remove(id, &lane.key.filter);
            if let Some(due) = lane.timer {
                self.timers.remove(&(due, id));
            }
        }
    }

    /// Events that were committed, in seq order, each once; the log is known up to `head`.
    pub fn publish(&mut self, events: Vec<Shown>, head: Seq, now: MonotonicMs) -> Output {
        let mut out = Out::default();
        // What waits from before goes first.
        self.send_due(now, &mut out);

        let last = events.last().map_or(0, |shown| shown.event.seq);
        let Self { settings, lanes, index, timers, state, held_bytes, .. } = self;
        for shown in events {
            let held = Rc::new(Held::new(shown, held_bytes));
            state.fold(&held.body);
            index.candidates(held.body.event(), |id| {
                let Some(lane) = lanes.get_mut(&id) else { return };
                if lane.key.filter.matches(held.body.event()) {
                    lane.offer(&held, now, held_bytes.get() > MAX_HELD_BYTES, settings, &mut out);
                    set_timer(timers, lane, now);
                }
            });
        }

        let head = head.max(last);
        state.reach(head);
        if head > self.head {
            self.head = head;
            if self.positions.due.is_none() {
                self.positions = Positions { due: Some(now.saturating_add(POSITION_EVERY_MS)), next: 0, head };
            }
        }
        self.send_states(now, &mut out);
        self.finish(now, out)
    }

    /// Time has passed.
    pub fn tick(&mut self, now: MonotonicMs) -> Output {
        let mut out = Out::default();
        self.send_due(now, &mut out);
        self.send_positions(now, &mut out);
        self.send_states(now, &mut out);
        self.finish(now, out)
    }

    /// Take events into the state without sending anything.
    pub fn fold(&mut self, events: Vec<Shown>, head: Seq) {
        for shown in events {
            self.state.fold(&Body::new(shown));
        }
        self.state.reach(head);
    }

    /// The state of the swarm.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Go on from a snapshot. False: it is not one of this version, and the state starts empty.
    pub fn restore(&mut self, snapshot: &[u8]) -> bool {
        let restored = State::restore(snapshot);
        let is_one = restored.is_some();
        self.state = restored.unwrap_or_default();
        is_one
    }

    /// Write frames for one client.
    #[must_use]
    pub fn render(&self, key: &LaneKey, items: Vec<Item>) -> Vec<String> {
        items.into_iter().map(|item| format::item(key, &self.settings, item, || self.state.json())).collect()
    }

    /// Write events as the payloads of a history page.
    #[must_use]
    pub fn payloads(&self, events: Vec<Shown>) -> Vec<String> {
        let payload = |shown| {
            let body = Body::new(shown);
            let text = body.json(&self.settings.epoch);
            let mut out = String::with_capacity(text.len() + 2);
            text.write(None, &mut out);
            out
        };
        events.into_iter().map(payload).collect()
    }

    fn send_due(&mut self, now: MonotonicMs, out: &mut Out) {
        // Taken first, as a lane that could not send all (a full output) is due again at once.
        let due: Vec<LaneId> = self.timers.range(..=(now, LaneId::MAX)).map(|(_, id)| *id).collect();
        for id in due {
            if out.is_full() {
                break;
            }
            if let Some(lane) = self.lanes.get_mut(&id) {
                lane.drain(now, &self.settings, out);
                set_timer(&mut self.timers, lane, now);
            }
        }
    }

    fn send_positions(&mut self, now: MonotonicMs, out: &mut Out) {
        if self.positions.due.is_none_or(|due| due > now) {
            return;
        }
        if self.positions.next == 0 {
            self.positions.head = self.head;
        }
        let mut walked = self.positions.next;
        let mut at_end = true;
        for (count, (id, lane)) in self.lanes.range_mut(self.positions.next..).enumerate() {
            if count == POSITIONS_A_CALL {
                at_end = false;
                break;
            }
            walked = id.saturating_add(1);
            lane.tell_position(self.head, &self.settings, out);
        }
        self.positions = if !at_end {
            Positions { due: Some(now.saturating_add(POSITION_PAUSE_MS)), next: walked, head: self.positions.head }
        } else if self.head > self.positions.head {
            // The log grew while the round was on its way.
            Positions { due: Some(now.saturating_add(POSITION_EVERY_MS)), next: 0, head: self.head }
        } else {
            Positions::default()
        };
        if at_end {
            for (id, lane) in &mut self.state_lanes {
                if self.state.changed() <= lane.settled && lane.settled < self.head {
                    let text = format::place(&lane.key, &self.settings, "position", self.head);
                    let (from, to) = (lane.settled, self.head);
                    lane.settled = to;
                    out.push(LaneFrame { lane: *id, kind: FrameKind::Position, from, to, text, count: 0 });
                }
            }
        }
    }

    fn send_states(&mut self, now: MonotonicMs, out: &mut Out) {
        let mut json: Option<String> = None;
        for (id, lane) in &mut self.state_lanes {
            let next = *lane.next.get_or_insert_with(|| now.saturating_add(STATE_EVERY_MS));
            if self.state.changed() <= lane.settled || next > now || out.is_full() {
                continue;
            }
            let json = json.get_or_insert_with(|| self.state.json());
            let text = format::state(&lane.key, &self.settings, json);
            let (from, to) = (lane.settled, self.state.seq().max(lane.settled));
            out.push(LaneFrame { lane: *id, kind: FrameKind::State, from, to, text, count: 0 });
            lane.settled = to;
            lane.next = Some(now.saturating_add(STATE_EVERY_MS));
        }
    }

    fn finish(&self, now: MonotonicMs, out: Out) -> Output {
        let timer = self.timers.first().map(|(due, _)| *due);
        let changed = self.state_lanes.values().filter(|lane| self.state.changed() > lane.settled);
        let state = changed.map(|lane| lane.next.unwrap_or(now)).min();
        Output { frames: out.frames, wake: [timer, self.positions.due, state].into_iter().flatten().min() }
    }
}

/// Keep the list of what is due in step with a lane.
fn set_timer(timers: &mut BTreeSet<(MonotonicMs, LaneId)>, lane: &mut Lane, now: MonotonicMs) {
    let due = lane.due(now);
    if due == lane.timer {
        return;
    }
    if let Some(old) = lane.timer {
        timers.remove(&(old, lane.id));
    }
    if let Some(due) = due {
        timers.insert((due, lane.id));
    }
    lane.timer = due;
}

#[cfg(test)]
mod tests;
