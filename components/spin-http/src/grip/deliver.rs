//! What is due to a socket: everything of the log between where its subscriptions stand and the head, as frames, with the
//! rate kept and what it leaves out reported.
//!
//! Always true: a subscription's place moves only with the frames that go into the same answer, so what an answer does not
//! hold is due again; and an answer holds no more than [`ROOM`] bytes, unless one frame alone does.

use crate::bindings::activity::broadcast::broadcaster::{self, Channel, Item, Reason, Seq};
use crate::bindings::activity::store::event_store::{LogBounds, Order, Query, StoreError};
use crate::feed;
use crate::grip::connection::Position;
use crate::join;
use crate::state;

/// Bytes of frames in one answer. A proxy passes on what its buffer for a client holds (Pushpin's default is 8 KiB), and
/// pings that come meanwhile are dropped: the rest is for the next request, which the client's pong makes.
const ROOM: usize = 7_500;
/// Events that one look at the log brings at most.
const LOOK: u32 = 64;
/// A `position` is told no more often; what wakes a socket at least every 12 s makes that 15 s at most.
const POSITION_MS: u64 = 2_900;

/// What goes into one answer.
pub(crate) struct Due {
    pub(crate) frames: Vec<String>,
    room: usize,
    /// There is more than would fit: ask again at once.
    pub(crate) more: bool,
    /// The rate holds something back until then, Unix milliseconds.
    pub(crate) wait_until: Option<u64>,
}

impl Default for Due {
    fn default() -> Self {
        Self { frames: Vec::new(), room: ROOM, more: false, wait_until: None }
    }
}

