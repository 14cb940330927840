//! Turns a filter into statements that an index drives, in seq order and without a sort.
//!
//! Each list of a filter is a *dimension* with an index of its own, in which the rows of one value stand in seq order.
//! One dimension drives: its values' ranges are merged (a compound SELECT with ORDER BY is a merge in SQLite), and the
//! others, and the text, are checked row by row. Types by prefix are first resolved to those that the log holds, by
//! skipping through the index, since a range over several types is not in seq order.

use std::fmt::Write as _;

use super::{Columns, Database, EVENT_COLUMNS, Param, int};
use crate::matching::TypePattern;
use crate::{Filter, Order, Seq, StoreError};

/// Ranges merged at most; what has more is checked row by row. SQLite allows 500 to a compound SELECT.
pub(super) const MAX_RANGES: usize = 128;

/// One list of the filter, as exact values.
#[derive(Clone, Debug)]
pub(super) struct Dimension {
    column: &'static str,
    index: &'static str,
    pub(super) values: Vec<String>,
}

/// What may drive a statement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Driver<'a> {
    /// The table itself, in seq order.
    Table,
    /// The ranges of one dimension.
    Index(&'a Dimension),
}

/// The rows of `(after, until]` in one order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) after: Seq,
    pub(super) until: Seq,
    pub(super) order: Order,
}

/// A filter made ready. All of it must hold; it holds for every row where all is empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) dimensions: Vec<Dimension>,
    /// Types that are too many to be a dimension.
    patterns: Vec<String>,
    text: Option<String>,
}

impl Plan {
    /// None: nothing of the log can match.
    pub(super) fn new(db: &dyn Database, filter: &Filter, text: Option<&str>) -> Result<Option<Self>, StoreError> {
        let mut plan = Self::default();
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            if text.contains('\0') {
                // LIKE would read no further than that, and no field holds one.
                return Ok(None);
            }
            plan.text = Some(like(text));
        }
        for (list, column, index) in [
            (&filter.task_ids, "task_id", "activity_events_task"),
            (&filter.agent_ids, "agent_id", "activity_events_agent"),
            (&filter.sources, "source", "activity_events_source"),
        ] {
            if !list.is_empty() {
                plan.dimensions.push(Dimension { column, index, values: distinct(list.clone()) });
            }
        }
        if !filter.types.is_empty() {
            match Types::resolve(db, &filter.types)? {
                Types::All => {}
                Types::These(values) if values.is_empty() => return Ok(None),
                Types::These(values) => plan.dimensions.push(types_dimension(values)),
                Types::TooMany => plan.patterns.clone_from(&filter.types),
            }
        }
        Ok(Some(plan))
    }

    /// Whether every row of the driver matches.
    pub(super) fn is_driven(&self) -> bool {
        self.text.is_none() && self.patterns.is_empty() && self.dimensions.len() <= 1
    }

    /// What can drive it; never empty.
    pub(super) fn drivers(&self) -> Vec<Driver<'_>> {
        if self.dimensions.is_empty() {
            return vec![Driver::Table];
        }
        self.dimensions.iter().map(Driver::Index).collect()
    }

    /// The first `limit` matching events of the window.
    pub(super) fn events<'a>(&'a self, driver: Driver<'_>, window: Window, limit: u32) -> Statement<'a> {
        let mut statement = Statement::new(window, limit);
        let order = statement.order;
        match driver {
            Driver::Index(dimension) if dimension.values.len() > 1 => {
                let seqs = self.merge(&mut statement, driver, "seq");
                statement.sql = format!(
                    "SELECT {EVENT_COLUMNS} FROM activity_events WHERE seq IN ({seqs} ORDER BY seq{order} LIMIT ?3) \
                     ORDER BY seq{order}"
                );
            }
            _ => {
                let rows = self.merge(&mut statement, driver, EVENT_COLUMNS);
                statement.sql = format!("{rows} ORDER BY seq{order} LIMIT ?3");
            }
        }
        statement
    }

    /// The types of the first `limit` matching events of the window.
    pub(super) fn types<'a>(&'a self, driver: Driver<'_>, window: Window, limit: u32) -> Statement<'a> {
        let mut statement = Statement::new(window, limit);
        let (rows, order) = (self.merge(&mut statement, driver, "event_type, seq"), statement.order);
        statement.sql = format!("{rows} ORDER BY seq{order} LIMIT ?3");
        statement
    }

    fn merge<'a>(&'a self, statement: &mut Statement<'a>, driver: Driver<'_>, columns: &str) -> String {
        // The driver's values come first among the parameters, then those of the checks, which all ranges share.
        let ranges = statement.ranges(driver);
        let mut checks = String::new();
        for dimension in &self.dimensions {
            if !matches!(driver, Driver::Index(by) if by.column == dimension.column) {
                let list: Vec<String> = dimension.values.iter().map(|value| statement.text(value)).collect();
                let _ = write!(checks, " AND {} IN ({})", dimension.column, list.join(", "));
            }
        }
        if !self.patterns.is_empty() {
            let any: Vec<String> = self.patterns.iter().map(|entry| statement.type_check(entry)).collect();
            let _ = write!(checks, " AND ({})", any.join(" OR "));
        }
        if let Some(text) = &self.text {
            let text = statement.text(text);
            let fields = ["event_type", "source", "id", "task_id", "agent_id", "data"];
            let any = fields.map(|field| format!("{field} LIKE {text} ESCAPE '\\'"));
            let _ = write!(checks, " AND ({})", any.join(" OR "));
        }
        let ranges = ranges.into_iter().map(|range| format!("SELECT {columns} FROM activity_events {range}{checks}"));
        ranges.collect::<Vec<_>>().join(" UNION ALL ")
    }
}

