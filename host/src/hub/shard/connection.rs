//! One connection of a shard: its transport, what is unsent, and what it has subscribed to. No method blocks.
//!
//! Always true: more than [`UNSENT_LIMIT`] bytes are never queued beyond the frame that crossed it.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::{Buf, Bytes};
use mio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;

use crate::engine::words::{LaneKey, MonotonicMs};
use crate::hub::client::Client;
use crate::hub::frame::{Frame, Told};
use crate::hub::lanes::LaneRef;
use crate::hub::websocket::decoder::Decoder;
use crate::store::Seq;

/// Bytes unsent beyond which nothing more is queued (contract section 4, promise 5).
pub const UNSENT_LIMIT: usize = 256 * 1024;
/// Buffers handed to one `writev`.
const GATHER: usize = 64;
/// Fills the places of a gather that are not used.
static NO_BYTES: Bytes = Bytes::new();

/// How bytes reach the client.
pub enum Transport {
    /// A WebSocket: the shard owns the socket.
    Socket(TcpStream),
    /// An event stream: hyper owns the socket, and takes from this channel when it can write.
    Stream {
        /// Unbounded by itself; the bytes in it are gauged, and bounded here.
        sender: UnboundedSender<Bytes>,
        /// Shared with the response's body.
        gauge: Arc<StreamGauge>,
    },
}

/// What is on its way between a shard and the body of an event stream.
#[derive(Debug, Default)]
pub struct StreamGauge {
    /// Bytes in the channel.
    unsent: AtomicUsize,
    /// The shard waits to be told when there are none.
    lagging: AtomicBool,
}

impl StreamGauge {
    /// The body has taken so many bytes out of the channel. Returns whether the shard is to be told that it is drained.
    #[must_use]
    pub fn taken(&self, bytes: usize) -> bool {
        let before = self.unsent.fetch_sub(bytes, Ordering::AcqRel);
        before <= bytes && self.lagging.swap(false, Ordering::AcqRel)
    }
}

/// One subscription.
pub struct Subscription {
    /// Unique in its connection, for as long as that lives.
    pub id: u32,
    /// What for.
    pub key: Arc<LaneKey>,
    /// Its lane, once attached.
    pub lane: Option<LaneRef>,
    /// Everything up to here was sent or reported.
    pub position: Seq,
    /// What happens to its lane's frames.
    pub flow: Flow,
    /// The end of its replay, until it is known that nothing was committed since: what was belongs to the replay, not under
    /// the rate.
    pub caught_up: Option<Arc<Frame>>,
}

/// What happens to a lane's frames for one subscription.
pub enum Flow {
    /// They are sent.
    Live,
    /// They wait for what comes before them: a fill is under way.
    Held {
        /// In order.
        frames: Vec<Arc<Frame>>,
        /// Their size.
        bytes: usize,
        /// There were too many: all were dropped, and the fill is followed by another one.
        dropped: bool,
    },
    /// They are dropped, until the client has read what is unsent.
    Lagging,
}

impl Flow {
    /// Waiting, with nothing held yet.
    #[must_use]
    pub fn held() -> Self {
        Self::Held { frames: Vec::new(), bytes: 0, dropped: false }
    }
}

/// What becomes of a frame for one subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// It is sent now, and the position has moved.
    Send,
    /// The same, but its `prev` is to be this, where the subscription stood: the lane's is before it.
    SendAfter(Seq),
    /// Nothing: it was passed, it waits, or it is dropped.
    Pass,
    /// It reports a range that begins before the position: it must be counted anew for this client.
    Recount,
}

impl Subscription {
    /// Decide on the next frame of the lane, or of a replay.
    pub fn take(&mut self, frame: &Arc<Frame>) -> Take {
        match &mut self.flow {
            Flow::Lagging => return Take::Pass,
            Flow::Held { frames, bytes, dropped } => {
                if *bytes + frame.bytes.len() > UNSENT_LIMIT {
                    *frames = Vec::new();
                    *dropped = true;
                }
                if !*dropped {
                    frames.push(Arc::clone(frame));
                    *bytes += frame.bytes.len();
                }
                return Take::Pass;
            }
            Flow::Live => {}
        }
        let take = judge(self.position, frame);
        if matches!(take, Take::Send | Take::SendAfter(_)) {
            self.position = moved(self.position, frame);
        }
        take
    }

