//! Signing in and out without scripts: a plain form in place of a request with a header, answered with the page that it
//! came from. A token comes in the body alone, and what is asked for leads to no page but ours. That the form was sent by
//! a page of the server's own is for its host to see to: another site's would sign a visitor in as somebody else.

use http::HeaderMap;

use crate::problem::{Cause, Problem};
use crate::publish::media_type;

/// Bytes of a form: a token, and room to spare.
pub const MAX_BYTES: usize = 16_384;

/// Whether a request is a form's.
#[must_use]
pub fn is_form(headers: &HeaderMap) -> bool {
    media_type(headers) == "application/x-www-form-urlencoded"
}

/// What is said to a form of any other page.
#[must_use]
pub fn foreign() -> Problem {
    Problem::new(Cause::ForeignOrigin, "this form may be sent by the server's own pages only")
}

/// `token=…&page=live` signs in, `end=1&page=live` out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The token to sign in with.
    pub token: String,
    /// Sign out.
    pub end: bool,
    page: &'static str,
}

impl Form {
    /// What a form's body says; any other field is passed over.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        let mut form = Self { token: String::new(), end: false, page: "live" };
        for (name, value) in form_urlencoded::parse(body) {
            match name.as_ref() {
                // The whole link will do.
                "token" => {
                    let token = value.rsplit_once("#token=").map_or(value.as_ref(), |(_, token)| token);
                    token.trim().clone_into(&mut form.token);
                }
                "page" if value == "events" => form.page = "events",
                "end" => form.end = true,
                _ => {}
            }
        }
        form
    }

    /// Where the browser goes on, by `GET`, so that loading it again sends no form: the page that it came from, below this
    /// base path, which says so when the token `failed`.
    #[must_use]
    pub fn back(&self, base_path: &str, failed: bool) -> String {
        let query = if failed { "?problem=token" } else { "" };
        format!("{}/swarm/{}{query}", base_path.trim_end_matches('/'), self.page)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_form_names_a_token_or_the_end_and_one_of_our_pages() {
        let form = Form::read(b"token=+http%3A%2F%2Fh%2Fswarm%2Flive%23token%3Da.b.c+&page=events");
        assert_eq!((form.token.as_str(), form.end), ("a.b.c", false));
        assert_eq!(form.back("", false), "/swarm/events");
        let form = Form::read(b"end=1&page=//evil.example&token=x");
        assert!(form.end);
        assert_eq!(form.back("/feed/", true), "/feed/swarm/live?problem=token");
    }

    #[test]
    fn a_form_is_known_by_its_media_type() {
        let of =
            |value| is_form(&HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static(value))]));
        assert!(of("application/x-www-form-urlencoded") && of("Application/X-WWW-Form-Urlencoded; charset=utf-8"));
        assert!(!of("application/json") && !is_form(&HeaderMap::new()));
    }
}
