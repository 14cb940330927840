//! HTML from events and addresses. Every text that is not written here goes through [`escaped`], which is safe in content
//! and between double quotes; there is no other way in but [`Markup::raw`], which takes what stands in this program.

use activity_policy::time;
use form_urlencoded::byte_serialize;
use serde_json::Value;

use super::asked::Asked;

/// Kinds that have a colour; the others share one.
const KINDS: [&str; 7] = ["task", "agent", "bid", "auction", "tool", "system", "error"];

/// A text as content, or as an attribute's value between double quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A page with each marker's first place taken by its HTML. One pass over the template: what was filled in is never
/// searched for markers.
pub(super) fn fill(template: &str, replacements: &[(&str, &str)]) -> String {
    let mut places: Vec<(usize, &str, &str)> =
        replacements.iter().filter_map(|(marker, html)| Some((template.find(marker)?, *marker, *html))).collect();
    places.sort_unstable_by_key(|(at, ..)| *at);
    let mut out = String::with_capacity(template.len() + places.iter().map(|(.., html)| html.len()).sum::<usize>());
    let (mut rest, mut done) = (template, 0);
    for (at, marker, html) in places {
        let Some((before, after)) = at.checked_sub(done).and_then(|at| rest.split_at_checked(at)) else { continue };
        out.push_str(before);
        out.push_str(html);
        rest = after.strip_prefix(marker).unwrap_or(after);
        done = at + marker.len();
    }
    out.push_str(rest);
    out
}

fn text<'a>(event: &'a Value, pointer: &str) -> &'a str {
    event.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn is_error(event_type: &str) -> bool {
    event_type.starts_with("error.") || event_type.ends_with(".error") || event_type.ends_with(".failed")
}

/// The class that gives an event its colour.
fn kind(event_type: &str) -> &'static str {
    let kind = event_type.split('.').next().unwrap_or_default();
    match KINDS.into_iter().find(|known| *known == kind) {
        _ if is_error(event_type) => "error",
        Some(known) => known,
        None => "other",
    }
}

/// A day, as a reader writes it.
fn day_of(at: time::Instant) -> String {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let time::Date { year, month, day, weekday } = at.date();
    let name = DAYS.get(usize::from(weekday)).copied().unwrap_or_default();
    let month = MONTHS.get(usize::from(month).wrapping_sub(1)).copied().unwrap_or_default();
    format!("{name}, {day} {month} {year}")
}

/// A link to this page with one field set.
fn query(name: &str, value: &str) -> String {
    format!("?{name}={}", byte_serialize(value.as_bytes()).collect::<String>())
}

/// HTML under construction.
#[derive(Default)]
pub(super) struct Markup(String);

impl Markup {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    /// Adds what stands in this program.
    pub(super) fn raw(&mut self, html: &'static str) {
        self.0.push_str(html);
    }

    fn text(&mut self, text: &str) {
        self.0.push_str(&escaped(text));
    }

    /// An attribute, its value between double quotes.
    fn attribute(&mut self, name: &'static str, value: &str) {
        self.raw(" ");
        self.raw(name);
        self.raw("=\"");
        self.text(value);
        self.raw("\"");
    }

    /// The list of the live page, laid out like the widget's own that takes its place.
    pub(super) fn live_list(&mut self, events: &[Value]) {
        if events.is_empty() {
            return self.raw("<p class=\"plain-note\">Nothing has happened yet.</p>");
        }
        self.raw("<ol class=\"plain-rows\" aria-label=\"Events, newest first\">");
        for event in events {
            let event_type = text(event, "/event_type");
            self.raw("<li class=\"plain-row k-");
            self.raw(kind(event_type));
            self.raw(if is_error(event_type) { " failed\"><a" } else { "\"><a" });
            self.attribute("href", &format!("events{}", query("event", text(event, "/id"))));
            self.raw("><span class=\"icon\" aria-hidden=\"true\">");
            self.text(text(event, "/display/icon"));
            self.raw("</span><span class=\"text\" dir=\"auto\">");
            self.text(text(event, "/display/text"));
            self.raw("</span>");
            self.time(event);
            self.raw("</a></li>");
        }
        self.raw("</ol>");
    }