/// The seq of the `nth` row (from 1) that the driver alone gives; read from the index only.
pub(super) fn nth(driver: Driver<'_>, window: Window, nth: u32) -> Statement<'_> {
    let mut statement = Statement::new(window, nth.saturating_sub(1));
    let ranges = statement.ranges(driver).into_iter().map(|range| format!("SELECT seq FROM activity_events {range}"));
    let (ranges, order) = (ranges.collect::<Vec<_>>().join(" UNION ALL "), statement.order);
    statement.sql = format!("{ranges} ORDER BY seq{order} LIMIT 1 OFFSET ?3");
    statement
}

/// All types of the log, where they are few enough to be a dimension.
pub(super) fn all_types(db: &dyn Database) -> Result<Option<Dimension>, StoreError> {
    let types = types_between(db, "", "\u{10ffff}")?;
    Ok((types.len() <= MAX_RANGES).then(|| types_dimension(types)))
}

fn types_dimension(values: Vec<String>) -> Dimension {
    Dimension { column: "event_type", index: "activity_events_type", values }
}

/// A statement's text, and its parameters in order: `?1` and `?2` are the window, `?3` is a number of rows.
#[derive(Debug)]
pub(super) struct Statement<'a> {
    sql: String,
    order: &'static str,
    params: Vec<TextOrInt<'a>>,
}

#[derive(Debug)]
enum TextOrInt<'a> {
    Int(i64),
    Borrowed(&'a str),
    Owned(String),
}

impl<'a> Statement<'a> {
    fn new(window: Window, rows: u32) -> Self {
        let order = match window.order {
            Order::Ascending => "",
            Order::Descending => " DESC",
        };
        let params = [int(window.after), int(window.until), i64::from(rows)].map(TextOrInt::Int).into();
        Self { sql: String::new(), order, params }
    }

    pub(super) fn query(&self, db: &dyn Database) -> Result<Vec<super::Row>, StoreError> {
        let params: Vec<Param<'_>> = self
            .params
            .iter()
            .map(|param| match param {
                TextOrInt::Int(value) => Param::Int(*value),
                TextOrInt::Borrowed(text) => Param::Text(text),
                TextOrInt::Owned(text) => Param::Text(text),
            })
            .collect();
        db.query(&self.sql, &params)
    }

