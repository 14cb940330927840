//! How an event looks in a terminal: time, icon, sentence, and, where there is room, what and who it was about. Never
//! wider than the terminal, never anything that steers it.

use console::{Style, Term, measure_text_width, pad_str, truncate_str};
use serde_json::Value;

use crate::cli::client::plain;

/// From this width on there is a column for the type, and from the next one also for the source.
const TYPE_FROM: usize = 80;
const SOURCE_FROM: usize = 110;
const TYPE_WIDTH: usize = 20;
const SOURCE_WIDTH: usize = 14;
/// From this width on both columns are wider.
const WIDE_FROM: usize = 140;
const WIDER: usize = 10;
/// Time, icon and the spaces between.
const FIXED_WIDTH: usize = 8 + 1 + 2 + 1;

/// Where a line belongs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Among the events, on stdout.
    Out(String),
    /// Beside them, on stderr.
    Remark(String),
}

/// Writes lines for a terminal, or JSON for a program.
pub(super) struct Renderer {
    json: bool,
    /// None: not a terminal, so that nothing is cut.
    terminal: Option<Term>,
}

impl Renderer {
    pub(super) fn new(json: bool) -> Self {
        Self { json, terminal: Some(Term::stdout()).filter(Term::is_term) }
    }

    fn width(&self) -> Option<usize> {
        // Asked each time: people resize their windows.
        self.terminal.as_ref().and_then(Term::size_checked).map(|(_, columns)| usize::from(columns))
    }

    pub(super) fn event(&self, event: &Value) -> Line {
        Line::Out(lay_out(event, self.width()))
    }

    pub(super) fn skipped(&self, skipped: &Value) -> Line {
        let text = self.remark(&skipped_text(skipped));
        if self.json { Line::Remark(text) } else { Line::Out(text) }
    }

    /// One dim line.
    pub(super) fn remark(&self, text: &str) -> String {
        let text = plain(text);
        let text = match self.width() {
            Some(width) => truncate_str(&text, width.saturating_sub(2), "…").into_owned(),
            None => text,
        };
        Style::new().dim().apply_to(format!("⋯ {text}")).to_string()
    }
}

fn text(event: &Value, pointer: &str) -> String {
    plain(event.pointer(pointer).and_then(Value::as_str).unwrap_or_default())
}

fn skipped_text(skipped: &Value) -> String {
    let reason = match skipped.get("reason").and_then(Value::as_str).unwrap_or_default() {
        "rate" => "came faster than the rate",
        "buffer" => "older than the replay goes back",
        "pruned" => "are not kept any more",
        "slow" => "were left out: this terminal reads too slowly",
        _ => "were left out",
    };
    match skipped.get("count").and_then(Value::as_u64) {
        Some(1) => format!("1 more event: {reason}"),
        Some(count) => format!("{count} more events: {reason}"),
        None => format!("more events: {reason}"),
    }
}

/// The local time of day, else what the server made of it.
fn time_of(event: &Value) -> String {
    let stamp = event.get("timestamp").and_then(Value::as_str).and_then(|text| text.parse::<jiff::Timestamp>().ok());
    match stamp {
        Some(stamp) => stamp.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string(),
        None => text(event, "/display/time"),
    }
}

/// The colour of what an event is about.
fn colour(event_type: &str) -> Style {
    let (kind, act) = event_type.split_once('.').unwrap_or((event_type, ""));
    match (kind, act) {
        (_, "failed" | "error") | ("error" | "bug_report", _) => Style::new().red(),
        (_, "warning") => Style::new().yellow(),
        (_, "completed" | "joined") => Style::new().green(),
        ("bid" | "auction", _) | (_, "bidding") => Style::new().yellow(),
        ("task", _) => Style::new().cyan(),
        ("agent", _) => Style::new().blue(),
        ("tool", _) => Style::new().magenta(),
        _ => Style::new(),
    }
}

