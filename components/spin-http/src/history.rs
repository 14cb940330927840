//! The log as it was: `GET /api/events` with its long-poll, one event, and the summary. Reads the store; has no rate and
//! no buffer.

use activity_web::history as rules;
use spin_sdk::http::{HeaderMap, Response};

use crate::auth::{self, Claims};
use crate::bindings::activity::broadcast::broadcaster::{self, HistoryQuery, Mark, Seq, Shown, Skipped, Start};
use crate::bindings::activity::store::event_store::{self, LogBounds, Order, Query};
use crate::bindings::activity::types::types::Cursor;
use crate::clock;
use crate::config::Config;
use crate::feed;
use crate::join::{self, JoinError, Origin};
use crate::lanes;
use crate::problem::Problem;
use crate::reply::{self, Body};

/// How often a long-poll looks at the log.
const LOOK_MS: u64 = 100;

/// A page as it was read.
struct Read {
    events: Vec<Shown>,
    skipped: Option<Skipped>,
    /// Where the next page goes on, in the same order.
    next: Seq,
    more: bool,
    bounds: LogBounds,
}

/// `GET /api/events`.
pub(crate) async fn history(config: &Config, headers: &HeaderMap, query: &str) -> Result<Response<Body>, Problem> {
    let claims = auth::subscriber(config, headers)?;
    let asked = broadcaster::read_history_query(query, claims.types.as_deref())?;
    let waits = asked.wait_ms > 0;
    let page = read_page(asked).await?;
    if waits {
        // The token may have run out while the request waited.
        auth::identify(config, headers)?;
    }
    let LogBounds { epoch, head, .. } = &page.bounds;
    lanes::configure(config, epoch);
    let skipped = page.skipped.as_ref().map(broadcaster::skipped_payload);
    let payloads = feed::payloads(&page.events);
    Ok(reply::json(rules::page(epoch, &payloads, page.next, *head, page.more, skipped.as_deref())))
}

/// The same for a page that the application paints: payloads, and where the next page begins, if there is one.
pub(crate) async fn painted(
    config: &Config,
    claims: &Claims,
    query: &str,
) -> Result<(Vec<String>, Option<String>), Problem> {
    let page = read_page(broadcaster::read_history_query(query, claims.types.as_deref())?).await?;
    lanes::configure(config, &page.bounds.epoch);
    let next = page.more.then(|| format!("{}:{}", page.bounds.epoch, page.next));
    Ok((feed::payloads(&page.events), next))
}

/// `GET /api/events/{id}`.
pub(crate) fn event(config: &Config, headers: &HeaderMap, id: &str) -> Result<Response<Body>, Problem> {
    read_event(config, &auth::subscriber(config, headers)?, id).map(reply::json)
}

/// The payload of one event.
///
/// # Errors
/// 404 also for what the token hides, in the same words.
pub(crate) fn read_event(config: &Config, claims: &Claims, id: &str) -> Result<String, Problem> {
    let event = event_store::get(id)?.ok_or_else(Problem::no_such_event)?;
    let shown = feed::show(vec![event]);
    let may_see =
        |shown: &Shown| claims.types.as_ref().is_none_or(|types| broadcaster::allows(types, &shown.event.event_type));
    if !shown.iter().all(may_see) {
        return Err(Problem::no_such_event());
    }
    lanes::configure(config, &event_store::bounds()?.epoch);
    feed::payloads(&shown).into_iter().next().ok_or_else(Problem::no_such_event)
}

/// `GET /api/events/summary`.
pub(crate) async fn summary(config: &Config, headers: &HeaderMap, query: &str) -> Result<Response<Body>, Problem> {
    let claims = auth::subscriber(config, headers)?;
    let minutes = rules::read_minutes(query)?;
    let shown = |event_type: &str| claims.types.as_ref().is_none_or(|types| broadcaster::allows(types, event_type));
    let counts = feed::summary(minutes).await?.into_iter().filter(|(_, event_type, _)| shown(event_type));
    Ok(reply::json(rules::summary(minutes, counts)))
}

