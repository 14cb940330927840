//! `activity-feed component check FILE.wasm`: does a component fit the `rules` world, what does it import, how big is
//! it, and how fast on sample events. A library function that gives back a report; the command prints it.
//!
//! It runs the component as the server would, under the same limits, so what passes here passes there.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::engine::words::{Draft, Presentation};
use crate::engine::{CallError, Engine, EngineOptions, Rules, RulesError};
use crate::metrics::Metrics;
use crate::store::Event;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Check that a component fits the `rules` world, and how fast it is
    Check {
        /// The component, as `serve --rules` takes it
        file: PathBuf,
    },
}

/// Prints the report; a component that the server should not be given is a failure.
pub(super) fn run(command: Command) -> anyhow::Result<()> {
    let Command::Check { file } = command;
    let wasm = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let report = check(&Engine::new(EngineOptions::default(), Arc::new(Metrics::new()))?, &wasm);
    std::io::stdout().lock().write_all(report.to_string().as_bytes())?;
    anyhow::ensure!(report.is_good(), "{} is not fit for `serve --rules`", file.display());
    Ok(())
}

/// Sample events for each function.
const SAMPLES: u32 = 1_000;
/// A function that fails so often is not asked any more: at 100 ms each, all of them would take minutes.
const MAX_FAILURES: u32 = 10;

