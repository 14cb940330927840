//! How many bytes of answers wait in memory for clients that do not read them: a page of history has up to 8 MiB, and
//! asking for one costs its reader nothing. Counted from when an answer is made until its last byte is the kernel's.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Body as _, Frame, SizeHint};

use super::error::{Cause, Problem};
use super::limits::limited;

/// Bytes of answers of all clients together, unless the options say otherwise.
pub const MAX_UNREAD_BYTES: usize = 256 << 20;
/// One address may have this part of it.
const PART: usize = 4;
/// Smaller answers are not counted: the kernel takes them at once.
const SMALL: u64 = 16_384;

/// The answers that have been made and not been taken.
pub struct Unread {
    max: usize,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    held: usize,
    /// No entry is 0.
    by_address: HashMap<IpAddr, usize>,
}

impl Unread {
    /// At most `max` bytes for all, and a quarter of it for one address.
    #[must_use]
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, table: Mutex::default() })
    }

    /// The answer to the client at `ip`, counted till it has been written; or, when too much is waiting already, 429 or 503
    /// in its place. Streams have bounds of their own and pass.
    pub(super) fn hold(self: &Arc<Self>, ip: IpAddr, answer: Response) -> Response {
        let Some(bytes) = answer.body().size_hint().exact().filter(|bytes| *bytes >= SMALL) else { return answer };
        match self.take(limited(ip), usize::try_from(bytes).unwrap_or(usize::MAX)) {
            Ok(held) => answer.map(|body| Body::new(Counted { body, held: Arc::new(held) })),
            Err(problem) => problem.into_response(),
        }
    }

    /// Where nothing waits, one answer is let through, however large: nobody would ever get it otherwise.
    fn take(self: &Arc<Self>, ip: IpAddr, bytes: usize) -> Result<Held, Problem> {
        let mut table = self.lock();
        let of_address = table.by_address.get(&ip).copied().unwrap_or_default();
        let over = |held: usize, max: usize| held > 0 && held.saturating_add(bytes) > max;
        if over(of_address, self.max / PART) {
            let detail = "this address has asked for more than it reads: take the answers that are on their way first";
            return Err(Problem::too_many(detail, 5).counted_as("unread_answers"));
        }
        if over(table.held, self.max) {
            let detail = "clients have asked for more than they read; ask again soon";
            return Err(Problem::new(Cause::Unavailable, detail).counted_as("unread_answers"));
        }
        table.held = table.held.saturating_add(bytes);
        table.by_address.insert(ip, of_address.saturating_add(bytes));
        drop(table);
        Ok(Held { unread: Arc::clone(self), ip, bytes })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of one answer.
struct Held {
    unread: Arc<Unread>,
    ip: IpAddr,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut table = self.unread.lock();
        table.held = table.held.saturating_sub(self.bytes);
        let left = table.by_address.get(&self.ip).copied().unwrap_or_default().saturating_sub(self.bytes);
        if left == 0 {
            table.by_address.remove(&self.ip);
            if table.by_address.capacity() > 1_024 && table.by_address.len() < table.by_address.capacity() / 8 {
                table.by_address.shrink_to_fit();
            }
        } else {
            table.by_address.insert(self.ip, left);
        }
    }
}

/// A body whose bytes are counted for as long as anybody holds them: hyper lets go of a body long before it has written
/// what it got from it.
struct Counted {
    body: Body,
    held: Arc<Held>,
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let held = Arc::clone(&self.held);
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        frame.map_ok(|frame| frame.map_data(|bytes| Bytes::from_owner(Chunk { bytes, _held: held })))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct Chunk {
    bytes: Bytes,
    _held: Arc<Held>,
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use http_body_util::BodyExt as _;

    use super::*;

    const KIB: usize = 1_024;

    fn answer(bytes: usize) -> Response {
        Response::new(Body::from(vec![b'x'; bytes]))
    }

    fn ip(last: u8) -> IpAddr {
        [127, 0, 0, last].into()
    }

    #[tokio::test]
    async fn an_answer_counts_until_its_bytes_are_gone() {
        let unread = Unread::new(400 * KIB);
        let first = unread.hold(ip(1), answer(60 * KIB));
        assert_eq!(unread.hold(ip(1), answer(60 * KIB)).status(), 429);
        assert_eq!(unread.hold(ip(1), answer(16 * KIB - 1)).status(), 200, "small ones do not count");
        assert_eq!(unread.hold(ip(2), answer(60 * KIB)).status(), 200, "another address has its own");
        let bytes = first.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(bytes.len(), 60 * KIB);
        assert_eq!(unread.hold(ip(1), answer(60 * KIB)).status(), 429, "the body is gone, its bytes are not");
        drop(bytes);
        assert_eq!(unread.hold(ip(1), answer(60 * KIB)).status(), 200);
        assert_eq!(unread.lock().held, 0);
        assert!(unread.lock().by_address.is_empty());
    }

    #[test]
    fn all_together_are_bounded_and_one_always_passes() {
        let unread = Unread::new(400 * KIB);
        let _held: Vec<Response> = (1..=4).map(|last| unread.hold(ip(last), answer(100 * KIB))).collect();
        assert_eq!(unread.hold(ip(5), answer(100 * KIB)).status(), 503);
        let empty = Unread::new(400 * KIB);
        assert_eq!(empty.hold(ip(1), answer(4_000 * KIB)).status(), 200);
    }
}
