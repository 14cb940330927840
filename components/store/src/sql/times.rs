//! What is asked by time: the place of a moment in the log, and the counts of the last minutes. Time is the store's own
//! (`logged_at`), which rises with the seq.

use super::{Columns, Database, Param, int};
use crate::{Seq, StoreError, Summary, UnixMs};

/// Bisection over the seqs. Of every step holds: up to `low` all was logged in time, above `high` nothing was. A hole
/// counts as in time.
const SEQ_AT: &str = "\
    WITH RECURSIVE search (low, high) AS (\
        SELECT trimmed, max(head, coalesce((SELECT max(seq) FROM activity_events), 0)) FROM activity_log WHERE one = 1 \
        UNION ALL \
        SELECT iif(late, low, middle), iif(late, middle - 1, high) FROM (\
            SELECT low, high, middle, coalesce((\
                SELECT logged_at > ?1 FROM activity_events WHERE seq > low AND seq <= middle ORDER BY seq DESC LIMIT 1\
            ), 0) AS late FROM (SELECT low, high, low + (high - low + 1) / 2 AS middle FROM search WHERE low < high)\
        )\
    ) \
    SELECT coalesce(\
        (SELECT max(seq) FROM activity_events WHERE seq <= (SELECT low FROM search WHERE low >= high)),\
        (SELECT trimmed FROM activity_log WHERE one = 1))";

/// The highest seq logged at or before `time` (`inclusive`) or strictly before it; `trimmed` when there is none.
///
/// # Errors
/// Those of the driver.
pub fn seq_at(db: &dyn Database, time: UnixMs, inclusive: bool) -> Result<Seq, StoreError> {
    // Whole milliseconds: before a moment is at or before the one that precedes it.
    let last = if inclusive { int(time) } else { int(time) - 1 };
    let rows = db.query(SEQ_AT, &[Param::Int(last)])?;
    Columns::of(rows.into_iter().next())?.seq()
}

/// Events by minute and type over the last `minutes`, the current one included, newest first.
///
/// # Errors
/// Those of the driver.
pub fn summary(db: &dyn Database, minutes: u32, now: UnixMs) -> Result<Summary, StoreError> {
    let minute = now / 60_000;
    let rows = db.query(
        "SELECT minute, event_type, events FROM activity_minutes WHERE minute > ?1 ORDER BY minute DESC",
        &[Param::Int(int(minute) - i64::from(minutes))],
    )?;
    rows.into_iter()
        .map(|row| {
            let mut row = Columns::of(Some(row))?;
            // A clock that was set back leaves minutes that are yet to come: they are "now".
            let ago = minute.saturating_sub(row.seq()?);
            Ok((u32::try_from(ago).unwrap_or(u32::MAX), row.text()?, row.seq()?))
        })
        .collect()
}
