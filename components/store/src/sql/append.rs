//! Appends groups of events inside a write transaction of the caller's: each group whole or not at all, no id twice,
//! seqs without a gap, the minute's counts kept. Durability is the caller's commit.

use std::collections::BTreeMap;

use super::{Columns, Database, Param, int};
use crate::content::{self, Stored};
use crate::schema::MINUTES_KEPT;
use crate::{Appended, Conflict, Event, NewEvent, Seq, StoreError, UnixMs};

/// What one group came to.
pub type GroupResult = Result<Vec<Appended>, Conflict>;

/// What an append did, for whoever hands it on once it is committed.
#[derive(Clone, Debug)]
pub struct Committed {
    /// One entry a group.
    pub results: Vec<GroupResult>,
    /// The log's history at the time.
    pub epoch: String,
    /// The head before: whatever lies between it and an earlier head was appended by others.
    pub before: Seq,
    /// The head after.
    pub head: Seq,
    /// What was added, in seq order.
    pub events: Vec<Event>,
}

const INSERT: &str = "INSERT INTO activity_events \
     (seq, id, event_type, source, task_id, agent_id, timestamp, stamped, logged_at, data) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING";

/// Append `groups` at the time `now`. Run it inside [`super::write`].
///
/// # Errors
/// Those of the driver; `super::write` then undoes what was done.
pub fn append(db: &dyn Database, groups: &[Vec<NewEvent>], now: UnixMs) -> Result<Committed, StoreError> {
    let bounds = super::bounds(db)?;
    let rows = db.query("SELECT logged_at FROM activity_log WHERE one = 1", &[])?;
    let last = Columns::of(rows.into_iter().next())?.seq()?;
    let logged_at = now.max(last);

    let mut log = Appending { db, logged_at, head: bounds.head, events: Vec::new() };
    let results = groups.iter().map(|group| log.group(group)).collect::<Result<Vec<_>, _>>()?;
    if log.head > bounds.head {
        log.keep_head()?;
        log.keep_minutes(last / 60_000)?;
    }
    Ok(Committed { results, epoch: bounds.epoch, before: bounds.head, head: log.head, events: log.events })
}

struct Appending<'a> {
    db: &'a dyn Database,
    logged_at: UnixMs,
    head: Seq,
    events: Vec<Event>,
}

impl Appending<'_> {
    fn group(&mut self, group: &[NewEvent]) -> Result<GroupResult, StoreError> {
        let (head, added) = (self.head, self.events.len());
        let mut appended = Vec::with_capacity(group.len());
        for (index, event) in (0..).zip(group) {
            if self.insert(event)? {
                appended.push(Appended { seq: self.head, duplicate: false });
            } else if let Some(seq) = self.find_same(event)? {
                appended.push(Appended { seq, duplicate: true });
            } else {
                // The group's own rows are the last ones and nobody has seen them: taking them out again costs less
                // than a savepoint around every group.
                if self.head > head {
                    self.db.execute("DELETE FROM activity_events WHERE seq > ?1", &[Param::Int(int(head))])?;
                }
                self.head = head;
                self.events.truncate(added);
                return Ok(Err(Conflict { index, id: event.id.clone() }));
            }
        }
        Ok(Ok(appended))
    }

    /// False where the id is taken.
    fn insert(&mut self, event: &NewEvent) -> Result<bool, StoreError> {
        let seq = self.head + 1;
        let added = self.db.execute(
            INSERT,
            &[
                Param::Int(int(seq)),
                Param::Text(&event.id),
                Param::Text(&event.event_type),
                Param::Text(&event.source),
                event.task_id.as_deref().into(),
                event.agent_id.as_deref().into(),
                Param::Text(&event.timestamp),
                Param::Int(i64::from(event.stamped)),
                Param::Int(int(self.logged_at)),
                Param::Text(&event.data),
            ],
        )?;
        if added == 0 {
            return Ok(false);
        }
        self.head = seq;
        self.events.push(Event {
            seq,
            id: event.id.clone(),
            event_type: event.event_type.clone(),
            source: event.source.clone(),
            task_id: event.task_id.clone(),
            agent_id: event.agent_id.clone(),
            timestamp: event.timestamp.clone(),
            data: event.data.clone(),
        });
        Ok(true)
    }

    /// The seq of the event that has this id, where its content is the same.
    fn find_same(&self, event: &NewEvent) -> Result<Option<Seq>, StoreError> {
        let rows = self.db.query(
            "SELECT seq, event_type, source, task_id, agent_id, timestamp, stamped, data \
             FROM activity_events WHERE id = ?1",
            &[Param::Text(&event.id)],
        )?;
        let mut row = Columns::of(rows.into_iter().next())?;
        let seq = row.seq()?;
        let (event_type, source) = (row.text()?, row.text()?);
        let (task_id, agent_id) = (row.optional_text()?, row.optional_text()?);
        let (timestamp, stamped, data) = (row.text()?, row.seq()? != 0, row.text()?);
        let stored = Stored {
            event_type: &event_type,
            source: &source,
            task_id: task_id.as_deref(),
            agent_id: agent_id.as_deref(),
            timestamp: &timestamp,
            stamped,
            data: &data,
        };
        Ok(content::same(stored, event).then_some(seq))
    }

    fn keep_head(&self) -> Result<(), StoreError> {
        self.db.execute(
            "UPDATE activity_log SET head = ?1, logged_at = ?2 WHERE one = 1",
            &[Param::Int(int(self.head)), Param::Int(int(self.logged_at))],
        )?;
        Ok(())
    }

    /// `last` is the minute of the append before: minutes grow too old only when a new one begins.
    fn keep_minutes(&self, last: u64) -> Result<(), StoreError> {
        let minute = int(self.logged_at / 60_000);
        let mut by_type = BTreeMap::<&str, i64>::new();
        for event in &self.events {
            *by_type.entry(&event.event_type).or_default() += 1;
        }
        for (event_type, events) in by_type {
            self.db.execute(
                "INSERT INTO activity_minutes (minute, event_type, events) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (minute, event_type) DO UPDATE SET events = events + excluded.events",
                &[Param::Int(minute), Param::Text(event_type), Param::Int(events)],
            )?;
        }
        if int(last) != minute {
            self.db.execute("DELETE FROM activity_minutes WHERE minute <= ?1", &[Param::Int(minute - MINUTES_KEPT)])?;
        }
        Ok(())
    }
}
