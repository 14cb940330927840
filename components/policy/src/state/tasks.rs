//! Tasks by status, and the auctions that are open on them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::table::Table;
use super::{MAX_AUCTIONS, MAX_TASKS};
use crate::body::Body;
use crate::cursor::write_number;
use crate::json::write_string;
use crate::words::Seq;
use crate::{text, time};

/// Closed tasks that are remembered, so that one which is told closed twice is counted once.
const MAX_CLOSED: usize = 1_000;
/// Graphemes of a description.
const MAX_DESCRIPTION: usize = 80;

/// Where a task is, in the order of its life. The last two are its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    Created,
    Bidding,
    Assigned,
    Started,
    Completed,
    Failed,
}

impl Status {
    pub(super) const ALL: [Self; 6] =
        [Self::Created, Self::Bidding, Self::Assigned, Self::Started, Self::Completed, Self::Failed];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Bidding => "bidding",
            Self::Assigned => "assigned",
            Self::Started => "started",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    pub(super) fn is_end(self) -> bool {
        self >= Self::Completed
    }
}

/// A task that is not over.
pub(super) struct Task {
    pub(super) status: Status,
    pub(super) description: Option<String>,
}

/// An auction that is open; the task is its key.
pub(super) struct Auction {
    pub(super) description: Option<String>,
    pub(super) bids: u64,
    pub(super) best: Option<Bid>,
    /// RFC 3339, of the event that opened it.
    pub(super) opened: String,
    /// RFC 3339, where an event said so.
    pub(super) closes: Option<String>,
}

/// The best bid so far.
pub(super) struct Bid {
    pub(super) agent: Option<String>,
    /// As it was written: a number.
    pub(super) amount: String,
}

#[derive(Default)]
pub(super) struct Tasks {
    pub(super) open: Table<Task>,
    pub(super) closed: Table<Status>,
    pub(super) counts: BTreeMap<Status, u64>,
    pub(super) auctions: Table<Auction>,
}

impl Tasks {
    pub(super) fn fold(&mut self, body: &Body) {
        let event = body.event();
        let Some(id) = event.task_id.as_deref() else { return };
        match event.event_type.as_str() {
            "bid.submitted" => self.bid(id, body),
            "auction.opened" => self.open_auction(id, body),
            "auction.closed" => {
                self.auctions.remove(id);
            }
            other => {
                let Some(status) = other.strip_prefix("task.").and_then(Status::read) else { return };
                self.set_status(id, status, body);
                match status {
                    Status::Bidding => self.open_auction(id, body),
                    Status::Created => {}
                    _ => {
                        self.auctions.remove(id);
                    }
                }
            }
        }
    }

