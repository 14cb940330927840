//! Reads pages of the log. What one call looks at is bounded, and where that ends it early the page says how far it came.

use super::filter::{Driver, Plan, Window, nth};
use super::{Columns, Database, EVENT_COLUMNS, Param, bounds, events, int};
use crate::{Event, Order, Page, Query, Seq, StoreError};

/// Rows that one read looks at where not all of them match: several lists at once, or a text.
pub const MAX_ROWS_A_READ: u32 = 10_000;

/// The first step of such a read; each following one is four times as long.
const FIRST_STEP: u32 = 256;

/// Events of one page at most.
const MAX_LIMIT: u32 = 1_000;

/// Read a range. See `activity:store/event-store.query`.
///
/// # Errors
/// Those of the driver.
pub fn read(db: &dyn Database, query: &Query) -> Result<Page, StoreError> {
    let bounds = bounds(db)?;
    let asked = Window { after: query.after, until: query.until.min(bounds.head), order: query.order };
    let window = Window { after: query.after.max(bounds.trimmed), ..asked };
    if window.is_empty() {
        return Ok(Page { events: Vec::new(), reached: asked.end(), more: false });
    }
    let all_read = |events| Page { events, reached: window.end(), more: false };
    let limit = query.limit.min(MAX_LIMIT);
    if limit == 0 {
        return Ok(Page { events: Vec::new(), reached: window.start(), more: true });
    }
    let Some(plan) = Plan::new(db, &query.filter, query.text.as_deref())? else { return Ok(all_read(Vec::new())) };
    if plan.is_driven() {
        let driver = plan.drivers().into_iter().next().unwrap_or(Driver::Table);
        let events = events(plan.events(driver, window, limit).query(db)?)?;
        return Ok(if is_full(&events, limit) { full_page(events, window) } else { all_read(events) });
    }
    stepwise(db, &plan, window, limit)
}

/// Not every row matches: go in steps, each driven by whichever list leads farthest with the same number of rows.
fn stepwise(db: &dyn Database, plan: &Plan, window: Window, limit: u32) -> Result<Page, StoreError> {
    let mut found = Vec::new();
    let mut rest = window;
    let (mut looked_at, mut step) = (0, FIRST_STEP);
    loop {
        let (driver, reached) = farthest(db, plan, rest, step)?;
        let wanted = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(limit));
        found.extend(events(plan.events(driver, rest.up_to(reached), wanted).query(db)?)?);
        if is_full(&found, limit) {
            return Ok(full_page(found, window));
        }
        rest = rest.beyond(reached);
        looked_at += step;
        if rest.is_empty() || looked_at >= MAX_ROWS_A_READ {
            return Ok(Page { events: found, reached, more: !rest.is_empty() });
        }
        step = (step * 4).min(MAX_ROWS_A_READ - looked_at);
    }
}

/// The driver whose next `rows` rows lead farthest, and how far: everything up to there is settled by looking at them.
fn farthest<'a>(db: &dyn Database, plan: &'a Plan, window: Window, rows: u32) -> Result<(Driver<'a>, Seq), StoreError> {
    let mut best = (Driver::Table, window.start());
    for driver in plan.drivers() {
        let Some(row) = nth(driver, window, rows).query(db)?.into_iter().next() else {
            return Ok((driver, window.end()));
        };
        let seq = Columns::of(Some(row))?.seq()?;
        // Descending, "everything above" is what is settled: the row itself is looked at, so it goes on below it.
        let reached = match window.order {
            Order::Ascending => seq,
            Order::Descending => seq.saturating_sub(1),
        };
        let farther = match window.order {
            Order::Ascending => reached > best.1,
            Order::Descending => reached < best.1,
        };
        if farther {
            best = (driver, reached);
        }
    }
    Ok(best)
}

fn is_full(events: &[Event], limit: u32) -> bool {
    events.len() >= usize::try_from(limit).unwrap_or(usize::MAX)
}

/// A page that ends with its last event.
fn full_page(events: Vec<Event>, window: Window) -> Page {
    let reached = match (window.order, events.last()) {
        (_, None) => window.start(),
        (Order::Ascending, Some(last)) => last.seq,
        (Order::Descending, Some(last)) => last.seq.saturating_sub(1),
    };
    Page { events, reached, more: !window.beyond(reached).is_empty() }
}

impl Window {
    pub(super) fn is_empty(self) -> bool {
        self.after >= self.until
    }

    /// `reached` before anything was looked at.
    fn start(self) -> Seq {
        match self.order {
            Order::Ascending => self.after,
            Order::Descending => self.until,
        }
    }

    /// `reached` when all was looked at.
    fn end(self) -> Seq {
        match self.order {
            // Never back: the range may start beyond the head.
            Order::Ascending => self.until.max(self.after),
            Order::Descending => self.after,
        }
    }

    fn up_to(self, reached: Seq) -> Self {
        match self.order {
            Order::Ascending => Self { until: reached, ..self },
            Order::Descending => Self { after: reached, ..self },
        }
    }

    fn beyond(self, reached: Seq) -> Self {
        match self.order {
            Order::Ascending => Self { after: reached, ..self },
            Order::Descending => Self { until: reached, ..self },
        }
    }
}

/// One event by its id.
///
/// # Errors
/// Those of the driver.
pub fn get(db: &dyn Database, id: &str) -> Result<Option<Event>, StoreError> {
    let sql = format!("SELECT {EVENT_COLUMNS} FROM activity_events WHERE id = ?1");
    Ok(events(db.query(&sql, &[Param::Text(id)])?)?.pop())
}

/// The events after `after`, in seq order, at most 1,000.
///
/// # Errors
/// Those of the driver.
pub fn follow(db: &dyn Database, after: Seq) -> Result<Vec<Event>, StoreError> {
    let sql = format!("SELECT {EVENT_COLUMNS} FROM activity_events WHERE seq > ?1 ORDER BY seq LIMIT {MAX_LIMIT}");
    events(db.query(&sql, &[Param::Int(int(after))])?)
}
