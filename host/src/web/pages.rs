//! Serves the dashboard and the widget, which are part of the binary. Every answer names its content by an ETag and
//! carries a Content-Security-Policy that runs nothing but these files. Knows nothing of sessions: a page is the same
//! for everybody, and what it shows it asks of the API.

use axum::body::Body;
use axum::extract::NestedPath;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::routing::get;
use axum::{Extension, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// Scripts, styles and connections of this origin and nothing else; no frame may hold a page (against click-jacking);
/// and no string ever becomes markup or code (`trusted-types`), whatever an event holds.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// Asked for again each time, and answered with 304 unless the binary changed: a page never meets another version's script.
const CACHE: &str = "no-cache";

/// One file of the binary, at its place below the base path.
pub(super) struct Asset {
    pub(super) route: &'static str,
    pub(super) content_type: &'static str,
    pub(super) bytes: &'static [u8],
}

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

const ASSETS: &[Asset] = &[
    Asset { route: "/swarm/live", content_type: HTML, bytes: include_bytes!("../../assets/live.html") },
    Asset { route: "/swarm/events", content_type: HTML, bytes: include_bytes!("../../assets/events.html") },
    Asset {
        route: "/assets/activity-feed.js",
        content_type: SCRIPT,
        bytes: include_bytes!("../../assets/activity-feed.js"),
    },
    Asset { route: "/assets/common.js", content_type: SCRIPT, bytes: include_bytes!("../../assets/common.js") },
    Asset { route: "/assets/live.js", content_type: SCRIPT, bytes: include_bytes!("../../assets/live.js") },
    Asset { route: "/assets/events.js", content_type: SCRIPT, bytes: include_bytes!("../../assets/events.js") },
    Asset {
        route: "/assets/style.css",
        content_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/style.css"),
    },
    Asset { route: "/assets/icon.svg", content_type: SVG, bytes: include_bytes!("../../assets/icon.svg") },
    Asset {
        route: "/assets/icon-maskable.svg",
        content_type: SVG,
        bytes: include_bytes!("../../assets/icon-maskable.svg"),
    },
    Asset {
        route: "/assets/manifest.webmanifest",
        content_type: "application/manifest+json",
        bytes: include_bytes!("../../assets/manifest.webmanifest"),
    },
    Asset { route: "/favicon.ico", content_type: SVG, bytes: include_bytes!("../../assets/icon.svg") },
];

/// The routes of the pages. Paths in the pages are relative, so the router works below any base path.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let home = Router::new().route("/", get(home));
    home.merge(files(ASSETS))
}

/// The routes of files.
pub(super) fn files<S: Clone + Send + Sync + 'static>(assets: &'static [Asset]) -> Router<S> {
    assets.iter().fold(Router::new(), |router, asset| {
        let etag = etag(asset.bytes);
        router.route(asset.route, get(move |headers: HeaderMap| async move { serve(asset, &etag, &headers) }))
    })
}

/// To the live page. The base path is asked for, since a relative address would lose its last part where the request
/// has no slash at the end.
async fn home(nested: Option<Extension<NestedPath>>) -> Response<Body> {
    let base = nested.as_ref().map_or("", |path| path.as_str().trim_end_matches('/'));
    let mut response = Response::new(Body::empty());
    if let Ok(to) = HeaderValue::try_from(format!("{base}/swarm/live")) {
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

fn serve(asset: &'static Asset, etag: &HeaderValue, request: &HeaderMap) -> Response<Body> {
    let known = request.get_all(IF_NONE_MATCH).iter().any(|value| names(value, etag));
    let mut response = Response::new(if known { Body::empty() } else { Body::from(asset.bytes) });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(ETAG, etag.clone());
    for (name, value) in [
        (CONTENT_TYPE, asset.content_type),
        (CACHE_CONTROL, CACHE),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // A sign-in link has its token in the fragment, which is never sent; this keeps the rest of the address, too.
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if asset.route.starts_with("/assets/") {
        // The widget is made for pages of other origins, those with cross-origin isolation included.
        let name = HeaderName::from_static("cross-origin-resource-policy");
        headers.insert(name, HeaderValue::from_static("cross-origin"));
    }
    response
}

/// Whether a value of `If-None-Match` names this ETag; weak comparison (RFC 9110, section 13.1.2).
fn names(value: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(value), Ok(etag)) = (value.to_str(), etag.to_str()) else { return false };
    value.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

fn etag(bytes: &[u8]) -> HeaderValue {
    let text = format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(bytes)));
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::HashSet;

    use axum::http::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(path: &str, if_none_match: Option<&str>) -> Response<Body> {
        let mut request = Request::get(path);
        if let Some(etag) = if_none_match {
            request = request.header(IF_NONE_MATCH, etag);
        }
        routes::<()>().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_page_is_sent_once_and_then_known_by_its_etag() {
        let first = ask("/swarm/live", None).await;
        assert_eq!(first.status(), StatusCode::OK);
        let etag = first.headers().get(ETAG).unwrap().to_str().unwrap().to_owned();
        assert!(!first.into_body().collect().await.unwrap().to_bytes().is_empty());
        let second = ask("/swarm/live", Some(&format!("\"other\", W/{etag}"))).await;
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
        assert!(second.into_body().collect().await.unwrap().to_bytes().is_empty());
    }

    #[tokio::test]
    async fn every_answer_forbids_inline_code_and_frames() {
        for asset in ASSETS {
            let response = ask(asset.route, None).await;
            let policy = response.headers().get(CONTENT_SECURITY_POLICY).unwrap().to_str().unwrap();
            assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
            assert!(!policy.contains("unsafe"), "{policy}");
            assert_eq!(response.headers().get(X_CONTENT_TYPE_OPTIONS).unwrap(), "nosniff");
            assert_eq!(response.headers().get(REFERRER_POLICY).unwrap(), "no-referrer");
        }
    }

    #[test]
    fn the_pages_hold_nothing_that_the_policy_would_stop() {
        for asset in ASSETS.iter().filter(|asset| asset.content_type == HTML) {
            let html = std::str::from_utf8(asset.bytes).unwrap();
            assert!(!html.contains("<style") && !html.contains(" style=") && !html.contains(" onclick="));
            assert_eq!(html.matches("<script").count(), html.matches("<script src=").count());
            assert!(!html.contains("\"/"), "{}: an absolute path breaks under a base path", asset.route);
        }
    }

    #[test]
    fn what_the_pages_name_is_served() {
        let routes: HashSet<_> = ASSETS.iter().map(|asset| asset.route).collect();
        for asset in ASSETS.iter().filter(|asset| asset.content_type == HTML) {
            let html = std::str::from_utf8(asset.bytes).unwrap();
            for name in html.split("\"../").skip(1).map(|rest| rest.split('"').next().unwrap()) {
                assert!(routes.contains(format!("/{name}").as_str()), "{} names {name}", asset.route);
            }
        }
    }

    #[tokio::test]
    async fn home_leads_to_the_live_page_below_any_base_path() {
        let response = ask("/", None).await;
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(response.headers().get(LOCATION).unwrap(), "/swarm/live");
        let below = Router::<()>::new().nest("/feed/x", routes());
        let response = below.oneshot(Request::get("/feed/x").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.headers().get(LOCATION).unwrap(), "/feed/x/swarm/live");
    }
}
