//! `tail`: follows a feed in the terminal. What `--since` asks for comes from the history, whole; then the live stream
//! goes on from there, and after every break from where it was. Nothing is left out silently: what the server skipped
//! is one dim line.

mod messages;
mod render;

use std::io::{BufReader, Write};
use std::time::Duration;

use clap::builder::FalseyValueParser;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::client::{Backoff, Client, ClientArgs, ClientError};
use super::token::pattern;
use crate::clock;
use crate::config::Span;
use crate::web::auth::Scope;
use messages::{Message, Messages};
use render::Renderer;

/// The server sends something every 15 s; three times that is a dead connection.
const READ_TIMEOUT: Duration = Duration::from_secs(45);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// Events of one page of history.
const PAGE: u32 = 500;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Only events of these types, like task.*; repeatable
    #[arg(long = "type", env = "ACTIVITY_FEED_TYPE", value_name = "P", value_delimiter = ',', value_parser = pattern)]
    types: Vec<String>,
    /// Start in the past: 10m, a cursor, or earliest
    #[arg(long, env = "ACTIVITY_FEED_SINCE", value_name = "10m|CURSOR|earliest", value_parser = since)]
    since: Option<String>,
    /// Without --since, start with so many of the last events
    #[arg(long, env = "ACTIVITY_FEED_REPLAY", default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    replay: u32,
    /// Print the events as JSON, one a line
    #[arg(long, env = "ACTIVITY_FEED_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// A cursor, `earliest`, an RFC 3339 time, or an age, which becomes a time.
pub(super) fn since(text: &str) -> Result<String, String> {
    if text == "earliest" || text.parse::<jiff::Timestamp>().is_ok() {
        return Ok(text.to_owned());
    }
    if let Ok(Span(age)) = text.parse() {
        let ago = clock::unix_ms().saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        let then = i64::try_from(ago).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        return then.map(|then| format!("{then:.3}")).ok_or_else(|| "that is too long ago".to_owned());
    }
    match text.rsplit_once(':') {
        Some((epoch, seq)) if !epoch.is_empty() && seq.parse::<u64>().is_ok() => Ok(text.to_owned()),
        _ => Err("give an age like 10m, a cursor, or earliest".to_owned()),
    }
}

/// What goes wrong while following.
#[derive(Debug, thiserror::Error)]
enum TailError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Output(#[from] std::io::Error),
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let client = Client::new(&args.client, Scope::Subscribe, READ_TIMEOUT)?;
    let renderer = Renderer::new(args.json);
    let past = args.since.clone();
    let mut tail = Tail { args, client, renderer, past, cursor: None, connected: false, away: None };
    let mut backoff = Backoff::new(LONGEST_PAUSE);
    loop {
        let outcome = tail.follow(&mut backoff);
        match outcome {
            Ok(()) => tail.away("the server has closed the stream; connecting again".to_owned()),
            // Before the first connection a server that is not there is an error; afterwards it is a restart.
            Err(TailError::Client(error)) if error.is_passing() && tail.connected => {
                tail.away(format!("the connection is lost ({error}); trying again"));
                std::thread::sleep(backoff.pause(error.retry_after()));
                continue;
            }
            Err(TailError::Client(error)) => return Err(error.into()),
            Err(TailError::Output(error)) => return Err(error.into()),
        }
        std::thread::sleep(backoff.pause(None));
    }
}

struct Tail<'a> {
    args: &'a Args,
    client: Client,
    renderer: Renderer,
    /// From where the history is still to be shown; none: all of it was, or none is asked for.
    past: Option<String>,
    /// Up to where everything was shown.
    cursor: Option<String>,
    connected: bool,
    /// What was said last about a connection that is not there now.
    away: Option<String>,
}

/// A page of history, its events as the server wrote them.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
    cursor: String,
    more: bool,
    skipped: Option<Value>,
}

