//! The stored form of the state: one JSON object with the version of its form. Another version is not read: the state is
//! then folded anew from the log, which costs time and loses nothing.
//!
//! ```json
//! {"version":1,"seq":9,"changed":9,"events":9,"errors":0,"counts":{"created":1,…},
//!  "agents":[[seq,{"id":…,"name":…,"status":…,"last":{…}}],…],
//!  "open":[[seq,id,status,description|null],…],"closed":[[seq,id,status],…],
//!  "auctions":[[seq,{"task_id":…,"description"?,"bids":…,"best"?,"opened":…,"closes"?}],…]}
//! ```
//! Lists begin with what was touched last; what does not fit into [`MAX_BYTES`] is the oldest, and is left out.

use super::agents::{Act, Agent};
use super::tasks::{Auction, Bid, Status, Task, put};
use super::{MAX_AGENTS, MAX_AUCTIONS, MAX_TASKS, State};
use crate::cursor::write_number;
use crate::json::{Json, write_string};
use crate::words::Seq;

const VERSION: u64 = 1;
/// The store takes 8 MiB.
const MAX_BYTES: usize = 7 << 20;

pub(super) fn write(state: &State) -> Vec<u8> {
    let mut out = String::with_capacity(4_096 + state.agents.len() * 256 + state.tasks.open.len() * 96);
    out.push_str("{\"version\":");
    write_number(VERSION, &mut out);
    for (name, value) in
        [("seq", state.seq), ("changed", state.changed), ("events", state.events), ("errors", state.errors)]
    {
        out.push_str(",\"");
        out.push_str(name);
        out.push_str("\":");
        write_number(value, &mut out);
    }
    out.push_str(",\"counts\":{");
    state.tasks.write_counts(&mut out);
    out.push_str("},\"agents\":[");
    write_list(&mut out, state.agents.table.latest(), |out, id, agent| {
        out.push_str("{\"id\":");
        write_string(id, out);
        agent.write_rest(out);
        out.push('}');
    });
    out.push_str("],\"auctions\":[");
    write_list(&mut out, state.tasks.auctions.latest(), |out, id, auction| {
        out.push_str("{\"task_id\":");
        write_string(id, out);
        auction.write_rest(out);
        out.push('}');
    });
    out.push_str("],\"closed\":[");
    write_list(&mut out, state.tasks.closed.latest(), |out, id, status| {
        write_string(id, out);
        out.push(',');
        write_string(status.as_str(), out);
    });
    out.push_str("],\"open\":[");
    write_list(&mut out, state.tasks.open.latest(), |out, id, task| {
        write_string(id, out);
        out.push(',');
        write_string(task.status.as_str(), out);
        out.push(',');
        match &task.description {
            Some(description) => write_string(description, out),
            None => out.push_str("null"),
        }
    });
    out.push_str("]}");
    out.into_bytes()
}

fn write_list<'a, T: 'a>(
    out: &mut String,
    entries: impl Iterator<Item = (Seq, &'a str, &'a T)>,
    write: impl Fn(&mut String, &str, &T),
) {
    for (at, (seq, name, entry)) in entries.enumerate() {
        if out.len() > MAX_BYTES {
            break;
        }
        if at > 0 {
            out.push(',');
        }
        out.push('[');
        write_number(seq, out);
        out.push(',');
        write(out, name, entry);
        out.push(']');
    }
}

pub(super) fn read(bytes: &[u8]) -> Option<State> {
    let json = Json::parse(std::str::from_utf8(bytes).ok()?, 8).ok()?;
    if json.get("version")?.as_u64()? != VERSION {
        return None;
    }
    let number = |name| json.get(name).and_then(Json::as_u64);
    let mut state = State {
        seq: number("seq")?,
        changed: number("changed")?,
        events: number("events")?,
        errors: number("errors")?,
        ..State::default()
    };
    let counts = json.get("counts")?;
    for status in Status::ALL {
        state.tasks.counts.insert(status, counts.get(status.as_str())?.as_u64()?);
    }
    for entry in json.get("agents")?.as_array()?.iter().take(MAX_AGENTS) {
        let [seq, agent] = entry.as_array()? else { return None };
        put(&mut state.agents.table, agent.get("id")?.as_str()?, seq.as_u64()?, read_agent(agent)?);
    }
    for entry in json.get("auctions")?.as_array()?.iter().take(MAX_AUCTIONS) {
        let [seq, auction] = entry.as_array()? else { return None };
        put(&mut state.tasks.auctions, auction.get("task_id")?.as_str()?, seq.as_u64()?, read_auction(auction)?);
    }
    for entry in json.get("closed")?.as_array()? {
        let [seq, id, status] = entry.as_array()? else { return None };
        put(&mut state.tasks.closed, id.as_str()?, seq.as_u64()?, Status::read(status.as_str()?)?);
    }
    for entry in json.get("open")?.as_array()?.iter().take(MAX_TASKS) {
        let [seq, id, status, description] = entry.as_array()? else { return None };
        let task =
            Task { status: Status::read(status.as_str()?)?, description: description.as_str().map(str::to_owned) };
        put(&mut state.tasks.open, id.as_str()?, seq.as_u64()?, task);
    }
    Some(state)
}

fn read_agent(json: &Json<'_>) -> Option<Agent> {
    let last = json.get("last")?;
    let last =
        Act { event_type: text(last, "event_type")?, text: text(last, "text")?, timestamp: text(last, "timestamp")? };
    Some(Agent { name: text(json, "name")?, status: text(json, "status")?, last })
}

fn read_auction(json: &Json<'_>) -> Option<Auction> {
    let best = match json.get("best") {
        None => None,
        Some(best) => Some(Bid { agent: text(best, "agent"), amount: best.get("amount")?.as_number()?.to_owned() }),
    };
    Some(Auction {
        description: text(json, "description"),
        bids: json.get("bids")?.as_u64()?,
        best,
        opened: text(json, "opened")?,
        closes: text(json, "closes"),
    })
}

fn text(json: &Json<'_>, name: &str) -> Option<String> {
    Some(json.get(name)?.as_str()?.to_owned())
}
