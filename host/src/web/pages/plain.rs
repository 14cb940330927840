//! The two pages with their newest events in them: what a browser paints before any script has run, and all that there is
//! where scripts are off, as a list that reloads. Whatever comes from an event or an address is escaped, the templates are
//! filled in one pass over their own text, and a page without a session holds no event. The queries and their answers are
//! those of `GET /api/events`; what scripts do with a page is left to `assets/`.

mod asked;
mod markup;

use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, VARY};
use axum::http::{HeaderMap, HeaderValue, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Known, serve};
use crate::engine::words::Cursor;
use crate::hub::client::Grant;
use crate::web::Site;
use crate::web::error::Problem;
use crate::web::history::{self, read_page};
use asked::Asked;
use markup::{Markup, fill};

const LIVE: &str = include_str!("../../../assets/live.html");
const LOG: &str = include_str!("../../../assets/events.html");
/// Written into the page, so that it is painted after one round trip and not after two; the policy names it by its hash.
const STYLE: &str = include_str!("../../../assets/style.css");
const STYLE_LINK: &str = "<link rel=\"stylesheet\" href=\"../assets/style.css\">";

/// Events on the live page.
const LIVE_EVENTS: u32 = 50;
/// Seconds after which a page without scripts loads itself again.
const RELOAD_SECONDS: u32 = 10;
/// A page is one session's, and asked for again each time.
const CACHE: &str = "private, no-cache";

/// The routes of the two pages.
pub fn routes() -> Router<Site> {
    Router::new().route("/swarm/live", get(live)).route("/swarm/events", get(log))
}

/// The style as it stands in a page.
static STYLE_ELEMENT: LazyLock<String> = LazyLock::new(|| format!("<style>{STYLE}</style>"));

/// The pages' policy: that of the files, and this one style.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = super::POLICY.replace("style-src 'self'", &format!("style-src 'self' 'sha256-{hash}'"));
    HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static(super::POLICY))
});

/// Events as they are shown, each the `payload` of the protocol.
struct Page {
    events: Vec<Value>,
    /// Where the next page begins, if there is one.
    next: Option<String>,
}

/// What a page has to show.
enum View {
    Page(Page),
    /// Nobody is signed in, or whoever is may not read: why, if that is worth a word.
    SignIn(Option<String>),
    /// The events cannot be read now, or the address asks for something that cannot be.
    Failed(String),
}

async fn live(State(site): State<Site>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response<Body> {
    let asked = Asked::read(query.as_deref().unwrap_or_default());
    let view = match site.subscriber(&headers) {
        Ok(grant) => match read(&site, &grant, format!("limit={LIVE_EVENTS}&order=desc")).await {
            Ok(page) => View::Page(page),
            Err(problem) => View::Failed(problem.detail().to_owned()),
        },
        Err(problem) => sign_in(&asked, &problem),
    };
    let mut list = Markup::default();
    if let View::Page(page) = &view {
        list.live_list(&page.events);
    }
    let html = fill(
        LIVE,
        &[
            (STYLE_LINK, STYLE_ELEMENT.as_str()),
            ("<!--{head}-->", &head(&view, &asked, true)),
            ("<!--{notice}-->", &notice(&view, &asked, "live", true)),
            ("<!--{session}-->", &session(&view, "live")),
            ("<!--{events}-->", list.as_str()),
        ],
    );
    answer(html, &headers)
}

async fn log(State(site): State<Site>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response<Body> {
    let asked = Asked::read(query.as_deref().unwrap_or_default());
    let mut one = None;
    let view = match site.subscriber(&headers) {
        Ok(grant) => {
            if let Some(id) = asked.first("event") {
                one = event(&site, &grant, id).await;
            }
            let until = one.as_ref().and_then(|event| event.get("cursor")).and_then(Value::as_str);
            match read(&site, &grant, asked.history(until)).await {
                Ok(page) => View::Page(page),
                Err(problem) => View::Failed(problem.detail().to_owned()),
            }
        }
        Err(problem) => sign_in(&asked, &problem),
    };
    let reloads = asked.is_newest_page();
    let (mut rows, mut pager, mut detail) = (Markup::default(), Markup::default(), Markup::default());
    let mut message = "Loading…".to_owned();
    if let View::Page(page) = &view {
        let mut events: Vec<&Value> = page.events.iter().collect();
        if asked.is_turned() {
            events.reverse();
        }
        rows.log_rows(&events);
        pager.pager(&asked, &events, page.next.as_deref());
        message = if events.is_empty() { "No event matches.".to_owned() } else { String::new() };
        if let Some(id) = asked.first("event") {
            detail.one(id, one.as_ref());
        }
    } else if let View::Failed(detail) = &view {
        message = markup::escaped(detail);
    }
    let mut replacements = vec![
        ("<!--{head}-->", head(&view, &asked, reloads)),
        ("<!--{notice}-->", notice(&view, &asked, "events", reloads)),
        ("<!--{session}-->", session(&view, "events")),
        ("<!--{one}-->", detail.into_string()),
        ("<!--{rows}-->", rows.into_string()),
        ("<!--{pager}-->", pager.into_string()),
        ("<!--{message}-->Loading…", message),
    ];
    replacements.extend(asked.form());
    replacements.push((STYLE_LINK, STYLE_ELEMENT.clone()));
    let replacements: Vec<(&str, &str)> = replacements.iter().map(|(marker, html)| (*marker, html.as_str())).collect();
    answer(fill(LOG, &replacements), &headers)
}

/// One page of history, as the API would give it for this query.
async fn read(site: &Site, grant: &Grant, query: String) -> Result<Page, Problem> {
    let asked = site.hub.read_history_query(query, grant).await?;
    let page = read_page(site, asked).await?;
    let next = Cursor { epoch: site.hub.settings().epoch.clone(), seq: page.next }.to_string();
    let (payloads, _) = site.hub.payloads(page.events, None).await?;
    let events = payloads.iter().filter_map(|payload| serde_json::from_str(payload).ok()).collect();
    Ok(Page { events, next: page.more.then_some(next) })
}

/// One event, if it is there for this reader.
async fn event(site: &Site, grant: &Grant, id: &str) -> Option<Value> {
    let payload = history::read_event(site, grant, id.to_owned()).await.ok()?;
    serde_json::from_str(&payload).ok()
}

fn sign_in(asked: &Asked, problem: &Problem) -> View {
    let failed = asked.first("problem") == Some("token");
    View::SignIn(match problem.status().as_u16() {
        _ if failed => Some("This token is not valid, or its time is over.".to_owned()),
        401 => None,
        _ => Some(problem.detail().to_owned()),
    })
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

fn answer(html: String, request: &HeaderMap) -> Response<Body> {
    let mut response = serve(&Known::page(html.into_bytes()), request);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(CACHE));
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding, authorization, cookie"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_is_in_the_page_and_in_its_policy() {
        assert!(LIVE.contains(STYLE_LINK) && LOG.contains(STYLE_LINK));
        assert!(!STYLE.contains("</") && !STYLE.contains('\r'), "the hash is of the text as a browser reads it");
        let policy = POLICY.to_str().unwrap_or_default();
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
