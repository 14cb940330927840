//! The dashboard, the widget and the reference: the native host's own files, in the component. They fall back to SSE and polling by
//! themselves. Every answer names its content by an ETag and carries a Content-Security-Policy that runs nothing but
//! these files.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use miniz_oxide::inflate::decompress_to_vec_zlib;
use sha2::{Digest as _, Sha256};
use spin_sdk::http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::reply::{self, Body};

/// As the native host has it (`host/src/web/pages.rs`).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JSON: &str = "application/json";
const SVG: &str = "image/svg+xml";

/// (route, media type, bytes as `build.rs` has packed them).
const ASSETS: &[(&str, &str, &[u8])] = &[
    ("/swarm/live", HTML, include_bytes!(concat!(env!("OUT_DIR"), "/live.html"))),
    ("/swarm/events", HTML, include_bytes!(concat!(env!("OUT_DIR"), "/events.html"))),
    ("/assets/activity-feed.js", SCRIPT, include_bytes!(concat!(env!("OUT_DIR"), "/activity-feed.js"))),
    ("/assets/common.js", SCRIPT, include_bytes!(concat!(env!("OUT_DIR"), "/common.js"))),
    ("/assets/live.js", SCRIPT, include_bytes!(concat!(env!("OUT_DIR"), "/live.js"))),
    ("/assets/events.js", SCRIPT, include_bytes!(concat!(env!("OUT_DIR"), "/events.js"))),
    ("/assets/style.css", CSS, include_bytes!(concat!(env!("OUT_DIR"), "/style.css"))),
    ("/assets/icon.svg", SVG, include_bytes!(concat!(env!("OUT_DIR"), "/icon.svg"))),
    ("/assets/icon-maskable.svg", SVG, include_bytes!(concat!(env!("OUT_DIR"), "/icon-maskable.svg"))),
    (
        "/assets/manifest.webmanifest",
        "application/manifest+json",
        include_bytes!(concat!(env!("OUT_DIR"), "/manifest.webmanifest")),
    ),
    ("/openapi.json", JSON, include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json"))),
    ("/asyncapi.json", JSON, include_bytes!(concat!(env!("OUT_DIR"), "/asyncapi.json"))),
    ("/docs", HTML, include_bytes!(concat!(env!("OUT_DIR"), "/docs.html"))),
    ("/assets/docs.js", SCRIPT, include_bytes!(concat!(env!("OUT_DIR"), "/docs.js"))),
    ("/assets/docs.css", CSS, include_bytes!(concat!(env!("OUT_DIR"), "/docs.css"))),
    ("/favicon.ico", SVG, include_bytes!(concat!(env!("OUT_DIR"), "/icon.svg"))),
];

/// The file of a path, if there is one.
pub(crate) fn page(path: &str, request: &HeaderMap) -> Option<Response<Body>> {
    if path == "/" {
        let mut response = reply::full(StatusCode::TEMPORARY_REDIRECT, "", "");
        response.headers_mut().insert("location", HeaderValue::from_static("swarm/live"));
        return Some(response);
    }
    let (_, content_type, packed) = ASSETS.iter().find(|(route, ..)| *route == path)?;
    let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(packed)));
    let known = request.get_all("if-none-match").iter().any(|value| names(value, &etag));
    let mut response = if known {
        reply::full(StatusCode::NOT_MODIFIED, content_type, "")
    } else {
        reply::full(StatusCode::OK, content_type, decompress_to_vec_zlib(packed).ok()?)
    };
    let headers = response.headers_mut();
    if known {
        headers.remove("content-length");
    }
    headers.insert("etag", HeaderValue::from_str(&etag).ok()?);
    for (name, value) in [
        ("cache-control", "no-cache"),
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if path.starts_with("/assets/") {
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    }
    Some(response)
}

/// Whether a value of `If-None-Match` names this ETag; weak comparison (RFC 9110, section 13.1.2).
fn names(value: &HeaderValue, etag: &str) -> bool {
    let Ok(value) = value.to_str() else { return false };
    value.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}
