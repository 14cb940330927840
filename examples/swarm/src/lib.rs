//! A simulated swarm at work, for demos and load: agents come and go, bid for tasks in sats, work on them with tools,
//! and now and then something breaks. The stories hold together: nobody bids who has not joined, no task is assigned
//! before its auction closed. It knows the feed by its public HTTP API alone, as any coordinator would.

mod post;
mod words;

use std::collections::VecDeque;

use serde_json::{Value, json};

pub use post::{Options, PostError, run};

/// Open tasks that the swarm aims at.
const OPEN_TASKS: usize = 5;
/// Agents that it does not fall below.
const MIN_AGENTS: usize = 4;

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Created,
    Bidding,
    /// Won by the agent of that place among all, for so many sats.
    Assigned(usize),
    /// So many tool calls are still to come.
    Working(usize, u32),
}

#[derive(Clone, Debug)]
struct Task {
    id: String,
    description: &'static str,
    budget_sats: u32,
    stage: Stage,
}

#[derive(Clone, Debug)]
struct Agent {
    id: String,
    name: &'static str,
    online: bool,
    busy: bool,
}

/// The swarm. The same seed tells the same stories.
#[derive(Debug)]
pub struct Swarm {
    rng: fastrand::Rng,
    agents: Vec<Agent>,
    tasks: Vec<Task>,
    next_task: u32,
    /// What has happened and was not told yet.
    untold: VecDeque<Value>,
}