fn lay_out(event: &Value, width: Option<usize>) -> String {
    let event_type = text(event, "/event_type");
    let sentence = Some(text(event, "/display/text")).filter(|text| !text.is_empty()).unwrap_or(event_type.clone());
    let icon = Some(text(event, "/display/icon")).filter(|icon| !icon.is_empty()).unwrap_or("•".to_owned());
    let time = Style::new().dim().apply_to(pad_str(&time_of(event), 8, console::Alignment::Left, None).into_owned());
    // Emoji are as wide as two letters nearly everywhere, some signs as wide as one: a place of two fits both.
    let icon = format!("{icon}{}", " ".repeat(2_usize.saturating_sub(measure_text_width(&icon))));
    let who = Some(text(event, "/task_id")).filter(|task| !task.is_empty()).unwrap_or_else(|| text(event, "/source"));
    let dim = Style::new().dim();
    let style = colour(&event_type);
    let Some(width) = width else {
        return format!("{time} {icon} {} {}", style.apply_to(sentence), dim.apply_to(format!("{event_type} {who}")));
    };
    let mut right = String::new();
    let wider = if width >= WIDE_FROM { WIDER } else { 0 };
    if width >= TYPE_FROM {
        right = fit(&event_type, TYPE_WIDTH + wider);
    }
    if width >= SOURCE_FROM {
        right = format!("{right} {}", fit(&who, SOURCE_WIDTH + wider));
    }
    let right_width = measure_text_width(&right);
    let room = width.saturating_sub(FIXED_WIDTH + right_width + usize::from(right_width > 0));
    if right.is_empty() {
        return format!("{time} {icon} {}", style.apply_to(truncate_str(&sentence, room, "…")));
    }
    format!("{time} {icon} {} {}", style.apply_to(fit(&sentence, room)), dim.apply_to(right))
}

/// The text in exactly so many columns.
fn fit(text: &str, width: usize) -> String {
    pad_str(&truncate_str(text, width, "…"), width, console::Alignment::Left, None).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(text: &str) -> Value {
        json!({"id": "1", "seq": 1, "event_type": "task.created", "source": "coordinator", "task_id": "task-1",
               "timestamp": "2024-01-15T10:30:00Z",
               "display": {"icon": "📝", "label": "New task", "text": text, "time": "10:30:00"}})
    }

    #[test]
    fn a_line_is_never_wider_than_the_terminal() {
        let long = "a long sentence, 日本語のとても長い文章 ".repeat(20);
        for width in [0, 1, 13, 20, 40, 79, 80, 109, 110, 139, 140, 200] {
            for sentence in ["short", long.as_str()] {
                let line = lay_out(&event(sentence), Some(width));
                let bound = width.max(FIXED_WIDTH + 1);
                assert!(measure_text_width(&line) <= bound, "{width}: {line}");
            }
        }
    }

    #[test]
    fn columns_come_with_the_width() {
        let line = |width| lay_out(&event("New task: paint"), Some(width));
        assert!(line(60).contains("New task: paint") && !line(60).contains("task.created"));
        assert!(line(90).contains("task.created") && !line(90).contains("task-1"));
        assert!(line(120).contains("task-1"));
        assert!(lay_out(&event("x"), None).contains("task.created"), "a file gets everything");
    }

    #[test]
    fn an_event_cannot_steer_the_terminal() {
        let line = lay_out(&event("\u{1b}[2Jboo\u{7}\u{202e}"), None);
        assert!(!line.contains("\u{1b}[2J") && !line.contains('\u{7}') && !line.contains('\u{202e}'), "{line:?}");
        assert!(lay_out(&json!({}), Some(40)).contains('•'), "whatever comes, there is a line");
    }

    #[test]
    fn what_was_skipped_is_said() {
        assert_eq!(
            skipped_text(&json!({"count": 842, "reason": "rate"})),
            "842 more events: came faster than the rate"
        );
        assert_eq!(skipped_text(&json!({"count": null, "reason": "pruned"})), "more events: are not kept any more");
    }
}
