//! Signing in and out without scripts: a plain form in place of a request with a header, answered with the page that it came
//! from. Nothing is done for a form that another site's page made, which would sign a visitor in as somebody else
//! (login CSRF): here the Origin must be there, and be the server's own. A token comes in the body alone.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::error::{Cause, Problem};
use super::origin::{Origin, split_host};
use super::{Site, session};
use crate::server::read_body;

/// Bytes of a form: a token, and room to spare.
const MAX_BYTES: usize = 16_384;

/// Whether a request is a form's.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type
        .split(';')
        .next()
        .is_some_and(|name| name.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// `token=…&page=live` signs in, `end=1&page=live` out; either way the browser is sent back to the page.
///
/// # Errors
/// 403 for a form of any other page than the server's own.
pub(super) async fn submit(site: &Site, request: Request) -> Result<Response, Problem> {
    if !is_own(request.headers()) {
        return Err(Problem::new(Cause::ForeignOrigin, "this form may be sent by the server's own pages only"));
    }
    let headers = request.headers().clone();
    let body = read_body(request.into_body(), MAX_BYTES, site.request_timeout).await?;
    let (mut token, mut page, mut end) = (String::new(), "live", false);
    for (name, value) in form_urlencoded::parse(&body) {
        match name.as_ref() {
            // The whole link will do.
            "token" => {
                value.rsplit_once("#token=").map_or(value.as_ref(), |(_, token)| token).trim().clone_into(&mut token)
            }
            "page" if value == "events" => page = "events",
            "end" => end = true,
            _ => {}
        }
    }
    if end {
        let (done, ended) = session::destroy(&site.auth, &headers, &site.cookie)?;
        if let Some(session) = ended {
            site.hub.close_session(&session);
        }
        return Ok(back(site, page, "", &done));
    }
    let mut shown = HeaderMap::new();
    if let Ok(mut value) = HeaderValue::try_from(format!("Bearer {token}")) {
        value.set_sensitive(true);
        shown.insert(header::AUTHORIZATION, value);
    }
    match session::create(&site.auth, &shown, &site.cookie) {
        Ok(done) => Ok(back(site, page, "", &done)),
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {
            Ok(back(site, page, "?problem=token", &Response::default()))
        }
        Err(problem) => Err(problem),
    }
}

/// Whether a page of this server made the request. Browsers say so of every form; what does not is none.
fn is_own(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = text(header::HOST).and_then(split_host);
    let origin = text(header::ORIGIN).and_then(Origin::parse);
    let site = text(header::HeaderName::from_static("sec-fetch-site"));
    let (Some((host, port)), Some(origin)) = (host, origin) else { return false };
    origin.is_host(&host, port) && site.is_none_or(|site| site == "same-origin")
}

/// To a page, with the cookie that was set; `GET`, so that loading it again sends no form.
fn back(site: &Site, page: &str, query: &str, done: &Response) -> Response {
    let to = format!("{}/swarm/{page}{query}", site.cookie.base_path.trim_end_matches('/'));
    let mut response =
        (StatusCode::SEE_OTHER, [(header::LOCATION, to), (header::CACHE_CONTROL, "no-store".to_owned())])
            .into_response();
    for cookie in done.headers().get_all(header::SET_COOKIE) {
        response.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    response
}
