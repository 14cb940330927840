//! What a client is told when a request comes to nothing: an RFC 9457 problem, always of the same shape, never with a
//! token, event data or an inner error's text in it. The only place that knows which status a cause has; what is
//! logged about it is said where it happens.

use std::borrow::Cow;

use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::answer::describe_json;

/// Why a request came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The body is not what its media type says.
    NotJson,
    /// A header that must stand once stands twice, or is malformed.
    BadRequest,
    /// No token, or one that does not hold.
    Unauthenticated,
    /// The token lacks the scope, or its `types` forbid what was asked.
    Forbidden,
    /// The `Origin` is neither the server's own nor an allowed one.
    ForeignOrigin,
    /// The `Host` is none of this loopback server's (DNS rebinding).
    ForeignHost,
    /// Not there, or hidden by the token's `types`.
    NotFound,
    /// The route is there, this method is not.
    MethodNotAllowed,
    /// A WebSocket route without its handshake.
    UpgradeRequired,
    /// The request did not come whole in time.
    Timeout,
    /// An id is kept with another content.
    Conflict,
    /// A body, an event or the number of events is over its limit.
    TooLarge,
    /// A body of a media type that is not taken.
    MediaType,
    /// JSON, but no valid event or parameter.
    Invalid,
    /// One of the client protocol's own codes (contract section 4), answered over HTTP.
    Protocol(&'static str),
    /// Over a limit of connections or requests.
    TooMany,
    /// The store or a component is away; nothing was stored.
    Unavailable,
    /// The server is about to stop.
    Draining,
    /// A defect of ours.
    Internal,
}

impl Cause {
    /// Status, code and title.
    fn row(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NotJson => (StatusCode::BAD_REQUEST, "not_json", "The body is not JSON"),
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad_request", "The request is malformed"),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated", "A valid token is needed"),
            Self::Forbidden | Self::Protocol("forbidden") => {
                (StatusCode::FORBIDDEN, "forbidden", "The token does not allow this")
            }
            Self::ForeignOrigin => (StatusCode::FORBIDDEN, "foreign_origin", "This origin is not allowed"),
            Self::ForeignHost => (StatusCode::FORBIDDEN, "foreign_host", "This host name is not served here"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "There is no such thing"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This method is not for this resource")
            }
            Self::UpgradeRequired => {
                (StatusCode::UPGRADE_REQUIRED, "upgrade_required", "A WebSocket handshake is needed")
            }
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, "timeout", "The request took too long to arrive"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "The id is kept with another content"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "Too large"),
            Self::MediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "This media type is not taken")
            }
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Not valid"),
            Self::Protocol(code) => (StatusCode::UNPROCESSABLE_ENTITY, code, "Not valid"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Too many"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available now"),
            Self::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining", "The server is about to stop"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong here"),
        }
    }

    /// Seconds after which it is worth another try, when the cause alone tells.
    fn retry_after(self) -> Option<u32> {
        matches!(self, Self::TooMany | Self::Unavailable | Self::Draining).then_some(1)
    }
}

/// A request that came to nothing, as the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    cause: Cause,
    detail: Cow<'static, str>,
    index: Option<u32>,
    retry_after: Option<u32>,
}

impl Problem {
    /// A problem; `detail` says what to do about it and is shown to the client.
    pub fn new(cause: Cause, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { cause, detail: detail.into(), index: None, retry_after: cause.retry_after() }
    }

    /// The same, about the `index`th event of a batch, from 0.
    #[must_use]
    pub fn at(mut self, index: Option<u32>) -> Self {
        self.index = index;
        self
    }

