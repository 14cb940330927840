//! What is asked by time: the place of a moment in the log, and the counts of the last minutes. Time is the store's own
//! (`logged_at`), which rises with the seq.

use super::{Columns, Database, Param, bounds, int};
use crate::{Seq, StoreError, Summary, UnixMs};

/// The highest seq logged at or before `time` (`inclusive`) or strictly before it; `trimmed` when there is none.
///
/// # Errors
/// Those of the driver.
pub fn seq_at(db: &dyn Database, time: UnixMs, inclusive: bool) -> Result<Seq, StoreError> {
    /// The last event of `(?1, ?2]`.
    const PROBE: &str = "SELECT seq, logged_at FROM activity_events WHERE seq > ?1 AND seq <= ?2 \
         ORDER BY seq DESC LIMIT 1";
    let bounds = bounds(db)?;
    // Up to `low` all was logged in time, above `high` nothing was; a hole counts as in time.
    let (mut low, mut high, mut found) = (bounds.trimmed, bounds.head, bounds.trimmed);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let Some(row) = db.query(PROBE, &[Param::Int(int(low)), Param::Int(int(middle))])?.into_iter().next() else {
            low = middle;
            continue;
        };
        let mut row = Columns::of(Some(row))?;
        let (seq, logged_at) = (row.seq()?, row.seq()?);
        if logged_at < time || (inclusive && logged_at == time) {
            (low, found) = (middle, seq);
        } else {
            high = seq.saturating_sub(1);
        }
    }
    Ok(found)
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
