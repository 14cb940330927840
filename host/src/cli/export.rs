//! `export`: the log as NDJSON on stdout, oldest first, up to where it ended when the command began. A line is an event
//! as it was logged, with its `seq` and `cursor` and without `display`, which is the feed's to give. Whoever is cut off
//! goes on with `--since` and the last line's cursor.

use std::io::{IsTerminal, Write};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::client::{Backoff, Client, ClientArgs, ClientError, plain};
use super::fields;
use super::tail::{encode, since};
use super::token::pattern;
use crate::web::auth::Scope;

/// Events of one page.
const PAGE: u32 = 500;
/// How often a page is asked for before it is given up.
const TRIES: u32 = 8;
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(40);
/// What the feed adds to an event.
const ADDED: &[&str] = &["prev", "display"];

#[derive(clap::Args)]
pub(super) struct Args {
    /// Only events of these types, like task.*; repeatable
    #[arg(long = "type", env = "ACTIVITY_FEED_TYPE", value_name = "P", value_delimiter = ',', value_parser = pattern)]
    types: Vec<String>,
    /// Only events from these sources; repeatable
    #[arg(long = "source", env = "ACTIVITY_FEED_SOURCE", value_name = "S")]
    sources: Vec<String>,
    /// Only events of these tasks; repeatable
    #[arg(long = "task", env = "ACTIVITY_FEED_TASK", value_name = "T")]
    tasks: Vec<String>,
    /// Only events of these agents; repeatable
    #[arg(long = "agent", env = "ACTIVITY_FEED_AGENT", value_name = "A")]
    agents: Vec<String>,
    /// Start after this: a cursor, a time, an age like 10m, or earliest
    #[arg(long, env = "ACTIVITY_FEED_SINCE", default_value = "earliest", value_name = "CURSOR|TIME|10m", value_parser = since)]
    since: String,
    /// Stop with this, a cursor, a time or an age; else with the newest event
    #[arg(long, env = "ACTIVITY_FEED_UNTIL", value_name = "CURSOR|TIME|10m", value_parser = since)]
    until: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

/// A page of history, its events as the server wrote them.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
    cursor: String,
    head: String,
    more: bool,
    skipped: Option<Value>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let client = Client::new(&args.client, Scope::Subscribe, READ_TIMEOUT)?;
    let mut export = Export { client, filter: filter(args), cursor: None, until: args.until.clone(), written: 0 };
    let bar = progress();
    let outcome = export.write_all(&args.since, &bar);
    bar.finish_and_clear();
    match (outcome, &export.cursor) {
        (Ok(()), cursor) => {
            let next = cursor.as_ref().map(|cursor| format!("; what comes later: --since {}", plain(cursor)));
            eprintln!("{} events exported{}", export.written, next.unwrap_or_default());
            Ok(())
        }
        (Err(error), Some(cursor)) if !super::is_closed_pipe(&error) => {
            Err(error.context(format!("stopped after {} events; go on with --since {}", export.written, plain(cursor))))
        }
        (Err(error), _) => Err(error),
    }
}

struct Export {
    client: Client,
    filter: String,
    /// Up to where everything was written.
    cursor: Option<String>,
    /// Fixed by the first page, so that a busy log has an end.
    until: Option<String>,
    written: u64,
}

impl Export {
    fn write_all(&mut self, since: &str, bar: &ProgressBar) -> anyhow::Result<()> {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        let mut since = since.to_owned();
        loop {
            let text = self.page(&since, bar)?;
            let page: Page<'_> = serde_json::from_str(&text).map_err(|_| self.client.nonsense())?;
            if let Some(skipped) = &page.skipped {
                let reason = plain(skipped.get("reason").and_then(Value::as_str).unwrap_or("pruned"));
                bar.suspend(|| eprintln!("some events are not there any more ({reason})"));
            }
            for event in &page.events {
                let line = fields::without(event.get(), ADDED).map_err(|_| self.client.nonsense())?;
                writeln!(out, "{line}")?;
                self.written += 1;
            }
            out.flush()?;
            bar.set_message(format!("{} events", self.written));
            bar.set_length(seq(&page.head));
            bar.set_position(seq(&page.cursor));
            since.clone_from(&page.cursor);
            self.cursor = Some(page.cursor);
            self.until.get_or_insert(page.head);
            if !page.more {
                return Ok(());
            }
        }
    }

    /// A page's text, asked for again while that may help.
    fn page(&self, since: &str, bar: &ProgressBar) -> Result<String, ClientError> {
        let until = self.until.as_ref().map(|until| format!("&until={}", encode(until))).unwrap_or_default();
        let path = format!("/api/events?order=asc&limit={PAGE}&since={}{until}{}", encode(since), self.filter);
        let mut backoff = Backoff::new(LONGEST_PAUSE);
        let mut tries = 1;
        loop {
            let error = match self.client.get(&path, &[]).and_then(|answer| self.client.text(answer)) {
                Ok(text) => return Ok(text),
                Err(error) => error,
            };
            // Nobody there at the very first is a wrong URL rather than a restart.
            if !error.is_passing() || self.cursor.is_none() || tries >= TRIES {
                return Err(error);
            }
            bar.set_message(format!("waiting: {error}"));
            thread::sleep(backoff.pause(error.retry_after()));
            tries += 1;
        }
    }
}

fn filter(args: &Args) -> String {
    let lists =
        [("type", &args.types), ("source", &args.sources), ("task_id", &args.tasks), ("agent_id", &args.agents)];
    let pairs = lists.iter().flat_map(|(name, list)| list.iter().map(move |value| (name, value)));
    pairs.map(|(name, value)| format!("&{name}={}", encode(value))).collect()
}

/// A cursor's place, for the progress bar alone.
fn seq(cursor: &str) -> u64 {
    cursor.rsplit_once(':').and_then(|(_, seq)| seq.parse().ok()).unwrap_or(0)
}

fn progress() -> ProgressBar {
    // What scrolls by on the same terminal needs no bar.
    if !std::io::stderr().is_terminal() || std::io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {wide_bar} {percent}% {eta} {msg}");
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursors_place_is_its_seq() {
        assert_eq!((seq("a:b:42"), seq("nonsense")), (42, 0));
    }
}
