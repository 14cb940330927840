//! Lines of HTML for HTMX: each an out-of-band swap into `#activity-feed`, newest first, always one line of text. All
//! that comes from an event is escaped, attributes included; classes are for the page to style.

use crate::cursor::write_number;
use crate::text::{clean, escape_html};
use crate::words::{Display, Event, Skipped};

const OPEN: &str = "<div hx-swap-oob=\"afterbegin:#activity-feed\">";
const CLOSE: &str = "</div>";

/// An event.
#[must_use]
pub fn event(event: &Event, words: &Display) -> String {
    let mut out = String::with_capacity(320 + words.text.len());
    out.push_str(OPEN);
    out.push_str("<div class=\"af-event\" data-seq=\"");
    write_number(event.seq, &mut out);
    out.push_str("\" data-type=\"");
    escape_html(&clean(&event.event_type), &mut out);
    out.push_str("\"><span class=\"af-icon\" aria-hidden=\"true\">");
    escape_html(&words.icon, &mut out);
    out.push_str("</span> <span class=\"af-text\">");
    escape_html(&words.text, &mut out);
    out.push_str("</span> <time class=\"af-time\" datetime=\"");
    escape_html(&clean(&event.timestamp), &mut out);
    out.push_str("\">");
    super::json::write_clock(&event.timestamp, &mut out);
    out.push_str("</time></div>");
    out.push_str(CLOSE);
    out
}

/// What was left out.
#[must_use]
pub fn skipped(skipped: &Skipped) -> String {
    let mut out = String::with_capacity(160);
    out.push_str(OPEN);
    out.push_str("<div class=\"af-skipped\">⋯ ");
    if let Some(count) = skipped.count {
        write_number(count, &mut out);
        out.push_str(" more");
    } else {
        out.push_str("some events are not shown");
    }
    out.push_str("</div>");
    out.push_str(CLOSE);
    out
}

/// Something wrong.
#[must_use]
pub fn error(message: &str) -> String {
    let mut out = String::with_capacity(message.len() + 96);
    out.push_str(OPEN);
    out.push_str("<div class=\"af-error\">");
    escape_html(&clean(message), &mut out);
    out.push_str("</div>");
    out.push_str(CLOSE);
    out
}
