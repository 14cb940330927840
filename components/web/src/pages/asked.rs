//! What the address of the log page asks for, in the words of `GET /api/events`. Reads addresses as `assets/events.js` does,
//! and as a form without scripts writes them: empty fields, several values in one, times without a zone. Anything else is
//! handed on as it stands, for the API to judge.

use form_urlencoded::Serializer;

use activity_policy::time;

use super::markup::escaped;

/// Events of one page.
const PAGE: u32 = 100;
const FIELDS: [&str; 4] = ["type", "source", "task_id", "agent_id"];
/// Spans of time that can be chosen, in minutes, with what stands for them in the form.
const LAST: [(&str, u64, &str, &str); 4] = [
    ("15m", 15, "<option value=\"15m\"", "<option value=\"15m\" selected"),
    ("1h", 60, "<option value=\"1h\"", "<option value=\"1h\" selected"),
    ("24h", 1_440, "<option value=\"24h\"", "<option value=\"24h\" selected"),
    ("7d", 10_080, "<option value=\"7d\"", "<option value=\"7d\" selected"),
];

/// An address's query.
pub struct Asked(Vec<(String, String)>);

impl Asked {
    /// From the address.
    #[must_use]
    pub fn read(query: &str) -> Self {
        let pairs =
            form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned()));
        Self(pairs.filter(|(_, value)| !value.trim().is_empty()).collect())
    }

    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(its, _)| its == name).map(|(_, value)| value.as_str())
    }

    /// The values of a field, of which a form may send several in one.
    fn values(&self, name: &str) -> Vec<&str> {
        let all = self.0.iter().filter(|(its, _)| its == name);
        all.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|value| !value.is_empty()).collect()
    }

    /// Whether the list is read from its oldest event on. A task's story is, unless somebody turned it.
    pub(super) fn is_forward(&self) -> bool {
        match self.first("order") {
            Some(order) => order == "asc",
            None => {
                let other = ["type", "source", "agent_id", "q"].into_iter().any(|name| self.first(name).is_some());
                !other && self.values("task_id").len() == 1
            }
        }
    }

    /// Whether this page of a list from the newest on was come to from an older one: it is read forwards, and turned.
    pub(super) fn is_turned(&self) -> bool {
        !self.is_forward() && self.first("after").is_some()
    }

    /// Whether what is logged next would stand on this page.
    pub(super) fn is_newest_page(&self) -> bool {
        !self.is_forward() && ["before", "after", "event", "until"].into_iter().all(|name| self.first(name).is_none())
    }

    /// Whether somebody stopped the page's loading itself again.
    pub(super) fn is_still(&self) -> bool {
        self.first("reload") == Some("off")
    }

    /// The query of the API at this time, up to this cursor where one event is looked at.
    pub(super) fn history(&self, until: Option<&str>, now: u64) -> String {
        let mut out = Serializer::new(String::new());
        let after = self.first("after");
        let ascending = self.is_forward() || after.is_some();
        out.append_pair("limit", &PAGE.to_string()).append_pair("order", if ascending { "asc" } else { "desc" });
        for name in FIELDS {
            for value in self.values(name) {
                out.append_pair(name, value);
            }
        }
        for name in ["q", "before"] {
            if let Some(value) = self.first(name) {
                out.append_pair(name, value);
            }
        }
        if let Some(until) = until.filter(|_| self.first("before").is_none()) {
            out.append_pair("until", until);
        } else if let Some(time) = self.first("until") {
            out.append_pair("until", &with_zone(time));
        }
        let last = LAST.iter().find(|(name, ..)| self.first("last") == Some(*name));
        let since = match (after, last, self.first("since")) {
            (Some(cursor), ..) => Some(cursor.to_owned()),
            (None, Some((_, minutes, ..)), _) => Some(time_text(now.saturating_sub(minutes * 60_000))),
            (None, None, Some(time)) => Some(with_zone(time)),
            (None, None, None) => self.is_forward().then(|| "earliest".to_owned()),
        };
        if let Some(since) = since {
            out.append_pair("since", &since);
        }
        out.finish()
    }

    /// A link to this page with these fields changed, and at the newest event unless they say otherwise.
    pub(super) fn link(&self, change: &[(&str, &str)]) -> String {
        let mut out = Serializer::new(String::new());
        let gone = ["before", "after", "event", "reload", "problem"];
        for (name, value) in &self.0 {
            if !gone.contains(&name.as_str()) && !change.iter().any(|(its, _)| its == name) {
                out.append_pair(name, value);
            }
        }
        for (name, value) in change.iter().filter(|(_, value)| !value.is_empty()) {
            out.append_pair(name, value);
        }
        format!("?{}", out.finish())
    }

    /// Links to the page of older and of newer events, as far as there are any.
    pub(super) fn neighbours(
        &self,
        first: Option<&str>,
        last: Option<&str>,
        next: Option<&str>,
    ) -> [Option<String>; 2] {
        if self.is_forward() {
            let on = next.map(|cursor| self.link(&[("after", cursor)]));
            return [on, self.first("after").map(|_| self.link(&[]))];
        }
        let turned = self.is_turned();
        let older = if turned { last } else { next };
        let moved = turned || self.first("before").is_some();
        // The newest page moves: the way there names no place.
        let newer = first.filter(|_| !turned || next.is_some());
        [
            older.map(|cursor| self.link(&[("before", cursor)])),
            moved.then(|| newer.map_or_else(|| self.link(&[]), |cursor| self.link(&[("after", cursor)]))),
        ]
    }

    /// What to write into the form's fields: the text that stands in the page, and what replaces it.
    pub(super) fn form(&self) -> Vec<(&'static str, String)> {
        let mut out = Vec::new();
        let mut value = |marker: &'static str, value: String| {
            if !value.is_empty() {
                out.push((marker, format!("{marker} value=\"{}\"", escaped(&value))));
            }
        };
        value("name=\"q\"", self.first("q").unwrap_or_default().to_owned());
        value("name=\"type\"", self.values("type").join(", "));
        value("name=\"source\"", self.values("source").join(", "));
        value("name=\"task_id\"", self.values("task_id").join(", "));
        value("name=\"agent_id\"", self.values("agent_id").join(", "));
        value("name=\"since\"", self.first("since").map(without_zone).unwrap_or_default());
        value("name=\"until\"", self.first("until").map(without_zone).unwrap_or_default());
        let last = self.first("last");
        out.extend(LAST.iter().filter(|(name, ..)| last == Some(*name)).map(|&(_, _, from, to)| (from, to.to_owned())));
        out
    }
}

