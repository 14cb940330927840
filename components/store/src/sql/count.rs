//! Counts the matching events of a range by type: exactly where few enough rows have to be looked at, else not at all.

use std::collections::BTreeMap;

use super::filter::{Dimension, Driver, Plan, Window, all_types, nth};
use super::{Columns, Database, Param, bounds, int};
use crate::{Counts, Filter, Order, Seq, StoreError};

/// Rows looked at, whatever is asked.
const MAX_ROWS: u32 = 10_000;

/// Count the matching events of `(after, until]`, looking at no more than `max_rows` rows.
///
/// # Errors
/// Those of the driver.
pub fn count(db: &dyn Database, filter: &Filter, after: Seq, until: Seq, max_rows: u32) -> Result<Counts, StoreError> {
    let max_rows = max_rows.min(MAX_ROWS);
    let none = Counts { total: Some(0), by_type: Vec::new() };
    let window = Window { after, until: until.min(bounds(db)?.head), order: Order::Ascending };
    if window.is_empty() {
        return Ok(none);
    }
    let Some(plan) = Plan::new(db, filter, None)? else { return Ok(none) };
    if plan.is_driven() {
        match plan.dimensions.as_slice() {
            [types] if filter.types_only() => return by_type(db, types, window, max_rows),
            [] => {
                if let Some(types) = all_types(db)? {
                    return by_type(db, &types, window, max_rows);
                }
            }
            _ => {}
        }
    }
    row_by_row(db, &plan, window, max_rows)
}

/// The types are all that is asked for, so their index alone tells.
fn by_type(db: &dyn Database, types: &Dimension, window: Window, max_rows: u32) -> Result<Counts, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM (SELECT 1 FROM activity_events INDEXED BY activity_events_type \
         WHERE event_type = ?1 AND seq > ?2 AND seq <= ?3 LIMIT ?4)";
    let mut left = u64::from(max_rows);
    let mut by_type = Vec::new();
    for event_type in &types.values {
        // One more than is left tells "exactly so many" from "too many".
        let range = [Param::Text(event_type), Param::Int(int(window.after)), Param::Int(int(window.until))];
        let [name, after, until] = range;
        let rows = db.query(COUNT, &[name, after, until, Param::Int(int(left + 1))])?;
        let count = Columns::of(rows.into_iter().next())?.seq()?;
        let Some(rest) = left.checked_sub(count) else { return Ok(Counts::default()) };
        left = rest;
        if count > 0 {
            by_type.push((event_type.clone(), count));
        }
    }
    Ok(Counts { total: Some(u64::from(max_rows) - left), by_type })
}

fn row_by_row(db: &dyn Database, plan: &Plan, window: Window, max_rows: u32) -> Result<Counts, StoreError> {
    for driver in plan.drivers() {
        if nth(driver, window, max_rows + 1).query(db)?.is_empty() {
            return tally(db, plan, driver, window, max_rows);
        }
    }
    Ok(Counts::default())
}

fn tally(
    db: &dyn Database,
    plan: &Plan,
    driver: Driver<'_>,
    window: Window,
    max_rows: u32,
) -> Result<Counts, StoreError> {
    let mut counts = BTreeMap::<String, u64>::new();
    let mut total = 0;
    for row in plan.types(driver, window, max_rows).query(db)? {
        *counts.entry(Columns::of(Some(row))?.text()?).or_default() += 1;
        total += 1;
    }
    Ok(Counts { total: Some(total), by_type: counts.into_iter().collect() })
}

impl Filter {
    fn types_only(&self) -> bool {
        self.sources.is_empty() && self.task_ids.is_empty() && self.agent_ids.is_empty()
    }
}
