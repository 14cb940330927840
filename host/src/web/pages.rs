//! Serves the dashboard and the widget, which are part of the binary. Every answer names its content by an ETag, is packed
//! for who can unpack it, and carries a Content-Security-Policy that runs nothing but these files. What a page holds of the
//! log before its script has run is left to [`plain`].

pub(super) mod plain;

use std::io::Write as _;
use std::sync::OnceLock;

use activity_web::files::{CSS, HTML, MANIFEST, SCRIPT, SVG, describe, etag, is_known, takes_gzip};
use axum::body::Body;
use axum::extract::NestedPath;
use axum::http::header::{CONTENT_ENCODING, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::routing::{MethodRouter, get};
use axum::{Extension, Router};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// One file of the binary, at its place below the base path.
pub(super) struct Asset {
    pub(super) route: &'static str,
    pub(super) content_type: &'static str,
    pub(super) bytes: &'static [u8],
}

const ASSETS: &[Asset] = &[
    Asset {
        route: "/assets/activity-feed.js",
        content_type: SCRIPT,
        bytes: include_bytes!("../../assets/activity-feed.js"),
    },
    Asset { route: "/assets/common.js", content_type: SCRIPT, bytes: include_bytes!("../../assets/common.js") },
    Asset { route: "/assets/live.js", content_type: SCRIPT, bytes: include_bytes!("../../assets/live.js") },
    Asset { route: "/assets/events.js", content_type: SCRIPT, bytes: include_bytes!("../../assets/events.js") },
    Asset { route: "/assets/style.css", content_type: CSS, bytes: include_bytes!("../../assets/style.css") },
    Asset { route: "/assets/icon.svg", content_type: SVG, bytes: include_bytes!("../../assets/icon.svg") },
    Asset {
        route: "/assets/icon-maskable.svg",
        content_type: SVG,
        bytes: include_bytes!("../../assets/icon-maskable.svg"),
    },
    Asset {
        route: "/assets/manifest.webmanifest",
        content_type: MANIFEST,
        bytes: include_bytes!("../../assets/manifest.webmanifest"),
    },
    Asset { route: "/favicon.ico", content_type: SVG, bytes: include_bytes!("../../assets/icon.svg") },
];

/// The routes of the files. Paths in the pages are relative, so the router works below any base path.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let home = Router::new().route("/", get(home));
    home.merge(files(ASSETS))
}

/// The routes of files.
pub(super) fn files<S: Clone + Send + Sync + 'static>(assets: &'static [Asset]) -> Router<S> {
    assets.iter().fold(Router::new(), |router, asset| {
        let known = std::sync::Arc::new(Known::file(asset));
        router.route(asset.route, get(move |headers: HeaderMap| async move { serve(&known, &headers) }))
    })
}

/// Content that can be sent: as it is, or packed.
struct Known {
    content_type: &'static str,
    /// The widget is made for pages of other origins, those with cross-origin isolation included.
    cross_origin: bool,
    bytes: Bytes,
    /// A file is packed once, as small as can be; a page each time.
    effort: Compression,
    /// Made when it is first asked for.
    packed: OnceLock<Bytes>,
    etag: HeaderValue,
}

impl Known {
    fn file(asset: &Asset) -> Self {
        let cross_origin = asset.route.starts_with("/assets/");
        Self {
            cross_origin,
            effort: Compression::best(),
            ..Self::new(asset.content_type, Bytes::from_static(asset.bytes))
        }
    }

    /// A page made for one request.
    fn page(html: Vec<u8>) -> Self {
        Self::new(HTML, Bytes::from(html))
    }

    fn new(content_type: &'static str, bytes: Bytes) -> Self {
        let etag = etag(&bytes);
        Self { content_type, cross_origin: false, bytes, effort: Compression::new(6), packed: OnceLock::new(), etag }
    }

    /// Packing what holds both an address's words and an event's would tell their likeness by its length (BREACH), but a
    /// page that another site makes a browser ask for holds no event: the cookie does not go with it.
    fn packed(&self) -> Bytes {
        let pack = || -> std::io::Result<Vec<u8>> {
            let mut encoder = GzEncoder::new(Vec::new(), self.effort);
            encoder.write_all(&self.bytes)?;
            encoder.finish()
        };
        self.packed.get_or_init(|| pack().map_or_else(|_| Bytes::new(), Bytes::from)).clone()
    }
}

/// The way to the live page from the base path with a slash at its end.
pub(super) fn home_below<S: Clone + Send + Sync + 'static>(base: &str) -> MethodRouter<S> {
    let base = base.to_owned();
    get(move || async move { to_live(&base) })
}

/// To the live page. The base path is asked for, since a relative address would lose its last part where the request
/// has no slash at the end.
async fn home(nested: Option<Extension<NestedPath>>) -> Response<Body> {
    to_live(nested.as_ref().map_or("", |path| path.as_str().trim_end_matches('/')))
}

fn to_live(base: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    if let Ok(to) = HeaderValue::try_from(format!("{base}/swarm/live")) {
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

fn serve(known: &Known, request: &HeaderMap) -> Response<Body> {
    let is_known = is_known(request, &known.etag);
    let packed = (!is_known && takes_gzip(request)).then(|| known.packed()).filter(|packed| !packed.is_empty());
    let is_packed = packed.is_some();
    let mut response = Response::new(match packed {
        _ if is_known => Body::empty(),
        Some(packed) => Body::from(packed),
        None => Body::from(known.bytes.clone()),
    });
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    describe(headers, known.content_type, &known.etag, known.cross_origin);
    if is_packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::HashSet;

    use axum::http::Request;
    use axum::http::header::{CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    const FILE: &str = "/assets/live.js";

    async fn ask(path: &str, if_none_match: Option<&str>) -> Response<Body> {
        let mut request = Request::get(path);
        if let Some(etag) = if_none_match {
            request = request.header(IF_NONE_MATCH, etag);
        }
        routes::<()>().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_file_is_sent_once_and_then_known_by_its_etag() {
        let first = ask(FILE, None).await;
        assert_eq!(first.status(), StatusCode::OK);
        let etag = first.headers().get(ETAG).unwrap().to_str().unwrap().to_owned();
        assert!(!first.into_body().collect().await.unwrap().to_bytes().is_empty());
        let second = ask(FILE, Some(&format!("\"other\", W/{etag}"))).await;
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
            assert_eq!(response.headers().get(REFERRER_POLICY).unwrap(), "same-origin");
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
