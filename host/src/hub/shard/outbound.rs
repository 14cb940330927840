//! What goes out: each frame to each of its lane's subscriptions at most once, in order, and none past a gap; and what
//! happens to a client that does not read.

use std::sync::Arc;

use crate::clock::monotonic_ms;
use crate::engine::words::{Channel, Reason};
use crate::hub::fill;
use crate::hub::fill::{Fill, FillKind};
use crate::hub::frame::{Frame, Told};
use crate::hub::lanes::LaneRef;
use crate::hub::shard::Shard;
use crate::hub::shard::connection::{Flow, Take, UNSENT_LIMIT};
use crate::store::Seq;

impl Shard {
    /// Send frames that follow each other to one subscription: each at most once, in order, and none past a gap.
    pub(super) fn send_run(&mut self, place: usize, id: u32, frames: &[Arc<Frame>]) {
        let mut due = std::mem::take(&mut self.due);
        let mut rest = frames.iter().enumerate();
        loop {
            due.clear();
            let Some(connection) = self.connections.get_mut(place) else { break };
            let room = UNSENT_LIMIT.saturating_sub(connection.unsent());
            if connection.closing.is_some() {
                break;
            }
            let Some(subscription) = connection.subscription(id) else { break };
            let (mut bytes, mut events, mut recount) = (0, 0, None);
            // Frames that differ for this client: nearly always none, and one at most while its lane runs on.
            let mut own: Vec<(usize, Arc<Frame>)> = Vec::new();
            while bytes <= room
                && let Some((at, frame)) = rest.next()
            {
                match subscription.take(frame) {
                    Take::Pass => {}
                    take @ (Take::Send | Take::SendAfter(_)) => {
                        bytes += frame.bytes.len();
                        events += u64::from(frame.kind == Told::Event);
                        due.push(at);
                        if let Take::SendAfter(prev) = take {
                            own.extend(frame.after(subscription.key.format, prev).map(|frame| (at, frame)));
                        }
                    }
                    Take::Recount => {
                        recount = Some((frame.to, at + 1));
                        break;
                    }
                }
            }
            let finished = bytes <= room;
            let deflate = connection.client.deflate;
            let frames_due = due.iter().filter_map(|at| match own.iter().find(|(place, _)| place == at) {
                Some((_, frame)) => Some(frame),
                None => frames.get(*at),
            });
            let packer = &mut self.packer;
            let bytes = frames_due.map(|frame| if deflate { frame.packed(packer) } else { &frame.bytes });
            if !connection.send_all(bytes) {
                self.remove(place);
                break;
            }
            self.sent += events;
            if connection.unsent() > UNSENT_LIMIT {
                self.lag(place);
                break;
            }
            if let Some((to, next)) = recount {
                self.recount(place, id, to, frames.get(next..).unwrap_or_default());
                break;
            }
            if finished {
                break;
            }
        }
        due.clear();
        self.due = due;
    }

    /// A `skipped` up to `to` begins before the subscription's position: hold it and what follows, while the part that
    /// concerns this client is counted in the log.
    pub(super) fn recount(&mut self, place: usize, id: u32, to: Seq, following: &[Arc<Frame>]) {
        let Some(name) = self.name(place) else { return };
        let Some(subscription) = self.connections.get_mut(place).and_then(|c| c.subscription(id)) else { return };
        subscription.flow = Flow::held();
        for frame in following {
            subscription.take(frame);
        }
        let fill = Fill {
            subscription: name.subscription(id),
            key: Arc::clone(&subscription.key),
            from: subscription.position,
            to,
            kind: FillKind::Report(Reason::Rate),
        };
        fill::spawn(&self.core, fill);
    }

    /// Too much is unsent: no more is queued until the client has read it.
    pub(super) fn lag(&mut self, place: usize) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        // The time to read it runs from the first; events that go on coming do not give more of it.
        connection.lagging_since.get_or_insert_with(monotonic_ms);
        for subscription in &mut connection.subscriptions {
            if matches!(subscription.flow, Flow::Live) {
                subscription.flow = Flow::Lagging;
            }
        }
        if connection.note_lag() {
            self.drained(place);
        }
    }

    /// What was unsent is read: every subscription that has lagged is caught up like a replay.
    pub(super) fn drained(&mut self, place: usize) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.lagging_since.take().is_none() {
            return;
        }
        let lagging: Vec<(u32, Option<LaneRef>, Channel)> = connection
            .subscriptions
            .iter()
            .filter(|s| matches!(s.flow, Flow::Lagging))
            .map(|s| (s.id, s.lane, s.key.channel))
            .collect();
        for (id, lane, channel) in lagging {
            if channel == Channel::Events {
                self.go_live(place, id, Reason::Slow);
                continue;
            }
            if let Some(subscription) = self.connections.get_mut(place).and_then(|c| c.subscription(id)) {
                subscription.flow = Flow::Live;
            }
            let state = lane.and_then(|lane| self.lanes.get(&lane)).and_then(|here| here.state.clone());
            if let Some(state) = state {
                self.send_run(place, id, &[state]);
            }
        }
    }

    /// The socket takes more.
    pub(super) fn write(&mut self, place: usize) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.unsent() == 0 {
            return;
        }
        if !connection.flush() {
            self.remove(place);
        } else if connection.unsent() == 0 {
            self.drained(place);
        }
    }
}
