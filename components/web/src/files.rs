//! How pages and files are served: every one is named by its content (ETag), and carries a Content-Security-Policy that
//! runs nothing but the feed's own files. The files themselves, and how they are packed, are the hosts'.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};

/// Scripts, styles and connections of this origin and nothing else; no frame may hold a page (against click-jacking);
/// and no string ever becomes markup or code (`trusted-types`), whatever an event holds.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// Asked for again each time, and answered with 304 unless it has changed: a page never meets another version's script.
const CACHE: &str = "no-cache";

/// Media types.
pub const HTML: &str = "text/html; charset=utf-8";
/// Of scripts.
pub const SCRIPT: &str = "text/javascript; charset=utf-8";
/// Of styles.
pub const CSS: &str = "text/css; charset=utf-8";
/// Of pictures.
pub const SVG: &str = "image/svg+xml";
/// Of the API's answers, and of the reference's documents.
pub const JSON: &str = "application/json";
/// Of what makes the dashboard an application of its own.
pub const MANIFEST: &str = "application/manifest+json";

/// The headers of a file or a page, its 304 included. The widget and what it needs are made for pages of other origins,
/// those with cross-origin isolation included: `cross_origin`.
pub fn describe(headers: &mut HeaderMap, content_type: &'static str, etag: &HeaderValue, cross_origin: bool) {
    headers.insert(ETAG, etag.clone());
    for (name, value) in [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, CACHE),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (VARY, "accept-encoding"),
        // Other sites learn nothing of an address. `no-referrer` would take the Origin from the sign-in form, too.
        (REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if cross_origin {
        let name = HeaderName::from_static("cross-origin-resource-policy");
        headers.insert(name, HeaderValue::from_static("cross-origin"));
    }
}

/// The name of a content.
#[must_use]
pub fn etag(bytes: &[u8]) -> HeaderValue {
    let text = format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(bytes)));
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// Whether the client has the content of this name already; weak comparison (RFC 9110, section 13.1.2).
#[must_use]
pub fn is_known(request: &HeaderMap, etag: &HeaderValue) -> bool {
    let Ok(etag) = etag.to_str() else { return false };
    let values = request.get_all(IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    let mut names = values.flat_map(|value| value.split(',')).map(str::trim);
    names.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

/// Whether the client unpacks gzip (RFC 9110, section 12.5.3); `*` is not taken as a yes.
#[must_use]
pub fn takes_gzip(request: &HeaderMap) -> bool {
    let values = request.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        // A weight has at most three decimals, so that only this is none.
        let refused = quality.trim().strip_prefix("q=").is_some_and(|q| q.trim().bytes().all(|b| b"0.".contains(&b)));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_content_is_known_by_its_name() {
        let etag = HeaderValue::from_static("\"abc\"");
        for known in ["\"abc\"", "W/\"abc\"", "\"x\", W/\"abc\"", "*"] {
            assert!(is_known(&request(IF_NONE_MATCH, known), &etag), "{known}");
        }
        assert!(!is_known(&request(IF_NONE_MATCH, "\"abd\", abc"), &etag) && !is_known(&HeaderMap::new(), &etag));
        assert_eq!(super::etag(b""), "\"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU\"");
    }

    #[test]
    fn gzip_is_sent_to_who_asks_for_it_by_name() {
        for yes in ["gzip", "br, GZIP;q=0.8", "gzip;q=0.001", "gzip; q=1"] {
            assert!(takes_gzip(&request(ACCEPT_ENCODING, yes)), "{yes}");
        }
        for no in ["gzip;q=0", "gzip; q=0.000", "br", "*", ""] {
            assert!(!takes_gzip(&request(ACCEPT_ENCODING, no)), "{no}");
        }
    }
}