    /// The same, worth another try after so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// No token, or one that does not hold.
    pub fn unauthenticated(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Cause::Unauthenticated, detail)
    }

    /// Not allowed with this token.
    pub fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Cause::Forbidden, detail)
    }

    /// Not there, or hidden.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Cause::NotFound, detail)
    }

    /// No event of this id, or one that the token hides: in the same words, so that nobody learns which.
    #[must_use]
    pub fn no_such_event() -> Self {
        Self::not_found("no event with this id is kept, or the token does not show it")
    }

    /// The state of the swarm, asked for with a token that names types.
    #[must_use]
    pub fn state_shows_every_type() -> Self {
        Self::forbidden("the state of the swarm shows every type, and the token allows only some")
    }

    /// A parameter or a body that does not hold.
    pub fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Cause::Invalid, detail)
    }

    /// A body over `max_bytes`.
    #[must_use]
    pub fn too_large(max_bytes: usize) -> Self {
        Self::new(Cause::TooLarge, format!("the body may hold at most {max_bytes} bytes"))
    }

    /// The store or a component is away.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Cause::Unavailable, detail)
    }

    /// Somebody else is writing to the store for too long.
    #[must_use]
    pub fn store_is_busy() -> Self {
        Self::unavailable("the store is busy; nothing was stored")
    }

    /// The store cannot be used. Why may name paths and hosts, and is for the log of whoever called it.
    #[must_use]
    pub fn store_is_away() -> Self {
        Self::unavailable("the store is away; nothing was stored")
    }

    /// A defect of ours; what it was is for the log.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(Cause::Internal, "the server's log says more")
    }

    /// Why.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// The stable name of the cause.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.cause.row().1
    }

    /// The status it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.cause.row().0
    }

    /// What the client is told in words.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The whole answer.
    #[must_use]
    pub fn into_response(self) -> Response<String> {
        let (status, code, title) = self.cause.row();
        let mut body = json!({
            "type": format!("urn:activity-feed:problem:{code}"),
            "title": title,
            "status": status.as_u16(),
            "detail": self.detail,
            "code": code,
        });
        if let (Some(index), Some(fields)) = (self.index, body.as_object_mut()) {
            fields.insert("index".to_owned(), index.into());
        }
        let mut response = Response::new(body.to_string());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        describe_json(headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.cause == Cause::BadRequest {
            // Where one request's framing is doubtful, what follows on the connection may be part of it.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"activity-feed\""));
        }
        response
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code(), self.detail)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::Value;

    use super::*;

    fn read(problem: Problem) -> (Response<()>, Value) {
        let (parts, body) = problem.into_response().into_parts();
        (Response::from_parts(parts, ()), serde_json::from_str(&body).unwrap())
    }

    #[test]
    fn a_problem_follows_rfc_9457() {
        let (head, body) = read(Problem::invalid("source: required").at(Some(3)));
        assert_eq!(head.status(), 422);
        assert_eq!(head.headers().get("content-type").unwrap(), "application/problem+json");
        assert_eq!(
            body,
            json!({"type": "urn:activity-feed:problem:invalid", "title": "Not valid", "status": 422,
                   "detail": "source: required", "code": "invalid", "index": 3})
        );
        assert!(head.headers().get("retry-after").is_none());
    }

    #[test]
    fn a_code_of_the_protocol_is_422_but_for_what_is_forbidden() {
        let of = |code| Problem::new(Cause::Protocol(code), "");
        assert_eq!((of("forbidden").status().as_u16(), of("forbidden").code()), (403, "forbidden"));
        assert_eq!((of("future_cursor").status().as_u16(), of("future_cursor").code()), (422, "future_cursor"));
    }

    #[test]
    fn headers_that_tell_a_client_what_to_do() {
        let (head, _) = read(Problem::unauthenticated("no token"));
        assert_eq!(head.status(), 401);
        assert!(head.headers().get("www-authenticate").unwrap().to_str().unwrap().starts_with("Bearer"));
        let (head, _) = read(Problem::store_is_busy());
        assert_eq!((head.status().as_u16(), head.headers().get("retry-after").unwrap().to_str().unwrap()), (503, "1"));
        let (head, _) = read(Problem::new(Cause::TooMany, "slow down").retry_after(7));
        assert_eq!((head.status().as_u16(), head.headers().get("retry-after").unwrap().to_str().unwrap()), (429, "7"));
        let (head, _) = read(Problem::new(Cause::BadRequest, "two hosts"));
        assert_eq!(head.headers().get("connection").unwrap(), "close");
    }
}
