//! The thread that owns the broadcaster and the lanes: it gives it events and the time, and hands the frames that come
//! back to the shards.
//!
//! Always true: for each lane the host knows its key, what it has settled and when it last sent, so that a broadcaster
//! that traps is replaced without a gap or a repetition. Which client has what is the shards' business.

mod recovery;
mod state;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Select};
use tokio::sync::{oneshot, watch};

use crate::clock::monotonic_ms;
use crate::engine::Broadcaster;
use crate::engine::words::{Channel, FrameKind, LaneFrame, LaneId, LaneKey, MonotonicMs, Output};
use crate::hub::feed::Feed;
use crate::hub::follow::Committed;
use crate::hub::frame::Frame;
use crate::hub::shard::{Attached, Delivery, ShardCommand, ShardHandle, SubscriptionRef};
use crate::metrics::{self, Metrics};
use crate::store::{Order, Query, Seq};

/// Names a lane to the shards, for as long as it lives; unlike a [`LaneId`] it outlives the broadcaster's instance.
pub type LaneRef = u32;

/// A lane lives this long after its last subscriber, so that one who reconnects finds it.
const LINGER_MS: u64 = 1_000;
/// The window of the rate limit, as far as a replaced broadcaster must know it.
const WINDOW_MS: u64 = 1_100;
/// How often idle lanes are looked for, at most.
const HOUSEKEEPING_MS: u64 = 1_000;

/// What is asked of the lanes' thread.
#[expect(missing_docs, reason = "each command's fields are told by their names and by its own line")]
pub enum Command {
    /// Attach a subscription to its lane. It is answered at the shard, in order with the lane's frames.
    Attach { key: Arc<LaneKey>, subscription: SubscriptionRef },
    /// A subscription has left its lane.
    Detach { lane: LaneRef, shard: usize },
    /// The state as JSON.
    State { reply: oneshot::Sender<String> },
    /// Save the state and end.
    Stop { done: oneshot::Sender<()> },
}

struct Lane {
    key: Arc<LaneKey>,
    id: LaneId,
    settled: Seq,
    /// When the live events of the last second were sent.
    sent: VecDeque<MonotonicMs>,
    /// How many subscriptions on each shard.
    subscribers: Vec<u32>,
    /// Since when nobody is on it.
    idle_since: Option<MonotonicMs>,
}

/// All that the thread owns.
pub struct Lanes {
    broadcaster: Broadcaster,
    feed: Arc<Feed>,
    shards: Vec<ShardHandle>,
    metrics: Arc<Metrics>,
    max_lanes: usize,
    lanes: HashMap<LaneRef, Lane>,
    by_key: HashMap<Arc<LaneKey>, LaneRef>,
    by_id: HashMap<LaneId, LaneRef>,
    next_ref: LaneRef,
    /// The log is published up to here.
    published: Seq,
    head: watch::Sender<Seq>,
    wake: Option<MonotonicMs>,
    /// The newest saved state, for a broadcaster that is replaced, and the seq it stands at.
    snapshot: Option<(Seq, Vec<u8>)>,
    snapshot_due: MonotonicMs,
    /// Writes it to the store, which may take as long as an fsync and longer: the lanes do not wait for that.
    saving: Option<JoinHandle<()>>,
}

/// What [`Lanes`] is made of.
pub struct Parts {
    /// Of its own, with its settings.
    pub broadcaster: Broadcaster,
    /// To read what a replaced broadcaster has missed.
    pub feed: Arc<Feed>,
    /// Where the sockets are.
    pub shards: Vec<ShardHandle>,
    /// To count in.
    pub metrics: Arc<Metrics>,
    /// Lanes at once.
    pub max_lanes: usize,
    /// Told when the log grows.
    pub head: watch::Sender<Seq>,
}

