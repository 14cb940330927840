//! What a client is told when a request comes to nothing: an RFC 9457 problem, always of the same shape, never with a
//! token, event data or an inner error's text in it. The only place that knows which status a cause has; what is
//! logged about it is said where it happens.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::engine::words::{ErrorCode, ProtocolError, Refusal, RefusalCode};
use crate::hub::{HubError, Refused};
use crate::store::StoreError;

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
    /// One of the client protocol's own codes, answered over HTTP.
    Protocol(ErrorCode),
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
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "The token does not allow this"),
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
            Self::Protocol(ErrorCode::Forbidden) => Self::Forbidden.row(),
            Self::Protocol(code) => (StatusCode::UNPROCESSABLE_ENTITY, code.as_str(), "Not valid"),
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

/// Rides on a problem's response, so that one middleware counts what was refused, by cause.
#[derive(Clone, Copy, Debug)]
pub struct RefusedBy(pub &'static str);

/// A request that came to nothing, as the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    cause: Cause,
    detail: Cow<'static, str>,
    index: Option<u32>,
    retry_after: Option<u32>,
    /// The label it is counted under, where that says more than the code.
    counted_as: Option<&'static str>,
}

impl Problem {
    /// A problem; `detail` says what to do about it and is shown to the client.
    pub fn new(cause: Cause, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { cause, detail: detail.into(), index: None, retry_after: cause.retry_after(), counted_as: None }
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

    /// The same, counted under the name of the one limit that was met: many limits share a code.
    #[must_use]
    pub fn counted_as(mut self, limit: &'static str) -> Self {
        self.counted_as = Some(limit);
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

    /// A parameter or a body that does not hold.
    pub fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Cause::Invalid, detail)
    }

    /// A body over `max_bytes`.
    #[must_use]
    pub fn too_large(max_bytes: usize) -> Self {
        Self::new(Cause::TooLarge, format!("the body may hold at most {max_bytes} bytes"))
    }

    /// Over a limit; again after `seconds`.
    pub fn too_many(detail: impl Into<Cow<'static, str>>, seconds: u32) -> Self {
        Self::new(Cause::TooMany, detail).retry_after(seconds)
    }

    /// The store or a component is away.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Cause::Unavailable, detail)
    }

    /// The server is about to stop.
    #[must_use]
    pub fn draining() -> Self {
        Self::new(Cause::Draining, "the server is going away; connect again")
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

    /// The stable name of the cause; it is counted under this, or under its limit's name.
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
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code(), self.detail)
    }
}

impl std::error::Error for Problem {}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let cause = match refusal.code {
            RefusalCode::NotJson => Cause::NotJson,
            RefusalCode::Invalid => Cause::Invalid,
            RefusalCode::TooLarge => Cause::TooLarge,
            RefusalCode::Conflict => Cause::Conflict,
            RefusalCode::Unavailable => Cause::Unavailable,
        };
        Self::new(cause, refusal.detail).at(refusal.index)
    }
}

impl From<ProtocolError> for Problem {
    fn from(error: ProtocolError) -> Self {
        Self::new(Cause::Protocol(error.code), error.message)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        // The inner text may name paths and hosts: it is for the log of whoever called the store.
        Self::unavailable(match error {
            StoreError::Busy(_) => "the store is busy; nothing was stored",
            StoreError::Unavailable(_) => "the store is away; nothing was stored",
        })
    }
}

impl From<HubError> for Problem {
    fn from(error: HubError) -> Self {
        match error {
            HubError::Store(error) => error.into(),
            HubError::Component(_) => Self::unavailable("the feed's policy failed on this request"),
            HubError::Stopping => Self::draining(),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Client(error) => error.into(),
            Refused::Hub(error) => error.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
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
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        if self.cause == Cause::BadRequest {
            // Where one request's framing is doubtful, what follows on the connection may be part of it.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"activity-feed\""));
        }
        response.extensions_mut().insert(RefusedBy(self.counted_as.unwrap_or(code)));
        response
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use http_body_util::BodyExt;
    use serde_json::Value;

    use super::*;

    async fn read(problem: Problem) -> (Response<()>, Value) {
        let (parts, body) = problem.into_response().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (Response::from_parts(parts, ()), serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_problem_follows_rfc_9457() {
        let refusal = Refusal { code: RefusalCode::Invalid, detail: "source: required".to_owned(), index: Some(3) };
        let (head, body) = read(refusal.into()).await;
        assert_eq!(head.status(), 422);
        assert_eq!(head.headers().get("content-type").unwrap(), "application/problem+json");
        assert_eq!(
            body,
            json!({"type": "urn:activity-feed:problem:invalid", "title": "Not valid", "status": 422,
                   "detail": "source: required", "code": "invalid", "index": 3})
        );
        assert!(head.headers().get("retry-after").is_none());
    }

    #[tokio::test]
    async fn each_refusal_has_the_contracts_status() {
        for (code, status) in [
            (RefusalCode::NotJson, 400),
            (RefusalCode::Invalid, 422),
            (RefusalCode::TooLarge, 413),
            (RefusalCode::Conflict, 409),
            (RefusalCode::Unavailable, 503),
        ] {
            let problem = Problem::from(Refusal { code, detail: String::new(), index: None });
            assert_eq!(problem.status(), status, "{code:?}");
        }
        let error = |code| ProtocolError { code, message: String::new(), label: None };
        assert_eq!(Problem::from(error(ErrorCode::Forbidden)).status(), 403);
        let future = Problem::from(error(ErrorCode::FutureCursor));
        assert_eq!((future.status().as_u16(), future.code()), (422, "future_cursor"));
    }

    #[tokio::test]
    async fn headers_that_tell_a_client_what_to_do() {
        let (head, _) = read(Problem::unauthenticated("no token")).await;
        assert_eq!(head.status(), 401);
        assert!(head.headers().get("www-authenticate").unwrap().to_str().unwrap().starts_with("Bearer"));
        let (head, body) = read(StoreError::Busy("/secret/path".to_owned()).into()).await;
        assert_eq!(head.status(), 503);
        assert_eq!(head.headers().get("retry-after").unwrap(), "1");
        assert!(!body.to_string().contains("/secret/path"));
        let (head, _) = read(Problem::too_many("slow down", 7)).await;
        assert_eq!((head.status().as_u16(), head.headers().get("retry-after").unwrap().to_str().unwrap()), (429, "7"));
    }
}
