//! The live feed of one instance: one poller of the log for all of its streams, and the broadcaster's lanes.
//!
//! Nothing runs by itself here: the streams wake at the same instants, and whichever comes first in a slot looks at the
//! log and hands every stream its frames. So a stream that ends takes nobody's poller with it, and between a frame's
//! making and its sending lies no more than the streams' own wake-up, which the rate's window has room for.
//!
//! Always true: a subscription's position never passes an event that it was neither sent nor told of.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use crate::bindings::activity::broadcast::broadcaster::{
    self, Channel, FrameKind, Item, LaneFrame, LaneId, LaneKey, Output, Reason, Seq, Settings, Subscription,
};
use crate::bindings::activity::store::event_store::{self, Order, Query, StoreError};
use crate::clock::monotonic_ms;
use crate::config::Config;
use crate::feed;
use crate::join::{self, JoinError};
use crate::state;

/// How often the log is looked at while it grows. A `skipped` is due 1.1 s after its first event was seen, and 1.2 s
/// after it was logged: what lies between must be more than two of these.
const SLOT_MS: u64 = 40;
/// How often in quiet times: a whole number of slots, so that all streams stay in step.
const QUIET_SLOT_MS: u64 = 80;
/// How long after an event times are not yet quiet.
const BUSY_FOR_MS: u64 = 5_000;
/// A lane lives this long after its last stream, so that one who reconnects finds its rate as it was.
const LINGER_MS: u64 = 1_000;
/// Bytes that wait for one stream at most; beyond, it is caught up from the log when it reads again.
const INBOX_BYTES: usize = 256 * 1024;
/// Pings are for sockets; the broadcaster wants to know all the same.
const PING_MS: u32 = 25_000;

/// What waits for one stream.
#[derive(Default)]
pub(crate) struct Inbox {
    frames: VecDeque<String>,
    bytes: usize,
    /// Everything up to here was put in.
    position: Seq,
    /// Everything up to here was taken out.
    taken: Seq,
    /// It was too full: nothing more is put in until it is caught up.
    lagging: bool,
    /// The log was replaced: the stream has to end, and its client to come again.
    pub(crate) ended: bool,
}

impl Inbox {
    fn put(&mut self, text: String, to: Seq) {
        self.bytes += text.len();
        if self.bytes > INBOX_BYTES {
            self.frames.clear();
            self.bytes = 0;
            self.position = self.taken;
            self.lagging = true;
            return;
        }
        self.frames.push_back(text);
        self.position = to;
    }
}

struct Lane {
    key: LaneKey,
    inboxes: Vec<Rc<RefCell<Inbox>>>,
    /// Since when nobody is on it.
    idle_since: Option<u64>,
}

#[derive(Default)]
struct Lanes {
    epoch: String,
    /// The log was given to the broadcaster up to here.
    published: Seq,
    lanes: BTreeMap<LaneId, Lane>,
    /// The slot in which the log was last looked at.
    slot: u64,
    busy_until: u64,
    wake: Option<u64>,
}

thread_local! {
    static LANES: RefCell<Lanes> = RefCell::default();
}

/// Tell the broadcaster the settings, once an epoch.
pub(crate) fn configure(config: &Config, epoch: &str) {
    LANES.with_borrow_mut(|lanes| lanes.configure(config, epoch));
}

/// The end of a subscription that its stream holds. Leaves its lane when it is dropped.
pub(crate) struct Seat {
    lane: LaneId,
    key: LaneKey,
    inbox: Rc<RefCell<Inbox>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        LANES.with_borrow_mut(|lanes| {
            if let Some(lane) = lanes.lanes.get_mut(&self.lane) {
                lane.inboxes.retain(|inbox| !Rc::ptr_eq(inbox, &self.inbox));
                if lane.inboxes.is_empty() {
                    lane.idle_since = Some(monotonic_ms());
                }
            }
        });
    }
}