    /// The same for frames that follow each other, where it is simple: all of them from one on are sent now, and the
    /// ones before it were passed. Returns that one's number; none, where it is not, with nothing changed.
    pub fn take_run(&mut self, frames: &[Arc<Frame>]) -> Option<usize> {
        if !matches!(self.flow, Flow::Live) {
            return None;
        }
        let (mut position, mut first) = (self.position, None);
        for (number, frame) in frames.iter().enumerate() {
            match judge(position, frame) {
                Take::Pass if first.is_none() => continue,
                Take::Pass | Take::SendAfter(_) | Take::Recount => return None,
                Take::Send => first = first.or(Some(number)),
            }
            position = moved(position, frame);
        }
        self.position = position;
        Some(first.unwrap_or(frames.len()))
    }
}

/// What a live subscription at `position` does with a frame.
fn judge(position: Seq, frame: &Frame) -> Take {
    if frame.kind == Told::Aside {
        return Take::Send;
    }
    // The end of a replay settles nothing more, nor does the report that another log is gone; both are told all the
    // same.
    let settles_nothing = frame.from == frame.to && frame.to == position;
    if frame.to <= position && !settles_nothing {
        Take::Pass
    } else if frame.kind == Told::Skipped && frame.from < position {
        Take::Recount
    } else if frame.kind == Told::Event && frame.from < position {
        Take::SendAfter(position)
    } else {
        Take::Send
    }
}

/// Where a frame that is sent leaves the position.
fn moved(position: Seq, frame: &Frame) -> Seq {
    if frame.kind == Told::Aside { position } else { frame.to }
}

/// Write once. Returns how much went out, 0 when the socket takes nothing now; none: the client is gone.
fn write_some(stream: &mut TcpStream, frames: &[&Bytes]) -> Option<usize> {
    let written = match frames {
        [] => return Some(0),
        [one] => stream.write(one),
        many => {
            let mut slices = [IoSlice::new(&[]); GATHER];
            for (slice, bytes) in slices.iter_mut().zip(many) {
                *slice = IoSlice::new(bytes);
            }
            stream.write_vectored(slices.get(..many.len()).unwrap_or(&[]))
        }
    };
    match written {
        Ok(0) => None,
        Ok(written) => Some(written),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Some(0),
        Err(_) => None,
    }
}

/// How a read ended.
#[derive(Debug, PartialEq, Eq)]
pub enum ReadEnd {
    /// Nothing more for now.
    Blocked,
    /// There may be more; others come first.
    Again,
    /// The client is gone.
    Eof,
}

/// One connection.
pub struct Connection {
    /// Tells this connection from an earlier one in the same place.
    pub generation: u32,
    /// Who.
    pub client: Arc<Client>,
    /// How.
    pub transport: Transport,
    /// What has not been handed to a socket that would block.
    out: VecDeque<Bytes>,
    /// Bytes in `out`.
    queued: usize,
    /// At most four.
    pub subscriptions: Vec<Subscription>,
    /// What was read and is no whole message yet; none for most, most of the time.
    pub decoder: Option<Box<Decoder>>,
    /// A message of the client's is being handled; nothing is read until it is done.
    pub busy: bool,
    /// Bytes for it are in the round of writes that is being gathered: they go first.
    pub staged: bool,
    /// The socket may have more to read.
    pub readable: bool,
    /// Since when too much is unsent.
    pub lagging_since: Option<MonotonicMs>,
    /// When it was opened.
    pub opened: MonotonicMs,
    /// When something was last heard of the client.
    pub heard: MonotonicMs,
    /// When the next ping or comment is due.
    pub beat: MonotonicMs,
    /// The close is sent: the connection goes at this time at the latest.
    pub closing: Option<MonotonicMs>,
    /// The framing is broken: what comes in is thrown away.
    pub deaf: bool,
    /// What it has sent in the second that began at `.0`.
    spent: (MonotonicMs, u32),
}

impl Connection {
    /// A connection that has just been opened.
    #[must_use]
    pub fn new(
        generation: u32,
        client: Arc<Client>,
        transport: Transport,
        now: MonotonicMs,
        beat: MonotonicMs,
    ) -> Self {
        Self {
            generation,
            client,
            transport,
            out: VecDeque::new(),
            queued: 0,
            subscriptions: Vec::new(),
            decoder: None,
            busy: false,
            staged: false,
            readable: false,
            lagging_since: None,
            opened: now,
            heard: now,
            beat,
            closing: None,
            deaf: false,
            spent: (now, 0),
        }
    }

    /// Bytes that the client has not been sent.
    #[must_use]
    pub fn unsent(&self) -> usize {
        match &self.transport {
            Transport::Socket(_) => self.queued,
            Transport::Stream { gauge, .. } => gauge.unsent.load(Ordering::Acquire),
        }
    }

