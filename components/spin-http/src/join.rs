//! Where a subscription starts, and what it is sent of the past. The same rules as the native host's
//! (`host/src/hub/join.rs`): a run of items whose ranges follow each other without a gap.

use crate::bindings::activity::broadcast::broadcaster::{ErrorCode, Item, ProtocolError, Reason, Seq, Skipped, Start};
use crate::bindings::activity::store::event_store::{self, LogBounds, StoreError};
use crate::bindings::activity::types::types::{Cursor, Filter};
use crate::clock;
use crate::feed;
use crate::problem::Problem;

/// How long a cursor beyond the head is waited for: another instance may be a moment ahead.
pub(crate) const FUTURE_WAIT_MS: u64 = 2_000;
pub(crate) const FUTURE_LOOK_MS: u64 = 50;

/// Why nothing can be read from there.
pub(crate) enum JoinError {
    /// The cursor is beyond the head.
    Future,
    /// The cursor is of another log, where one of this log is needed.
    OtherLog,
    /// The log cannot be read.
    Store(StoreError),
}

impl From<StoreError> for JoinError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Read from a client's cursor; when that is beyond the head, again, until the log has grown to it or the wait is over.
pub(crate) async fn unless_future<T>(read: impl Fn() -> Result<T, JoinError>) -> Result<T, Problem> {
    let refused = |code, message: &str| ProtocolError { code, message: message.to_owned(), label: None };
    let deadline = clock::monotonic_ms().saturating_add(FUTURE_WAIT_MS);
    loop {
        match read() {
            Ok(done) => return Ok(done),
            Err(JoinError::Future) if clock::monotonic_ms() < deadline => clock::sleep_ms(FUTURE_LOOK_MS).await,
            Err(JoinError::Future) => {
                let message = "the cursor is beyond the end of the log; use an earlier one, `earliest`, or none";
                return Err(refused(ErrorCode::FutureCursor, message).into());
            }
            Err(JoinError::OtherLog) => {
                let message = "the cursor is of another log than the one that is kept now; read again from `earliest`";
                return Err(refused(ErrorCode::BadCursor, message).into());
            }
            Err(JoinError::Store(error)) => return Err(error.into()),
        }
    }
}

/// Where a start lies in the log as it is now.
pub(crate) struct Origin {
    /// Nothing that the client may have asked for is gone.
    pub(crate) recovered: bool,
    /// The subscription's first position.
    pub(crate) from: Seq,
    /// The report of what is gone: `from` to the oldest kept.
    pub(crate) pruned: Option<Skipped>,
}

impl Origin {
    /// Where reading goes on.
    pub(crate) fn after(&self) -> Seq {
        self.pruned.as_ref().map_or(self.from, |pruned| pruned.to)
    }

    pub(crate) fn at(from: Seq) -> Self {
        Self { recovered: true, from, pruned: None }
    }

    fn pruned(from: Seq, to: Seq) -> Self {
        Self { recovered: false, from, pruned: Some(unknown(from, to, Reason::Pruned)) }
    }
}

/// Where a cursor lies; none when it is beyond the head.
pub(crate) fn origin_of_cursor(cursor: &Cursor, bounds: &LogBounds) -> Option<Origin> {
    if cursor.epoch != bounds.epoch {
        return Some(Origin::pruned(0, bounds.trimmed));
    }
    if cursor.seq > bounds.head {
        return None;
    }
    if cursor.seq < bounds.trimmed {
        return Some(Origin::pruned(cursor.seq, bounds.trimmed));
    }
    Some(Origin::at(cursor.seq))
}

/// What a subscription is sent when it starts.
pub(crate) struct Replay {
    /// From `Subscribed` to `CaughtUp`.
    pub(crate) items: Vec<Item>,
    /// Where the subscription stands after them.
    pub(crate) position: Seq,
}

