//! Who is in the swarm: the last word about each agent.

use super::MAX_AGENTS;
use super::table::Table;
use crate::body::Body;
use crate::json::write_string;
use crate::text;

/// Graphemes of a name or a status.
const MAX_WORD: usize = 60;

/// What is known of one agent; its id is its key.
pub(super) struct Agent {
    pub(super) name: String,
    pub(super) status: String,
    pub(super) last: Act,
}

/// What an agent did last.
pub(super) struct Act {
    pub(super) event_type: String,
    pub(super) text: String,
    pub(super) timestamp: String,
}

#[derive(Default)]
pub(super) struct Agents {
    pub(super) table: Table<Agent>,
}

impl Agents {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn fold(&mut self, body: &Body) {
        let event = body.event();
        let is_about_agent = event.event_type.starts_with("agent.");
        // Most events name their agent by id, and need no look into their data.
        let said = is_about_agent.then(|| Said::read(body));
        let id = match (&event.agent_id, &said) {
            (Some(id), _) => id.as_str(),
            (None, Some(Said { name: Some(name), .. })) => name.as_str(),
            _ => return,
        };
        let status = match event.event_type.as_str() {
            "agent.joined" => Some("online"),
            "agent.left" => Some("offline"),
            "agent.status_changed" => said.as_ref().and_then(|said| said.status.as_deref()),
            "task.assigned" | "task.started" => Some("working"),
            "task.completed" | "task.failed" => Some("idle"),
            _ => None,
        };
        let name = said.as_ref().and_then(|said| said.name.clone());
        if let Some(agent) = self.table.touch(id, event.seq) {
            if let Some(name) = name {
                agent.name = name;
            }
            match status {
                Some(status) => status.clone_into(&mut agent.status),
                // Whoever acts is there.
                None if agent.status == "offline" => "online".clone_into(&mut agent.status),
                None => {}
            }
            // Into the texts that are there: this is done for nearly every event.
            event.event_type.clone_into(&mut agent.last.event_type);
            body.words().text.clone_into(&mut agent.last.text);
            event.timestamp.clone_into(&mut agent.last.timestamp);
            return;
        }
        let last = Act {
            event_type: event.event_type.clone(),
            text: body.words().text.clone(),
            timestamp: event.timestamp.clone(),
        };
        let agent =
            Agent { name: name.unwrap_or_else(|| word(id)), status: status.unwrap_or("online").to_owned(), last };
        let id = id.to_owned();
        self.table.insert(&id, event.seq, agent, MAX_AGENTS);
    }

    /// The latest to act first.
    pub(super) fn write(&self, out: &mut String) {
        for (at, (_, id, agent)) in self.table.latest().enumerate() {
            if at > 0 {
                out.push(',');
            }
            out.push_str("{\"id\":");
            write_string(id, out);
            agent.write_rest(out);
            out.push('}');
        }
    }
}

impl Agent {
    pub(super) fn write_rest(&self, out: &mut String) {
        out.push_str(",\"name\":");
        write_string(&self.name, out);
        out.push_str(",\"status\":");
        write_string(&self.status, out);
        out.push_str(",\"last\":{\"event_type\":");
        write_string(&self.last.event_type, out);
        out.push_str(",\"text\":");
        write_string(&self.last.text, out);
        out.push_str(",\"timestamp\":");
        write_string(&self.last.timestamp, out);
        out.push('}');
    }
}

/// What an `agent.*` event says of its agent.
struct Said {
    name: Option<String>,
    status: Option<String>,
}

impl Said {
    fn read(body: &Body) -> Self {
        let fields = body.fields();
        let get = |names: &[&str]| fields.text(names).map(|text| word(&text));
        Self { name: get(&["name"]), status: get(&["status", "new_status"]) }
    }
}

fn word(text: &str) -> String {
    text::cut(&text::clean(text), MAX_WORD).into_owned()
}