    /// Whether it is a WebSocket.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        matches!(self.transport, Transport::Socket(_))
    }

    /// Send several frames with as few writes as possible, or queue what cannot be sent now. False: the client is gone.
    pub fn send_all<'a>(&mut self, frames: impl IntoIterator<Item = &'a Bytes>) -> bool {
        let mut frames = frames.into_iter().filter(|bytes| !bytes.is_empty());
        match &mut self.transport {
            Transport::Stream { sender, gauge } => {
                for bytes in frames {
                    gauge.unsent.fetch_add(bytes.len(), Ordering::AcqRel);
                    if sender.send(bytes.clone()).is_err() {
                        return false;
                    }
                }
                true
            }
            Transport::Socket(_) if self.queued > 0 => {
                frames.for_each(|bytes| self.queue(bytes.clone()));
                true
            }
            // Nearly always all of it goes out here, without a copy or a queue.
            Transport::Socket(stream) => loop {
                let mut batch = [&NO_BYTES; GATHER];
                let mut used = 0;
                for (slot, bytes) in batch.iter_mut().zip(&mut frames) {
                    *slot = bytes;
                    used += 1;
                }
                let batch = batch.get(..used).unwrap_or_default();
                let Some(mut written) = write_some(stream, batch) else { return false };
                let mut gone = 0;
                while let Some(whole) = batch.get(gone).map(|bytes| bytes.len()).filter(|len| written >= *len) {
                    written -= whole;
                    gone += 1;
                }
                if let Some((cut, rest)) = batch.get(gone..).and_then(<[_]>::split_first) {
                    self.queue(cut.slice(written..));
                    rest.iter().for_each(|bytes| self.queue((*bytes).clone()));
                    frames.for_each(|bytes| self.queue(bytes.clone()));
                    // Until it blocks: only then the poll tells when the socket takes more.
                    return self.flush();
                }
                if used < GATHER {
                    return true;
                }
            },
        }
    }

    /// Its socket, where something may be written to it right away.
    #[must_use]
    pub fn free_socket(&self) -> Option<BorrowedFd<'_>> {
        match &self.transport {
            Transport::Socket(stream) if self.queued == 0 => Some(stream.as_fd()),
            _ => None,
        }
    }

    /// Queue what a write from elsewhere has left over, and write on until the socket blocks: only then the poll tells
    /// when it takes more. False: the client is gone.
    pub fn send_rest(&mut self, rest: Bytes) -> bool {
        self.queue(rest);
        self.flush()
    }

    fn queue(&mut self, bytes: Bytes) {
        self.queued += bytes.len();
        self.out.push_back(bytes);
    }

    /// Ask to be told when the client has read what is unsent. Returns whether it has already.
    pub fn note_lag(&mut self) -> bool {
        match &self.transport {
            Transport::Socket(_) => self.queued == 0,
            Transport::Stream { gauge, .. } => {
                gauge.lagging.store(true, Ordering::Release);
                gauge.unsent.load(Ordering::Acquire) == 0 && gauge.lagging.swap(false, Ordering::AcqRel)
            }
        }
    }

    /// Write what is queued, as far as the socket takes it. False: the client is gone.
    pub fn flush(&mut self) -> bool {
        let Transport::Socket(stream) = &mut self.transport else { return true };
        while !self.out.is_empty() {
            let mut slices = [IoSlice::new(&[]); GATHER];
            let mut used = 0;
            for (slice, bytes) in slices.iter_mut().zip(&self.out) {
                *slice = IoSlice::new(bytes);
                used += 1;
            }
            let written = match stream.write_vectored(slices.get(..used).unwrap_or(&[])) {
                Ok(0) => return false,
                Ok(written) => written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return false,
            };
            self.queued -= written;
            let mut left = written;
            while let Some(front) = self.out.front_mut() {
                if left < front.len() {
                    front.advance(left);
                    break;
                }
                left -= front.len();
                self.out.pop_front();
            }
        }
        // Most connections are idle most of the time: an empty queue holds no memory.
        self.out = VecDeque::new();
        true
    }

    /// Throw away what is queued, but for the frame that has begun to be written.
    pub fn forget_queued(&mut self) {
        self.out.truncate(1);
        self.queued = self.out.iter().map(Bytes::len).sum();
    }

    /// Read into `scratch`, once.
    pub fn read<'a>(&mut self, scratch: &'a mut [u8]) -> (&'a [u8], ReadEnd) {
        let Transport::Socket(stream) = &mut self.transport else { return (&[], ReadEnd::Blocked) };
        loop {
            match stream.read(scratch) {
                Ok(0) => return (&[], ReadEnd::Eof),
                Ok(read) => return (scratch.get(..read).unwrap_or(&[]), ReadEnd::Again),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return (&[], ReadEnd::Blocked),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return (&[], ReadEnd::Eof),
            }
        }
    }

    /// Count what the client sends. False: it is more than `budget` within a second.
    pub fn spend(&mut self, cost: u32, budget: u32) -> bool {
        if self.heard.saturating_sub(self.spent.0) >= 1_000 {
            self.spent = (self.heard, 0);
        }
        self.spent.1 = self.spent.1.saturating_add(cost);
        self.spent.1 <= budget
    }

    /// Whether it has ever subscribed.
    #[must_use]
    pub fn has_started(&self) -> bool {
        !self.subscriptions.is_empty() || self.client.has_started()
    }

    /// The subscription of this id.
    pub fn subscription(&mut self, id: u32) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|subscription| subscription.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::words::{Format, LaneKey};
    use crate::store::Filter;

    fn subscription(position: Seq, flow: Flow) -> Subscription {
        let key = LaneKey {
            channel: crate::engine::words::Channel::Events,
            filter: Filter::default(),
            rate: 10,
            format: Format::Json,
            label: None,
        };
        Subscription { id: 1, key: Arc::new(key), lane: Some(1), position, flow, caught_up: None }
    }

    fn frame(kind: Told, from: Seq, to: Seq) -> Arc<Frame> {
        Frame::plain(kind, from, to, Bytes::from_static(b"x"))
    }

    #[test]
    fn promise_1_a_frame_that_the_position_has_passed_is_not_sent_again() {
        let mut subscription = subscription(5, Flow::Live);
        assert_eq!(subscription.take(&frame(Told::Event, 3, 5)), Take::Pass);
        assert_eq!(subscription.take(&frame(Told::Event, 5, 6)), Take::Send);
        assert_eq!(subscription.take(&frame(Told::Event, 5, 6)), Take::Pass);
        assert_eq!(subscription.position, 6);
    }

    #[test]
    fn promise_1_an_event_follows_where_this_subscription_stood_not_its_lane() {
        let mut subscription = subscription(5, Flow::Live);
        let frames = [frame(Told::Event, 3, 6), frame(Told::Event, 6, 7)];
        assert_eq!(subscription.take_run(&frames), None);
        assert_eq!(subscription.position, 5, "it is told frame by frame");
        assert_eq!(subscription.take(&frames[0]), Take::SendAfter(5));
        assert_eq!(subscription.take(&frames[1]), Take::Send);
        assert_eq!(subscription.position, 7);
    }

    #[test]
    fn promise_1_a_report_that_straddles_the_position_is_counted_anew() {
        let mut subscription = subscription(5, Flow::Live);
        assert_eq!(subscription.take(&frame(Told::Skipped, 2, 5)), Take::Pass);
        assert_eq!(subscription.take(&frame(Told::Skipped, 3, 9)), Take::Recount);
        assert_eq!(subscription.position, 5, "it has not been told yet");
        assert_eq!(subscription.take(&frame(Told::Skipped, 5, 9)), Take::Send);
        assert_eq!(subscription.position, 9);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut subscription = subscription(5, Flow::held());
        let large = Bytes::from(vec![b'x'; UNSENT_LIMIT / 2]);
        for seq in 6..16 {
            let frame = Frame::plain(Told::Event, seq - 1, seq, large.clone());
            assert_eq!(subscription.take(&frame), Take::Pass);
        }
        assert!(matches!(subscription.flow, Flow::Held { ref frames, dropped: true, .. } if frames.is_empty()));
        assert_eq!(subscription.position, 5);
    }

    #[test]
    fn the_end_of_a_replay_is_told_though_it_settles_nothing() {
        let mut subscription = subscription(5, Flow::Live);
        assert_eq!(subscription.take(&frame(Told::Position, 5, 5)), Take::Send);
        assert_eq!(subscription.take(&frame(Told::Position, 4, 4)), Take::Pass);
    }

    #[test]
    fn promise_3_the_report_that_another_log_is_gone_is_told_though_its_range_is_empty() {
        assert_eq!(subscription(0, Flow::Live).take(&frame(Told::Skipped, 0, 0)), Take::Send);
    }
}
