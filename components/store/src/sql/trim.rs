//! Removes the oldest events inside a write transaction of the caller's, and takes them out of the minutes' counts.

use std::collections::BTreeMap;

use super::{Columns, Database, Param, bounds, int};
use crate::schema::MINUTES_KEPT;
use crate::{Seq, StoreError, UnixMs};

/// Remove events up to `until`, at most `max_rows`, and say how many went. `trimmed` then names the last seq that is
/// settled as gone, holes included. Run it inside [`super::write`].
///
/// # Errors
/// Those of the driver; `super::write` then undoes what was done.
pub fn trim(db: &dyn Database, until: Seq, max_rows: u32, now: UnixMs) -> Result<u64, StoreError> {
    let bounds = bounds(db)?;
    let until = until.min(bounds.head);
    if until <= bounds.trimmed || max_rows == 0 {
        return Ok(0);
    }
    // The last of the first `max_rows`; none where there are fewer.
    let rows = db.query(
        "SELECT seq FROM activity_events WHERE seq <= ?1 ORDER BY seq LIMIT 1 OFFSET ?2",
        &[Param::Int(int(until)), Param::Int(i64::from(max_rows) - 1)],
    )?;
    let last = match rows.into_iter().next() {
        Some(row) => Columns::of(Some(row))?.seq()?,
        None => until,
    };
    let young = (int(now) / 60_000 - MINUTES_KEPT).max(0) * 60_000;
    let rows = db.query(
        "SELECT logged_at / 60000, event_type FROM activity_events WHERE seq <= ?1 AND logged_at >= ?2",
        &[Param::Int(int(last)), Param::Int(young)],
    )?;
    let mut minutes = BTreeMap::<(Seq, String), i64>::new();
    for row in rows {
        let mut row = Columns::of(Some(row))?;
        *minutes.entry((row.seq()?, row.text()?)).or_default() += 1;
    }
    let removed = db.execute("DELETE FROM activity_events WHERE seq <= ?1", &[Param::Int(int(last))])?;
    for ((minute, event_type), events) in &minutes {
        let key = [Param::Int(int(*minute)), Param::Text(event_type), Param::Int(*events)];
        db.execute("UPDATE activity_minutes SET events = events - ?3 WHERE minute = ?1 AND event_type = ?2", &key)?;
        db.execute(
            "DELETE FROM activity_minutes WHERE minute = ?1 AND event_type = ?2 AND events <= 0",
            key.get(..2).unwrap_or_default(),
        )?;
    }
    // `head` too: were it behind a row that somebody put in by hand, that row's seq could come again.
    db.execute(
        "UPDATE activity_log SET trimmed = ?1, head = max(head, ?2) WHERE one = 1",
        &[Param::Int(int(last)), Param::Int(int(bounds.head))],
    )?;
    Ok(removed)
}
