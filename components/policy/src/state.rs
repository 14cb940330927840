//! The state of the swarm, folded from the log: who is there and what it did last, tasks by status, open auctions.
//!
//! Deterministic, and idempotent by seq: an event at or below the state's seq is passed over, so a fold may begin anew
//! from any snapshot. Bounded: [`MAX_AGENTS`], [`MAX_TASKS`] and [`MAX_AUCTIONS`], where the one that was longest
//! without an event gives way to the new.
//!
//! Chosen where the contract leaves it open. An agent is known by `agent_id`, and in `agent.*` events also by its name.
//! `completed` and `failed` count all that ever were; the other statuses count the tasks that are in them now. An
//! auction opens with `task.bidding` (or `auction.opened`, or a first bid) and ends with `auction.closed` or once its
//! task is assigned or over; its best bid is the lowest, since agents offer to work for it.

mod agents;
mod snapshot;
mod table;
mod tasks;

use self::agents::Agents;
use self::tasks::Tasks;
use crate::body::Body;
use crate::cursor::write_number;
use crate::words::Seq;

/// Agents that are known.
pub const MAX_AGENTS: usize = 1_000;
/// Tasks that are open.
pub const MAX_TASKS: usize = 10_000;
/// Auctions that are open. Shown whole once a second to whoever watches, so fewer than tasks.
pub const MAX_AUCTIONS: usize = 250;

/// The state, and how far it is folded.
#[derive(Default)]
pub struct State {
    seq: Seq,
    changed: Seq,
    /// How many events were folded.
    events: u64,
    /// How many of them were errors or failures.
    errors: u64,
    agents: Agents,
    tasks: Tasks,
}

impl State {
    /// Folded up to here.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The last event that changed what is shown.
    #[must_use]
    pub fn changed(&self) -> Seq {
        self.changed
    }

    /// Take one event in.
    pub fn fold(&mut self, body: &Body) {
        let event = body.event();
        if event.seq <= self.seq {
            return;
        }
        self.seq = event.seq;
        self.changed = event.seq;
        self.events += 1;
        if matches!(event.event_type.as_str(), "system.error" | "error.captured" | "task.failed" | "tool.failed") {
            self.errors += 1;
        }
        self.agents.fold(body);
        self.tasks.fold(body);
    }

    /// There is nothing to fold up to here.
    pub fn reach(&mut self, head: Seq) {
        self.seq = self.seq.max(head);
    }

    /// The object of `GET /api/state`.
    #[must_use]
    pub fn json(&self) -> String {
        let mut out = String::with_capacity(1_024 + self.agents.len() * 224);
        out.push_str("{\"seq\":");
        write_number(self.seq, &mut out);
        out.push_str(",\"events\":");
        write_number(self.events, &mut out);
        out.push_str(",\"errors\":");
        write_number(self.errors, &mut out);
        out.push_str(",\"agents\":[");
        self.agents.write(&mut out);
        out.push_str("],\"tasks\":{");
        self.tasks.write_counts(&mut out);
        out.push_str("},\"auctions\":[");
        self.tasks.write_auctions(&mut out);
        out.push_str("]}");
        out
    }

    /// The state for [`State::restore`].
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        snapshot::write(self)
    }

    /// Go on from a snapshot; none when it is not one of this version.
    #[must_use]
    pub fn restore(bytes: &[u8]) -> Option<Self> {
        snapshot::read(bytes)
    }
}

#[cfg(test)]
mod tests;