    fn time(&mut self, event: &Value) {
        let stamp = text(event, "/timestamp");
        self.raw("<time");
        self.attribute("datetime", stamp);
        self.attribute("title", stamp);
        self.raw(">");
        self.text(text(event, "/display/time"));
        self.raw("</time>");
    }

    /// The rows of the log page, with a line where a day begins.
    pub(super) fn log_rows(&mut self, events: &[&Value]) {
        let mut day = String::new();
        for event in events {
            let its = time::parse(text(event, "/timestamp")).map(day_of).unwrap_or_default();
            if its != day {
                self.raw("<li class=\"day\">");
                self.text(&its);
                self.raw(" (UTC)</li>");
                day = its;
            }
            self.log_row(event);
        }
    }

    fn log_row(&mut self, event: &Value) {
        let event_type = text(event, "/event_type");
        self.raw("<li class=\"log-row k-");
        self.raw(kind(event_type));
        self.raw(if is_error(event_type) { " failed" } else { "" });
        self.raw("\"><div class=\"log-cells\"><a class=\"log-line\"");
        self.attribute("href", &query("event", text(event, "/id")));
        self.raw(">");
        self.time(event);
        self.raw("<span class=\"icon\" aria-hidden=\"true\">");
        self.text(text(event, "/display/icon"));
        self.raw("</span><span class=\"text\" dir=\"auto\">");
        self.text(text(event, "/display/text"));
        self.raw("</span></a><span class=\"links\">");
        for (field, name) in
            [("/event_type", "type"), ("/source", "source"), ("/task_id", "task_id"), ("/agent_id", "agent_id")]
        {
            self.filter(name, text(event, field));
        }
        self.raw("</span></div></li>");
    }

    /// A link to all events that have this value in common.
    fn filter(&mut self, name: &'static str, value: &str) {
        if value.is_empty() {
            return self.raw("<span></span>");
        }
        self.raw("<a dir=\"auto\"");
        self.attribute("href", &query(name, value));
        self.raw(">");
        self.text(value);
        self.raw("</a>");
    }

    /// One event with all that there is to say of it.
    pub(super) fn one(&mut self, id: &str, event: Option<&Value>) {
        let Some(event) = event else {
            self.raw("<p class=\"card one\">The event ");
            self.text(id);
            return self.raw(" is not kept any more, or is not for you to see.</p>");
        };
        self.raw("<article class=\"card one\"><h2><span aria-hidden=\"true\">");
        self.text(text(event, "/display/icon"));
        self.raw("</span><span dir=\"auto\">");
        self.text(text(event, "/display/text"));
        self.raw("</span></h2><div class=\"details\"><dl>");
        for (field, name, filter) in [
            ("/event_type", "type", "type"),
            ("/source", "source", "source"),
            ("/task_id", "task", "task_id"),
            ("/agent_id", "agent", "agent_id"),
        ] {
            let value = text(event, field);
            if !value.is_empty() {
                self.raw("<dt>");
                self.raw(name);
                self.raw("</dt><dd>");
                self.filter(filter, value);
                self.raw("</dd>");
            }
        }
        self.raw("<dt>time</dt><dd>");
        self.text(text(event, "/timestamp"));
        self.raw("</dd><dt>id</dt><dd>");
        self.text(text(event, "/id"));
        self.raw("</dd></dl><pre class=\"tree\" dir=\"auto\" tabindex=\"0\">");
        let data = event.get("data").and_then(|data| serde_json::to_string_pretty(data).ok());
        self.text(&data.unwrap_or_default());
        self.raw("</pre></div></article>");
    }

    /// Links to the neighbouring pages, for a browser without scripts.
    pub(super) fn pager(&mut self, asked: &Asked, events: &[&Value], next: Option<&str>) {
        let cursor = |event: Option<&&Value>| event.map(|event| text(event, "/cursor").to_owned());
        let (first, last) = (cursor(events.first()), cursor(events.last()));
        let [on, back] = asked.neighbours(first.as_deref(), last.as_deref(), next);
        if on.is_none() && back.is_none() {
            return;
        }
        let words = if asked.is_forward() { ["← First", "Newer →"] } else { ["← Newer", "Older →"] };
        self.raw("<noscript><nav class=\"pager\" aria-label=\"Pages of events\">");
        for (link, word) in [back, on].into_iter().zip(words) {
            if let Some(link) = link {
                self.raw("<a class=\"secondary\"");
                self.attribute("href", &link);
                self.raw(">");
                self.raw(word);
                self.raw("</a>");
            }
        }
        self.raw("</nav></noscript>");
    }

