//! The log in memory, for demos and tests: the same promises as the durable stores, until the process ends.
//!
//! Nothing bounds it but retention. Its seqs have no holes, so a seq is a position; each list of a filter has an index,
//! as in SQLite, so that the last so many of one task cost the same in a long log.

mod index;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use activity_store::content::{self, Stored};
use activity_store::matching::{matches_filter, matches_text};
use activity_store::schema::MINUTES_KEPT;
use activity_store::sql::{MAX_ROWS_A_READ, check_snapshot};

use super::{
    Appended, Bounds, Conflict, Counts, Event, EventStore, Filter, GroupResult, NewEvent, Order, Page, Query, Seq,
    StoreError, Summary, UnixMs,
};
use crate::clock;
use index::Indexes;

/// Events of one page, and of one `follow`, at most.
const MOST_AT_ONCE: usize = 1_000;

/// A log in memory.
pub struct MemoryStore {
    log: Mutex<Log>,
    /// Something was appended, or everybody is to go.
    changed: Condvar,
}

struct Log {
    epoch: String,
    trimmed: Seq,
    head: Seq,
    logged_at: UnixMs,
    /// Those of `(trimmed, head]`, each at its position.
    events: VecDeque<Logged>,
    ids: HashMap<String, Seq>,
    indexes: Indexes,
    minutes: BTreeMap<(u64, String), u64>,
    snapshot: Option<(Seq, Vec<u8>)>,
    /// How often `wake` was called.
    wakes: u64,
}

struct Logged {
    event: Arc<Event>,
    stamped: bool,
    logged_at: UnixMs,
}

