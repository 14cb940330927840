//! What a client is told when a request comes to nothing: an RFC 9457 problem, in the shape and with the statuses that
//! the native host has (`host/src/web/error.rs`; the tests ask both). Never holds a token, event data or the text of an
//! inner error.

use std::borrow::Cow;

use serde_json::json;
use spin_sdk::http::{HeaderValue, Response, StatusCode};

use crate::bindings::activity::broadcast::broadcaster::{ErrorCode, ProtocolError};
use crate::bindings::activity::log::event_log::{Refusal, RefusalCode};
use crate::bindings::activity::store::event_store::StoreError;
use crate::reply::{self, Body};

/// Why a request came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    NotJson,
    BadRequest,
    Unauthenticated,
    Forbidden,
    ForeignOrigin,
    ForeignHost,
    NotFound,
    MethodNotAllowed,
    UpgradeRequired,
    Conflict,
    TooLarge,
    MediaType,
    Invalid,
    Protocol(ErrorCode),
    Unavailable,
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
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "The id is kept with another content"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "Too large"),
            Self::MediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "This media type is not taken")
            }
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Not valid"),
            Self::Protocol(ErrorCode::Forbidden) => Self::Forbidden.row(),
            Self::Protocol(code) => (StatusCode::UNPROCESSABLE_ENTITY, protocol_code(code), "Not valid"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available now"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong here"),
        }
    }
}

fn protocol_code(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::UnknownChannel => "unknown_channel",
        ErrorCode::BadCursor => "bad_cursor",
        ErrorCode::FutureCursor => "future_cursor",
        ErrorCode::BadFilter => "bad_filter",
        ErrorCode::Forbidden => "forbidden",
        ErrorCode::TooMany => "too_many",
    }
}

/// A request that came to nothing, as the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    cause: Cause,
    detail: Cow<'static, str>,
    index: Option<u32>,
}

impl Problem {
    /// `detail` says what to do about it and is shown to the client.
    pub(crate) fn new(cause: Cause, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { cause, detail: detail.into(), index: None }
    }

    pub(crate) fn unauthenticated(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Cause::Unauthenticated, detail)
    }

    pub(crate) fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Cause::Forbidden, detail)
    }

    pub(crate) fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Cause::NotFound, detail)
    }

    pub(crate) fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Cause::Invalid, detail)
    }

    pub(crate) fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Cause::Unavailable, detail)
    }

    /// About the `index`th event of a batch, from 0.
    pub(crate) fn at(mut self, index: Option<u32>) -> Self {
        self.index = index;
        self
    }

    pub(crate) fn into_response(self) -> Response<Body> {
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
        let mut response = reply::full(status, "application/problem+json", body.to_string());
        let headers = response.headers_mut();
        headers.insert("cache-control", HeaderValue::from_static("no-store"));
        match status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert("retry-after", HeaderValue::from_static("1"));
            }
            StatusCode::UNAUTHORIZED => {
                headers.insert("www-authenticate", HeaderValue::from_static("Bearer realm=\"activity-feed\""));
            }
            _ => {}
        }
        response
    }
}

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
        // Its text is for whoever runs the application: Spin keeps what a component writes to stderr.
        match error {
            StoreError::Busy(why) => {
                eprintln!("activity-feed: the store is busy: {why}");
                Self::unavailable("the store is busy; nothing was stored")
            }
            StoreError::Unavailable(why) => {
                eprintln!("activity-feed: the store is away: {why}");
                Self::unavailable("the store is away; nothing was stored")
            }
        }
    }
}