impl Seat {
    /// What has come, in order, as one piece; none: nothing has. After it the stream stands where the inbox does.
    ///
    /// # Errors
    /// The store's, where a stream that lagged could not be caught up; try again.
    pub(crate) fn take(&self, config: &Config) -> Result<Option<String>, StoreError> {
        let mut inbox = self.inbox.borrow_mut();
        if inbox.lagging {
            let (from, to) = (inbox.taken, LANES.with_borrow(|lanes| lanes.published));
            let items = match self.key.channel {
                Channel::Events => {
                    let mut items = join::gap(&self.key.filter, from, to, config.buffer)?;
                    items.push(Item::Position(to.max(from)));
                    items
                }
                // One state stands for all before it, and a large one alone may be more than an inbox holds.
                Channel::State => {
                    state::catch_up(true)?;
                    vec![Item::State]
                }
            };
            inbox.frames = broadcaster::render(&self.key, &items).into();
            inbox.position = to.max(from);
            inbox.lagging = false;
        }
        inbox.bytes = 0;
        inbox.taken = inbox.position;
        let text: String = inbox.frames.drain(..).collect();
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// Whether the stream has to end.
    pub(crate) fn has_ended(&self) -> bool {
        self.inbox.borrow().ended
    }
}

/// Start a subscription: its past, rendered, and its seat in the lane. Nothing else of the instance runs between the two.
///
/// # Errors
/// See [`JoinError`].
pub(crate) fn join(config: &Config, subscription: &Subscription) -> Result<(String, Seat), JoinError> {
    LANES.with_borrow_mut(|lanes| {
        let bounds = event_store::bounds()?;
        lanes.configure(config, &bounds.epoch);
        if lanes.lanes.values().all(|lane| lane.inboxes.is_empty()) {
            // Nobody has listened: what was logged meanwhile is no lane's.
            lanes.close_lanes(u64::MAX);
            lanes.published = bounds.head;
            state::catch_up(false)?;
        } else {
            lanes.poll(config)?;
        }
        let key = &subscription.lane;
        let (items, position) = match key.channel {
            Channel::Events => {
                // The head is read after the poll, so the position is never behind what the lanes have been given.
                let replay = join::replay(&key.filter, &subscription.start, config.buffer)?;
                (replay.items, replay.position)
            }
            Channel::State => {
                state::catch_up(true)?;
                (vec![Item::Subscribed((true, lanes.published, lanes.published)), Item::State], 0)
            }
        };
        let text: String = broadcaster::render(key, &items).concat();
        let inbox = Rc::new(RefCell::new(Inbox { position, taken: position, ..Inbox::default() }));
        let lane = lanes.lane(key);
        if let Some(lane) = lanes.lanes.get_mut(&lane) {
            lane.inboxes.push(Rc::clone(&inbox));
            lane.idle_since = None;
        }
        Ok((text, Seat { lane, key: key.clone(), inbox }))
    })
}

/// Do what is due in this slot, unless another stream has.
///
/// # Errors
/// The store's; nothing is lost, and the next slot tries again.
pub(crate) fn pump(config: &Config) -> Result<(), StoreError> {
    LANES.with_borrow_mut(|lanes| {
        let now = monotonic_ms();
        let slot = now / SLOT_MS;
        if lanes.slot == slot {
            return Ok(());
        }
        lanes.slot = slot;
        lanes.close_lanes(now);
        lanes.poll(config)?;
        if lanes.wake.is_some_and(|wake| wake <= now) {
            let output = broadcaster::tick(now);
            lanes.deliver(output);
        }
        Ok(())
    })
}

/// Milliseconds to the next slot that a stream has to wake for.
pub(crate) fn pause() -> u64 {
    let now = monotonic_ms();
    let busy = LANES.with_borrow(|lanes| now < lanes.busy_until || lanes.wake.is_some_and(|w| w < now + QUIET_SLOT_MS));
    let slot = if busy { SLOT_MS } else { QUIET_SLOT_MS };
    slot - now % slot
}

impl Lanes {
    fn configure(&mut self, config: &Config, epoch: &str) {
        if self.epoch == epoch {
            return;
        }
        self.send_away();
        epoch.clone_into(&mut self.epoch);
        broadcaster::configure(&Settings {
            epoch: epoch.to_owned(),
            rate: config.rate,
            buffer: config.buffer,
            ping_ms: PING_MS,
        });
        state::forget();
    }

