//! `import`: what `export` printed goes into a log again, or what another program writes into an SQLite table goes into
//! the feed as it is written. Every event has the same id whenever it comes, so that nothing is logged twice, however
//! often it is repeated. What the server refuses is named, with its reason, and does not stop the rest.

mod sender;
mod table;

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::FalseyValueParser;
use console::style;
use indicatif::{ProgressBar, ProgressStyle};

use super::client::{Backoff, Client, ClientArgs, plain};
use super::delivery::Patience;
use super::fields;
use super::input::{IdKey, InputError, Lines};
use super::serve::say;
use crate::web::auth::Scope;
use sender::{Entry, Sender};
use table::{Row, Table, TableError};

const READ_TIMEOUT: Duration = Duration::from_secs(40);
/// How often a followed table is looked at: a row is on its way well within 300 ms of its commit.
const POLL: Duration = Duration::from_millis(100);
/// The longest pause while a followed table cannot be read.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// What a server gives to an event, and what no publisher may say.
const GIVEN: &[&str] = &["seq", "prev", "cursor", "display"];

#[derive(clap::Args)]
pub(super) struct Args {
    /// NDJSON as `export` and `tail --json` print it; - is stdin, which is also what is read without a FILE
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Read a table of this SQLite file, which stays as it is
    #[arg(long, env = "ACTIVITY_FEED_SQLITE", value_name = "FILE", conflicts_with = "file", requires = "table")]
    sqlite: Option<PathBuf>,
    /// The table, with the columns id, event_type, source, task_id, agent_id, data, timestamp
    #[arg(long, env = "ACTIVITY_FEED_TABLE", value_name = "NAME", requires = "sqlite")]
    table: Option<String>,
    /// Go on with what is written into the table, till stopped
    #[arg(long, env = "ACTIVITY_FEED_FOLLOW", value_parser = FalseyValueParser::new(), requires = "sqlite")]
    follow: bool,
    /// What stands before ids that are numbers: row 7 becomes PREFIX:7; without it, the table's name
    #[arg(long, env = "ACTIVITY_FEED_ID_PREFIX", value_name = "PREFIX", requires = "sqlite", value_parser = table::prefix)]
    id_prefix: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

/// Some events were not taken, and each was named.
#[derive(Debug, thiserror::Error)]
#[error("{0} events were refused; once they are mended run it again: nothing is logged twice")]
struct SomeRefused(u64);

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let client = Client::new(&args.client, Scope::Publish, READ_TIMEOUT)?;
    match (&args.sqlite, &args.table, &args.file) {
        (Some(path), Some(name), _) => import_table(args, client, path, name),
        (_, _, None) if std::io::stdin().is_terminal() => {
            Err(super::Usage("give a FILE, NDJSON on stdin, or --sqlite FILE --table NAME".to_owned()).into())
        }
        (_, _, None) => import_lines(client, std::io::stdin().lock(), None),
        (_, _, Some(path)) if path.as_os_str() == "-" => import_lines(client, std::io::stdin().lock(), None),
        (_, _, Some(path)) => {
            let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            let length = file.metadata().ok().map(|file| file.len()).filter(|length| *length > 0);
            import_lines(client, BufReader::new(file), length)
        }
    }
}

fn import_lines(client: Client, input: impl BufRead, length: Option<u64>) -> anyhow::Result<()> {
    let mut lines = Lines::new(input, IdKey::of_this_user()?);
    let template = if length.is_some() {
        "{spinner} {wide_bar} {bytes}/{total_bytes} {eta} {msg}"
    } else {
        "{spinner} {bytes} {msg}"
    };
    let mut sender = Sender::new(client, Patience::IfThere, progress(length, template));
    let outcome = loop {
        let batch = match lines.next_batch() {
            Ok(Some(batch)) => batch,
            Ok(None) => break Ok(()),
            Err(InputError::NotAnObject(line)) => {
                sender.refuse(&format!("line {line}"), "it is not a JSON object");
                continue;
            }
            Err(error) => break Err(error.into()),
        };
        let entries = batch.lines.iter().zip(batch.body.lines()).map(|(number, line)| entry_of_line(*number, line));
        match entries.collect::<Result<Vec<_>, _>>().map_err(anyhow::Error::new) {
            Ok(entries) => {
                if let Err(error) = sender.send(&entries) {
                    break Err(error.into());
                }
            }
            Err(error) => break Err(error),
        }
        sender.at(lines.bytes_read());
    };
    finish(&sender, outcome)
}

