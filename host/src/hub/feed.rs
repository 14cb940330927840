//! The log as subscribers may see it: the store's events, shown or hidden as the user's rules say.
//!
//! Everything that leaves the server, live, replayed or as history, has passed here, so a hidden event is nowhere part
//! of the feed. All calls block (the store's disk, the rules' thread) and are made from threads of their own.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use activity_web::history::Room;

use crate::clock::unix_ms;
use std::time::{Duration, Instant};

use crate::engine::words::{Display, Draft, Presentation, Shown};
use crate::engine::{CallError, Rules, Worker, WorkerGone};
use crate::store::{Bounds, Counts, Event, EventStore, Filter, Order, Page, Query, Seq, StoreError, Summary};

/// Rows that one count looks at (contract section 4: "exact up to 10,000 rows looked at, else null").
pub const COUNT_ROWS: u32 = 10_000;
/// Events of one page of the store.
const PAGE: u32 = 1_000;
/// Events that a summary looks at where the user's rules must be asked about each.
const SUMMARY_ROWS: usize = 100_000;
/// Reads that one tail makes at most: where nearly nothing matches or all is hidden, the rest counts as left out.
const TAIL_READS: usize = 20;
/// How long one page is filled, where little of what is read matches; the client goes on from where it stops.
const PAGE_TIME: Duration = Duration::from_millis(250);
/// Presentations remembered: replays and pages mostly ask for the newest events.
const REMEMBERED: usize = 20_000;

/// What the rules said of events, by seq; the oldest entry goes first.
#[derive(Default)]
struct Presentations {
    by_seq: HashMap<Seq, Presentation>,
    order: VecDeque<Seq>,
    /// Whose words these are: the rules after so many swaps.
    swaps: u64,
}

impl Presentations {
    /// What these rules have said of these events.
    fn known(&self, events: &[Arc<Event>], swaps: u64) -> HashMap<Seq, Presentation> {
        let known = |event: &Arc<Event>| Some((event.seq, self.by_seq.get(&event.seq)?.clone()));
        if self.swaps == swaps { events.iter().filter_map(known).collect() } else { HashMap::new() }
    }

    fn keep(&mut self, seq: Seq, presentation: Presentation) {
        if self.by_seq.insert(seq, presentation).is_none() {
            self.order.push_back(seq);
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.by_seq.remove(&oldest);
            }
        }
    }
}

/// The user's rules.
#[derive(Default)]
struct InForce {
    rules: Option<Worker<Rules>>,
    /// How often others took their place.
    swaps: u64,
}

/// The store behind the user's rules.
pub struct Feed {
    store: Arc<dyn EventStore>,
    in_force: RwLock<InForce>,
    presentations: Mutex<Presentations>,
}

/// The newest events of a range, and whether there were more.
pub struct Tail {
    /// In seq order.
    pub events: Vec<Shown>,
    /// Matching events may stand in `(after, this]`, and were left out.
    pub left_out_to: Option<Seq>,
}

/// A page of history.
pub struct FeedPage {
    /// In the query's order.
    pub events: Vec<Shown>,
    /// See `store::Page::reached`.
    pub reached: Seq,
    /// There may be more beyond `reached`.
    pub more: bool,
}

/// Why the user's rules did not let a request's drafts pass.
pub enum Prepared {
    /// As the rules left them.
    Drafts(Vec<Draft>),
    /// The rules refused the event of this index, with a reason for the publisher.
    Refused(u32, String),
    /// The rules failed.
    Failed,
}

impl Feed {
    /// A feed without rules.
    #[must_use]
    pub fn new(store: Arc<dyn EventStore>) -> Self {
        Self { store, in_force: RwLock::default(), presentations: Mutex::default() }
    }

