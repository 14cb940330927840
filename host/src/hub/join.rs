//! Where a subscription starts, and what it is sent of the past: the replay of a join, and the fills of a subscription
//! that has fallen behind its lane.
//!
//! Each answer is a run of items whose ranges follow each other without a gap; the caller renders and sends them. All
//! functions that read block.

use crate::engine::words::{Cursor, ErrorCode, Item, ProtocolError, Reason, Skipped, Start};
use crate::hub::feed::Feed;
use crate::store::{Bounds, Filter, Seq, StoreError};

/// Why a subscription cannot start.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The cursor is beyond the head.
    #[error("the cursor is beyond the end of the log")]
    Future,
    /// The cursor is of another log, where one of this log is needed.
    #[error("the cursor is of another log")]
    OtherLog,
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a client is told whose `until` or `before` is a cursor of another log.
#[must_use]
pub fn other_log() -> ProtocolError {
    let message = "the cursor is of another log than the one that is kept now; read again from `earliest`";
    ProtocolError { code: ErrorCode::BadCursor, message: message.to_owned(), label: None }
}

/// What a client is told whose cursor stays beyond the head.
#[must_use]
pub fn future_cursor() -> ProtocolError {
    let message = "the cursor is beyond the end of the log; use an earlier one, `earliest`, or none";
    ProtocolError { code: ErrorCode::FutureCursor, message: message.to_owned(), label: None }
}

/// Where a start lies in the log as it is now.
#[derive(Debug, PartialEq, Eq)]
pub struct Origin {
    /// Nothing that the client may have asked for is gone.
    pub recovered: bool,
    /// The subscription's first position.
    pub from: Seq,
    /// The report of what is gone: `from` to the oldest kept.
    pub pruned: Option<Skipped>,
}

impl Origin {
    /// Where reading goes on.
    #[must_use]
    pub fn after(&self) -> Seq {
        self.pruned.as_ref().map_or(self.from, |pruned| pruned.to)
    }

    /// A place of which nothing is known to be gone.
    #[must_use]
    pub fn at(from: Seq) -> Self {
        Self { recovered: true, from, pruned: None }
    }

    fn pruned(from: Seq, to: Seq) -> Self {
        Self { recovered: false, from, pruned: Some(unknown(from, to, Reason::Pruned)) }
    }
}

