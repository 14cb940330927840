//! The two pages with their newest events in them: what a browser paints before any script has run, and all that there is
//! where scripts are off, as a list that reloads. Whatever comes from an event or an address is escaped, the templates are
//! filled in one pass over their own text, and a page without a session holds no event. The queries and their answers are
//! those of `GET /api/events`, and asking them is the hosts'; what scripts do with a page is left to the files beside them.

mod asked;
mod markup;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, VARY};
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::files;
use crate::problem::Problem;
pub use asked::Asked;
use markup::{Markup, fill};

const STYLE_LINK: &str = "<link rel=\"stylesheet\" href=\"../assets/style.css\">";

/// What the live page asks the API for.
pub const LIVE_QUERY: &str = "limit=50&order=desc";
/// Seconds after which a page without scripts loads itself again.
const RELOAD_SECONDS: u32 = 10;
/// A page is one session's, and asked for again each time.
const CACHE: &str = "private, no-cache";

/// The style as it stands in a page, so that it is painted after one round trip and not after two; and the policy that
/// names it by its hash.
pub struct Style {
    element: String,
    policy: HeaderValue,
}

impl Style {
    /// Of a style sheet.
    #[must_use]
    pub fn new(css: &str) -> Self {
        let hash = STANDARD.encode(Sha256::digest(css));
        let policy = files::POLICY.replace("style-src 'self'", &format!("style-src 'self' 'sha256-{hash}'"));
        let policy = HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static(files::POLICY));
        Self { element: format!("<style>{css}</style>"), policy }
    }

    /// A page's headers, after those that every file has ([`files::describe`]).
    pub fn describe(&self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(CACHE));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding, authorization, cookie"));
    }
}

/// Events as they are shown, each the `payload` of the protocol.
pub struct Page {
    events: Vec<Value>,
    /// Where the next page begins, if there is one.
    next: Option<String>,
}

impl Page {
    /// From the payloads of a page of history, in its order.
    #[must_use]
    pub fn new(payloads: &[String], next: Option<String>) -> Self {
        Self { events: payloads.iter().filter_map(|payload| serde_json::from_str(payload).ok()).collect(), next }
    }
}

/// What a page has to show.
pub enum View {
    /// Events.
    Page(Page),
    /// Nobody is signed in, or whoever is may not read: why, if that is worth a word.
    SignIn(Option<String>),
    /// The events cannot be read now, or the address asks for something that cannot be.
    Failed(String),
}

impl View {
    /// For somebody who may not read.
    #[must_use]
    pub fn sign_in(asked: &Asked, problem: &Problem) -> Self {
        let failed = asked.first("problem") == Some("token");
        Self::SignIn(match problem.status().as_u16() {
            _ if failed => Some("This token is not valid, or its time is over.".to_owned()),
            401 => None,
            _ => Some(problem.detail().to_owned()),
        })
    }

    /// What came of reading.
    #[must_use]
    pub fn of(read: Result<Page, Problem>) -> Self {
        read.map_or_else(|problem| Self::Failed(problem.detail().to_owned()), Self::Page)
    }
}

/// One event that is looked at closely, if it is there for this reader.
pub struct One(Value);

impl One {
    /// From its payload.
    #[must_use]
    pub fn new(payload: &str) -> Option<Self> {
        serde_json::from_str(payload).ok().map(Self)
    }

    /// The list beside it ends with it.
    fn cursor(&self) -> Option<&str> {
        self.0.get("cursor").and_then(Value::as_str)
    }
}

/// The live page, from its template.
#[must_use]
pub fn live(template: &str, style: &Style, asked: &Asked, view: &View) -> String {
    let mut list = Markup::default();
    if let View::Page(page) = view {
        list.live_list(&page.events);
    }
    fill(
        template,
        &[
            (STYLE_LINK, style.element.as_str()),
            ("<!--{head}-->", &head(view, asked, true)),
            ("<!--{notice}-->", &notice(view, asked, "live", true)),
            ("<!--{session}-->", &session(view, "live")),
            ("<!--{events}-->", list.as_str()),
        ],
    )
}

/// The id of the event that the log page is to show closely.
#[must_use]
pub fn one_asked(asked: &Asked) -> Option<&str> {
    asked.first("event")
}

/// What the log page asks the API for, at this time (Unix milliseconds), with this event shown closely.
#[must_use]
pub fn log_query(asked: &Asked, one: Option<&One>, now: u64) -> String {
    asked.history(one.and_then(One::cursor), now)
}