impl MemoryStore {
    /// An empty log with an epoch of its own.
    #[must_use]
    pub fn new() -> Self {
        // The standard library seeds its hashers from the system's random numbers.
        let epoch = RandomState::new().build_hasher().finish() & 0xffff_ffff_ffff;
        let log = Log {
            epoch: format!("{epoch:012x}"),
            trimmed: 0,
            head: 0,
            logged_at: 0,
            events: VecDeque::new(),
            ids: HashMap::new(),
            indexes: Indexes::default(),
            minutes: BTreeMap::new(),
            snapshot: None,
            wakes: 0,
        };
        Self { log: Mutex::new(log), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl EventStore for MemoryStore {
    fn append(&self, groups: &[Vec<NewEvent>]) -> Result<Vec<GroupResult>, StoreError> {
        let mut log = self.lock();
        log.logged_at = log.logged_at.max(clock::unix_ms());
        let head = log.head;
        let results = groups.iter().map(|group| log.group(group)).collect();
        log.count_minutes(head);
        let grown = log.head > head;
        drop(log);
        if grown {
            self.changed.notify_all();
        }
        Ok(results)
    }

    fn bounds(&self) -> Result<Bounds, StoreError> {
        let log = self.lock();
        Ok(Bounds { epoch: log.epoch.clone(), trimmed: log.trimmed, head: log.head })
    }

    fn read(&self, query: &Query) -> Result<Page, StoreError> {
        Ok(self.lock().read(query))
    }

    fn get(&self, id: &str) -> Result<Option<Event>, StoreError> {
        let log = self.lock();
        Ok(log.ids.get(id).and_then(|seq| log.at(*seq)).map(|logged| Event::clone(&logged.event)))
    }

    fn count(&self, filter: &Filter, after: Seq, until: Seq, max_rows: u32) -> Result<Counts, StoreError> {
        Ok(self.lock().count(filter, after, until, max_rows.min(MAX_ROWS_A_READ)))
    }

    fn seq_at(&self, time: UnixMs, inclusive: bool) -> Result<Seq, StoreError> {
        let log = self.lock();
        let in_time = |logged: &Logged| if inclusive { logged.logged_at <= time } else { logged.logged_at < time };
        Ok(log.trimmed + to_u64(log.events.partition_point(in_time)))
    }

    fn summary(&self, minutes: u32) -> Result<Summary, StoreError> {
        let minute = clock::unix_ms() / 60_000;
        let first = (minute + 1).saturating_sub(u64::from(minutes));
        let log = self.lock();
        let counts = log.minutes.range((first, String::new())..).rev();
        Ok(counts
            .map(|((at, event_type), events)| {
                (u32::try_from(minute.saturating_sub(*at)).unwrap_or(u32::MAX), event_type.clone(), *events)
            })
            .collect())
    }

    fn trim(&self, until: Seq, max_rows: u32) -> Result<u64, StoreError> {
        let mut log = self.lock();
        let last = until.min(log.head).min(log.trimmed.saturating_add(u64::from(max_rows)));
        let mut removed = 0;
        while log.trimmed < last {
            log.drop_oldest();
            removed += 1;
        }
        Ok(removed)
    }

    fn load_snapshot(&self) -> Result<Option<(Seq, Vec<u8>)>, StoreError> {
        Ok(self.lock().snapshot.clone())
    }

    fn save_snapshot(&self, seq: Seq, state: &[u8]) -> Result<(), StoreError> {
        check_snapshot(state)?;
        let mut log = self.lock();
        if log.snapshot.as_ref().is_none_or(|(newest, _)| seq >= *newest) {
            log.snapshot = Some((seq, state.to_vec()));
        }
        Ok(())
    }

    fn follow(&self, after: Seq, timeout: Duration) -> Result<Vec<Arc<Event>>, StoreError> {
        let deadline = Instant::now() + timeout;
        let mut log = self.lock();
        let wakes = log.wakes;
        loop {
            let first = after.saturating_sub(log.trimmed);
            if after < log.head && log.wakes == wakes {
                let first = usize::try_from(first).unwrap_or(usize::MAX);
                let events: Vec<_> =
                    log.events.iter().skip(first).take(MOST_AT_ONCE).map(|logged| Arc::clone(&logged.event)).collect();
                if !events.is_empty() {
                    return Ok(events);
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO || log.wakes != wakes {
                return Ok(Vec::new());
            }
            log = self.changed.wait_timeout(log, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn wake(&self) {
        self.lock().wakes += 1;
        self.changed.notify_all();
    }
}

impl Log {
    fn at(&self, seq: Seq) -> Option<&Logged> {
        let position = seq.checked_sub(self.trimmed)?.checked_sub(1)?;
        self.events.get(usize::try_from(position).ok()?)
    }

    fn group(&mut self, group: &[NewEvent]) -> GroupResult {
        let head = self.head;
        let mut appended = Vec::with_capacity(group.len());
        for (index, event) in (0..).zip(group) {
            match self.ids.get(&event.id).and_then(|seq| self.at(*seq)) {
                None => appended.push(Appended { seq: self.push(event), duplicate: false }),
                Some(logged) if content::same(logged.content(), event) => {
                    appended.push(Appended { seq: logged.event.seq, duplicate: true });
                }
                Some(_) => {
                    while self.head > head {
                        self.drop_newest();
                    }
                    return Err(Conflict { index, id: event.id.clone() });
                }
            }
        }
        Ok(appended)
    }

    fn push(&mut self, new: &NewEvent) -> Seq {
        self.head += 1;
        let event = Arc::new(Event {
            seq: self.head,
            id: new.id.clone(),
            event_type: new.event_type.clone(),
            source: new.source.clone(),
            task_id: new.task_id.clone(),
            agent_id: new.agent_id.clone(),
            timestamp: new.timestamp.clone(),
            data: new.data.clone(),
        });
        self.ids.insert(event.id.clone(), event.seq);
        self.indexes.push(&event);
        self.events.push_back(Logged { event, stamped: new.stamped, logged_at: self.logged_at });
        self.head
    }

    fn drop_newest(&mut self) {
        if let Some(logged) = self.events.pop_back() {
            self.ids.remove(&logged.event.id);
            self.indexes.drop_newest(&logged.event);
            self.head = self.head.saturating_sub(1);
        }
    }

    fn drop_oldest(&mut self) {
        self.trimmed += 1;
        let Some(logged) = self.events.pop_front() else { return };
        self.ids.remove(&logged.event.id);
        self.indexes.drop_oldest(&logged.event);
        let key = (logged.logged_at / 60_000, logged.event.event_type.clone());
        if let Some(events) = self.minutes.get_mut(&key) {
            *events -= 1;
            if *events == 0 {
                self.minutes.remove(&key);
            }
        }
    }

    /// Count what was appended after `head`, and let go of the minutes before the last day.
    fn count_minutes(&mut self, head: Seq) {
        let minute = self.logged_at / 60_000;
        let added = usize::try_from(self.head - head).unwrap_or(usize::MAX);
        for logged in self.events.iter().rev().take(added) {
            *self.minutes.entry((minute, logged.event.event_type.clone())).or_default() += 1;
        }
        let kept = u64::try_from(MINUTES_KEPT).unwrap_or(0);
        while let Some(oldest) = self.minutes.first_entry()
            && oldest.key().0 + kept <= minute
        {
            oldest.remove();
        }
    }

    fn read(&self, query: &Query) -> Page {
        let (after, until) = (query.after.max(self.trimmed), query.until.min(self.head));
        let limit = MOST_AT_ONCE.min(usize::try_from(query.limit).unwrap_or(MOST_AT_ONCE));
        if after >= until {
            // Never back: the range may start beyond the head.
            let reached = if query.order == Order::Ascending { until.max(query.after) } else { query.after };
            return Page { events: Vec::new(), reached, more: false };
        }
        let (start, end) = match query.order {
            Order::Ascending => (after, until),
            Order::Descending => (until, after),
        };
        let mut page = Page { events: Vec::new(), reached: end, more: false };
        if limit == 0 {
            return Page { reached: start, more: true, ..page };
        }
        let text = query.text.as_deref().unwrap_or_default();
        let mut looked_at = 0;
        for seq in self.indexes.seqs(&query.filter, after, until, query.order) {
            let Some(logged) = self.at(seq) else { continue };
            looked_at += 1;
            if matches_filter(&query.filter, &logged.event) && matches_text(text, &logged.event) {
                page.events.push(Event::clone(&logged.event));
            }
            if page.events.len() == limit || looked_at == MAX_ROWS_A_READ {
                (page.reached, page.more) = match query.order {
                    Order::Ascending => (seq, seq < until),
                    Order::Descending => (seq - 1, seq - 1 > after),
                };
                return page;
            }
        }
        page
    }

    fn count(&self, filter: &Filter, after: Seq, until: Seq, max_rows: u32) -> Counts {
        let (after, until) = (after.max(self.trimmed), until.min(self.head));
        let mut by_type = HashMap::<&str, u64>::new();
        let (mut total, mut looked_at) = (0, 0);
        if after < until {
            for seq in self.indexes.seqs(filter, after, until, Order::Ascending) {
                if looked_at == max_rows {
                    return Counts::default();
                }
                looked_at += 1;
                if let Some(logged) = self.at(seq)
                    && matches_filter(filter, &logged.event)
                {
                    *by_type.entry(&logged.event.event_type).or_default() += 1;
                    total += 1;
                }
            }
        }
        let by_type = by_type.into_iter().map(|(event_type, events)| (event_type.to_owned(), events)).collect();
        Counts { total: Some(total), by_type }
    }
}

impl Logged {
    fn content(&self) -> Stored<'_> {
        Stored {
            event_type: &self.event.event_type,
            source: &self.event.source,
            task_id: self.event.task_id.as_deref(),
            agent_id: self.event.agent_id.as_deref(),
            timestamp: &self.event.timestamp,
            stamped: self.stamped,
            data: &self.event.data,
        }
    }
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
