//! Which problem (`activity-web`) each of the components' errors is, and how it is sent. Never holds the text of an inner
//! error: that is for whoever runs the application, and Spin keeps what a component writes to stderr.

pub(crate) use activity_web::{Cause, Problem};
use spin_sdk::http::Response;

use crate::bindings::activity::broadcast::broadcaster::{ErrorCode, ProtocolError};
use crate::bindings::activity::log::event_log::{Refusal, RefusalCode};
use crate::bindings::activity::store::event_store::StoreError;
use crate::reply::{self, Body};

/// The answer to a request that came to nothing.
pub(crate) fn respond(problem: Problem) -> Response<Body> {
    let mut response = reply::whole(problem.into_response());
    // Connections are Spin's: a component may not speak of them.
    response.headers_mut().remove("connection");
    response
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
        let code = match error.code {
            ErrorCode::UnknownChannel => "unknown_channel",
            ErrorCode::BadCursor => "bad_cursor",
            ErrorCode::FutureCursor => "future_cursor",
            ErrorCode::BadFilter => "bad_filter",
            ErrorCode::Forbidden => "forbidden",
            ErrorCode::TooMany => "too_many",
        };
        Self::new(Cause::Protocol(code), error.message)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy(why) => {
                eprintln!("activity-feed: the store is busy: {why}");
                Self::store_is_busy()
            }
            StoreError::Unavailable(why) => {
                eprintln!("activity-feed: the store is away: {why}");
                Self::store_is_away()
            }
        }
    }
}