    /// The store behind it.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.store
    }

    /// From now on these rules, or none.
    pub fn set_rules(&self, rules: Option<Worker<Rules>>) {
        let mut in_force = self.in_force.write().unwrap_or_else(PoisonError::into_inner);
        let swaps = in_force.swaps + 1;
        *in_force = InForce { rules, swaps };
        *self.presentations() = Presentations { swaps, ..Presentations::default() };
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Option<Worker<Rules>> {
        self.in_force().rules.clone()
    }

    fn in_force(&self) -> RwLockReadGuard<'_, InForce> {
        self.in_force.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn presentations(&self) -> MutexGuard<'_, Presentations> {
        self.presentations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be shown of these events, in their order, without the hidden ones.
    pub fn show(&self, events: Vec<Arc<Event>>) -> Vec<Shown> {
        let (rules, swaps) = {
            let in_force = self.in_force();
            (in_force.rules.clone(), in_force.swaps)
        };
        let Some(rules) = rules else {
            return events.into_iter().map(|event| Shown { event, display: None }).collect();
        };
        // Looked up once: what is known now may be forgotten while the rules are asked about the rest.
        let mut said = self.presentations().known(&events, swaps);
        let unknown: Vec<_> = events.iter().filter(|event| !said.contains_key(&event.seq)).cloned().collect();
        if !unknown.is_empty() {
            let fresh = present_all(&rules, unknown);
            said.extend(fresh.iter().map(|(seq, presentation)| (*seq, presentation.clone())));
            let mut known = self.presentations();
            // Other rules may be in force by now, who have their own word on these.
            if known.swaps == swaps {
                fresh.into_iter().for_each(|(seq, presentation)| known.keep(seq, presentation));
            }
        }
        let shown = events.into_iter().filter_map(|event| {
            let display: Option<Display> = match said.get(&event.seq) {
                Some(Presentation::Hide) => return None,
                Some(Presentation::Show(display)) => Some(display.clone()),
                Some(Presentation::Plain) | None => None,
            };
            Some(Shown { event, display })
        });
        shown.collect()
    }

    /// One event by its id; none when it is not kept or is hidden.
    ///
    /// # Errors
    /// The store's.
    pub fn get(&self, id: &str) -> Result<Option<Shown>, StoreError> {
        Ok(self.store.get(id)?.and_then(|event| self.show(vec![Arc::new(event)]).pop()))
    }

    /// What the store holds now.
    ///
    /// # Errors
    /// The store's.
    pub fn bounds(&self) -> Result<Bounds, StoreError> {
        self.store.bounds()
    }

    /// The newest `limit` events of `(after, until]` that match.
    ///
    /// # Errors
    /// The store's.
    pub fn tail(&self, filter: &Filter, after: Seq, until: Seq, limit: u32) -> Result<Tail, StoreError> {
        let mut newest_first = Vec::new();
        let mut upper = until;
        let mut more = after < until;
        for _ in 0..TAIL_READS {
            if !more || newest_first.len() >= limit as usize {
                break;
            }
            let missing = limit - u32::try_from(newest_first.len()).unwrap_or(limit);
            let query = Query {
                filter: filter.clone(),
                text: None,
                after,
                until: upper,
                order: Order::Descending,
                limit: missing.min(PAGE),
            };
            let page = self.store.read(&query)?;
            newest_first.extend(self.show(page.events.into_iter().map(Arc::new).collect()));
            upper = page.reached;
            more = page.more;
        }
        newest_first.reverse();
        Ok(Tail { events: newest_first, left_out_to: more.then_some(upper) })
    }

    /// One page of history, with as many visible events as `query.limit` unless the range ends, the store stops, or the
    /// page is full of bytes ([`Room`]).
    ///
    /// # Errors
    /// The store's.
    pub fn page(&self, query: &Query) -> Result<FeedPage, StoreError> {
        let deadline = Instant::now() + PAGE_TIME;
        let mut rest = Query { limit: Room::first_read(query.limit), ..query.clone() };
        let mut events = Vec::new();
        let mut room = Room::default();
        loop {
            let mut page = self.store.read(&rest)?;
            let whole = fit(&mut page, &rest, &mut room);
            events.extend(self.show(page.events.into_iter().map(Arc::new).collect()));
            let full = events.len() >= query.limit as usize;
            if full || !whole || !page.more || Instant::now() >= deadline {
                return Ok(FeedPage { events, reached: page.reached, more: page.more });
            }
            // Some were hidden, the store had looked at as many rows as one read may, or there is room for more: go on
            // from there, with as many as will fit if they are like those before them.
            rest.limit = room.next_read(query.limit - u32::try_from(events.len()).unwrap_or(query.limit));
            match query.order {
                Order::Ascending => rest.after = page.reached,
                Order::Descending => rest.until = page.reached,
            }
        }
    }

    /// How many visible events of `(after, until]` match, exact up to [`COUNT_ROWS`] rows looked at.
    ///
    /// # Errors
    /// The store's.
    pub fn count(&self, filter: &Filter, after: Seq, until: Seq) -> Result<Counts, StoreError> {
        if self.rules().is_none() {
            return self.store.count(filter, after, until, COUNT_ROWS);
        }
        let mut by_type: HashMap<String, u64> = HashMap::new();
        let mut query =
            Query { filter: filter.clone(), text: None, after, until, order: Order::Ascending, limit: PAGE };
        let mut looked_at = 0;
        loop {
            let page = self.store.read(&query)?;
            looked_at += page.events.len();
            for shown in self.show(page.events.into_iter().map(Arc::new).collect()) {
                *by_type.entry(shown.event.event_type.clone()).or_default() += 1;
            }
            if !page.more {
                return Ok(Counts { total: Some(by_type.values().sum()), by_type: by_type.into_iter().collect() });
            }
            if looked_at >= COUNT_ROWS as usize {
                return Ok(Counts::default());
            }
            query.after = page.reached;
        }
    }

    /// Visible events by minute and type over the last `minutes`. With rules in force they are read and shown one by
    /// one, the newest [`SUMMARY_ROWS`] at most; without, the store keeps the numbers.
    ///
    /// # Errors
    /// The store's.
    pub fn summary(&self, minutes: u32) -> Result<Summary, StoreError> {
        if self.rules().is_none() {
            return self.store.summary(minutes);
        }
        let mut summary = Summary::new();
        let mut looked_at = 0;
        let this_minute = unix_ms() / 60_000;
        let mut until = Seq::MAX;
        for ago in 0..minutes {
            let start = this_minute.saturating_sub(u64::from(ago)) * 60_000;
            let after = self.store.seq_at(start, false)?;
            let mut by_type: HashMap<String, u64> = HashMap::new();
            let filter = Filter::default();
            let mut query = Query { filter, text: None, after, until, order: Order::Descending, limit: PAGE };
            loop {
                let page = self.page(&query)?;
                looked_at += page.events.len();
                for shown in page.events {
                    *by_type.entry(shown.event.event_type.clone()).or_default() += 1;
                }
                if !page.more || looked_at >= SUMMARY_ROWS {
                    break;
                }
                query.until = page.reached;
            }
            summary.extend(by_type.into_iter().map(|(event_type, count)| (ago, event_type, count)));
            until = after;
            if looked_at >= SUMMARY_ROWS {
                break;
            }
        }
        Ok(summary)
    }

    /// Hand a request's drafts to the rules, one by one.
    pub fn prepare(&self, rules: &Worker<Rules>, drafts: Vec<Draft>) -> Prepared {
        let prepared = rules.call_blocking(move |rules| {
            let mut passed = Vec::with_capacity(drafts.len());
            for (index, draft) in (0u32..).zip(drafts) {
                match rules.prepare(draft) {
                    Ok(Ok(draft)) => passed.push(draft),
                    Ok(Err(reason)) => return Prepared::Refused(index, reason),
                    Err(_) => return Prepared::Failed,
                }
            }
            Prepared::Drafts(passed)
        });
        prepared.unwrap_or(Prepared::Failed)
    }
}

/// Keep of a page what there is room for. False: something was cut off, and the page ends before it.
fn fit(page: &mut Page, query: &Query, room: &mut Room) -> bool {
    let fitting = room.take(page.events.iter().map(|event| event.data.len()));
    if fitting == page.events.len() {
        return true;
    }
    page.events.truncate(fitting);
    page.more = true;
    page.reached = match (query.order, page.events.last()) {
        (Order::Ascending, last) => last.map_or(query.after, |last| last.seq),
        (Order::Descending, last) => last.map_or(query.until, |last| last.seq.saturating_sub(1)),
    };
    false
}

/// Ask the rules about each event. Where they fail the event is shown plain: a defect of the user's must not hide it.
fn present_all(rules: &Worker<Rules>, events: Vec<Arc<Event>>) -> HashMap<Seq, Presentation> {
    let answer: Result<HashMap<Seq, Presentation>, WorkerGone> = rules.call_blocking(move |rules| {
        let present = |event: &Arc<Event>| -> Result<Presentation, CallError> { rules.present(event) };
        events.iter().map(present).zip(&events).map(|(p, e)| (e.seq, p.unwrap_or(Presentation::Plain))).collect()
    });
    answer.unwrap_or_default()
}