    /// End all streams: their clients come again with their cursors.
    fn send_away(&mut self) {
        for (id, lane) in std::mem::take(&mut self.lanes) {
            for inbox in &lane.inboxes {
                inbox.borrow_mut().ended = true;
            }
            broadcaster::close_lane(id);
        }
    }

    /// The lane of a key; a new one stands where the log is published.
    fn lane(&mut self, key: &LaneKey) -> LaneId {
        if let Some((id, _)) = self.lanes.iter().find(|(_, lane)| lane.key == *key) {
            return *id;
        }
        let id = broadcaster::open_lane(key, self.published, &[]);
        self.lanes.insert(id, Lane { key: key.clone(), inboxes: Vec::new(), idle_since: None });
        // A fresh lane may have a deadline of its own: ask.
        self.wake = Some(monotonic_ms());
        id
    }

    /// Close the lanes that nobody has been on for long enough at `now`.
    fn close_lanes(&mut self, now: u64) {
        self.lanes.retain(|id, lane| {
            let stays = lane.idle_since.is_none_or(|since| since.saturating_add(LINGER_MS) > now);
            if !stays {
                broadcaster::close_lane(*id);
            }
            stays
        });
    }

    /// Give the broadcaster what the log has more than it was given, and its lanes' frames to the streams.
    fn poll(&mut self, config: &Config) -> Result<(), StoreError> {
        let bounds = event_store::bounds()?;
        self.configure(config, &bounds.epoch);
        while self.published < bounds.head {
            let page = event_store::read(&Query {
                filter: feed::everything(),
                text: None,
                after: self.published,
                until: bounds.head,
                order: Order::Ascending,
                limit: feed::PAGE,
            })?;
            let head = if page.more { page.reached } else { bounds.head };
            // Removed, by whichever instance, before this one has seen them: only who starts anew is told what is gone.
            if page.events.first().is_none_or(|first| first.seq > self.published + 1)
                && event_store::bounds()?.trimmed > self.published
            {
                self.send_away();
            }
            let now = monotonic_ms();
            self.busy_until = now + BUSY_FOR_MS;
            let shown = feed::show(page.events);
            let pieces = feed::pieces(&shown);
            let last = pieces.len().saturating_sub(1);
            for (index, piece) in pieces.iter().enumerate() {
                let reached = piece.last().filter(|_| index < last).map_or(head, |shown| shown.event.seq);
                let output = broadcaster::publish(piece, reached, now);
                self.deliver(output);
            }
            if pieces.is_empty() {
                let output = broadcaster::publish(&[], head, now);
                self.deliver(output);
            }
            self.published = head;
            state::reached(head);
        }
        Ok(())
    }

    fn deliver(&mut self, output: Output) {
        self.wake = output.wake;
        for frame in output.frames {
            let Some(lane) = self.lanes.get(&frame.lane) else { continue };
            for inbox in &lane.inboxes {
                hand_over(&lane.key, &frame, &mut inbox.borrow_mut());
            }
        }
    }
}

/// One frame of a lane to one of its streams.
fn hand_over(key: &LaneKey, frame: &LaneFrame, inbox: &mut Inbox) {
    if inbox.lagging || frame.to <= inbox.position {
        return;
    }
    let straddles = frame.kind == FrameKind::Skipped && frame.from < inbox.position;
    if !straddles {
        inbox.put(frame.text.clone(), frame.to);
        return;
    }
    // It came in the middle of what the lane reports as left out: its own report is of the rest alone.
    match join::report(&key.filter, inbox.position, frame.to, Reason::Rate) {
        Ok(skipped) => {
            let item = if skipped.count == Some(0) { Item::Position(frame.to) } else { Item::Skipped(skipped) };
            let text = broadcaster::render(key, &[item]).concat();
            inbox.put(text, frame.to);
        }
        // Caught up from the log, when that can be read again.
        Err(_) => inbox.lagging = true,
    }
}
