//! The headers of an answer of the API, whatever it is about.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};

use crate::files::JSON;

/// Describes an answer in JSON: no cache on the way keeps what a token was needed for, and no browser guesses what it is.
pub fn describe_json(headers: &mut HeaderMap) {
    for (name, value) in [(CONTENT_TYPE, JSON), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