/// Read the page, waiting for its first event when the client has asked for that.
async fn read_page(mut asked: HistoryQuery) -> Result<Read, Problem> {
    let deadline = clock::monotonic_ms().saturating_add(u64::from(asked.wait_ms));
    let mut skipped = None;
    loop {
        let mut page = join::unless_future(|| read_once(&asked)).await?;
        // What a first look has found gone is told, also when the wait goes on from after it.
        page.skipped = page.skipped.or_else(|| skipped.take());
        let waits = page.events.is_empty() && !page.more && asked.until.is_none() && asked.before.is_none();
        if !waits {
            return Ok(page);
        }
        if asked.ascending {
            asked.since = Some(Start::After(Cursor { epoch: page.bounds.epoch.clone(), seq: page.next }));
        }
        loop {
            let now = clock::monotonic_ms();
            if now >= deadline {
                return Ok(page);
            }
            clock::sleep_ms(LOOK_MS.min(deadline - now)).await;
            if event_store::bounds()?.head > page.bounds.head {
                break;
            }
        }
        skipped = page.skipped.take();
    }
}

fn read_once(asked: &HistoryQuery) -> Result<Read, JoinError> {
    let mut bounds = event_store::bounds()?;
    let mut origin = match &asked.since {
        Some(Start::After(cursor)) => Some(join::origin_of_cursor(cursor, &bounds).ok_or(JoinError::Future)?),
        Some(Start::AfterTime(time)) => Some(Origin::at(event_store::seq_at(*time, true)?)),
        Some(Start::Earliest | Start::Replay(_) | Start::Latest) | None => None,
    };
    let after = origin.as_ref().map_or(bounds.trimmed, Origin::after);
    let until = asked.until.as_ref().map(|mark| seq_of(mark, &bounds, true)).transpose()?.unwrap_or(Seq::MAX);
    let before = asked.before.as_ref().map(|mark| seq_of(mark, &bounds, false)).transpose()?.unwrap_or(Seq::MAX);
    let until = until.min(before).min(bounds.head).max(after);
    let order = if asked.ascending { Order::Ascending } else { Order::Descending };
    let mut page = feed::page(&Query {
        filter: asked.filter.clone(),
        text: asked.text.clone(),
        after,
        until,
        order,
        limit: asked.limit,
    })?;
    let mut next = match order {
        Order::Ascending if page.more => page.reached,
        Order::Ascending => until,
        // The next page's `before`, which is excluded.
        Order::Descending if page.more => page.reached.saturating_add(1),
        // An empty log has no next seq yet: no cursor that is given lies beyond the head.
        Order::Descending => after.saturating_add(1).min(bounds.head),
    };
    // Retention may have removed events of the page while it was read: they are reported as pruned, as natively.
    let now = event_store::bounds()?;
    if asked.ascending && now.trimmed > after {
        page.events.retain(|shown| shown.event.seq > now.trimmed);
        next = next.max(now.trimmed);
        bounds.head = bounds.head.max(now.trimmed);
        if let Some(Start::After(cursor)) = &asked.since {
            origin = join::origin_of_cursor(cursor, &now);
        }
    }
    let skipped = origin.and_then(|origin| origin.pruned);
    Ok(Read { events: page.events, skipped, next, more: page.more, bounds })
}

/// The highest seq of a mark: itself and what was logged then `inclusive`, or only what comes before.
fn seq_of(mark: &Mark, bounds: &LogBounds, inclusive: bool) -> Result<Seq, JoinError> {
    match mark {
        Mark::Cursor(cursor) if cursor.epoch != bounds.epoch => Err(JoinError::OtherLog),
        Mark::Cursor(cursor) if inclusive => Ok(cursor.seq),
        Mark::Cursor(cursor) => Ok(cursor.seq.saturating_sub(1)),
        Mark::Time(time) => Ok(event_store::seq_at(*time, inclusive)?),
    }
}
