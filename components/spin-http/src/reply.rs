//! Answers: a body that is there whole, with its length, or a stream of pieces.

use std::convert::Infallible;
use std::pin::Pin;

use activity_web::answer::describe_json;
use bytes::Bytes;
use futures::stream::{self, Stream};
use http_body::Frame;
use http_body_util::StreamBody;
use spin_sdk::http::{HeaderValue, Response, StatusCode};

/// Pieces of an answer.
pub(crate) type Pieces = Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, Infallible>>>>;

/// Any answer's body.
pub(crate) type Body = StreamBody<Pieces>;

/// An answer that is there whole.
pub(crate) fn full(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    described(status, content_type, body.into())
}

/// The same, once for all kinds of bodies.
fn described(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if !content_type.is_empty() {
        response.headers_mut().insert("content-type", HeaderValue::from_static(content_type));
    }
    whole(response)
}

/// An answer that was made elsewhere, with its length.
pub(crate) fn whole(response: Response<impl Into<Bytes>>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let body = body.into();
    // Spin sends what has no length in chunks; but these have no body that could have one (RFC 9110, section 8.6).
    if !matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        head.headers.insert("content-length", HeaderValue::from(body.len()));
    }
    let pieces: Pieces =
        if body.is_empty() { Box::pin(stream::empty()) } else { Box::pin(stream::iter([Ok(Frame::data(body))])) };
    Response::from_parts(head, StreamBody::new(pieces))
}

/// JSON, as text, with another status than 200.
pub(crate) fn json_as(status: StatusCode, body: String) -> Response<Body> {
    let mut response = full(status, "", body);
    describe_json(response.headers_mut());
    response
}

/// JSON, as text.
pub(crate) fn json(body: String) -> Response<Body> {
    json_as(StatusCode::OK, body)
}

/// A text.
pub(crate) fn text(body: &'static str) -> Response<Body> {
    full(StatusCode::OK, "text/plain; charset=utf-8", body)
}

/// An answer that goes on until its stream ends.
pub(crate) fn pieces(content_type: &'static str, pieces: impl Stream<Item = Bytes> + 'static) -> Response<Body> {
    use futures::StreamExt as _;
    let pieces: Pieces = Box::pin(pieces.map(|piece| Ok(Frame::data(piece))));
    let mut response = Response::new(StreamBody::new(pieces));
    response.headers_mut().insert("content-type", HeaderValue::from_static(content_type));
    response
}