    pub(super) fn write_counts(&self, out: &mut String) {
        for (at, status) in Status::ALL.into_iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            write_string(status.as_str(), out);
            out.push(':');
            write_number(self.counts.get(&status).copied().unwrap_or(0), out);
        }
    }

    /// The one with the latest bid first.
    pub(super) fn write_auctions(&self, out: &mut String) {
        for (at, (_, task_id, auction)) in self.auctions.latest().enumerate() {
            if at > 0 {
                out.push(',');
            }
            out.push_str("{\"task_id\":");
            write_string(task_id, out);
            auction.write_rest(out);
            out.push('}');
        }
    }

    fn set_status(&mut self, id: &str, status: Status, body: &Body) {
        let seq = body.event().seq;
        if status.is_end() {
            let before = self.open.remove(id).map(|task| task.status).or_else(|| self.closed.remove(id));
            self.recount(before, status);
            // Forgetting a closed task takes nothing back: it stays counted.
            self.closed.insert(id, seq, status, MAX_CLOSED);
            return;
        }
        let text = body.fields().text(&["description"]);
        let description = text.as_ref().map(|text| text::cut(text, MAX_DESCRIPTION));
        if let Some(task) = self.open.touch(id, seq) {
            let before = std::mem::replace(&mut task.status, status);
            if let Some(description) = description {
                // Into the text that is there: a task is told of several times.
                description.as_ref().clone_into(task.description.get_or_insert_default());
            }
            self.recount(Some(before), status);
            return;
        }
        let before = self.closed.remove(id);
        self.recount(before, status);
        let task = Task { status, description: description.map(Cow::into_owned) };
        if let Some((gone, task)) = self.open.insert(id, seq, task, MAX_TASKS) {
            self.count(task.status, false);
            self.auctions.remove(&gone);
        }
    }

    fn recount(&mut self, before: Option<Status>, now: Status) {
        if let Some(before) = before {
            self.count(before, false);
        }
        self.count(now, true);
    }

    fn count(&mut self, status: Status, is_more: bool) {
        let count = self.counts.entry(status).or_default();
        *count = if is_more { count.saturating_add(1) } else { count.saturating_sub(1) };
    }

    fn open_auction(&mut self, id: &str, body: &Body) {
        let (event, fields) = (body.event(), body.fields());
        let closes = fields.text(&["closes", "closes_at", "deadline"]).filter(|text| time::parse(text).is_some());
        let closes = closes.map(Cow::into_owned);
        if let Some(auction) = self.auctions.touch(id, event.seq) {
            auction.closes = closes.or_else(|| auction.closes.take());
            return;
        }
        let said = fields.text(&["description"]).map(|text| text::cut(&text, MAX_DESCRIPTION).into_owned());
        let description = said.or_else(|| self.open.get_mut(id)?.description.clone());
        let auction = Auction { description, bids: 0, best: None, opened: event.timestamp.clone(), closes };
        self.auctions.insert(id, event.seq, auction, MAX_AUCTIONS);
    }

    fn bid(&mut self, id: &str, body: &Body) {
        let (event, fields) = (body.event(), body.fields());
        if self.auctions.get_mut(id).is_none() {
            // A late bid opens nothing again.
            let is_past = self.open.get_mut(id).is_some_and(|task| task.status > Status::Bidding);
            if is_past || self.closed.get_mut(id).is_some() {
                return;
            }
            self.open_auction(id, body);
        }
        let Some(auction) = self.auctions.touch(id, event.seq) else { return };
        auction.bids = auction.bids.saturating_add(1);
        let Some(amount) = fields.number(&["amount", "bid_sats"]) else { return };
        let value = |amount: &str| amount.parse::<f64>().unwrap_or(f64::INFINITY);
        if auction.best.as_ref().is_none_or(|best| value(&amount) < value(&best.amount)) {
            let agent =
                fields.text(&["agent", "agent_name"]).map(|text| text::cut(&text, MAX_DESCRIPTION).into_owned());
            let agent = agent.or_else(|| event.agent_id.clone());
            auction.best = Some(Bid { agent, amount: amount.into_owned() });
        }
    }
}

impl Auction {
    pub(super) fn write_rest(&self, out: &mut String) {
        if let Some(description) = &self.description {
            out.push_str(",\"description\":");
            write_string(description, out);
        }
        out.push_str(",\"bids\":");
        write_number(self.bids, out);
        if let Some(best) = &self.best {
            out.push_str(",\"best\":{");
            if let Some(agent) = &best.agent {
                out.push_str("\"agent\":");
                write_string(agent, out);
                out.push(',');
            }
            out.push_str("\"amount\":");
            out.push_str(&best.amount);
            out.push('}');
        }
        out.push_str(",\"opened\":");
        write_string(&self.opened, out);
        if let Some(closes) = &self.closes {
            out.push_str(",\"closes\":");
            write_string(closes, out);
        }
    }
}

/// For the snapshot: an entry with the seq it had.
pub(super) fn put<T>(table: &mut Table<T>, name: &str, seq: Seq, entry: T) {
    table.insert(name, seq, entry, usize::MAX);
}
