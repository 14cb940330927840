//! One frame as it goes over the wire, made once and shared by all who get it, with the range of the log it settles.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::engine::words::{Format, FrameKind, Item, LaneFrame, Shown};
use crate::hub::websocket::{self, deflate::Packer};
use crate::store::Seq;

/// Wire bytes and what they mean to a position.
#[derive(Debug)]
pub struct Frame {
    /// What it tells.
    pub kind: Told,
    /// Settles `(from, to]`.
    pub from: Seq,
    /// See `from`.
    pub to: Seq,
    /// With the WebSocket header, or as a message of an event stream.
    pub bytes: Bytes,
    /// The same packed, made for the first who wants it so.
    pack: Pack,
}

/// Whether there is a packed form of a frame.
#[derive(Debug)]
enum Pack {
    /// It is for one client, small, or no WebSocket's: what packing saves is less than it costs.
    Never,
    /// Of a lane: once for all. None when nothing was saved.
    Once(OnceLock<Option<Bytes>>),
}

/// Stands before an event's `prev`.
const PREV: &[u8] = b",\"prev\":";

/// Frames below this many bytes go as they are.
const LEAST_PACKED: usize = 128;

/// What a frame tells, as far as positions care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// One event.
    Event,
    /// That events were left out.
    Skipped,
    /// That nothing matched.
    Position,
    /// Nothing about the log: an answer, the state, a greeting.
    Aside,
}

impl Frame {
    /// The frame of a lane.
    #[must_use]
    pub fn of_lane(format: Format, frame: &LaneFrame) -> Arc<Self> {
        let kind = match frame.kind {
            FrameKind::Event => Told::Event,
            FrameKind::Skipped => Told::Skipped,
            FrameKind::Position => Told::Position,
            FrameKind::State => Told::Aside,
        };
        let bytes = wire(format, &frame.text);
        let pack = match format {
            Format::Json | Format::Html if bytes.len() >= LEAST_PACKED => Pack::Once(OnceLock::new()),
            _ => Pack::Never,
        };
        Arc::new(Self { kind, from: frame.from, to: frame.to, bytes, pack })
    }

    /// The frames of `items` as the broadcaster has rendered them; a text that is empty is no frame, but its range
    /// counts for the next one.
    #[must_use]
    pub fn of_items(format: Format, items: &[Item], texts: &[String]) -> Vec<Arc<Self>> {
        items
            .iter()
            .zip(texts)
            .map(|(item, text)| {
                let (kind, from, to) = match item {
                    Item::Event(Shown { event, .. }, prev) => (Told::Event, *prev, event.seq),
                    Item::Skipped(skipped) => (Told::Skipped, skipped.from, skipped.to),
                    Item::CaughtUp(seq) | Item::Position(seq) => (Told::Position, *seq, *seq),
                    Item::Subscribed { from, .. } => (Told::Aside, *from, *from),
                    _ => (Told::Aside, 0, 0),
                };
                Self::plain(kind, from, to, wire(format, text))
            })
            .collect()
    }

    /// An answer that settles nothing.
    #[must_use]
    pub fn aside(bytes: Bytes) -> Arc<Self> {
        Self::plain(Told::Aside, 0, 0, bytes)
    }

    /// A frame for one client.
    #[must_use]
    pub fn plain(kind: Told, from: Seq, to: Seq, bytes: Bytes) -> Arc<Self> {
        Arc::new(Self { kind, from, to, bytes, pack: Pack::Never })
    }

    /// The same event for one whose subscription was settled further than its lane: it joined while the lane stood
    /// still, and was told `caught_up` behind the lane's last frame. Its `prev` is that, not the lane's. None where the
    /// frame tells no `prev`.
    #[must_use]
    pub fn after(&self, format: Format, prev: Seq) -> Option<Arc<Self>> {
        let text = match format {
            Format::Json => websocket::payload(&self.bytes)?,
            Format::SseJson => &self.bytes,
            Format::Html | Format::SseHtml => return None,
        };
        // The first there is: before it stand only the subscription's name, a string in which every quote is escaped, and
        // the event's id and seq.
        let start = text.windows(PREV.len()).position(|window| window == PREV)? + PREV.len();
        let (before, behind) = text.split_at_checked(start)?;
        let behind = behind.get(behind.iter().position(|byte| !byte.is_ascii_digit())?..)?;
        let text = String::from_utf8([before, prev.to_string().as_bytes(), behind].concat()).ok()?;
        Some(Self::plain(self.kind, prev, self.to, wire(format, &text)))
    }

    /// What goes to a client that takes packed messages.
    #[must_use]
    pub fn packed(&self, packer: &mut Packer) -> &Bytes {
        match &self.pack {
            Pack::Never => &self.bytes,
            Pack::Once(once) => {
                once.get_or_init(|| websocket::packed(&self.bytes, packer)).as_ref().unwrap_or(&self.bytes)
            }
        }
    }
}

/// An empty text is no frame: it settles its range, and nothing is sent.
fn wire(format: Format, text: &str) -> Bytes {
    match format {
        _ if text.is_empty() => Bytes::new(),
        Format::Json | Format::Html => websocket::text(text),
        Format::SseJson | Format::SseHtml => Bytes::copy_from_slice(text.as_bytes()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_with_the_prev_of_one_who_joined_behind_its_lane() {
        let data = "x".repeat(200);
        for (data, label) in [("", ""), (&*data, r#""subscription":"a,\"prev\":7,","#)] {
            let told = |prev: Seq| {
                format!(
                    r#"{{"type":"event",{label}"payload":{{"id":"a","seq":9,"prev":{prev},"data":{{"m":"{data},\"prev\":1"}}}}}}"#
                )
            };
            let of = |format, text: &str| Frame::plain(Told::Event, 3, 9, wire(format, text));
            for (prev, to) in [(3, 8), (9, 12_345), (99_999, 7)] {
                let frame = of(Format::Json, &told(prev)).after(Format::Json, to).unwrap();
                assert_eq!((frame.from, frame.to, &frame.bytes), (to, 9, &websocket::text(&told(to))));
                let message = |prev: Seq| format!("id: e:9\ndata: {}\n\n", told(prev));
                let frame = of(Format::SseJson, &message(prev)).after(Format::SseJson, to).unwrap();
                assert_eq!(frame.bytes, message(to).as_bytes());
            }
        }
        assert!(Frame::plain(Told::Event, 3, 9, wire(Format::Html, "<p>")).after(Format::Html, 5).is_none());
    }
}