    /// A line above the page, with a link at its end.
    pub(super) fn banner(&mut self, said: &str, link: Option<(&str, &str)>) {
        self.raw("<p class=\"banner\">");
        self.text(said);
        if let Some((word, href)) = link {
            self.raw(" <a");
            self.attribute("href", href);
            self.raw(">");
            self.text(word);
            self.raw("</a>");
        }
        self.raw("</p>");
    }

    /// The sign-in view as a form of its own. The token goes in the body of a request, never into an address.
    pub(super) fn sign_in(&mut self, page: &str, problem: Option<&str>) {
        self.raw("<div class=\"sign-in\"><form method=\"post\" action=\"../api/session\"><h1>Sign in</h1>");
        self.raw("<p class=\"quiet\">Paste a token, or the link that the server printed when it started.</p>");
        self.raw("<label for=\"plain-token\">Token</label><input type=\"password\" name=\"token\" id=\"plain-token\" required");
        self.raw(" autocomplete=\"current-password\" spellcheck=\"false\"><input type=\"hidden\" name=\"page\"");
        self.attribute("value", page);
        self.raw(">");
        if let Some(problem) = problem {
            self.raw("<p class=\"problem\" role=\"alert\">");
            self.text(problem);
            self.raw("</p>");
        }
        self.raw("<button class=\"primary\">Sign in</button><p class=\"quiet small\">A new link: ");
        self.raw("<code>activity-feed token --scope subscribe --link</code></p></form></div>");
    }

    /// The way out as a form.
    pub(super) fn sign_out(&mut self, page: &str) {
        self.raw("<noscript><form class=\"out\" method=\"post\" action=\"../api/session\"><input type=\"hidden\" name=\"page\"");
        self.attribute("value", page);
        self.raw("><button class=\"plain\" name=\"end\" value=\"1\">Sign out</button></form></noscript>");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_filled_in_is_not_searched_again() {
        let page =
            fill("<a><!--{x}--><b><!--{y}--></b>", &[("<!--{y}-->", "Y<!--{x}-->"), ("<!--{x}-->", "<!--{y}-->X")]);
        assert_eq!(page, "<a><!--{y}-->X<b>Y<!--{x}--></b>");
        assert_eq!(fill("a", &[("b", "c")]), "a");
    }

    #[test]
    fn a_day_is_named_in_utc() {
        for (stamp, named) in [
            ("2024-01-15T10:30:00Z", "Monday, 15 January 2024"),
            ("2024-02-29T23:30:00-01:00", "Friday, 1 March 2024"),
            ("1969-12-31T23:59:59Z", "Wednesday, 31 December 1969"),
            ("2026-11-22T00:00:00.001Z", "Sunday, 22 November 2026"),
        ] {
            assert_eq!(time::parse(stamp).map(day_of).as_deref(), Some(named));
        }
    }

    #[test]
    fn nothing_of_an_event_becomes_markup() {
        let bad = "\"'><script>alert(1)</script>&amp;</noscript></title><!--{rows}-->";
        let event = json!({
            "id": bad, "event_type": bad, "source": bad, "task_id": bad, "agent_id": bad, "timestamp": bad, "cursor": bad,
            "data": {bad: bad}, "display": {"icon": bad, "text": bad, "time": bad},
        });
        let mut html = Markup::default();
        html.live_list(std::slice::from_ref(&event));
        html.log_rows(&[&event]);
        html.one(bad, Some(&event));
        html.one(bad, None);
        html.pager(&Asked::read("before=%22%3E%3Cscript%3E&type=%22%3E%3Cscript%3E"), &[&event], Some(bad));
        html.banner(bad, Some((bad, bad)));
        html.sign_in(bad, Some(bad));
        html.sign_out(bad);
        let html = html.into_string();
        assert!(!html.contains("<script") && !html.contains("<!--") && !html.contains("</title"), "{html}");
        assert_eq!(html.matches("<noscript>").count(), html.matches("</noscript>").count(), "none is ended early");
        assert!(!html.contains("\"'>"), "no attribute is left");
    }
}