impl Tail<'_> {
    /// Follows till the connection ends.
    fn follow(&mut self, backoff: &mut Backoff) -> Result<(), TailError> {
        // A break in the middle of it does not end it: the live stream alone would replay no more than its buffer.
        while let Some(since) = self.past.take() {
            self.past = Some(since.clone());
            self.past = self.history(&since)?;
        }
        let mut query = self.filter();
        let mut headers = vec![("accept", "text/event-stream")];
        match &self.cursor {
            Some(cursor) => headers.push(("last-event-id", cursor)),
            None => query.push(format!("replay={}", self.args.replay)),
        }
        let answer = self.client.get(&format!("/api/events/stream?{}", query.join("&")), &headers)?;
        self.connected = true;
        if self.away.take().is_some() {
            self.note("connected again");
        }
        let mut messages = Messages::new(BufReader::new(answer.into_body().into_reader()));
        while let Some(message) = messages.next_message()? {
            backoff.reset();
            self.show(message)?;
        }
        Ok(())
    }

    /// Shows one page from `since` on. Returns where the next one begins, if there is more.
    fn history(&mut self, since: &str) -> Result<Option<String>, TailError> {
        let mut query = self.filter();
        query.push(format!("since={}&limit={PAGE}", encode(since)));
        let answer = self.client.get(&format!("/api/events?{}", query.join("&")), &[])?;
        let text = self.client.text(answer)?;
        let page: Page<'_> = serde_json::from_str(&text).map_err(|_| self.client.nonsense())?;
        self.connected = true;
        if let Some(skipped) = &page.skipped {
            self.print(|renderer| renderer.skipped(skipped))?;
        }
        for event in page.events {
            self.show_event(event.get())?;
        }
        self.cursor = Some(page.cursor.clone());
        Ok(page.more.then_some(page.cursor))
    }

    fn filter(&self) -> Vec<String> {
        self.args.types.iter().map(|pattern| format!("type={}", encode(pattern))).collect()
    }

    fn show(&mut self, message: Message) -> Result<(), TailError> {
        let payload = || serde_json::from_str::<Value>(&message.data).unwrap_or_default();
        match message.name.as_str() {
            "" => self.show_event(&message.data)?,
            "skipped" => self.print(|renderer| renderer.skipped(&payload()))?,
            "error" => {
                let payload = payload();
                let said = payload.get("message").and_then(Value::as_str).unwrap_or("an error");
                self.note(&format!("the server says: {said}"));
            }
            _ => {}
        }
        if message.id.is_some() {
            self.cursor = message.id;
        }
        Ok(())
    }

    /// Shows an event, for a program as the server wrote it: it may mind the order of keys and the digits of numbers.
    fn show_event(&mut self, event: &str) -> Result<(), TailError> {
        if self.args.json {
            return self.print(|_| render::Line::Out(event.to_owned()));
        }
        let event = serde_json::from_str(event).unwrap_or_default();
        self.print(|renderer| renderer.event(&event))
    }

    /// Prints what the renderer makes: events to stdout, remarks to stderr when stdout is for a program.
    fn print(&mut self, line: impl FnOnce(&mut Renderer) -> render::Line) -> Result<(), TailError> {
        match line(&mut self.renderer) {
            render::Line::Out(text) => {
                let mut out = std::io::stdout().lock();
                writeln!(out, "{text}")?;
                out.flush()?;
            }
            render::Line::Remark(text) => eprintln!("{text}"),
        }
        Ok(())
    }

    /// Says why there is nothing to see, once and not at each attempt.
    fn away(&mut self, why: String) {
        if self.away.as_ref() != Some(&why) {
            self.note(&why);
            self.away = Some(why);
        }
    }

    fn note(&self, text: &str) {
        eprintln!("{}", self.renderer.remark(text));
    }
}

/// A query parameter's value.
pub(super) fn encode(text: &str) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._~".contains(b);
    text.bytes().map(|b| if plain(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn since_is_an_age_a_cursor_a_time_or_earliest() {
        assert_eq!(since("earliest").unwrap(), "earliest");
        assert_eq!(since("a1b2:42").unwrap(), "a1b2:42");
        assert_eq!(since("2024-01-15T10:30:00Z").unwrap(), "2024-01-15T10:30:00Z");
        let then = since("10m").unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let ago = i64::try_from(clock::unix_ms()).unwrap() - then;
        assert!((600_000..605_000).contains(&ago), "{ago}");
        for text in ["", "yesterday", ":4", "a:b", "a:-1"] {
            assert!(since(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parameters_are_encoded() {
        assert_eq!(encode("task.*&a=b+c:1"), "task.%2A%26a%3Db%2Bc%3A1");
    }
}