/// (type, data) of the sample events: what a swarm logs, and two that rules like to have a say in.
const KINDS: [(&str, &str); 12] = [
    ("task.created", r#"{"description":"Paint the north fence","bid_sats":120}"#),
    ("task.bidding", r#"{"closes":"2026-01-15T10:35:00Z"}"#),
    ("bid.submitted", r#"{"amount":50,"agent":"forge"}"#),
    ("auction.closed", r#"{"winner":"forge","amount":50}"#),
    ("task.assigned", r#"{"agent":"forge","bid_sats":50}"#),
    ("tool.called", r#"{"tool_name":"search","arguments":{"query":"brushes","limit":5}}"#),
    ("task.completed", r#"{"duration_ms":7013,"result":{"ok":true,"files":["a.txt","b.txt"]}}"#),
    ("agent.joined", r#"{"name":"Echo","capabilities":["paint","search"]}"#),
    ("agent.left", r#"{"name":"Echo"}"#),
    ("system.error", r#"{"message":"connection to the pool was reset"}"#),
    ("payment.received", r#"{"amount_sats":2100,"from":"forge"}"#),
    ("debug.trace", r#"{"step":17}"#),
];

/// What a check found.
#[derive(Debug)]
pub struct Report {
    /// Bytes of the file.
    pub size: usize,
    /// What it imports, by name; empty when it is no component.
    pub imports: BTreeSet<String>,
    /// How it did on the sample events, or why the server would not take it.
    pub outcome: Result<Trial, RulesError>,
}

/// How a component that fits did.
#[derive(Debug)]
pub struct Trial {
    /// `prepare`.
    pub prepare: Timing,
    /// Drafts that were refused; the others were passed on.
    pub refused: u32,
    /// `present`.
    pub present: Timing,
    /// Events in words of its own.
    pub shown: u32,
    /// Events hidden; the others were left plain.
    pub hidden: u32,
    /// `present` gave another answer for an event that it had answered before.
    pub fickle: bool,
}

/// How long the calls of a function took.
#[derive(Debug, Default)]
pub struct Timing {
    /// Calls that answered.
    pub answered: u32,
    /// Half of them took no longer.
    pub median: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// Calls that failed.
    pub failed: u32,
    /// How the first of those failed.
    pub failure: Option<CallError>,
}

impl Report {
    /// The server would take it, every call was answered, and `present` keeps to its answers.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|t| t.prepare.failed == 0 && t.present.failed == 0 && !t.fickle)
    }
}

/// Checks a component file's bytes.
#[must_use]
pub fn check(engine: &Engine, wasm: &[u8]) -> Report {
    // What is no component has no imports; `outcome` says what it is.
    let imports = engine.imports(wasm).unwrap_or_default();
    Report { size: wasm.len(), imports, outcome: engine.rules(wasm).map(|rules| try_out(&rules)) }
}

fn try_out(rules: &Rules) -> Trial {
    let mut refused = 0;
    let mut subject = rules.clone();
    let prepare = time(|n| {
        let draft = draft(n);
        let start = Instant::now();
        let prepared = subject.prepare(draft)?;
        let took = start.elapsed();
        refused += u32::from(prepared.is_err());
        Ok(took)
    });

    let (mut shown, mut hidden) = (0, 0);
    let mut answers = vec![];
    let present = time(|n| {
        let event = event(n);
        let start = Instant::now();
        let presentation = subject.present(&event)?;
        let took = start.elapsed();
        shown += u32::from(matches!(presentation, Presentation::Show(_)));
        hidden += u32::from(presentation == Presentation::Hide);
        answers.push((event, presentation));
        Ok(took)
    });

    // A fresh instance has forgotten everything, as after a restart, and the order is another.
    let mut other = rules.clone();
    let again = answers.iter().rev().take(100);
    let fickle = present.failed == 0
        && again.into_iter().any(|(event, answer)| other.present(event).is_ok_and(|second| second != *answer));
    Trial { prepare, refused, present, shown, hidden, fickle }
}

/// Calls with 0, 1, 2 … until there are enough samples, or failures.
fn time(mut call: impl FnMut(u32) -> Result<Duration, CallError>) -> Timing {
    let mut timing = Timing::default();
    let mut took = vec![];
    for n in 0..SAMPLES {
        match call(n) {
            Ok(duration) => took.push(duration),
            Err(error) => {
                timing.failed += 1;
                timing.failure.get_or_insert(error);
            }
        }
        if timing.failed == MAX_FAILURES {
            break;
        }
    }
    took.sort_unstable();
    let at = |percent: usize| took.get((took.len() * percent / 100).min(took.len().saturating_sub(1))).copied();
    timing.answered = u32::try_from(took.len()).unwrap_or(u32::MAX);
    timing.median = at(50).unwrap_or_default();
    timing.p99 = at(99).unwrap_or_default();
    timing
}

fn kind(n: u32) -> (&'static str, &'static str) {
    KINDS.iter().cycle().nth(usize::try_from(n).unwrap_or(0) % KINDS.len()).copied().unwrap_or_default()
}

/// The nth draft, with a task, an agent and an id of its own.
fn draft(n: u32) -> Draft {
    let (event_type, data) = kind(n);
    Draft {
        id: Some(format!("sample-{n}")),
        event_type: event_type.to_owned(),
        source: "coordinator".to_owned(),
        task_id: Some(format!("task-{}", n / 12)),
        agent_id: Some(format!("agent-{}", n % 7)),
        timestamp: None,
        data: data.to_owned(),
    }
}

fn event(n: u32) -> Event {
    let draft = draft(n);
    Event {
        seq: u64::from(n) + 1,
        id: draft.id.unwrap_or_default(),
        event_type: draft.event_type,
        source: draft.source,
        task_id: draft.task_id,
        agent_id: draft.agent_id,
        timestamp: "2026-01-15T10:30:00Z".to_owned(),
        data: draft.data,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trial = match &self.outcome {
            Ok(trial) => {
                writeln!(f, "fits      yes: a server started with --rules takes it")?;
                Some(trial)
            }
            Err(error) => {
                writeln!(f, "fits      no: {error}")?;
                None
            }
        };
        writeln!(f, "size      {} KiB", self.size.div_ceil(1_024))?;
        if self.imports.is_empty() {
            writeln!(f, "imports   nothing")?;
        }
        for (n, name) in self.imports.iter().enumerate() {
            writeln!(f, "{}{name}", if n == 0 { "imports   " } else { "          " })?;
        }
        let Some(trial) = trial else { return Ok(()) };
        let passed = trial.prepare.answered - trial.refused;
        writeln!(f, "prepare   {}; {passed} passed on, {} refused", trial.prepare, trial.refused)?;
        let plain = trial.present.answered - trial.shown - trial.hidden;
        write!(f, "present   {}; {plain} plain, {} shown, {} hidden", trial.present, trial.shown, trial.hidden)?;
        if trial.fickle {
            write!(f, "\nwarning   present gives the same event different answers; it must remember nothing")?;
        }
        Ok(())
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |d: Duration| d.as_secs_f64() * 1e6;
        write!(f, "{:.1} µs an event, p99 {:.1} µs, {} events", micros(self.median), micros(self.p99), self.answered)?;
        match &self.failure {
            Some(error) => write!(f, ", {} FAILED ({error})", self.failed),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_function_is_given_up_soon() {
        let mut calls = 0;
        let timing = time(|_| {
            calls += 1;
            Err(CallError::TimedOut { component: "rules" })
        });
        assert_eq!((calls, timing.failed, timing.answered), (MAX_FAILURES, MAX_FAILURES, 0));
        assert!(timing.failure.is_some());
    }

    #[test]
    fn median_and_p99_are_of_the_answered_calls() {
        let timing = time(|n| Ok(Duration::from_micros(u64::from(n))));
        assert_eq!((timing.median.as_micros(), timing.p99.as_micros(), timing.answered), (500, 990, SAMPLES));
    }
}
