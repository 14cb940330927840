//! Payloads as JSON, written by hand in the order of the contract: one pass, one buffer. The event's data goes through
//! as it was stored.

use std::fmt::Write as _;

use crate::cursor::{self, write_number};
use crate::json::write_string;
use crate::piece::{Piece, first_marked};
use crate::skipped::most_frequent;
use crate::time;
use crate::words::{Display, ErrorCode, Event, LaneKey, Seq, Settings, Skipped};

/// The payload of an event without its braces, in two halves: `prev` belongs between them, where there is one.
pub struct EventText {
    text: String,
    /// Where the second half starts.
    middle: usize,
}

impl EventText {
    /// Encode an event.
    #[must_use]
    pub fn new(event: &Event, words: &Display, epoch: &str) -> Self {
        let mut out = String::with_capacity(event.data.len() + words.text.len() + event.id.len() + 320);
        out.push_str("\"id\":");
        write_string(&event.id, &mut out);
        out.push_str(",\"seq\":");
        write_number(event.seq, &mut out);
        let middle = out.len();
        out.push_str(",\"cursor\":");
        write_cursor(epoch, event.seq, &mut out);
        out.push_str(",\"event_type\":");
        write_string(&event.event_type, &mut out);
        out.push_str(",\"source\":");
        write_string(&event.source, &mut out);
        if let Some(task_id) = &event.task_id {
            out.push_str(",\"task_id\":");
            write_string(task_id, &mut out);
        }
        if let Some(agent_id) = &event.agent_id {
            out.push_str(",\"agent_id\":");
            write_string(agent_id, &mut out);
        }
        out.push_str(",\"timestamp\":");
        write_string(&event.timestamp, &mut out);
        out.push_str(",\"data\":");
        write_data(&event.data, &mut out);
        out.push_str(",\"display\":{\"icon\":");
        write_string(&words.icon, &mut out);
        out.push_str(",\"label\":");
        write_string(&words.label, &mut out);
        out.push_str(",\"text\":");
        write_string(&words.text, &mut out);
        out.push_str(",\"time\":\"");
        write_clock(&event.timestamp, &mut out);
        out.push_str("\"}");
        Self { text: out, middle }
    }

    /// Bytes without `prev`.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a payload is never empty")]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Write the payload with the `prev` of one lane; none on a page of history.
    pub fn write(&self, prev: Option<Seq>, out: &mut String) {
        let (head, tail) = self.text.split_at_checked(self.middle).unwrap_or((&self.text, ""));
        out.push('{');
        out.push_str(head);
        if let Some(prev) = prev {
            out.push_str(",\"prev\":");
            write_number(prev, out);
        }
        out.push_str(tail);
        out.push('}');
    }
}

/// `hello`
pub fn hello(client: &str, head: Seq, settings: &Settings, out: &mut String) {
    out.push_str("{\"client\":");
    write_string(client, out);
    out.push_str(",\"epoch\":");
    write_string(&settings.epoch, out);
    out.push_str(",\"head\":");
    write_cursor(&settings.epoch, head, out);
    out.push_str(",\"ping_ms\":");
    write_number(settings.ping_ms.into(), out);
    out.push_str(",\"limits\":{\"rate\":");
    write_number(settings.rate.into(), out);
    out.push_str(",\"buffer\":");
    write_number(settings.buffer.into(), out);
    out.push_str("}}");
}

/// `subscribed`
pub fn subscribed(key: &LaneKey, recovered: bool, from: Seq, to: Seq, epoch: &str, out: &mut String) {
    out.push_str("{\"channel\":\"");
    out.push_str(key.channel.as_str());
    out.push_str("\",\"recovered\":");
    out.push_str(if recovered { "true" } else { "false" });
    out.push_str(",\"from\":");
    write_cursor(epoch, from, out);
    out.push_str(",\"to\":");
    write_cursor(epoch, to, out);
    out.push_str(",\"rate\":");
    write_number(key.rate.into(), out);
    out.push('}');
}

/// `skipped`; without a count there are no counts by type either.
pub fn skipped(skipped: &Skipped, epoch: &str, out: &mut String) {
    out.push_str("{\"prev\":");
    write_number(skipped.from, out);
    out.push_str(",\"from\":");
    write_cursor(epoch, skipped.from, out);
    out.push_str(",\"to\":");
    write_cursor(epoch, skipped.to, out);
    match skipped.count {
        None => out.push_str(",\"count\":null,\"by_type\":null"),
        Some(count) => {
            out.push_str(",\"count\":");
            write_number(count, out);
            out.push_str(",\"by_type\":{");
            for (at, (name, count)) in most_frequent(skipped.by_type.clone()).iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                write_number(*count, out);
            }
            out.push('}');
        }
    }
    out.push_str(",\"reason\":\"");
    out.push_str(skipped.reason.as_str());
    out.push_str("\"}");
}

/// `caught_up` and `position`
pub fn place(seq: Seq, epoch: &str, out: &mut String) {
    out.push_str("{\"cursor\":");
    write_cursor(epoch, seq, out);
    out.push('}');
}

/// `error`
pub fn error(code: ErrorCode, message: &str, out: &mut String) {
    out.push_str("{\"code\":\"");
    out.push_str(code.as_str());
    out.push_str("\",\"message\":");
    write_string(message, out);
    out.push('}');
}

/// The time of day of an event in UTC. Stored timestamps were checked; another program's may be anything.
pub(super) fn write_clock(timestamp: &str, out: &mut String) {
    match time::parse(timestamp) {
        Some(at) => time::write_clock(at, out),
        None => out.push_str("00:00:00"),
    }
}

fn write_cursor(epoch: &str, seq: Seq, out: &mut String) {
    out.push('"');
    cursor::write(epoch, seq, out);
    out.push('"');
}

/// Data as it was stored, on one line: a line break outside of a string would end a line of an event stream.
fn write_data(data: &str, out: &mut String) {
    let has_break = first_marked(data.as_bytes(), |piece| piece.equal(b'\n') | piece.equal(b'\r')).is_some();
    if !(data.starts_with('{') && data.ends_with('}')) {
        out.push_str("{}");
    } else if has_break {
        out.extend(data.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }));
    } else {
        out.push_str(data);
    }
}

/// Write what is not seen, or turns the text around it, as `\u202e` from `start` on. In JSON it stands inside strings only, and
/// means the same. A line of an event stream is what people see of it, in a terminal or a proxy's log.
pub fn escape_unseen(out: &mut String, start: usize) {
    // The first bytes of all of them, so that most texts are looked through sixteen bytes at a time.
    let written = out.get(start..).unwrap_or_default();
    let may_begin = |piece: Piece| {
        piece.equal(0x7f) | piece.equal(0xc2) | piece.equal(0xd8) | piece.equal(0xe2) | piece.equal(0xef)
    };
    if first_marked(written.as_bytes(), may_begin).is_none() || !written.contains(is_unseen) {
        return;
    }
    let mut escaped = String::with_capacity(written.len() + 64);
    for ch in written.chars() {
        if is_unseen(ch) {
            // Writing to a string does not fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(ch));
        } else {
            escaped.push(ch);
        }
    }
    out.truncate(start);
    out.push_str(&escaped);
}

/// Controls above ASCII, soft hyphen, zero-width characters, bidirectional marks, overrides and isolates, line separators.
fn is_unseen(ch: char) -> bool {
    matches!(ch, '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