fn entry_of_line(number: u64, line: &str) -> serde_json::Result<Entry> {
    #[derive(serde::Deserialize)]
    struct Named {
        id: serde_json::Value,
    }
    let id = serde_json::from_str::<Named>(line)?.id;
    let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    Ok(Entry { label: format!("line {number} (id {id})"), json: fields::without(line, GIVEN)? })
}

fn import_table(args: &Args, client: Client, path: &Path, name: &str) -> anyhow::Result<()> {
    let mut table = Table::open(path, name, args.id_prefix.as_deref())?;
    // Who follows is often started before the server, and stays when it is restarted.
    let patience = if args.follow { Patience::Forever } else { Patience::IfThere };
    let mut sender = Sender::new(client, patience, progress(None, "{spinner} {msg}"));
    if !args.follow {
        let outcome = drain(&mut table, &mut sender);
        return finish(&sender, outcome);
    }
    let mut backoff = Backoff::new(LONGEST_PAUSE);
    loop {
        match follow(&mut table, &mut sender, &mut backoff) {
            Ok(()) => {}
            // The other program may be writing, or be about to put a new file in place.
            Err(error) if error.is::<TableError>() => {
                sender.note(&format!("{error:#}; trying again"));
                thread::sleep(backoff.pause(None));
            }
            Err(error) => return finish(&sender, Err(error)),
        }
    }
}

/// Reads all there is, then waits till there is more.
fn follow(table: &mut Table, sender: &mut Sender, backoff: &mut Backoff) -> anyhow::Result<()> {
    if table.reopen_if_replaced()? {
        sender.note("another file is in the table's place: reading it from its start");
    }
    // Looked at before the rows: what is written while they are read is a change that is seen.
    let seen = table.version()?;
    if table.rewind_if_rewritten()? {
        sender.note("the table was rewritten: reading it from its start");
    }
    drain(table, sender)?;
    backoff.reset();
    while table.version()? == seen && !table.is_replaced() {
        thread::sleep(POLL);
    }
    Ok(())
}

/// Sends every row after the last one.
fn drain(table: &mut Table, sender: &mut Sender) -> anyhow::Result<()> {
    loop {
        let batch = table.next_batch()?;
        let Some(mark) = batch.mark else { return Ok(()) };
        let mut entries = Vec::with_capacity(batch.rows.len());
        for row in batch.rows {
            match row {
                Row::Event(entry) => entries.push(entry),
                Row::Unreadable { label, reason } => sender.refuse(&label, &reason),
            }
        }
        sender.send(&entries)?;
        table.settle(mark);
    }
}

fn finish(sender: &Sender, outcome: anyhow::Result<()>) -> anyhow::Result<()> {
    sender.finish();
    let tally = sender.tally();
    let before = if tally.duplicates > 0 { format!(", {} were there before", tally.duplicates) } else { String::new() };
    let redacted =
        if tally.redacted > 0 { format!(", in {} secrets were redacted", tally.redacted) } else { String::new() };
    say(&format!("{} {} events imported{before}{redacted}", style("✓").green(), tally.logged));
    outcome.map_err(|error| {
        let what = "stopped; once it is mended run it again: nothing is logged twice";
        error.context(what)
    })?;
    match tally.refused {
        0 => Ok(()),
        refused => Err(SomeRefused(refused).into()),
    }
}

fn progress(length: Option<u64>, template: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A remark on stderr, beside whatever bar is there.
fn remark(bar: &ProgressBar, text: &str) {
    bar.suspend(|| eprintln!("{}", plain(text)));
}