/// Where a cursor lies; none when it is beyond the head.
#[must_use]
pub fn origin_of_cursor(cursor: &Cursor, bounds: &Bounds) -> Option<Origin> {
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
pub struct Replay {
    /// From `Subscribed` to `CaughtUp`.
    pub items: Vec<Item>,
    /// Where the subscription stands after them.
    pub position: Seq,
    /// Nothing was gone.
    pub recovered: bool,
}

/// Replay from `start`: at most `buffer` events, the newest, and a report of what that leaves out.
///
/// # Errors
/// See [`JoinError`].
pub fn replay(feed: &Feed, filter: &Filter, start: &Start, buffer: u32) -> Result<Replay, JoinError> {
    loop {
        let (origin, bounds) = match start {
            Start::After(cursor) => {
                let bounds = feed.bounds()?;
                (origin_of_cursor(cursor, &bounds).ok_or(JoinError::Future)?, bounds)
            }
            Start::Replay(count) => return replay_newest(feed, filter, (*count).min(buffer)),
            Start::AfterTime(time) => {
                let bounds = feed.bounds()?;
                (Origin::at(feed.store().seq_at(*time, true)?), bounds)
            }
            Start::Earliest => {
                let bounds = feed.bounds()?;
                (Origin::at(bounds.trimmed), bounds)
            }
            Start::Latest => {
                let bounds = feed.bounds()?;
                (Origin::at(bounds.head), bounds)
            }
        };
        let head = bounds.head;
        let mut items =
            vec![Item::Subscribed { recovered: origin.recovered, from: origin.from, to: head.max(origin.from) }];
        let after = origin.after();
        let (from, recovered) = (after, origin.recovered);
        items.extend(origin.pruned.map(Item::Skipped));
        items.extend(range(feed, filter, from, head, buffer, Reason::Buffer)?);
        // Retention may have removed events between the look at the bounds and the read: then look again, so that they
        // are reported as pruned instead of missing in silence.
        let trimmed = feed.bounds()?.trimmed;
        if trimmed > after && trimmed > bounds.trimmed {
            continue;
        }
        let position = head.max(from);
        items.push(Item::CaughtUp(position));
        return Ok(Replay { items, position, recovered });
    }
}

fn replay_newest(feed: &Feed, filter: &Filter, count: u32) -> Result<Replay, JoinError> {
    let head = feed.bounds()?.head;
    let events = if count == 0 { Vec::new() } else { feed.tail(filter, 0, head, count)?.events };
    let from = events.first().map_or(head, |first| first.event.seq.saturating_sub(1));
    let mut items = vec![Item::Subscribed { recovered: true, from, to: head }];
    let mut prev = from;
    for shown in events {
        let seq = shown.event.seq;
        items.push(Item::Event(shown, prev));
        prev = seq;
    }
    items.push(Item::CaughtUp(head));
    Ok(Replay { items, position: head, recovered: true })
}

/// The matching events of `(from, to]` as items: the newest `buffer` of them, and one `skipped` of this reason in front
/// of them for the others.
///
/// # Errors
/// The store's.
pub fn range(
    feed: &Feed,
    filter: &Filter,
    from: Seq,
    to: Seq,
    buffer: u32,
    reason: Reason,
) -> Result<Vec<Item>, StoreError> {
    if from >= to {
        return Ok(Vec::new());
    }
    let tail = feed.tail(filter, from, to, buffer)?;
    let mut items = Vec::with_capacity(tail.events.len() + 1);
    let mut prev = from;
    if let Some(left_out_to) = tail.left_out_to {
        // Up to just before the first event that is sent, so that the two ranges meet.
        let end = tail.events.first().map_or(left_out_to, |first| first.event.seq.saturating_sub(1));
        let skipped = report(feed, filter, from, end, reason)?;
        if skipped.count != Some(0) {
            prev = end;
            items.push(Item::Skipped(skipped));
        }
    }
    for shown in tail.events {
        let seq = shown.event.seq;
        items.push(Item::Event(shown, prev));
        prev = seq;
    }
    Ok(items)
}

/// What a subscription that stands at `from` has missed up to `to`: [`range`], behind the report of what retention has
/// removed since.
///
/// # Errors
/// The store's.
pub fn gap(
    feed: &Feed,
    filter: &Filter,
    from: Seq,
    to: Seq,
    buffer: u32,
    reason: Reason,
) -> Result<Vec<Item>, StoreError> {
    let mut kept = from;
    loop {
        let mut items = Vec::new();
        if kept > from {
            items.push(Item::Skipped(unknown(from, kept, Reason::Pruned)));
        }
        items.extend(range(feed, filter, kept, to, buffer, reason)?);
        // Looked at behind the read, as in `replay`.
        let trimmed = feed.bounds()?.trimmed.min(to);
        if trimmed <= kept {
            return Ok(items);
        }
        kept = trimmed;
    }
}

/// The report on the matching events of `(from, to]`, counted in the store; where retention has removed some of them,
/// nobody knows how many.
///
/// # Errors
/// The store's.
pub fn report(feed: &Feed, filter: &Filter, from: Seq, to: Seq, reason: Reason) -> Result<Skipped, StoreError> {
    let counts = feed.count(filter, from, to)?;
    if feed.bounds()?.trimmed > from {
        return Ok(unknown(from, to, reason));
    }
    Ok(Skipped { from, to, count: counts.total, by_type: counts.by_type, reason })
}

fn unknown(from: Seq, to: Seq, reason: Reason) -> Skipped {
    Skipped { from, to, count: None, by_type: Vec::new(), reason }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::hub::testing;

    fn bounds(trimmed: Seq, head: Seq) -> Bounds {
        Bounds { epoch: "now".to_owned(), trimmed, head }
    }

    fn cursor(epoch: &str, seq: Seq) -> Cursor {
        Cursor { epoch: epoch.to_owned(), seq }
    }

    #[test]
    fn a_cursor_is_recovered_while_all_that_follows_it_is_kept() {
        for seq in [5, 7, 10] {
            assert_eq!(origin_of_cursor(&cursor("now", seq), &bounds(5, 10)), Some(Origin::at(seq)));
        }
    }

    #[test]
    fn an_older_cursor_is_told_what_is_gone() {
        let origin = origin_of_cursor(&cursor("now", 2), &bounds(5, 10)).map(|o| (o.recovered, o.from, o.after()));
        assert_eq!(origin, Some((false, 2, 5)));
    }

    #[test]
    fn a_cursor_of_another_epoch_starts_at_zero_of_this_one() {
        let origin = origin_of_cursor(&cursor("before", 900), &bounds(5, 10)).map(|o| (o.recovered, o.from, o.after()));
        assert_eq!(origin, Some((false, 0, 5)));
    }

    #[test]
    fn promise_1_what_was_pruned_while_a_subscription_lagged_is_reported() {
        let feed = testing::feed(10);
        let missed = |from, to, buffer| {
            let items = gap(&feed, &Filter::default(), from, to, buffer, Reason::Slow).unwrap();
            let told = items.into_iter().map(|item| match item {
                Item::Skipped(s) => (s.from, s.to, s.count, Some(s.reason)),
                Item::Event(shown, prev) => (prev, shown.event.seq, Some(1), None),
                other => panic!("{other:?}"),
            });
            told.collect::<Vec<_>>()
        };
        assert_eq!(missed(2, 10, 1), [(2, 9, Some(7), Some(Reason::Slow)), (9, 10, Some(1), None)]);
        feed.store().trim(7, 100).unwrap();
        let gone = (2, 7, None, Some(Reason::Pruned));
        assert_eq!(missed(2, 10, 1), [gone, (7, 9, Some(2), Some(Reason::Slow)), (9, 10, Some(1), None)]);
        assert_eq!(missed(2, 6, 1), [(2, 6, None, Some(Reason::Pruned))]);
        assert_eq!(missed(8, 9, 1), [(8, 9, Some(1), None)], "all that it missed is kept");
        let counted = |from| report(&feed, &Filter::default(), from, 10, Reason::Rate).unwrap().count;
        assert_eq!((counted(6), counted(7)), (None, Some(3)));
    }

    #[test]
    fn a_cursor_beyond_the_head_is_nowhere_yet() {
        assert_eq!(origin_of_cursor(&cursor("now", 11), &bounds(5, 10)), None);
    }
}