impl Lanes {
    /// Fold the state up to the head. Blocks while it reads the log.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { broadcaster, feed, shards, metrics, max_lanes, head } = parts;
        let published = feed.bounds().map_or(0, |bounds| bounds.head);
        let snapshot = feed.store().load_snapshot().unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot read the stored state, starting from the log");
            None
        });
        head.send_replace(published);
        let mut lanes = Self {
            broadcaster,
            feed,
            shards,
            metrics,
            max_lanes,
            lanes: HashMap::new(),
            by_key: HashMap::new(),
            by_id: HashMap::new(),
            next_ref: 0,
            published,
            head,
            wake: None,
            snapshot,
            snapshot_due: 0,
            saving: None,
        };
        lanes.restore_state();
        lanes
    }

    /// Where following starts.
    #[must_use]
    pub fn published(&self) -> Seq {
        self.published
    }

    /// Run until told to stop, or until nobody is left to tell.
    pub fn run(mut self, committed: &Receiver<Committed>, commands: &Receiver<Command>) {
        loop {
            let now = monotonic_ms();
            let due = self.wake.unwrap_or(u64::MAX).min(now + HOUSEKEEPING_MS);
            let mut select = Select::new();
            let events = select.recv(committed);
            select.recv(commands);
            match select.select_timeout(Duration::from_millis(due.saturating_sub(now))) {
                Ok(ready) if ready.index() == events => match ready.recv(committed) {
                    Ok(events) => self.publish(events),
                    Err(_) => return,
                },
                Ok(ready) => match ready.recv(commands) {
                    Ok(Command::Stop { done }) => {
                        self.save_state(true);
                        let _ = done.send(());
                        return;
                    }
                    Ok(command) => self.obey(command),
                    Err(_) => return,
                },
                Err(_) => {}
            }
            self.tick_if_due();
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Attach { key, subscription } => self.attach(key, subscription),
            Command::Detach { lane, shard } => {
                if let Some(lane) = self.lanes.get_mut(&lane) {
                    if let Some(count) = lane.subscribers.get_mut(shard) {
                        *count = count.saturating_sub(1);
                    }
                    if lane.subscribers.iter().all(|count| *count == 0) {
                        lane.idle_since = Some(monotonic_ms());
                    }
                }
            }
            Command::State { reply } => {
                let state = self.state();
                let _ = reply.send(state);
            }
            Command::Stop { .. } => {}
        }
    }

    // -------------------------------------------------------------------------------------------- joining, leaving

    fn attach(&mut self, key: Arc<LaneKey>, subscription: SubscriptionRef) {
        let shard = subscription.shard;
        let lane_ref = match self.by_key.get(&key) {
            Some(lane_ref) => Some(*lane_ref),
            None => self.open(&key),
        };
        let Some(lane_ref) = lane_ref else {
            self.tell(shard, ShardCommand::Unattached { subscription });
            return;
        };
        let Some(lane) = self.lanes.get_mut(&lane_ref) else { return };
        lane.idle_since = None;
        if let Some(count) = lane.subscribers.get_mut(shard) {
            *count += 1;
        }
        let settled = lane.settled;
        let opening = match key.channel {
            Channel::Events => Vec::new(),
            Channel::State => self.render_state(&key),
        };
        self.tell(shard, ShardCommand::Attached(Attached { subscription, lane: lane_ref, settled, opening }));
    }

    /// A new lane stands where the log is published. None: there are too many.
    fn open(&mut self, key: &Arc<LaneKey>) -> Option<LaneRef> {
        if self.lanes.len() >= self.max_lanes {
            self.close_idle(0);
            if self.lanes.len() >= self.max_lanes {
                tracing::warn!(max = self.max_lanes, "too many lanes; raise --max-lanes if these are real filters");
                return None;
            }
        }
        let settled = self.published;
        let id = match self.broadcaster.open_lane(key, settled, &[]) {
            Ok(id) => id,
            Err(_) => {
                self.recover();
                self.broadcaster.open_lane(key, settled, &[]).ok()?
            }
        };
        let lane_ref = self.next_ref;
        self.next_ref = self.next_ref.wrapping_add(1);
        let lane = Lane {
            key: Arc::clone(key),
            id,
            settled,
            sent: VecDeque::new(),
            subscribers: vec![0; self.shards.len()],
            idle_since: None,
        };
        self.lanes.insert(lane_ref, lane);
        self.by_key.insert(Arc::clone(key), lane_ref);
        self.by_id.insert(id, lane_ref);
        self.metrics.lanes.set(i64::try_from(self.lanes.len()).unwrap_or(i64::MAX));
        // A fresh lane may have a deadline of its own (a position to tell): ask.
        self.wake = Some(monotonic_ms());
        Some(lane_ref)
    }

    fn close_idle(&mut self, linger: u64) {
        let now = monotonic_ms();
        let idle: Vec<LaneRef> = self
            .lanes
            .iter()
            .filter(|(_, lane)| lane.idle_since.is_some_and(|since| since + linger <= now))
            .map(|(lane_ref, _)| *lane_ref)
            .collect();
        for lane_ref in idle {
            if let Some(lane) = self.lanes.remove(&lane_ref) {
                self.by_key.remove(&lane.key);
                self.by_id.remove(&lane.id);
                if self.broadcaster.close_lane(lane.id).is_err() {
                    self.recover();
                }
            }
        }
        self.metrics.lanes.set(i64::try_from(self.lanes.len()).unwrap_or(i64::MAX));
    }

    // ------------------------------------------------------------------------------------------------------ sending

    fn publish(&mut self, committed: Committed) {
        let Committed { shown, head, missed, at } = committed;
        if head <= self.published {
            return;
        }
        if missed {
            tracing::warn!(
                head,
                "events were pruned before they were broadcast; their subscribers are sent away, to be told"
            );
            self.send_away();
        }
        match self.broadcaster.publish(&shown, head, monotonic_ms()) {
            Ok(output) => {
                self.published = head;
                self.deliver(output, Some(at));
            }
            Err(_) => {
                // A fresh instance gets these events, too: recovery publishes up to `published`.
                self.published = head;
                self.recover();
            }
        }
        self.head.send_replace(self.published);
    }

    fn tick_if_due(&mut self) {
        let now = monotonic_ms();
        if self.wake.is_some_and(|wake| wake <= now) {
            match self.broadcaster.tick(now) {
                Ok(output) => self.deliver(output, None),
                Err(_) => self.recover(),
            }
        }
        if now >= self.snapshot_due {
            self.close_idle(LINGER_MS);
            self.save_state(false);
        }
    }

    /// Make each frame's bytes once, and give every shard those of the lanes it has subscriptions of.
    fn deliver(&mut self, output: Output, committed: Option<Instant>) {
        self.wake = output.wake;
        let now = monotonic_ms();
        let mut by_shard: Vec<Vec<(LaneRef, Arc<Frame>)>> = self.shards.iter().map(|_| Vec::new()).collect();
        for frame in output.frames {
            let Some(lane_ref) = self.by_id.get(&frame.lane).copied() else { continue };
            let Some(lane) = self.lanes.get_mut(&lane_ref) else { continue };
            note(&self.metrics, lane, &frame, now);
            let wire = Frame::of_lane(lane.key.format, &frame);
            for (frames, subscribers) in by_shard.iter_mut().zip(&lane.subscribers) {
                if *subscribers > 0 {
                    frames.push((lane_ref, Arc::clone(&wire)));
                }
            }
        }
        for (shard, frames) in by_shard.into_iter().enumerate() {
            if !frames.is_empty() {
                self.tell(shard, ShardCommand::Deliver(Delivery { frames, committed }));
            }
        }
    }

    /// Whoever comes back with a cursor is told what is not kept.
    fn send_away(&self) {
        for shard in 0..self.shards.len() {
            self.tell(shard, ShardCommand::CloseAll);
        }
    }

    fn tell(&self, shard: usize, command: ShardCommand) {
        if let Some(shard) = self.shards.get(shard) {
            shard.send(command);
        }
    }
}

fn everything(after: Seq, until: Seq) -> Query {
    Query { filter: crate::store::Filter::default(), text: None, after, until, order: Order::Ascending, limit: 1_000 }
}

/// Keep the lane's books.
fn note(metrics: &Metrics, lane: &mut Lane, frame: &LaneFrame, now: MonotonicMs) {
    match frame.kind {
        FrameKind::State => return,
        FrameKind::Event => {
            while lane.sent.front().is_some_and(|sent| sent + WINDOW_MS < now) {
                lane.sent.pop_front();
            }
            lane.sent.push_back(now);
        }
        FrameKind::Skipped => {
            let subscribers: u32 = lane.subscribers.iter().sum();
            metrics
                .skipped
                .get_or_create(&metrics::Reason { reason: "rate" })
                .inc_by(frame.count.saturating_mul(u64::from(subscribers)));
        }
        FrameKind::Position => {}
    }
    lane.settled = lane.settled.max(frame.to);
}
