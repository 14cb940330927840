//! A problem (`activity-web`) as this server answers it, with what it is counted under; and which problem each of its
//! layers' errors is. Never tells an inner error's text: that may name paths and hosts, and is for the log of whoever
//! called the store.

use std::borrow::Cow;
use std::ops::Deref;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

pub use activity_web::Cause;

use crate::engine::words::{ProtocolError, Refusal, RefusalCode};
use crate::hub::{HubError, Refused};
use crate::store::StoreError;

/// Rides on a problem's response, so that one middleware counts what was refused, by cause.
#[derive(Clone, Copy, Debug)]
pub struct RefusedBy(pub &'static str);

/// A request that came to nothing, as the client is told; its name, status and words are those of what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    told: activity_web::Problem,
    /// The label it is counted under, where that says more than the code.
    counted_as: Option<&'static str>,
}

impl Problem {
    /// A problem; `detail` says what to do about it and is shown to the client.
    pub fn new(cause: Cause, detail: impl Into<Cow<'static, str>>) -> Self {
        activity_web::Problem::new(cause, detail).into()
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
        activity_web::Problem::too_large(max_bytes).into()
    }

    /// Over a limit; again after `seconds`.
    pub fn too_many(detail: impl Into<Cow<'static, str>>, seconds: u32) -> Self {
        activity_web::Problem::new(Cause::TooMany, detail).retry_after(seconds).into()
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
        activity_web::Problem::internal().into()
    }
}

impl Deref for Problem {
    type Target = activity_web::Problem;

    fn deref(&self) -> &Self::Target {
        &self.told
    }
}

impl From<activity_web::Problem> for Problem {
    fn from(told: activity_web::Problem) -> Self {
        Self { told, counted_as: None }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.told.fmt(f)
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
        activity_web::Problem::new(cause, refusal.detail).at(refusal.index).into()
    }
}

impl From<ProtocolError> for Problem {
    fn from(error: ProtocolError) -> Self {
        Self::new(Cause::Protocol(error.code.as_str()), error.message)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy(_) => activity_web::Problem::store_is_busy().into(),
            StoreError::Unavailable(_) => activity_web::Problem::store_is_away().into(),
        }
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
        let counted_as = self.counted_as.unwrap_or(self.told.code());
        let mut response = self.told.into_response().map(Body::from);
        if response.status() == StatusCode::UPGRADE_REQUIRED {
            let headers = response.headers_mut();
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response.extensions_mut().insert(RefusedBy(counted_as));
        response
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use http_body_util::BodyExt;

    use super::*;
    use crate::engine::words::ErrorCode;

    #[test]
    fn each_refusal_has_the_contracts_status() {
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
    async fn an_inner_text_is_not_told_and_a_limit_is_counted_under_its_name() {
        let response = Problem::from(StoreError::Busy("/secret/path".to_owned())).into_response();
        assert_eq!(response.extensions().get::<RefusedBy>().unwrap().0, "unavailable");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(!String::from_utf8_lossy(&body).contains("/secret/path"));
        let response = Problem::too_many("slow down", 7).counted_as("publish_rate").into_response();
        assert_eq!(response.extensions().get::<RefusedBy>().unwrap().0, "publish_rate");
        assert_eq!(response.headers().get("retry-after").unwrap(), "7");
    }
}
