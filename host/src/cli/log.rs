//! `log`: appends one event, or with `--stdin` many. Every event is sent under an id, so that a request whose answer
//! was lost is repeated without logging anything twice; what is worth another try is tried again.

use std::io::IsTerminal;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use console::style;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Usage;
use super::client::{Client, ClientArgs, ClientError, plain};
use super::delivery::{Patience, post};
use super::input::{Batch, IdKey, Lines};
use super::serve::say;
use crate::web::auth::Scope;

const READ_TIMEOUT: Duration = Duration::from_secs(40);

#[derive(clap::Args)]
pub(super) struct Args {
    /// The event's type, like task.created
    #[arg(value_name = "TYPE", required_unless_present = "stdin")]
    event_type: Option<String>,
    /// Who says it
    #[arg(long, env = "ACTIVITY_FEED_SOURCE", default_value = "cli", value_name = "S")]
    source: String,
    /// The task it belongs to
    #[arg(long, env = "ACTIVITY_FEED_TASK", value_name = "T")]
    task: Option<String>,
    /// The agent it belongs to
    #[arg(long, env = "ACTIVITY_FEED_AGENT", value_name = "A")]
    agent: Option<String>,
    /// What there is to say, a JSON object
    #[arg(long, env = "ACTIVITY_FEED_DATA", value_name = "JSON", value_parser = object)]
    data: Option<Box<RawValue>>,
    /// Read events from stdin, one JSON object a line; safe to repeat
    #[arg(long, env = "ACTIVITY_FEED_STDIN", value_parser = FalseyValueParser::new(), conflicts_with_all = ["event_type", "task", "agent", "data"])]
    stdin: bool,
    /// Print the server's answer as JSON
    #[arg(long, env = "ACTIVITY_FEED_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// What is logged, its data digit by digit as it was given.
#[derive(Serialize)]
struct Event<'a> {
    id: String,
    event_type: &'a str,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

fn object(text: &str) -> Result<Box<RawValue>, String> {
    match serde_json::from_str::<Box<RawValue>>(text) {
        Ok(value) if value.get().starts_with('{') => Ok(value),
        Ok(_) => Err("the data must be a JSON object, like {\"description\":\"Hello\"}".to_owned()),
        Err(error) => Err(format!("the data is not JSON: {error}")),
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let client = Client::new(&args.client, Scope::Publish, READ_TIMEOUT)?;
    if args.stdin { log_stdin(args, &client) } else { log_one(args, &client) }
}

fn log_one(args: &Args, client: &Client) -> anyhow::Result<()> {
    let event_type = args.event_type.as_deref().ok_or_else(|| Usage("give the event's type".to_owned()))?;
    let event = Event {
        id: IdKey::random()?.id_of(b"", 0),
        event_type,
        source: &args.source,
        task_id: args.task.as_deref(),
        agent_id: args.agent.as_deref(),
        data: args.data.as_deref(),
    };
    let event = serde_json::to_string(&event)?;
    let answer = post(client, "application/json", event.as_bytes(), Patience::IfThere, |_| {})?;
    let logged = answer.pointer("/events/0").cloned().unwrap_or_default();
    if args.json {
        say(&logged.to_string());
        return Ok(());
    }
    let (seq, cursor) = (logged.get("seq").and_then(Value::as_u64), logged.get("cursor").and_then(Value::as_str));
    let seq = seq.map_or_else(|| "?".to_owned(), |seq| seq.to_string());
    say(&format!("{} {event_type} logged as {seq} (cursor {})", style("✓").green(), plain(cursor.unwrap_or("?"))));
    report_redactions(&logged);
    Ok(())
}

/// Says what the server took out: whoever logged a secret should know, and see to it.
fn report_redactions(logged: &Value) {
    for redaction in logged.get("redacted").and_then(Value::as_array).into_iter().flatten() {
        let text = |name| plain(redaction.get(name).and_then(Value::as_str).unwrap_or("?"));
        eprintln!("{} redacted at {}: {}", style("!").yellow(), text("path"), text("kind"));
    }
}

fn progress() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = match std::fs::metadata("/dev/stdin") {
        Ok(file) if file.is_file() && file.len() > 0 => ProgressBar::new(file.len()),
        _ => ProgressBar::no_length(),
    };
    let style = "{spinner} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}";
    bar.with_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn log_stdin(args: &Args, client: &Client) -> anyhow::Result<()> {
    let mut lines = Lines::new(std::io::stdin().lock(), IdKey::of_this_user()?);
    let bar = progress();
    // Who watches sees that it waits, and may end it.
    let patience = if bar.is_hidden() { Patience::IfThere } else { Patience::Restart };
    let (mut logged, mut duplicates) = (0_u64, 0_u64);
    let outcome = loop {
        let batch = match lines.next_batch() {
            Ok(Some(batch)) => batch,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.into()),
        };
        let waiting = |error: &ClientError| bar.set_message(format!("waiting: {error}"));
        let answer = match post(client, "application/x-ndjson", batch.body.as_bytes(), patience, waiting) {
            Ok(answer) => answer,
            Err(error) => break Err(about_line(error, &batch)),
        };
        for event in answer.get("events").and_then(Value::as_array).into_iter().flatten() {
            logged += 1;
            duplicates += u64::from(event.get("duplicate").and_then(Value::as_bool).unwrap_or(false));
            if args.json {
                say(&event.to_string());
            } else {
                bar.suspend(|| report_redactions(event));
            }
        }
        bar.set_message(format!("{logged} events"));
        bar.set_position(lines.bytes_read());
    };
    bar.finish_and_clear();
    if !args.json {
        let fresh = logged - duplicates;
        let before = if duplicates > 0 { format!(", {duplicates} were there before") } else { String::new() };
        say(&format!("{} {fresh} events logged{before}", style("✓").green()));
    }
    outcome.map_err(|error: anyhow::Error| {
        error.context("stopped; once it is mended run it again: nothing is logged twice")
    })
}

/// Names the line that the server refused a batch for.
fn about_line(error: ClientError, batch: &Batch) -> anyhow::Error {
    let line = match &error {
        ClientError::Refused { index: Some(index), .. } => {
            usize::try_from(*index).ok().and_then(|index| batch.lines.get(index)).copied()
        }
        _ => None,
    };
    match line {
        Some(line) => anyhow::Error::new(error).context(format!("line {line}")),
        None => error.into(),
    }
}
