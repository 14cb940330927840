//! Signing in and out without scripts, by a form (`activity-web`). Nothing is done for one that another site's page made,
//! which would sign a visitor in as somebody else (login CSRF): here the Origin must be there, and be the server's own.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use activity_web::form::{self, Form};

use super::error::Problem;
use super::origin::{Origin, split_host};
use super::{Site, session};
use crate::server::read_body;

/// `token=…&page=live` signs in, `end=1&page=live` out; either way the browser is sent back to the page.
///
/// # Errors
/// 403 for a form of any other page than the server's own.
pub(super) async fn submit(site: &Site, request: Request) -> Result<Response, Problem> {
    if !is_own(request.headers()) {
        return Err(form::foreign().into());
    }
    let headers = request.headers().clone();
    let body = read_body(request.into_body(), form::MAX_BYTES, site.request_timeout).await?;
    let form = Form::read(&body);
    if form.end {
        let (done, ended) = session::destroy(&site.auth, &headers, &site.cookie)?;
        if let Some(session) = ended {
            site.hub.close_session(&session);
        }
        return Ok(back(site, &form, false, &done));
    }
    let mut shown = HeaderMap::new();
    if let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", form.token)) {
        value.set_sensitive(true);
        shown.insert(header::AUTHORIZATION, value);
    }
    match session::create(&site.auth, &shown, &site.cookie) {
        Ok(done) => Ok(back(site, &form, false, &done)),
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {
            Ok(back(site, &form, true, &Response::default()))
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

/// To the page that the form came from, with the cookie that was set.
fn back(site: &Site, form: &Form, failed: bool, done: &Response) -> Response {
    let to = form.back(&site.cookie.base_path, failed);
    let mut response =
        (StatusCode::SEE_OTHER, [(header::LOCATION, to), (header::CACHE_CONTROL, "no-store".to_owned())])
            .into_response();
    for cookie in done.headers().get_all(header::SET_COOKIE) {
        response.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    response
}