impl Swarm {
    /// A swarm of which nobody has joined yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut names = words::AGENTS.to_vec();
        rng.shuffle(&mut names);
        let agent = |(n, name): (usize, &'static str)| Agent {
            id: format!("agent-{:03}", n + 1),
            name,
            online: false,
            busy: false,
        };
        let agents = names.into_iter().enumerate().map(agent).collect();
        let next_task = rng.u32(100..900);
        Self { rng, agents, tasks: Vec::new(), next_task, untold: VecDeque::new() }
    }

    /// What happens next, as `POST /api/events` takes it: without an id and a timestamp.
    pub fn next_event(&mut self) -> Value {
        loop {
            if let Some(event) = self.untold.pop_front() {
                return event;
            }
            self.step();
        }
    }

    /// Whether more has happened at the same moment, so that it belongs into one request: a burst of bids.
    #[must_use]
    pub fn has_untold(&self) -> bool {
        !self.untold.is_empty()
    }

    /// Something happens: at least one event becomes untold.
    fn step(&mut self) {
        if self.online().len() < MIN_AGENTS {
            return self.join();
        }
        match self.rng.u32(0..100) {
            0..3 => self.join(),
            3..5 => self.leave(),
            5..9 => self.talk_of_itself(),
            9..30 if self.tasks.len() < OPEN_TASKS => self.create(),
            _ if self.tasks.is_empty() => self.create(),
            _ => self.advance(),
        }
    }

    fn tell(&mut self, event_type: &str, source: &str, task: Option<&str>, agent: Option<&str>, data: Value) {
        let mut event = json!({"event_type": event_type, "source": source, "data": data});
        if let Some(fields) = event.as_object_mut() {
            task.map(|task| fields.insert("task_id".to_owned(), task.into()));
            agent.map(|agent| fields.insert("agent_id".to_owned(), agent.into()));
        }
        self.untold.push_back(event);
    }

    fn pick<T: Copy>(&mut self, from: &[T], otherwise: T) -> T {
        self.rng.choice(from.iter()).copied().unwrap_or(otherwise)
    }

    /// The places of the agents that are there.
    fn online(&self) -> Vec<usize> {
        (0..self.agents.len()).filter(|n| self.agents.get(*n).is_some_and(|agent| agent.online)).collect()
    }

    fn agent(&self, place: usize) -> (String, &'static str) {
        self.agents
            .get(place)
            .map_or_else(|| ("agent-000".to_owned(), "nobody"), |agent| (agent.id.clone(), agent.name))
    }

    fn join(&mut self) {
        let away = (0..self.agents.len()).filter(|n| self.agents.get(*n).is_some_and(|agent| !agent.online));
        let away = away.collect::<Vec<_>>();
        let Some(place) = self.rng.choice(away) else { return self.talk_of_itself() };
        if let Some(agent) = self.agents.get_mut(place) {
            agent.online = true;
        }
        let (id, name) = self.agent(place);
        let skill = self.pick(words::SKILLS, "planning");
        self.tell("agent.joined", "registry", None, Some(&id), json!({"name": name, "skill": skill}));
    }

    fn leave(&mut self) {
        let idle = self.online().into_iter().filter(|n| self.agents.get(*n).is_some_and(|agent| !agent.busy));
        let idle = idle.collect::<Vec<_>>();
        if self.online().len() <= MIN_AGENTS {
            return self.talk_of_itself();
        }
        let Some(place) = self.rng.choice(idle) else { return self.talk_of_itself() };
        if let Some(agent) = self.agents.get_mut(place) {
            agent.online = false;
        }
        let (id, name) = self.agent(place);
        let reason = self.pick(words::LEAVING, "idle");
        self.tell("agent.left", "registry", None, Some(&id), json!({"name": name, "reason": reason}));
    }

    /// The machinery behind the swarm has something to say.
    fn talk_of_itself(&mut self) {
        match self.rng.u32(0..10) {
            0..5 => {
                let message = self.pick(words::INFOS, "All quiet");
                self.tell("system.info", "coordinator", None, None, json!({"message": message}));
            }
            5..7 => {
                let message = self.pick(words::WARNINGS, "The queue is getting long");
                self.tell("system.warning", "coordinator", None, None, json!({"message": message}));
            }
            7 => {
                let message = self.pick(words::ERRORS, "A worker stopped answering");
                self.tell("system.error", "coordinator", None, None, json!({"message": message}));
            }
            8 => {
                let message = self.pick(words::CAPTURED, "TypeError: price is undefined");
                let count = self.rng.u32(1..20);
                self.tell("error.captured", "sentinel", None, None, json!({"message": message, "count": count}));
            }
            _ => {
                let title = self.pick(words::BUGS, "The totals disagree after midnight");
                self.tell("bug_report.created", "sentinel", None, None, json!({"title": title}));
            }
        }
    }

    fn create(&mut self) {
        self.next_task += 1;
        let description = self.pick(words::TASKS, "Sweep the floor");
        let budget_sats = self.rng.u32(4..60) * 25;
        let id = format!("task-{}", self.next_task);
        let data = json!({"description": description, "budget_sats": budget_sats});
        self.tell("task.created", "coordinator", Some(&id), None, data);
        self.tasks.push(Task { id, description, budget_sats, stage: Stage::Created });
    }

    /// One task goes one stage on.
    fn advance(&mut self) {
        let at = self.rng.usize(0..self.tasks.len().max(1));
        let Some(task) = self.tasks.get(at).cloned() else { return self.create() };
        let next = match task.stage {
            Stage::Created => self.open_auction(&task),
            Stage::Bidding => self.close_auction(&task),
            Stage::Assigned(agent) => self.start(&task, agent),
            Stage::Working(agent, 0) => self.finish(&task, agent),
            Stage::Working(agent, calls) => self.call_tool(&task, agent, calls),
        };
        match (next, self.tasks.get_mut(at)) {
            (Some(stage), Some(task)) => task.stage = stage,
            _ => drop(self.tasks.swap_remove(at)),
        }
    }

    fn open_auction(&mut self, task: &Task) -> Option<Stage> {
        let data = json!({"description": task.description, "budget_sats": task.budget_sats});
        self.tell("task.bidding", "auctioneer", Some(&task.id), None, data);
        Some(Stage::Bidding)
    }

    /// All bid, the lowest bid wins; without a bid the task fails.
    fn close_auction(&mut self, task: &Task) -> Option<Stage> {
        let mut bidders = self.online();
        bidders.retain(|n| self.agents.get(*n).is_some_and(|agent| !agent.busy));
        self.rng.shuffle(&mut bidders);
        bidders.truncate(self.rng.usize(1..=6));
        let mut best: Option<(u32, usize)> = None;
        let mut price = task.budget_sats;
        for bidder in &bidders {
            price = (price * self.rng.u32(80..99) / 100).max(1);
            let (id, name) = self.agent(*bidder);
            self.tell(
                "bid.submitted",
                "auctioneer",
                Some(&task.id),
                Some(&id),
                json!({"agent": name, "bid_sats": price}),
            );
            best = Some((price, *bidder));
        }
        let Some((price, winner)) = best else {
            let data = json!({"description": task.description, "reason": "nobody was free to bid"});
            self.tell("task.failed", "coordinator", Some(&task.id), None, data);
            return None;
        };
        let (id, name) = self.agent(winner);
        let data = json!({"winner": name, "bid_sats": price, "bids": bidders.len()});
        self.tell("auction.closed", "auctioneer", Some(&task.id), Some(&id), data);
        let data = json!({"agent": name, "bid_sats": price});
        self.tell("task.assigned", "coordinator", Some(&task.id), Some(&id), data);
        self.set_busy(winner, true);
        Some(Stage::Assigned(winner))
    }

    fn start(&mut self, task: &Task, agent: usize) -> Option<Stage> {
        let (id, name) = self.agent(agent);
        self.tell(
            "task.started",
            name,
            Some(&task.id),
            Some(&id),
            json!({"agent": name, "description": task.description}),
        );
        if self.rng.bool() {
            let data = json!({"name": name, "status": "working"});
            self.tell("agent.status_changed", "registry", Some(&task.id), Some(&id), data);
        }
        Some(Stage::Working(agent, self.rng.u32(1..5)))
    }

    fn call_tool(&mut self, task: &Task, agent: usize, calls: u32) -> Option<Stage> {
        let (id, name) = self.agent(agent);
        let (tool, target) = self.pick(words::TOOLS, ("read_file", "README.md"));
        let data = json!({"tool_name": tool, "target": target});
        self.tell("tool.called", name, Some(&task.id), Some(&id), data);
        let duration_ms = self.rng.u32(20..4_000);
        if self.rng.u32(0..12) == 0 {
            let message = self.pick(words::TOOL_FAILURES, "timed out");
            let data = json!({"tool_name": tool, "message": message, "duration_ms": duration_ms});
            self.tell("tool.failed", name, Some(&task.id), Some(&id), data);
        } else {
            let data = json!({"tool_name": tool, "duration_ms": duration_ms});
            self.tell("tool.completed", name, Some(&task.id), Some(&id), data);
        }
        Some(Stage::Working(agent, calls.saturating_sub(1)))
    }

    fn finish(&mut self, task: &Task, agent: usize) -> Option<Stage> {
        let (id, name) = self.agent(agent);
        if self.rng.u32(0..10) == 0 {
            let reason = self.pick(words::FAILURES, "the tests do not pass");
            let data = json!({"agent": name, "description": task.description, "reason": reason});
            self.tell("task.failed", name, Some(&task.id), Some(&id), data);
        } else {
            let data = json!({"agent": name, "description": task.description, "steps": self.rng.u32(3..40)});
            self.tell("task.completed", name, Some(&task.id), Some(&id), data);
        }
        self.set_busy(agent, false);
        if self.rng.bool() {
            let data = json!({"name": name, "status": "idle"});
            self.tell("agent.status_changed", "registry", None, Some(&id), data);
        }
        None
    }

    fn set_busy(&mut self, place: usize, busy: bool) {
        if let Some(agent) = self.agents.get_mut(place) {
            agent.busy = busy;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::{HashMap, HashSet};

    use super::*;

    fn text<'a>(event: &'a Value, name: &str) -> Option<&'a str> {
        event.get(name).and_then(Value::as_str)
    }

    #[test]
    fn the_stories_hold_together() {
        let mut swarm = Swarm::new(7);
        let mut online = HashSet::new();
        let mut last: HashMap<String, String> = HashMap::new();
        let mut seen = HashSet::new();
        for _ in 0..5_000 {
            let event = swarm.next_event();
            let event_type = text(&event, "event_type").unwrap().to_owned();
            let (task, agent) = (text(&event, "task_id"), text(&event, "agent_id"));
            match event_type.as_str() {
                "agent.joined" => assert!(online.insert(agent.unwrap().to_owned())),
                "agent.left" => assert!(online.remove(agent.unwrap())),
                _ => {
                    if let Some(agent) = agent {
                        assert!(online.contains(agent), "{event}");
                    }
                }
            }
            if let Some(task) = task {
                let before = last.get(task).map_or("", String::as_str);
                let allowed: &[&str] = match event_type.as_str() {
                    "task.created" => &[""],
                    "task.bidding" => &["task.created"],
                    "bid.submitted" => &["task.bidding", "bid.submitted"],
                    "auction.closed" => &["bid.submitted"],
                    "task.assigned" => &["auction.closed"],
                    "task.started" => &["task.assigned"],
                    "tool.completed" | "tool.failed" => &["tool.called"],
                    "agent.status_changed" => &["task.started"],
                    "tool.called" | "task.completed" => {
                        &["task.started", "agent.status_changed", "tool.completed", "tool.failed"]
                    }
                    _ => &["task.bidding", "task.started", "agent.status_changed", "tool.completed", "tool.failed"],
                };
                assert!(allowed.contains(&before), "{event_type} after {before:?}");
                last.insert(task.to_owned(), event_type.clone());
            }
            seen.insert(event_type);
        }
        assert!(seen.len() >= 18, "every kind of event comes up: {seen:?}");
    }

    #[test]
    fn the_same_seed_tells_the_same_stories() {
        let told = |seed| {
            let mut swarm = Swarm::new(seed);
            (0..200).map(|_| swarm.next_event()).collect::<Vec<_>>()
        };
        assert_eq!(told(1), told(1));
        assert_ne!(told(1), told(2));
    }

    #[test]
    fn every_event_is_within_the_contracts_bounds() {
        let mut swarm = Swarm::new(3);
        for _ in 0..1_000 {
            let event = swarm.next_event();
            assert!(text(&event, "event_type").unwrap().len() <= 64);
            assert!((1..=128).contains(&text(&event, "source").unwrap().len()));
            assert!(event.get("data").unwrap().is_object());
        }
    }
}
