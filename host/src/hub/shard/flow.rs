//! What one subscription does with its lane's frames: sends, passes or holds them.
//!
//! Always true: a frame that the position has passed is not sent again, and none goes out past a gap; at most [`UNSENT_LIMIT`]
//! bytes are held. Sockets are `connection`'s.

use std::sync::Arc;

use crate::engine::words::LaneKey;
use crate::hub::frame::{Frame, Told};
use crate::hub::lanes::LaneRef;
use crate::store::Seq;

/// Bytes unsent beyond which nothing more is queued for a client (contract section 4, promise 5).
pub const UNSENT_LIMIT: usize = 256 * 1024;

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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

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
