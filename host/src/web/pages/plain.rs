//! The two pages with their newest events in them (`activity-web`): who asks and what of the log they may see are found out
//! here, by the same way as `GET /api/events` goes.

use std::sync::LazyLock;

use activity_web::pages::{self, Asked, LIVE_QUERY, One, Page, Style, View};
use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response};
use axum::routing::get;

use super::{Known, serve};
use crate::clock;
use crate::engine::words::Cursor;
use crate::hub::client::Grant;
use crate::web::Site;
use crate::web::error::Problem;
use crate::web::history::{self, read_page};

const LIVE: &str = include_str!("../../../assets/live.html");
const LOG: &str = include_str!("../../../assets/events.html");

static STYLE: LazyLock<Style> = LazyLock::new(|| Style::new(include_str!("../../../assets/style.css")));

/// The routes of the two pages.
pub fn routes() -> Router<Site> {
    Router::new().route("/swarm/live", get(live)).route("/swarm/events", get(log))
}

async fn live(State(site): State<Site>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response<Body> {
    let asked = Asked::read(query.as_deref().unwrap_or_default());
    let view = match site.subscriber(&headers) {
        Ok(grant) => view(read(&site, &grant, LIVE_QUERY.to_owned()).await),
        Err(problem) => View::sign_in(&asked, &problem),
    };
    answer(pages::live(LIVE, &STYLE, &asked, &view), &headers)
}

async fn log(State(site): State<Site>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response<Body> {
    let asked = Asked::read(query.as_deref().unwrap_or_default());
    let mut one = None;
    let view = match site.subscriber(&headers) {
        Ok(grant) => {
            if let Some(id) = pages::one_asked(&asked) {
                one = event(&site, &grant, id).await;
            }
            view(read(&site, &grant, pages::log_query(&asked, one.as_ref(), clock::unix_ms())).await)
        }
        Err(problem) => View::sign_in(&asked, &problem),
    };
    answer(pages::log(LOG, &STYLE, &asked, &view, one.as_ref()), &headers)
}

fn view(read: Result<Page, Problem>) -> View {
    View::of(read.map_err(|problem| (*problem).clone()))
}

/// One page of history, as the API would give it for this query.
async fn read(site: &Site, grant: &Grant, query: String) -> Result<Page, Problem> {
    let asked = site.hub.read_history_query(query, grant).await?;
    let page = read_page(site, asked).await?;
    let next = Cursor { epoch: site.hub.settings().epoch.clone(), seq: page.next }.to_string();
    let (payloads, _) = site.hub.payloads(page.events, None).await?;
    Ok(Page::new(&payloads, page.more.then_some(next)))
}

/// One event, if it is there for this reader.
async fn event(site: &Site, grant: &Grant, id: &str) -> Option<One> {
    One::new(&history::read_event(site, grant, id.to_owned()).await.ok()?)
}

fn answer(html: String, request: &HeaderMap) -> Response<Body> {
    let mut response = serve(&Known::page(html.into_bytes()), request);
    STYLE.describe(response.headers_mut());
    response
}
