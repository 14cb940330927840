//! A subscription's way on its shard: it begins with its past, is attached to its lane, is held while something is fetched
//! for it, goes live, and leaves. `docs/positions.md` says why nothing falls between.

use std::sync::Arc;

use crate::engine::words::{Channel, LaneKey, Reason};
use crate::hub::fill::{Fill, FillKind, Filled};
use crate::hub::frame::{Frame, Told};
use crate::hub::shard::flow::{Flow, Subscription};
use crate::hub::shard::{Attached, LaneHere, Shard, SubscriptionRef};
use crate::hub::websocket::close;
use crate::hub::{fill, protocol};
use crate::store::Seq;

impl Shard {
    pub(super) fn begin(
        &mut self,
        subscription: SubscriptionRef,
        key: Arc<LaneKey>,
        frames: &[Arc<Frame>],
        position: Seq,
    ) {
        if self.connection(subscription.connection).is_none_or(|connection| connection.closing.is_some()) {
            return;
        }
        let place = subscription.connection.key;
        self.unsubscribe(place, key.label.as_deref());
        let Some(connection) = self.connections.get_mut(place) else { return };
        // Where the client stands before the first of them: `subscribed` says it where nothing else follows.
        let settles = frames.iter().find(|frame| matches!(frame.kind, Told::Event | Told::Skipped));
        let first = settles.or_else(|| frames.first()).map_or(position, |frame| frame.from);
        // Nearly every connection has one, and room for three more would be most of what an idle client costs.
        connection.subscriptions.reserve_exact(1);
        connection.subscriptions.push(Subscription {
            id: subscription.id,
            key,
            lane: None,
            position: first,
            flow: Flow::Live,
            caught_up: None,
        });
        let Some(subscription) = self.send_past(place, subscription.id, frames) else { return };
        if subscription.caught_up.is_none() {
            subscription.position = position;
        }
        // No frame of the lane may come before `attached` has looked whether something is missing.
        subscription.flow = Flow::held();
    }

    /// Send what a subscription has missed, but for the `caught_up` that ends it: that waits in the subscription for
    /// [`Shard::go_live`]. None: it lags, or is gone.
    fn send_past(&mut self, place: usize, id: u32, frames: &[Arc<Frame>]) -> Option<&mut Subscription> {
        let (frames, caught_up) = match frames.split_last() {
            Some((last, before)) if last.kind == Told::Position => (before, Some(Arc::clone(last))),
            _ => (frames, None),
        };
        self.send_run(place, id, frames);
        let connection = self.connections.get_mut(place)?;
        let lagging = connection.lagging_since.is_some();
        let subscription = connection.subscription(id)?;
        // Where not all was sent, what will be fetched instead has an end of its own.
        let newest = frames.iter().rev().find(|frame| frame.kind != Told::Aside);
        let sent = newest.is_none_or(|frame| frame.to <= subscription.position);
        subscription.caught_up = caught_up.filter(|_| sent);
        if lagging {
            // What comes from the lane meanwhile is read from the log, too.
            subscription.flow = Flow::Lagging;
            return None;
        }
        Some(subscription)
    }

    pub(super) fn attached(&mut self, attached: Attached) {
        let Attached { subscription: named, lane, settled, opening } = attached;
        let place = named.connection.key;
        let known = self.connection(named.connection).and_then(|connection| connection.subscription(named.id));
        let Some(subscription) = known else {
            self.core.detach(lane, self.index);
            return;
        };
        subscription.lane = Some(lane);
        let is_state = subscription.key.channel == Channel::State;
        if is_state {
            subscription.flow = Flow::Live;
        }
        let here = self.lanes.entry(lane).or_insert_with(|| LaneHere {
            delivered: settled,
            subscriptions: Vec::new(),
            state: None,
        });
        here.delivered = here.delivered.max(settled);
        here.subscriptions.push((place, named.id));
        if is_state {
            here.state = opening.last().cloned();
            self.send_run(place, named.id, &opening);
            return;
        }
        self.go_live(place, named.id, Reason::Buffer);
    }

    /// There is no lane to be had: a WebSocket keeps what else it has, an event stream ends.
    pub(super) fn unattached(&mut self, named: SubscriptionRef) {
        let place = named.connection.key;
        let Some(connection) = self.connection(named.connection) else { return };
        let Some(label) = connection.subscription(named.id).map(|s| s.key.label.clone()) else { return };
        if connection.is_socket() && !connection.client.html {
            connection.client.dismiss(label.as_deref());
            self.unsubscribe(place, label.as_deref());
            protocol::refuse_lane(&self.core, named.connection, label);
        } else {
            self.close(place, close::TRY_LATER, "too many different filters; try again later");
        }
    }

    /// Live, when everything that the lane has settled was sent; else held, while the rest is fetched. Either way
    /// `caught_up` comes before the first frame of the lane.
    pub(super) fn go_live(&mut self, place: usize, id: u32, reason: Reason) {
        let Some(name) = self.name(place) else { return };
        let Some(connection) = self.connections.get_mut(place) else { return };
        let lagging = connection.lagging_since.is_some();
        let Some(subscription) = connection.subscription(id) else { return };
        if lagging {
            subscription.flow = Flow::Lagging;
            return;
        }
        let Some(lane) = subscription.lane else { return };
        let caught_up = subscription.caught_up.take();
        let delivered = self.lanes.get(&lane).map_or(0, |here| here.delivered);
        if caught_up.as_ref().map_or(subscription.position, |frame| frame.to) >= delivered {
            subscription.flow = Flow::Live;
            self.send_run(place, id, caught_up.as_slice());
            return;
        }
        subscription.flow = Flow::held();
        let fill = Fill {
            subscription: name.subscription(id),
            key: Arc::clone(&subscription.key),
            from: subscription.position,
            to: delivered,
            kind: FillKind::Events(reason),
        };
        fill::spawn(&self.core, fill);
    }

    /// What a held subscription waited for has come: send it, then what was held.
    pub(super) fn filled(&mut self, named: SubscriptionRef, filled: Option<Filled>) {
        let place = named.connection.key;
        let Some(connection) = self.connection(named.connection) else { return };
        let Some(filled) = filled else {
            self.close(place, close::GOING_AWAY, "the log cannot be read; reconnect with your cursor");
            return;
        };
        let Some(subscription) = connection.subscription(named.id) else { return };
        let Flow::Held { frames, dropped, .. } = std::mem::replace(&mut subscription.flow, Flow::Live) else { return };
        let Some(subscription) = self.send_past(place, named.id, &filled.frames) else { return };
        subscription.position = subscription.position.max(filled.position);
        if dropped {
            self.go_live(place, named.id, Reason::Slow);
            return;
        }
        let caught_up = subscription.caught_up.take();
        self.send_run(place, named.id, caught_up.as_slice());
        self.send_run(place, named.id, &frames);
    }

    pub(super) fn unsubscribe(&mut self, place: usize, label: Option<&str>) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        let Some(at) = connection.subscriptions.iter().position(|s| s.key.label.as_deref() == label) else { return };
        let subscription = connection.subscriptions.remove(at);
        self.leave_lane(place, &subscription);
    }

    pub(super) fn leave_lane(&mut self, place: usize, subscription: &Subscription) {
        let Some(lane) = subscription.lane else { return };
        if let Some(here) = self.lanes.get_mut(&lane) {
            here.subscriptions.retain(|known| *known != (place, subscription.id));
            if here.subscriptions.is_empty() {
                self.lanes.remove(&lane);
            }
        }
        self.core.detach(lane, self.index);
    }
}
