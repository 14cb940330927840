//! Frames: what one client, or all who share a lane, are sent. A frame is one text in the lane's format, made in one
//! buffer; an item that a format has no words for gives an empty text, which is not sent.
//!
//! The payloads are in [`json`] and [`html`]; this module puts them into their envelopes: a WebSocket message with `type`
//! and `subscription`, or a message of `text/event-stream`. There the `id` is the cursor that a client may resume from,
//! so only what settles a place carries one.

pub mod html;
pub mod json;

use crate::body::Body;
use crate::cursor;
use crate::json::write_string;
use crate::words::{Format, Item, LaneKey, ProtocolError, Seq, Settings, Skipped};

/// Room for an envelope around a payload.
const ENVELOPE: usize = 160;

/// The `skipped` of a report.
#[must_use]
pub fn skipped(key: &LaneKey, settings: &Settings, skipped: &Skipped) -> String {
    let frame = Frame::new(key, settings, "skipped").at(skipped.to);
    match key.format {
        Format::Json | Format::SseJson => frame.write(256, |out| json::skipped(skipped, &settings.epoch, out)),
        Format::Html | Format::SseHtml => frame.write(256, |out| out.push_str(&html::skipped(skipped))),
    }
}

/// An event; `prev` is the seq up to which the subscription was settled before.
#[must_use]
pub fn event(key: &LaneKey, settings: &Settings, body: &Body, prev: Seq) -> String {
    let frame = Frame::new(key, settings, "event").at(body.event().seq);
    match key.format {
        Format::Json | Format::SseJson => {
            let text = body.json(&settings.epoch);
            frame.write(text.len() + 32, |out| text.write(Some(prev), out))
        }
        Format::Html | Format::SseHtml => frame.write(body.html().len(), |out| out.push_str(body.html())),
    }
}

/// A place, `position` or `caught_up`.
#[must_use]
pub fn place(key: &LaneKey, settings: &Settings, kind: &'static str, seq: Seq) -> String {
    let frame = Frame::new(key, settings, kind).at(seq);
    match key.format {
        Format::Json | Format::SseJson => frame.write(64, |out| json::place(seq, &settings.epoch, out)),
        Format::Html => String::new(),
        // A message without a data line raises no event in a browser, and all the same moves its `Last-Event-ID`.
        Format::SseHtml => {
            let mut out = String::from("id: ");
            cursor::write(&settings.epoch, seq, &mut out);
            out.push_str("\n\n");
            out
        }
    }
}

/// The state of the swarm, whose JSON is given.
#[must_use]
pub fn state(key: &LaneKey, settings: &Settings, state: &str) -> String {
    match key.format {
        Format::Json | Format::SseJson => {
            Frame::new(key, settings, "state").write(state.len(), |out| out.push_str(state))
        }
        Format::Html | Format::SseHtml => String::new(),
    }
}

/// Anything that is told to one client. `state` is asked for only when the item needs it.
#[must_use]
pub fn item(key: &LaneKey, settings: &Settings, item: Item, state_json: impl FnOnce() -> String) -> String {
    let has_json = matches!(key.format, Format::Json | Format::SseJson);
    match item {
        Item::Event(shown, prev) => event(key, settings, &Body::new(shown), prev),
        Item::Skipped(report) => skipped(key, settings, &report),
        Item::CaughtUp(seq) => place(key, settings, "caught_up", seq),
        Item::Position(seq) => place(key, settings, "position", seq),
        Item::State => state(key, settings, &state_json()),
        Item::Hello(client, head) if has_json => {
            let frame = Frame { label: None, ..Frame::new(key, settings, "hello") };
            frame.write(192, |out| json::hello(&client, head, settings, out))
        }
        Item::Subscribed { recovered, from, to } if has_json => {
            let payload = |out: &mut String| json::subscribed(key, recovered, from, to, &settings.epoch, out);
            Frame::new(key, settings, "subscribed").write(192, payload)
        }
        Item::Error(ProtocolError { code, message, label }) => {
            let frame = Frame { label: label.as_deref(), ..Frame::new(key, settings, "error") };
            if has_json {
                frame.write(message.len() + 64, |out| json::error(code, &message, out))
            } else {
                frame.write(message.len() + 96, |out| out.push_str(&html::error(&message)))
            }
        }
        Item::Pong if key.format == Format::Json => "{\"type\":\"pong\"}".to_owned(),
        Item::Hello(..) | Item::Subscribed { .. } | Item::Pong => String::new(),
    }
}

/// An envelope that waits for its payload.
struct Frame<'a> {
    format: Format,
    label: Option<&'a str>,
    epoch: &'a str,
    kind: &'static str,
    /// The place that a client which has seen this frame may resume from.
    at: Option<Seq>,
}

impl<'a> Frame<'a> {
    fn new(key: &'a LaneKey, settings: &'a Settings, kind: &'static str) -> Self {
        Self { format: key.format, label: key.label.as_deref(), epoch: &settings.epoch, kind, at: None }
    }

    fn at(self, seq: Seq) -> Self {
        Self { at: Some(seq), ..self }
    }

    /// `size` is about how long the payload is.
    fn write(&self, size: usize, payload: impl FnOnce(&mut String)) -> String {
        let mut out = String::with_capacity(size + ENVELOPE);
        match self.format {
            Format::Json => {
                out.push_str("{\"type\":\"");
                out.push_str(self.kind);
                out.push('"');
                if let Some(label) = self.label {
                    out.push_str(",\"subscription\":");
                    write_string(label, &mut out);
                }
                out.push_str(",\"payload\":");
                payload(&mut out);
                out.push('}');
            }
            Format::Html => payload(&mut out),
            Format::SseJson | Format::SseHtml => {
                if self.kind != "event" {
                    out.push_str("event: ");
                    out.push_str(self.kind);
                    out.push('\n');
                }
                if let Some(seq) = self.at {
                    out.push_str("id: ");
                    cursor::write(self.epoch, seq, &mut out);
                    out.push('\n');
                }
                out.push_str("data: ");
                let start = out.len();
                payload(&mut out);
                if self.format == Format::SseJson {
                    json::escape_unseen(&mut out, start);
                }
                out.push_str("\n\n");
            }
        }
        out
    }
}

#[cfg(test)]
mod tests;
