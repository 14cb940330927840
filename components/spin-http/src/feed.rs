//! The log as subscribers may see it: the store's events, shown or hidden as the user's rules say. Everything that leaves
//! the application, live, replayed or as history, has passed here, so that a hidden event is nowhere part of the feed.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};

use activity_web::history::Room;

use crate::bindings::activity::broadcast::broadcaster::{self, Seq, Shown};
use crate::bindings::activity::rules::rules::{self, Presentation};
use crate::bindings::activity::store::event_store::{self, Counts, Order, Query, StoreError};
use crate::bindings::activity::types::types::{Event, Filter};
use crate::clock::{self, unix_ms};

/// What the plain rules say of an event that is none.
const PLAIN_RULES: &str = "activity-feed: plain rules";
/// Rows that one count looks at (contract section 4: "exact up to 10,000 rows looked at, else null").
const COUNT_ROWS: u32 = 10_000;
/// Events of one page of the store.
pub(crate) const PAGE: u32 = 1_000;
/// Events that a summary looks at where the user's rules must be asked about each.
const SUMMARY_ROWS: usize = 100_000;
/// Reads that one tail makes at most: where nearly nothing matches, the rest counts as left out.
const TAIL_READS: usize = 20;
/// Bytes of events of one call of the broadcaster (`wit/broadcast` says 256 KiB).
const PIECE_BYTES: usize = 192 * 1024;

/// The newest events of a range, and whether there were more.
pub(crate) struct Tail {
    /// In seq order.
    pub(crate) events: Vec<Shown>,
    /// Matching events may stand in `(after, this]`, and were left out.
    pub(crate) left_out_to: Option<Seq>,
}

/// A page of what is shown.
pub(crate) struct Page {
    pub(crate) events: Vec<Shown>,
    pub(crate) reached: Seq,
    pub(crate) more: bool,
}

/// All of them.
pub(crate) fn everything() -> Filter {
    Filter { types: Vec::new(), sources: Vec::new(), task_ids: Vec::new(), agent_ids: Vec::new() }
}

thread_local! {
    static PLAIN: OnceCell<bool> = const { OnceCell::new() };
}

/// Whether the rules are those that change nothing, which need not be asked about each event. They alone have this answer
/// for an event that is none (`components/plain-rules`).
fn rules_are_plain() -> bool {
    let ask = || {
        let no_event = Event {
            seq: 0,
            id: "none".to_owned(),
            event_type: "none".to_owned(),
            source: "none".to_owned(),
            task_id: None,
            agent_id: None,
            timestamp: "1970-01-01T00:00:00Z".to_owned(),
            data: "{}".to_owned(),
        };
        matches!(rules::present(&no_event), Presentation::Show(display) if display.text == PLAIN_RULES)
    };
    PLAIN.with(|plain| *plain.get_or_init(ask))
}

/// What is to be shown of these events, in their order, without the hidden ones.
pub(crate) fn show(events: Vec<Event>) -> Vec<Shown> {
    if rules_are_plain() {
        return events.into_iter().map(|event| Shown { event, display: None }).collect();
    }
    let shown = events.into_iter().filter_map(|event| match rules::present(&event) {
        Presentation::Plain => Some(Shown { event, display: None }),
        Presentation::Show(display) => Some(Shown { event, display: Some(display) }),
        Presentation::Hide => None,
    });
    shown.collect()
}