/// Replay from `start`: at most `buffer` events, the newest, and a report of what that leaves out.
pub(crate) fn replay(filter: &Filter, start: &Start, buffer: u32) -> Result<Replay, JoinError> {
    loop {
        let bounds = event_store::bounds()?;
        let origin = match start {
            Start::Replay(count) => return Ok(replay_newest(filter, (*count).min(buffer))?),
            Start::After(cursor) => origin_of_cursor(cursor, &bounds).ok_or(JoinError::Future)?,
            Start::AfterTime(time) => Origin::at(event_store::seq_at(*time, true)?),
            Start::Earliest => Origin::at(bounds.trimmed),
            Start::Latest => Origin::at(bounds.head),
        };
        let head = bounds.head;
        let after = origin.after();
        let mut items = vec![Item::Subscribed((origin.recovered, origin.from, head.max(origin.from)))];
        items.extend(origin.pruned.map(Item::Skipped));
        items.extend(range(filter, after, head, buffer, Reason::Buffer)?);
        // Retention may have removed events between the look at the bounds and the read: then look again, so that they
        // are reported as pruned instead of missing in silence.
        let trimmed = event_store::bounds()?.trimmed;
        if trimmed > after && trimmed > bounds.trimmed {
            continue;
        }
        let position = head.max(after);
        items.push(Item::CaughtUp(position));
        return Ok(Replay { items, position });
    }
}

fn replay_newest(filter: &Filter, count: u32) -> Result<Replay, StoreError> {
    let head = event_store::bounds()?.head;
    let events = if count == 0 { Vec::new() } else { feed::tail(filter, 0, head, count)?.events };
    let from = events.first().map_or(head, |first| first.event.seq.saturating_sub(1));
    let mut items = vec![Item::Subscribed((true, from, head))];
    let mut prev = from;
    for shown in events {
        let seq = shown.event.seq;
        items.push(Item::Event((shown, prev)));
        prev = seq;
    }
    items.push(Item::CaughtUp(head));
    Ok(Replay { items, position: head })
}

/// The matching events of `(from, to]` as items: the newest `buffer` of them, and one `skipped` of this reason in front
/// of them for the others.
pub(crate) fn range(filter: &Filter, from: Seq, to: Seq, buffer: u32, reason: Reason) -> Result<Vec<Item>, StoreError> {
    if from >= to {
        return Ok(Vec::new());
    }
    let tail = feed::tail(filter, from, to, buffer)?;
    let mut items = Vec::with_capacity(tail.events.len() + 1);
    let mut prev = from;
    if let Some(left_out_to) = tail.left_out_to {
        // Up to just before the first event that is sent, so that the two ranges meet.
        let end = tail.events.first().map_or(left_out_to, |first| first.event.seq.saturating_sub(1));
        let skipped = report(filter, from, end, reason)?;
        if skipped.count != Some(0) {
            prev = end;
            items.push(Item::Skipped(skipped));
        }
    }
    for shown in tail.events {
        let seq = shown.event.seq;
        items.push(Item::Event((shown, prev)));
        prev = seq;
    }
    Ok(items)
}

/// What a subscription that stands at `from` has missed up to `to`: [`range`], behind the report of what retention has
/// removed since.
pub(crate) fn gap(filter: &Filter, from: Seq, to: Seq, buffer: u32) -> Result<Vec<Item>, StoreError> {
    let mut kept = from;
    loop {
        let mut items = range(filter, kept, to, buffer, Reason::Slow)?;
        // Looked at behind the read, as in `replay`.
        let trimmed = event_store::bounds()?.trimmed.min(to);
        if trimmed <= kept {
            if kept > from {
                items.insert(0, Item::Skipped(unknown(from, kept, Reason::Pruned)));
            }
            return Ok(items);
        }
        kept = trimmed;
    }
}

/// The report on the matching events of `(from, to]`, counted in the store; where retention has removed some of them,
/// nobody knows how many.
pub(crate) fn report(filter: &Filter, from: Seq, to: Seq, reason: Reason) -> Result<Skipped, StoreError> {
    let counts = feed::count(filter, from, to)?;
    if event_store::bounds()?.trimmed > from {
        return Ok(unknown(from, to, reason));
    }
    Ok(Skipped { from, to, count: counts.total, by_type: counts.by_type, reason })
}

/// A report on what cannot be counted.
pub(crate) fn unknown(from: Seq, to: Seq, reason: Reason) -> Skipped {
    Skipped { from, to, count: None, by_type: Vec::new(), reason }
}
