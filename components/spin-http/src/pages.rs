//! The files of the dashboard, the widget and the reference: the native host's own, packed in the component, and sent as they
//! are packed to whoever can unpack them. What a page holds of the log is left to `painted`.

use activity_web::files::{self, CSS, HTML, JSON, MANIFEST, SCRIPT, SVG};
use bytes::Bytes;
use miniz_oxide::inflate::decompress_to_vec;
use spin_sdk::http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::reply::{self, Body};

/// What `build.rs` writes before and behind the packed bytes (RFC 1952): no name and no time; a checksum and a length.
const GZIP_HEAD: usize = 10;
const GZIP_TAIL: usize = 8;

/// The style, which also stands in each page.
pub(crate) static STYLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/style.css"));

/// (route, media type, bytes as `build.rs` has packed them: gzip).
static ASSETS: &[(&str, &str, &[u8])] = &[
    ("/assets/activity-feed.js", SCRIPT, include_bytes!(concat!(env!("OUT_DIR"), "/activity-feed.js"))),
    ("/assets/common.js", SCRIPT, include_bytes!(concat!(env!("OUT_DIR"), "/common.js"))),
    ("/assets/live.js", SCRIPT, include_bytes!(concat!(env!("OUT_DIR"), "/live.js"))),
    ("/assets/events.js", SCRIPT, include_bytes!(concat!(env!("OUT_DIR"), "/events.js"))),
    ("/assets/style.css", CSS, STYLE),
    ("/assets/icon.svg", SVG, include_bytes!(concat!(env!("OUT_DIR"), "/icon.svg"))),
    ("/assets/icon-maskable.svg", SVG, include_bytes!(concat!(env!("OUT_DIR"), "/icon-maskable.svg"))),
    ("/assets/manifest.webmanifest", MANIFEST, include_bytes!(concat!(env!("OUT_DIR"), "/manifest.webmanifest"))),
    ("/openapi.json", JSON, include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json"))),
    ("/asyncapi.json", JSON, include_bytes!(concat!(env!("OUT_DIR"), "/asyncapi.json"))),
    ("/docs", HTML, include_bytes!(concat!(env!("OUT_DIR"), "/docs.html"))),
    ("/assets/docs.js", SCRIPT, include_bytes!(concat!(env!("OUT_DIR"), "/docs.js"))),
    ("/assets/docs.css", CSS, include_bytes!(concat!(env!("OUT_DIR"), "/docs.css"))),
    ("/favicon.ico", SVG, include_bytes!(concat!(env!("OUT_DIR"), "/icon.svg"))),
];

/// Whether there is a file of this path.
pub(crate) fn is_there(path: &str) -> bool {
    path == "/" || ASSETS.iter().any(|(route, ..)| *route == path)
}

/// The file of a path, if there is one.
pub(crate) fn file(path: &str, request: &HeaderMap) -> Option<Response<Body>> {
    if path == "/" {
        let mut response = reply::full(StatusCode::TEMPORARY_REDIRECT, "", "");
        response.headers_mut().insert("location", HeaderValue::from_static("/swarm/live"));
        return Some(response);
    }
    let (_, content_type, packed) = ASSETS.iter().find(|(route, ..)| *route == path)?;
    let etag = files::etag(packed);
    let is_packed = files::takes_gzip(request);
    let mut response = if files::is_known(request, &etag) {
        known()
    } else if is_packed {
        let mut response = reply::full(StatusCode::OK, "", Bytes::from_static(packed));
        response.headers_mut().insert("content-encoding", HeaderValue::from_static("gzip"));
        response
    } else {
        reply::full(StatusCode::OK, "", unpacked(packed)?)
    };
    files::describe(response.headers_mut(), content_type, &etag, path.starts_with("/assets/"));
    Some(response)
}

/// 304: the client has it.
pub(crate) fn known() -> Response<Body> {
    let mut response = reply::full(StatusCode::NOT_MODIFIED, "", "");
    response.headers_mut().remove("content-length");
    response
}

/// A file that `build.rs` has packed.
pub(crate) fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    decompress_to_vec(packed.get(GZIP_HEAD..packed.len().checked_sub(GZIP_TAIL)?)?).ok()
}