    fn ranges(&mut self, driver: Driver<'_>) -> Vec<String> {
        match driver {
            Driver::Table => vec!["NOT INDEXED WHERE seq > ?1 AND seq <= ?2".into()],
            Driver::Index(Dimension { column, index, values }) => values
                .iter()
                .map(|value| {
                    let value = self.owned(value.clone());
                    // The index is named, since statistics (ANALYZE) could talk SQLite out of it.
                    format!("INDEXED BY {index} WHERE {column} = {value} AND seq > ?1 AND seq <= ?2")
                })
                .collect(),
        }
    }

    fn type_check(&mut self, entry: &str) -> String {
        match TypePattern::read(entry) {
            TypePattern::Any => "TRUE".into(),
            TypePattern::Exact(exact) => format!("event_type = {}", self.owned(exact.into())),
            TypePattern::Below(prefix) => {
                let (from, to) = (self.owned(prefix.into()), self.owned(end_of(prefix)));
                format!("event_type > {from} AND event_type < {to}")
            }
        }
    }

    fn text(&mut self, text: &'a str) -> String {
        self.params.push(TextOrInt::Borrowed(text));
        format!("?{}", self.params.len())
    }

    fn owned(&mut self, text: String) -> String {
        self.params.push(TextOrInt::Owned(text));
        format!("?{}", self.params.len())
    }
}

enum Types {
    All,
    These(Vec<String>),
    TooMany,
}

impl Types {
    fn resolve(db: &dyn Database, entries: &[String]) -> Result<Self, StoreError> {
        let mut types = Vec::new();
        for entry in entries {
            match TypePattern::read(entry) {
                TypePattern::Any => return Ok(Self::All),
                TypePattern::Exact(exact) => types.push(exact.to_owned()),
                TypePattern::Below(prefix) => types.extend(types_between(db, prefix, &end_of(prefix))?),
            }
        }
        let types = distinct(types);
        Ok(if types.len() > MAX_RANGES { Self::TooMany } else { Self::These(types) })
    }
}

/// The types strictly between two texts that the log holds, at most one more than [`MAX_RANGES`]: a seek each, however
/// many events they have.
fn types_between(db: &dyn Database, from: &str, to: &str) -> Result<Vec<String>, StoreError> {
    const NEXT: &str = "SELECT event_type FROM activity_events INDEXED BY activity_events_type \
         WHERE event_type > ?1 AND event_type < ?2 ORDER BY event_type LIMIT 1";
    let mut types: Vec<String> = Vec::new();
    while types.len() <= MAX_RANGES {
        let last = types.last().map_or(from, String::as_str);
        let Some(row) = db.query(NEXT, &[Param::Text(last), Param::Text(to)])?.into_iter().next() else { break };
        types.push(Columns::of(Some(row))?.text()?);
    }
    Ok(types)
}

/// The first text after all that start with `prefix`, which ends in a dot: `/` follows `.`.
fn end_of(prefix: &str) -> String {
    format!("{}/", prefix.strip_suffix('.').unwrap_or(prefix))
}

fn distinct(mut values: Vec<String>) -> Vec<String> {
    values.sort_unstable();
    values.dedup();
    values
}

/// A LIKE pattern for "holds this text", in which `\` takes the meaning from `%`, `_` and itself.
fn like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_takes_every_wildcard_by_its_letter() {
        assert_eq!(like(r"50%_\*?["), r"%50\%\_\\*?[%");
    }

    #[test]
    fn a_prefix_ends_before_the_next_name() {
        let end = end_of("task.");
        assert!("task.zzz" < end.as_str() && "task.~" < end.as_str());
        assert!("tasks" > end.as_str() && "task/" >= end.as_str());
    }
}
