//! The log as it was: `GET /api/events` with its long-poll, one event, and the summary. Reads the store; has no rate and
//! no buffer.

use std::collections::BTreeSet;
use std::time::Duration;

use activity_web::answer::describe_json;
use activity_web::history as rules;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use tokio::time::Instant;

use crate::engine::words::{Cursor, HistoryQuery, Mark, Shown, Skipped, Start};
use crate::hub::Turn;
use crate::hub::client::Grant;
use crate::hub::feed::Feed;
use crate::hub::join::{self, JoinError, Origin};
use crate::store::{Bounds, Order, Query, Seq};
use crate::web::Site;
use crate::web::error::Problem;

/// After the log has grown without a match: how long a long-poll lets it grow before it looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// A page as it was read.
pub(super) struct Read {
    pub(super) events: Vec<Shown>,
    skipped: Option<Skipped>,
    /// Where the next page goes on, in the same order.
    pub(super) next: Seq,
    pub(super) more: bool,
    head: Seq,
    /// Others may read once this page is written.
    _turn: Option<Turn>,
}

/// `GET /api/events`.
pub async fn history(
    State(site): State<Site>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let grant = site.subscriber(&headers)?;
    let asked = site.hub.read_history_query(query.unwrap_or_default(), &grant).await?;
    let waits = asked.wait_ms > 0;
    let page = read_page(&site, asked).await?;
    if waits {
        // The token may have run out, been revoked, or its session ended, while the request waited.
        site.subscriber(&headers)?;
    }
    let (payloads, skipped) = site.hub.payloads(page.events, page.skipped).await?;
    let epoch = &site.hub.settings().epoch;
    Ok(json_text(rules::page(epoch, &payloads, page.next, page.head, page.more, skipped.as_deref())))
}

/// `GET /api/events/{id}`.
pub async fn event(
    State(site): State<Site>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let grant = site.subscriber(&headers)?;
    // What is not UTF-8 once its percent signs are read is no event's id.
    let Path(id) = id.map_err(|_| activity_web::Problem::no_such_event())?;
    read_event(&site, &grant, id).await.map(json_text)
}

/// The payload of one event.
///
/// # Errors
/// 404 also for what the token hides, in the same words.
pub(super) async fn read_event(site: &Site, grant: &Grant, id: String) -> Result<String, Problem> {
    let missing = || Problem::from(activity_web::Problem::no_such_event());
    let shown = site.hub.read(move |feed| feed.get(&id)).await?.ok_or_else(missing)?;
    if !site.hub.allows(grant, shown.event.event_type.clone()).await? {
        return Err(missing());
    }
    let (payloads, _) = site.hub.payloads(vec![shown], None).await?;
    payloads.into_iter().next().ok_or_else(missing)
}

/// `GET /api/events/summary`.
pub async fn summary(
    State(site): State<Site>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let grant = site.subscriber(&headers)?;
    let minutes = rules::read_minutes(&query.unwrap_or_default())?;
    let counts = site.hub.read(move |feed| feed.summary(minutes)).await?;
    let mut types: Vec<String> = counts.iter().map(|(_, event_type, _)| event_type.clone()).collect();
    types.sort_unstable();
    types.dedup();
    let allowed = site.hub.allowed(&grant, types.clone()).await?;
    let shown: BTreeSet<String> =
        types.into_iter().zip(allowed).filter_map(|(event_type, allowed)| allowed.then_some(event_type)).collect();
    let counts = counts.into_iter().filter(|(_, event_type, _)| shown.contains(event_type));
    Ok(json_text(rules::summary(minutes, counts)))
}

/// An answer in JSON.
pub(super) fn json_text(body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    describe_json(response.headers_mut());
    response
}

/// Read the page, waiting for its first event when the client has asked for that.
pub(super) async fn read_page(site: &Site, asked: HistoryQuery) -> Result<Read, Problem> {
    let hub = &site.hub;
    let mut draining = site.draining.subscribe();
    let deadline = Instant::now() + Duration::from_millis(u64::from(asked.wait_ms));
    let mut head = hub.head();
    let mut asked = asked;
    let mut skipped = None;
    loop {
        head.mark_unchanged();
        let query = asked.clone();
        let (mut page, turn) = hub.read_unless_future(move |feed| read_once(feed, &query)).await?;
        // What a first look has found gone is told, also when the wait goes on from after it.
        page.skipped = page.skipped.or_else(|| skipped.take());
        let waits = page.events.is_empty() && !page.more && Instant::now() < deadline && asked.until.is_none();
        if !waits || asked.before.is_some() {
            page._turn = Some(turn);
            return Ok(page);
        }
        drop(turn);
        if asked.ascending {
            let epoch = hub.settings().epoch.clone();
            asked.since = Some(Start::After(Cursor { epoch, seq: page.next }));
        }
        skipped = page.skipped.take();
        let grown = tokio::select! {
            grown = head.changed() => grown.is_ok(),
            _ = draining.wait_for(|draining| *draining) => false,
            () = tokio::time::sleep_until(deadline) => false,
        };
        if !grown {
            page.skipped = skipped;
            return Ok(page);
        }
        tokio::time::sleep_until(deadline.min(Instant::now() + LOOK_AGAIN)).await;
    }
}