impl Due {
    /// Whether nothing is due now.
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty() && !self.more
    }

    /// A frame that has to be in this answer.
    pub(crate) fn push(&mut self, frame: String) {
        self.room = self.room.saturating_sub(frame.len());
        if !frame.is_empty() {
            self.frames.push(frame);
        }
    }

    /// As many of the items as there is room for, at least one in an answer. Returns how many.
    fn fill(&mut self, position: &Position, items: &[Item]) -> usize {
        for (index, frame) in broadcaster::render(&position.key, items).into_iter().enumerate() {
            if frame.len() > self.room && !self.frames.is_empty() {
                self.more = true;
                return index;
            }
            self.push(frame);
        }
        items.len()
    }

    fn wait(&mut self, until: u64) {
        self.wait_until = Some(self.wait_until.map_or(until, |before| before.min(until)));
    }

    /// A subscription's start: what there is no room for is left for later answers.
    pub(crate) fn start(&mut self, mut position: Position, items: Vec<Item>, now: u64) -> Position {
        let is_event = |item: &Item| matches!(item, Item::Event(_) | Item::CaughtUp(_));
        let (rest, first): (Vec<Item>, Vec<Item>) = items.into_iter().partition(is_event);
        for frame in broadcaster::render(&position.key, &first) {
            self.push(frame);
        }
        for item in &first {
            if let Item::Subscribed((_, from, _)) = item {
                (position.told, position.seen) = (*from, *from);
            }
            position.settle(item, now);
        }
        let sent = self.fill(&position, &rest);
        for item in rest.iter().take(sent) {
            position.settle(item, now);
        }
        position
    }

    /// What one subscription has coming at `now`, Unix milliseconds.
    pub(crate) fn add(&mut self, position: &mut Position, bounds: &LogBounds, now: u64) -> Result<(), StoreError> {
        if position.key.channel == Channel::State {
            return self.add_state(position, bounds.head, now);
        }
        if bounds.trimmed > position.seen {
            // Retention was faster than the client.
            let skipped = join::unknown(position.told, bounds.trimmed, Reason::Pruned);
            if !self.tell(position, Item::Skipped(skipped), now) {
                return Ok(());
            }
        }
        if let Some(to) = position.replay_to {
            return self.add_replay(position, to.max(position.seen), now);
        }
        let before = position.told;
        if position.held {
            self.add_held(position, bounds.head, now)?;
        } else {
            self.add_live(position, bounds.head, now)?;
        }
        if position.held {
            self.wait(position.next_room().unwrap_or(now));
        }
        let is_quiet = position.told == before && position.seen > before && !position.held && !self.more;
        if is_quiet && now.saturating_sub(position.told_at) >= POSITION_MS {
            self.tell(position, Item::Position(position.seen), now);
        }
        Ok(())
    }

    /// One item. False: there was no room for it.
    fn tell(&mut self, position: &mut Position, item: Item, now: u64) -> bool {
        let fits = self.fill(position, std::slice::from_ref(&item)) == 1;
        if fits {
            position.settle(&item, now);
        }
        fits
    }

    /// Events in a run, each with what was settled before it. Returns how many had room.
    fn tell_events(&mut self, position: &mut Position, events: Vec<broadcaster::Shown>, now: u64) -> u32 {
        let mut prev = position.told;
        let items: Vec<Item> = events
            .into_iter()
            .map(|shown| {
                let seq = shown.event.seq;
                Item::Event((shown, std::mem::replace(&mut prev, seq)))
            })
            .collect();
        let sent = self.fill(position, &items);
        for item in items.iter().take(sent) {
            position.settle(item, now);
        }
        u32::try_from(sent).unwrap_or(u32::MAX)
    }

    fn add_replay(&mut self, position: &mut Position, to: Seq, now: u64) -> Result<(), StoreError> {
        let page = look(position, to, LOOK)?;
        let found = u32::try_from(page.events.len()).unwrap_or(u32::MAX);
        if self.tell_events(position, page.events, now) < found {
            return Ok(());
        }
        if page.more {
            position.seen = position.seen.max(page.reached);
            self.more = true;
            return Ok(());
        }
        if self.tell(position, Item::CaughtUp(to), now) {
            position.replay_to = None;
        }
        Ok(())
    }

    /// Nothing waits: what is new goes as far as the rate lets it.
    fn add_live(&mut self, position: &mut Position, head: Seq, now: u64) -> Result<(), StoreError> {
        if head <= position.seen {
            return Ok(());
        }
        let allowance = position.allowance(position.key.rate, now);
        let page = look(position, head, allowance.saturating_add(1).min(LOOK))?;
        let mut events = page.events;
        let found = events.len();
        events.truncate(usize::try_from(allowance).unwrap_or(usize::MAX));
        let allowed = events.len();
        let sent = self.tell_events(position, events, now);
        position.count(sent, now);
        if usize::try_from(sent).unwrap_or(usize::MAX) < allowed {
            return Ok(());
        }
        if allowed < found {
            position.held = true;
        } else {
            position.seen = position.seen.max(if page.more { page.reached } else { head });
            self.more |= page.more;
        }
        Ok(())
    }

    /// Something waits: the newest `rate` events may, what is older is reported before the next one goes.
    fn add_held(&mut self, position: &mut Position, head: Seq, now: u64) -> Result<(), StoreError> {
        let rate = position.key.rate;
        let allowance = position.allowance(rate, now);
        if allowance == 0 {
            return Ok(());
        }
        let tail = feed::tail(&position.key.filter, position.seen, head, rate.min(LOOK))?;
        if let Some(left_out_to) = tail.left_out_to {
            let end = tail.events.first().map_or(left_out_to, |first| first.event.seq.saturating_sub(1));
            let skipped = join::report(&position.key.filter, position.told, end, Reason::Rate)?;
            if skipped.count == Some(0) {
                position.seen = position.seen.max(end);
            } else if !self.tell(position, Item::Skipped(skipped), now) {
                return Ok(());
            }
        }
        let mut events = tail.events;
        let waiting = events.len();
        events.truncate(usize::try_from(allowance).unwrap_or(usize::MAX));
        let allowed = events.len();
        let sent = self.tell_events(position, events, now);
        position.count(sent, now);
        if usize::try_from(sent).unwrap_or(usize::MAX) == allowed && allowed == waiting {
            position.held = false;
            position.seen = position.seen.max(head);
        }
        Ok(())
    }

    /// The state, at most once a second.
    fn add_state(&mut self, position: &mut Position, head: Seq, now: u64) -> Result<(), StoreError> {
        if head <= position.told {
            return Ok(());
        }
        if position.allowance(1, now) == 0 {
            self.wait(position.next_room().unwrap_or(now));
            return Ok(());
        }
        state::catch_up(true)?;
        if self.fill(position, &[Item::State]) == 1 {
            position.count(1, now);
            position.told = head;
            position.seen = head;
            position.told_at = now;
        }
        Ok(())
    }
}

/// The next matching events, oldest first.
fn look(position: &Position, to: Seq, limit: u32) -> Result<feed::Page, StoreError> {
    feed::page(&Query {
        filter: position.key.filter.clone(),
        text: None,
        after: position.seen,
        until: to,
        order: Order::Ascending,
        limit,
    })
}

impl Position {
    /// This item has been sent.
    fn settle(&mut self, item: &Item, now: u64) {
        let to = match item {
            Item::Event((shown, _)) => shown.event.seq,
            Item::Skipped(skipped) => skipped.to,
            Item::CaughtUp(seq) | Item::Position(seq) => *seq,
            _ => return,
        };
        if matches!(item, Item::CaughtUp(_)) {
            self.replay_to = None;
        }
        self.told = self.told.max(to);
        self.seen = self.seen.max(to);
        self.told_at = now;
    }
}