/// A field of date and time without scripts knows no zone: what it says is taken as UTC, as the page says beside it.
fn with_zone(time: &str) -> String {
    let bytes = time.as_bytes();
    let is_local = bytes.first().is_some_and(u8::is_ascii_digit)
        && bytes.get(10) == Some(&b'T')
        && bytes.iter().all(|b| b.is_ascii_digit() || b"-:.T".contains(b));
    match (is_local, bytes.len()) {
        (true, 16) => format!("{time}:00Z"),
        (true, _) => format!("{time}Z"),
        (false, _) => time.to_owned(),
    }
}

/// The same in a form that such a field takes; empty for a cursor.
fn without_zone(time: &str) -> String {
    let Some(stamp) = time::parse(&with_zone(time)) else { return String::new() };
    let text = time_text(stamp.unix_ms());
    text.split('.').next().unwrap_or_default().to_owned()
}

fn time_text(at: u64) -> String {
    let mut text = String::new();
    time::write(at, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(query: &str) -> String {
        Asked::read(query).history(None, 1_705_314_600_500)
    }

    #[test]
    fn a_form_without_scripts_asks_what_the_page_asks_with_them() {
        assert_eq!(history("q=&type=&source=&last="), "limit=100&order=desc");
        assert_eq!(history("type=task.*%2C+system.error"), "limit=100&order=desc&type=task.*&type=system.error");
        assert_eq!(
            history("since=2024-01-15T10%3A30&q=a+b"),
            "limit=100&order=desc&q=a+b&since=2024-01-15T10%3A30%3A00Z"
        );
        assert_eq!(history("until=e%3A5"), "limit=100&order=desc&until=e%3A5");
        let hour = history("last=1h&since=e%3A5");
        assert!(hour.contains("since=2024-01-15T09%3A30%3A00.500Z"), "a span goes before a time: {hour}");
        let form = Asked::read("since=2024-01-15T10:30:00%2B02:00&until=e:5").form();
        assert_eq!(form, [("name=\"since\"", "name=\"since\" value=\"2024-01-15T08:30:00\"".to_owned())]);
        assert_eq!(history("last=never"), "limit=100&order=desc");
    }

    #[test]
    fn a_story_begins_at_its_beginning_unless_it_is_turned() {
        assert_eq!(history("task_id=t"), "limit=100&order=asc&task_id=t&since=earliest");
        assert_eq!(history("task_id=t&order=desc"), "limit=100&order=desc&task_id=t");
        assert_eq!(history("task_id=t&q=x"), "limit=100&order=desc&task_id=t&q=x");
        assert_eq!(history("agent_id=a"), "limit=100&order=desc&agent_id=a");
    }

    #[test]
    fn pages_lead_to_their_neighbours_and_keep_the_filters() {
        let links = |query: &str, next| Asked::read(query).neighbours(Some("e:9"), Some("e:5"), next);
        assert_eq!(links("type=a", None), [None, None]);
        assert_eq!(links("type=a", Some("e:4")), [Some("?type=a&before=e%3A4".to_owned()), None]);
        let [older, newer] = links("type=a&before=e:20", Some("e:4"));
        assert_eq!(older.as_deref(), Some("?type=a&before=e%3A4"));
        assert_eq!(newer.as_deref(), Some("?type=a&after=e%3A9"));
        let [older, newer] = links("after=e:4", None);
        assert_eq!(
            (older.as_deref(), newer.as_deref()),
            (Some("?before=e%3A5"), Some("?")),
            "the newest page has no place"
        );
        let [on, back] = links("task_id=t&after=e:4", Some("e:9"));
        assert_eq!((on.as_deref(), back.as_deref()), (Some("?task_id=t&after=e%3A9"), Some("?task_id=t")));
    }

    #[test]
    fn only_the_newest_page_loads_itself_again() {
        assert!(Asked::read("type=task.*").is_newest_page());
        for query in ["before=e:4", "after=e:4", "event=x", "task_id=t", "until=e:9"] {
            assert!(!Asked::read(query).is_newest_page(), "{query}");
        }
    }
}