fn read_once(feed: &Feed, asked: &HistoryQuery) -> Result<Read, JoinError> {
    let bounds = feed.bounds()?;
    let mut origin = match &asked.since {
        Some(Start::After(cursor)) => Some(join::origin_of_cursor(cursor, &bounds).ok_or(JoinError::Future)?),
        Some(Start::AfterTime(time)) => Some(Origin::at(feed.store().seq_at(*time, true)?)),
        Some(Start::Earliest | Start::Replay(_) | Start::Latest) | None => None,
    };
    let after = origin.as_ref().map_or(bounds.trimmed, Origin::after);
    let until = match &asked.until {
        Some(mark) => seq_of(feed, mark, &bounds, true)?,
        None => Seq::MAX,
    };
    let before = match &asked.before {
        Some(mark) => seq_of(feed, mark, &bounds, false)?,
        None => Seq::MAX,
    };
    let until = until.min(before).min(bounds.head).max(after);
    let order = if asked.ascending { Order::Ascending } else { Order::Descending };
    let query =
        Query { filter: asked.filter.clone(), text: asked.text.clone(), after, until, order, limit: asked.limit };
    let mut page = feed.page(&query)?;
    let mut next = match order {
        Order::Ascending if page.more => page.reached,
        Order::Ascending => until,
        // The next page's `before`, which is excluded.
        Order::Descending if page.more => page.reached + 1,
        // An empty log has no next seq yet: no cursor that is given lies beyond the head.
        Order::Descending => (after + 1).min(bounds.head),
    };
    // Retention may have removed events of the page while it was read: they are reported as pruned, as to whoever asks a
    // moment later, instead of missing in silence.
    let now = feed.bounds()?;
    if asked.ascending && now.trimmed > after {
        page.events.retain(|shown| shown.event.seq > now.trimmed);
        next = next.max(now.trimmed);
        if let Some(Start::After(cursor)) = &asked.since {
            origin = join::origin_of_cursor(cursor, &now);
        }
    }
    Ok(Read {
        events: page.events,
        skipped: origin.and_then(|origin| origin.pruned),
        next,
        more: page.more,
        head: bounds.head.max(now.trimmed),
        _turn: None,
    })
}

/// The highest seq of a mark: itself and what was logged then `inclusive`, or only what comes before.
fn seq_of(feed: &Feed, mark: &Mark, bounds: &Bounds, inclusive: bool) -> Result<Seq, JoinError> {
    match mark {
        Mark::Cursor(cursor) if cursor.epoch != bounds.epoch => Err(JoinError::OtherLog),
        Mark::Cursor(cursor) if inclusive => Ok(cursor.seq),
        Mark::Cursor(cursor) => Ok(cursor.seq.saturating_sub(1)),
        Mark::Time(time) => Ok(feed.store().seq_at(*time, inclusive)?),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::store::memory::MemoryStore;
    use crate::store::{Counts, Event, EventStore, Filter, GroupResult, NewEvent, Page, StoreError, Summary, UnixMs};

    /// A log whose retention removes four events just before the first read.
    struct Trimmed(MemoryStore, AtomicBool);

    impl EventStore for Trimmed {
        fn read(&self, query: &Query) -> Result<Page, StoreError> {
            if !self.1.swap(true, Ordering::Relaxed) {
                self.0.trim(4, 100)?;
            }
            self.0.read(query)
        }
        fn bounds(&self) -> Result<Bounds, StoreError> {
            self.0.bounds()
        }
        fn append(&self, _: &[Vec<NewEvent>]) -> Result<Vec<GroupResult>, StoreError> {
            panic!()
        }
        fn get(&self, _: &str) -> Result<Option<Event>, StoreError> {
            panic!()
        }
        fn count(&self, _: &Filter, _: Seq, _: Seq, _: u32) -> Result<Counts, StoreError> {
            panic!()
        }
        fn seq_at(&self, _: UnixMs, _: bool) -> Result<Seq, StoreError> {
            panic!()
        }
        fn summary(&self, _: u32) -> Result<Summary, StoreError> {
            panic!()
        }
        fn trim(&self, _: Seq, _: u32) -> Result<u64, StoreError> {
            panic!()
        }
        fn load_snapshot(&self) -> Result<Option<(Seq, Vec<u8>)>, StoreError> {
            panic!()
        }
        fn save_snapshot(&self, _: Seq, _: &[u8]) -> Result<(), StoreError> {
            panic!()
        }
        fn follow(&self, _: Seq, _: Duration) -> Result<Vec<Arc<Event>>, StoreError> {
            panic!()
        }
        fn wake(&self) {}
    }

    #[test]
    fn what_retention_removes_while_a_page_is_read_is_reported() {
        let log = MemoryStore::new();
        let event = |n: u32| NewEvent {
            id: n.to_string(),
            event_type: "a".to_owned(),
            source: "s".to_owned(),
            task_id: None,
            agent_id: None,
            timestamp: String::new(),
            stamped: true,
            data: "{}".to_owned(),
        };
        log.append(&[(0..10).map(event).collect()]).unwrap();
        let epoch = log.bounds().unwrap().epoch;
        let feed = Feed::new(Arc::new(Trimmed(log, AtomicBool::new(false))));
        let asked = HistoryQuery {
            filter: Filter::default(),
            text: None,
            since: Some(Start::After(Cursor { epoch, seq: 2 })),
            until: None,
            before: None,
            limit: 100,
            ascending: true,
            wait_ms: 0,
        };
        let page = read_once(&feed, &asked).ok().unwrap();
        let skipped = page.skipped.unwrap();
        assert_eq!((skipped.from, skipped.to), (2, 4));
        assert_eq!(page.events.iter().map(|shown| shown.event.seq).collect::<Vec<_>>(), [5, 6, 7, 8, 9, 10]);
    }
}
