//! One lane of the feed: what it holds back, what it leaves out, and what it has settled.
//!
//! An event that comes is sent if the rate allows and nothing waits; else it waits in a queue of as many events as the
//! rate. When that is full its oldest joins the open report, which is told before the next event, and at the latest
//! [`REPORT_AFTER_MS`] after the first event it covers came.

use std::collections::VecDeque;
use std::rc::Rc;

use super::{FrameKind, Held, LaneFrame, LaneId, Out};
use crate::format;
use crate::skipped::Tally;
use crate::throttle::Window;
use crate::words::{LaneKey, MonotonicMs, Reason, Seq, Settings, Skipped};

/// A report is told so long after its first event at the latest. The promise is 1,200 ms after it was logged; the rest
/// is for the way here and the way out.
const REPORT_AFTER_MS: u64 = 1_100;

pub(super) struct Lane {
    pub(super) id: LaneId,
    pub(super) key: LaneKey,
    /// Where this lane stands in the list of what is due; kept by the owner of that list.
    pub(super) timer: Option<MonotonicMs>,
    /// Everything up to here was sent or reported.
    settled: Seq,
    /// Everything up to here was offered.
    seen: Seq,
    window: Window,
    queue: VecDeque<Waiting>,
    report: Option<Report>,
}

struct Waiting {
    held: Rc<Held>,
    came: MonotonicMs,
}

/// What is left out and not yet told. It lies before everything in the queue.
struct Report {
    tally: Tally,
    due: MonotonicMs,
}

impl Lane {
    pub(super) fn new(id: LaneId, key: LaneKey, settled: Seq, sent: &[MonotonicMs]) -> Self {
        let window = Window::new(key.rate, sent);
        Self { id, key, timer: None, settled, seen: settled, window, queue: VecDeque::new(), report: None }
    }

    /// An event that matches. `crowded` says that all lanes together hold too much.
    pub(super) fn offer(
        &mut self,
        held: &Rc<Held>,
        now: MonotonicMs,
        crowded: bool,
        settings: &Settings,
        out: &mut Out,
    ) {
        let seq = held.body.event().seq;
        if seq <= self.seen {
            return;
        }
        self.seen = seq;
        if self.queue.is_empty() && !out.is_full() && self.window.free_at(now) <= now {
            self.send(held, now, settings, out);
            return;
        }
        self.queue.push_back(Waiting { held: Rc::clone(held), came: now });
        let room = if crowded { 1 } else { usize::try_from(self.window.rate()).unwrap_or(usize::MAX) };
        while self.queue.len() > room {
            let Some(oldest) = self.queue.pop_front() else { break };
            let event = oldest.held.body.event();
            let due = oldest.came.saturating_add(REPORT_AFTER_MS);
            let report = self.report.get_or_insert_with(|| Report { tally: Tally::default(), due });
            report.tally.add(event.seq, &event.event_type);
        }
    }

    /// Send what may be sent now.
    pub(super) fn drain(&mut self, now: MonotonicMs, settings: &Settings, out: &mut Out) {
        while !self.queue.is_empty() && !out.is_full() && self.window.free_at(now) <= now {
            let Some(waiting) = self.queue.pop_front() else { break };
            self.send(&waiting.held, now, settings, out);
        }
        if self.report.as_ref().is_some_and(|report| report.due <= now) {
            self.tell_report(settings, out);
        }
    }

    /// When there is something to do; none: nothing is held.
    pub(super) fn due(&mut self, now: MonotonicMs) -> Option<MonotonicMs> {
        let next = (!self.queue.is_empty()).then(|| self.window.free_at(now));
        let report = self.report.as_ref().map(|report| report.due);
        [next, report].into_iter().flatten().min()
    }

    /// Tell that nothing matched up to `head`, unless something is held that lies before it.
    pub(super) fn tell_position(&mut self, head: Seq, settings: &Settings, out: &mut Out) {
        if self.queue.is_empty() && self.report.is_none() && self.settled < head {
            let text = format::place(&self.key, settings, "position", head);
            self.settle(FrameKind::Position, head, text, 0, out);
            self.seen = self.seen.max(head);
        }
    }

    fn send(&mut self, held: &Rc<Held>, now: MonotonicMs, settings: &Settings, out: &mut Out) {
        self.tell_report(settings, out);
        self.window.take(now);
        let text = format::event(&self.key, settings, &held.body, self.settled);
        self.settle(FrameKind::Event, held.body.event().seq, text, 0, out);
    }

    fn tell_report(&mut self, settings: &Settings, out: &mut Out) {
        let Some(Report { tally, .. }) = self.report.take() else { return };
        let (to, count) = (tally.to, tally.count);
        let skipped =
            Skipped { from: self.settled, to, count: Some(count), by_type: tally.by_type(), reason: Reason::Rate };
        let text = format::skipped(&self.key, settings, &skipped);
        self.settle(FrameKind::Skipped, to, text, count, out);
    }

    fn settle(&mut self, kind: FrameKind, to: Seq, text: String, count: u64, out: &mut Out) {
        out.push(LaneFrame { lane: self.id, kind, from: self.settled, to, text, count });
        self.settled = to;
    }
}
