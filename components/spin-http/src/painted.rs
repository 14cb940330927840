//! The two pages with their newest events in them (`activity-web`), as the native host paints them: who asks and what of the
//! log they may see are found out here, by the same way as `GET /api/events` goes.

use std::cell::OnceCell;

use activity_web::files::{self, HTML};
use activity_web::pages::{self, Asked, LIVE_QUERY, One, Page, Style, View};
use futures::future::LocalBoxFuture;
use spin_sdk::http::{HeaderMap, Response, StatusCode};

use crate::auth::{self, Claims};
use crate::clock::unix_ms;
use crate::config::Config;
use crate::history;
use crate::pages::{STYLE, known, unpacked};
use crate::problem::Problem;
use crate::reply::{self, Body};

static LIVE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/live.html"));
static LOG: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/events.html"));

/// What pages are made from, unpacked once an instance.
struct Templates {
    live: String,
    log: String,
    style: Style,
}

thread_local! {
    static TEMPLATES: OnceCell<Templates> = const { OnceCell::new() };
}

fn with_templates(paint: impl FnOnce(&Templates) -> String) -> String {
    let text = |packed| unpacked(packed).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let make = || Templates { live: text(LIVE), log: text(LOG), style: Style::new(&text(STYLE)) };
    TEMPLATES.with(|templates| paint(templates.get_or_init(make)))
}

/// `GET /swarm/live`.
pub(crate) async fn live(config: &Config, headers: &HeaderMap, query: &str) -> Result<Response<Body>, Problem> {
    let asked = Asked::read(query);
    let view = match auth::subscriber(config, headers) {
        Ok(claims) => View::of(read(config, &claims, LIVE_QUERY).await),
        Err(problem) => View::sign_in(&asked, &problem),
    };
    Ok(answer(with_templates(|from| pages::live(&from.live, &from.style, &asked, &view)), headers))
}

/// `GET /swarm/events`.
pub(crate) async fn log(config: &Config, headers: &HeaderMap, query: &str) -> Result<Response<Body>, Problem> {
    let asked = Asked::read(query);
    let mut one = None;
    let view = match auth::subscriber(config, headers) {
        Ok(claims) => {
            let id = pages::one_asked(&asked);
            one = id.and_then(|id| history::read_event(config, &claims, id).ok()).and_then(|event| One::new(&event));
            View::of(read(config, &claims, &pages::log_query(&asked, one.as_ref(), unix_ms())).await)
        }
        Err(problem) => View::sign_in(&asked, &problem),
    };
    Ok(answer(with_templates(|from| pages::log(&from.log, &from.style, &asked, &view, one.as_ref())), headers))
}

/// Boxed, so that it stands once in the component and not in each page's route.
fn read<'a>(config: &'a Config, claims: &'a Claims, query: &'a str) -> LocalBoxFuture<'a, Result<Page, Problem>> {
    let read = async move {
        let (payloads, next) = history::painted(config, claims, query).await?;
        Ok(Page::new(&payloads, next))
    };
    Box::pin(read)
}

fn answer(html: String, request: &HeaderMap) -> Response<Body> {
    let etag = files::etag(html.as_bytes());
    let is_known = files::is_known(request, &etag);
    let mut response = if is_known { known() } else { reply::full(StatusCode::OK, "", html) };
    let headers = response.headers_mut();
    files::describe(headers, HTML, &etag, false);
    TEMPLATES.with(|templates| templates.get().map(|templates| templates.style.describe(headers)));
    response
}
