//! The rate: at most so many live events in any 1,000 ms, by a sliding window on the monotonic clock.
//!
//! The window here is a little longer than a second, since what leaves us 1,000 ms apart may arrive 995 ms apart. It
//! follows that an event which is queued behind at most `rate - 1` others leaves within [`WINDOW_MS`] and a
//! [`GRAIN_MS`].

use std::collections::VecDeque;

use crate::words::MonotonicMs;

/// Milliseconds in which at most `rate` events are sent.
pub const WINDOW_MS: u64 = 1_010;
/// Milliseconds to which times of sending are rounded up, so that a window has a hundred entries at any rate.
pub const GRAIN_MS: u64 = 10;

/// When the events of the last window were sent.
#[derive(Debug)]
pub struct Window {
    rate: u32,
    /// (time, how many), oldest first.
    sent: VecDeque<(MonotonicMs, u32)>,
    /// The sum of `sent`.
    used: u32,
}

impl Window {
    /// `sent` are the times of events that were sent before, oldest first.
    #[must_use]
    pub fn new(rate: u32, sent: &[MonotonicMs]) -> Self {
        let mut window = Self { rate: rate.max(1), sent: VecDeque::new(), used: 0 };
        for at in sent {
            window.take(*at);
        }
        window
    }

    /// Events a second.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// When the next event may be sent: now, or later.
    pub fn free_at(&mut self, now: MonotonicMs) -> MonotonicMs {
        while let Some((at, count)) = self.sent.front().copied() {
            if at.saturating_add(WINDOW_MS) > now {
                break;
            }
            self.used = self.used.saturating_sub(count);
            self.sent.pop_front();
        }
        match self.sent.front() {
            Some((at, _)) if self.used >= self.rate => at.saturating_add(WINDOW_MS),
            _ => now,
        }
    }

    /// An event is sent now.
    pub fn take(&mut self, now: MonotonicMs) {
        let at = now.div_ceil(GRAIN_MS).saturating_mul(GRAIN_MS);
        self.used = self.used.saturating_add(1);
        match self.sent.back_mut() {
            Some((last, count)) if *last >= at => *count = count.saturating_add(1),
            _ => self.sent.push_back((at, 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_more_than_the_rate_in_any_second(rate in 1_u32..30, steps in prop::collection::vec(0_u64..400, 1..300)) {
            let mut window = Window::new(rate, &[]);
            let (mut now, mut sent) = (0, Vec::new());
            for step in steps {
                now += step;
                // As many as are let through at this moment.
                while window.free_at(now) <= now {
                    window.take(now);
                    sent.push(now);
                }
                prop_assert!(window.free_at(now) <= now + WINDOW_MS + GRAIN_MS);
            }
            for (at, start) in sent.iter().enumerate() {
                let within = sent.iter().skip(at).take_while(|t| **t < start + 1_000).count();
                prop_assert!(within <= usize::try_from(rate).unwrap_or(0), "{within} from {start}");
            }
        }
    }

    #[test]
    fn a_window_that_goes_on_remembers() {
        let mut window = Window::new(2, &[500, 990]);
        assert_eq!(window.free_at(1_000), 1_510);
        assert_eq!(window.free_at(1_510), 1_510);
        window.take(1_510);
        assert_eq!(window.free_at(1_511), 2_000);
    }

    #[test]
    fn a_high_rate_keeps_few_entries() {
        let mut window = Window::new(1_000_000, &[]);
        for now in 0..100_000 {
            let _ = window.free_at(now);
            window.take(now);
        }
        assert!(window.sent.len() <= 103, "{}", window.sent.len());
    }
}