/// Events in pieces that a call of the broadcaster takes.
pub(crate) fn pieces(events: &[Shown]) -> Vec<&[Shown]> {
    let mut pieces = Vec::new();
    let mut rest = events;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take_while(|shown| {
            bytes += shown.event.data.len() + 1_024;
            bytes <= PIECE_BYTES
        });
        let (piece, behind) = rest.split_at(fits.count().clamp(1, rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// Events as the payloads of a history page.
pub(crate) fn payloads(events: &[Shown]) -> Vec<String> {
    pieces(events).into_iter().flat_map(broadcaster::payloads).collect()
}

/// One page, with as many visible events as `query.limit` unless the range ends, or the page is full of
/// bytes ([`Room`]).
pub(crate) fn page(query: &Query) -> Result<Page, StoreError> {
    let mut events = Vec::new();
    let mut rest = Query { limit: Room::first_read(query.limit), ..query.clone() };
    let mut room = Room::default();
    loop {
        let mut page = event_store::read(&rest)?;
        let whole = fit(&mut page, &rest, &mut room);
        events.extend(show(page.events));
        let missing = query.limit.saturating_sub(u32::try_from(events.len()).unwrap_or(u32::MAX));
        if missing == 0 || !whole || !page.more {
            return Ok(Page { events, reached: page.reached, more: page.more });
        }
        // Some were hidden, or there is room for more: go on from there, with as many as will fit if they are like those
        // before them.
        rest.limit = room.next_read(missing);
        match query.order {
            Order::Ascending => rest.after = page.reached,
            Order::Descending => rest.until = page.reached,
        }
    }
}

/// Keep of a page what there is room for. False: something was cut off, and the page ends before it.
fn fit(page: &mut event_store::Page, query: &Query, room: &mut Room) -> bool {
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

/// The newest `limit` events of `(after, until]` that match.
pub(crate) fn tail(filter: &Filter, after: Seq, until: Seq, limit: u32) -> Result<Tail, StoreError> {
    let mut newest_first = Vec::new();
    let mut upper = until;
    let mut more = after < until;
    for _ in 0..TAIL_READS {
        let missing = limit.saturating_sub(u32::try_from(newest_first.len()).unwrap_or(u32::MAX));
        if !more || missing == 0 {
            break;
        }
        let page = event_store::read(&Query {
            filter: filter.clone(),
            text: None,
            after,
            until: upper,
            order: Order::Descending,
            limit: missing.min(PAGE),
        })?;
        newest_first.extend(show(page.events));
        upper = page.reached;
        more = page.more;
    }
    newest_first.reverse();
    Ok(Tail { events: newest_first, left_out_to: more.then_some(upper) })
}

/// How many visible events of `(after, until]` match, exact up to [`COUNT_ROWS`] rows looked at.
pub(crate) fn count(filter: &Filter, after: Seq, until: Seq) -> Result<Counts, StoreError> {
    // The store counts without the rules, which may hide some. It says at once when there is too much to look at.
    let rough = event_store::count(filter, after, until, COUNT_ROWS)?;
    if rough.total.is_none_or(|total| total == 0) {
        return Ok(rough);
    }
    let mut by_type: HashMap<String, u64> = HashMap::new();
    let mut query = Query { filter: filter.clone(), text: None, after, until, order: Order::Ascending, limit: PAGE };
    loop {
        let page = event_store::read(&query)?;
        for shown in show(page.events) {
            *by_type.entry(shown.event.event_type).or_default() += 1;
        }
        if !page.more {
            return Ok(Counts { total: Some(by_type.values().sum()), by_type: by_type.into_iter().collect() });
        }
        query.after = page.reached;
    }
}

/// Visible events by minute and type over the last `minutes`, as (minutes ago, type, events). Without rules of a user's
/// own the store keeps the numbers; with them the newest [`SUMMARY_ROWS`] events are asked about, and the instance's
/// streams have their turn in between.
pub(crate) async fn summary(minutes: u32) -> Result<Vec<(u32, String, u64)>, StoreError> {
    let now = unix_ms();
    let stored = event_store::summary(minutes)?;
    if rules_are_plain() {
        return Ok(stored);
    }
    let this_minute = now / 60_000;
    let mut summary = Vec::new();
    let mut looked_at = 0;
    for ago in stored.into_iter().map(|(ago, ..)| ago).collect::<BTreeSet<u32>>() {
        let start = this_minute.saturating_sub(u64::from(ago)) * 60_000;
        let after = event_store::seq_at(start, false)?;
        let until = if ago == 0 { Seq::MAX } else { event_store::seq_at(start + 60_000, false)? };
        let mut query = Query { filter: everything(), text: None, after, until, order: Order::Descending, limit: PAGE };
        let mut by_type: HashMap<String, u64> = HashMap::new();
        loop {
            let page = event_store::read(&query)?;
            looked_at += page.events.len();
            for shown in show(page.events) {
                *by_type.entry(shown.event.event_type).or_default() += 1;
            }
            if !page.more || looked_at >= SUMMARY_ROWS {
                break;
            }
            query.until = page.reached;
            clock::sleep_ms(1).await;
        }
        summary.extend(by_type.into_iter().map(|(event_type, events)| (ago, event_type, events)));
        if looked_at >= SUMMARY_ROWS {
            break;
        }
    }
    Ok(summary)
}
