//! Sends events so that one which the server refuses costs only itself: a refused request is taken apart until the
//! event that is at fault stands alone, is named, and is left out. The order of the others stays.

use indicatif::ProgressBar;
use serde_json::Value;

use super::remark;
use crate::cli::client::{Client, ClientError};
use crate::cli::delivery::{Patience, post};

/// Events of one request at most.
const MAX_EVENTS: usize = 500;

/// An event, and what it is called when there is something to say about it.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where it came from, with its id.
    pub(super) label: String,
    /// The event as it is published.
    pub(super) json: String,
}

/// What became of the events so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// New in the log.
    pub(super) logged: u64,
    /// There before.
    pub(super) duplicates: u64,
    /// Not taken.
    pub(super) refused: u64,
    /// New, and with a secret that the server took out.
    pub(super) redacted: u64,
}

pub(super) struct Sender {
    client: Client,
    patience: Patience,
    bar: ProgressBar,
    tally: Tally,
    /// Events of the next request: fewer after a refusal, twice as many after each success.
    size: usize,
}

impl Sender {
    pub(super) fn new(client: Client, patience: Patience, bar: ProgressBar) -> Self {
        Self { client, patience, bar, tally: Tally::default(), size: MAX_EVENTS }
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// Sends all of them, in order.
    ///
    /// # Errors
    /// When the server cannot be reached, or would refuse whatever is sent.
    pub(super) fn send(&mut self, entries: &[Entry]) -> Result<(), ClientError> {
        let mut rest = entries;
        while let Some((now, later)) = rest.split_at_checked(self.size.clamp(1, rest.len().max(1))) {
            match self.request(now) {
                Ok(answer) => {
                    self.count(&answer);
                    self.size = (self.size * 2).min(MAX_EVENTS);
                    rest = later;
                }
                Err(ClientError::Refused { status: 400 | 409 | 413 | 422, detail, index, .. }) => match now {
                    [alone] => {
                        self.refuse(&alone.label, &detail);
                        rest = later;
                    }
                    _ => self.size = before_fault(now.len(), index),
                },
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn request(&self, entries: &[Entry]) -> Result<Value, ClientError> {
        let events: Vec<&str> = entries.iter().map(|entry| entry.json.as_str()).collect();
        let body = format!("[{}]", events.join(",\n"));
        let (bar, mut told) = (&self.bar, false);
        let waiting = |error: &ClientError| {
            bar.set_message(format!("waiting: {error}"));
            if bar.is_hidden() && !told {
                remark(bar, &format!("{error}; trying again"));
                told = true;
            }
        };
        post(&self.client, "application/json", body.as_bytes(), self.patience, waiting)
    }

    fn count(&mut self, answer: &Value) {
        for event in answer.get("events").and_then(Value::as_array).into_iter().flatten() {
            if event.get("duplicate").and_then(Value::as_bool) == Some(true) {
                self.tally.duplicates += 1;
            } else {
                self.tally.logged += 1;
                self.tally.redacted += u64::from(event.get("redacted").is_some());
            }
        }
        self.bar.set_message(format!("{} events", self.tally.logged + self.tally.duplicates));
    }

    /// Names one that is not taken.
    pub(super) fn refuse(&mut self, label: &str, reason: &str) {
        self.tally.refused += 1;
        remark(&self.bar, &format!("refused: {label}: {reason}"));
    }

    /// Says something by the way.
    pub(super) fn note(&self, text: &str) {
        remark(&self.bar, text);
    }

    /// How much of the input was read.
    pub(super) fn at(&self, position: u64) {
        self.bar.set_position(position);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// How many of a refused request's events to send next: those before the one at fault, or that one alone, or half.
fn before_fault(sent: usize, index: Option<u64>) -> usize {
    match index.and_then(|index| usize::try_from(index).ok()) {
        Some(index) if index < sent => index.max(1),
        _ => (sent / 2).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_request_becomes_smaller_till_one_is_alone() {
        assert_eq!(before_fault(500, Some(7)), 7);
        assert_eq!(before_fault(500, Some(0)), 1);
        assert_eq!(before_fault(500, None), 250);
        assert_eq!(before_fault(2, Some(900)), 1, "an index that cannot be");
    }
}
