//! One event on its way out. Its data is walked at most once, it is worded at most once, and encoded at most once a format,
//! however many lanes send it; what differs from lane to lane (`prev`, the subscription's name) is put in when a frame is made.

use std::cell::OnceCell;

use crate::display;
use crate::fields::{Fields, Members};
use crate::format::{html, json};
use crate::words::{Display, Event, Shown};

/// An event and what was made of it so far.
pub struct Body {
    shown: Shown,
    members: OnceCell<Members>,
    words: OnceCell<Display>,
    json: OnceCell<json::EventText>,
    html: OnceCell<String>,
}

impl Body {
    /// Nothing is made before it is asked for.
    #[must_use]
    pub fn new(shown: Shown) -> Self {
        Self { shown, members: OnceCell::new(), words: OnceCell::new(), json: OnceCell::new(), html: OnceCell::new() }
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.shown.event
    }

    /// The fields of its data.
    pub fn fields(&self) -> Fields<'_> {
        let data = &self.shown.event.data;
        self.members.get_or_init(|| Members::of(data)).fields(data)
    }

    /// How it reads.
    pub fn words(&self) -> &Display {
        self.words.get_or_init(|| display::display(self, self.shown.display.as_ref()))
    }

    /// Its JSON payload, but for `prev`.
    pub fn json(&self, epoch: &str) -> &json::EventText {
        self.json.get_or_init(|| json::EventText::new(self.event(), self.words(), epoch))
    }

    /// Its line as HTML.
    pub fn html(&self) -> &str {
        self.html.get_or_init(|| html::event(self.event(), self.words()))
    }
}