/// The log page, from its template.
#[must_use]
pub fn log(template: &str, style: &Style, asked: &Asked, view: &View, one: Option<&One>) -> String {
    let reloads = asked.is_newest_page();
    let (mut rows, mut pager, mut detail) = (Markup::default(), Markup::default(), Markup::default());
    let mut message = "Loading…".to_owned();
    if let View::Page(page) = view {
        let mut events: Vec<&Value> = page.events.iter().collect();
        if asked.is_turned() {
            events.reverse();
        }
        rows.log_rows(&events);
        pager.pager(asked, &events, page.next.as_deref());
        message = if events.is_empty() { "No event matches.".to_owned() } else { String::new() };
        if let Some(id) = one_asked(asked) {
            detail.one(id, one.map(|one| &one.0));
        }
    } else if let View::Failed(detail) = view {
        message = markup::escaped(detail);
    }
    let mut replacements = vec![
        ("<!--{head}-->", head(view, asked, reloads)),
        ("<!--{notice}-->", notice(view, asked, "events", reloads)),
        ("<!--{session}-->", session(view, "events")),
        ("<!--{one}-->", detail.into_string()),
        ("<!--{rows}-->", rows.into_string()),
        ("<!--{pager}-->", pager.into_string()),
        ("<!--{message}-->Loading…", message),
    ];
    replacements.extend(asked.form());
    replacements.push((STYLE_LINK, style.element.clone()));
    let replacements: Vec<(&str, &str)> = replacements.iter().map(|(marker, html)| (*marker, html.as_str())).collect();
    fill(template, &replacements)
}

/// What stands in `<head>` for a browser without scripts.
fn head(view: &View, asked: &Asked, reloads: bool) -> String {
    if matches!(view, View::SignIn(_)) || !reloads || asked.is_still() {
        return String::new();
    }
    format!("<noscript><meta http-equiv=\"refresh\" content=\"{RELOAD_SECONDS}\"></noscript>")
}

/// What is said, above the page, to somebody without scripts: how it goes on, or how to sign in.
fn notice(view: &View, asked: &Asked, page: &str, reloads: bool) -> String {
    let mut html = Markup::default();
    html.raw("<noscript>");
    match view {
        View::SignIn(problem) => html.sign_in(page, problem.as_deref()),
        View::Failed(problem) => html.banner(&format!("The events could not be read: {problem}"), None),
        View::Page(_) if !reloads => html.banner("Without JavaScript this page stays as it is.", None),
        View::Page(_) if asked.is_still() => {
            html.banner("Without JavaScript this page can load itself again.", Some(("Start", &asked.link(&[]))));
        }
        View::Page(_) => html.banner(
            &format!("Without JavaScript this page loads itself again every {RELOAD_SECONDS} seconds."),
            Some(("Stop that", &asked.link(&[("reload", "off")]))),
        ),
    }
    html.raw("</noscript>");
    html.into_string()
}

/// The way out, for a browser without scripts.
fn session(view: &View, page: &str) -> String {
    let mut html = Markup::default();
    if !matches!(view, View::SignIn(_)) {
        html.sign_out(page);
    }
    html.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: &str = include_str!("../../../host/assets/live.html");
    const LOG: &str = include_str!("../../../host/assets/events.html");
    const STYLE: &str = include_str!("../../../host/assets/style.css");

    #[test]
    fn the_style_is_in_the_page_and_in_its_policy() {
        assert!(LIVE.contains(STYLE_LINK) && LOG.contains(STYLE_LINK));
        assert!(!STYLE.contains("</") && !STYLE.contains('\r'), "the hash is of the text as a browser reads it");
        let style = Style::new(STYLE);
        let policy = style.policy.to_str().unwrap_or_default();
        assert!(policy.contains("style-src 'self' 'sha256-") && !policy.contains("unsafe"), "{policy}");
    }

    #[test]
    fn every_marker_stands_once_in_its_page() {
        for marker in ["head", "notice", "session", "events"] {
            assert_eq!(LIVE.matches(&format!("<!--{{{marker}}}-->")).count(), 1, "{marker}");
        }
        for marker in ["head", "notice", "session", "one", "rows", "pager", "message"] {
            assert_eq!(LOG.matches(&format!("<!--{{{marker}}}-->")).count(), 1, "{marker}");
        }
        let asked =
            Asked::read("q=a&type=b&source=c&task_id=d&agent_id=e&last=1h&since=2024-01-15T10:30:00Z&until=x:5");
        for (marker, _) in asked.form() {
            assert_eq!(LOG.matches(marker).count(), 1, "{marker}");
        }
    }
}
