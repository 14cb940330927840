//! The clock that interrupts components: a thread that advances wasmtime's epoch while calls are under way.
//!
//! It stops by itself soon after the last call, so that an idle server wakes for nothing, and ends with its engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

/// How often a call is looked at.
const TICK: Duration = Duration::from_millis(10);
/// Ticks without a call after which the thread parks.
const IDLE_TICKS: u32 = 20;

#[derive(Debug, Default)]
struct Shared {
    /// Calls under way.
    calls: AtomicUsize,
    /// The thread is parked, or about to be.
    parked: AtomicBool,
    stop: AtomicBool,
}

/// Owns the thread; dropping it ends the thread.
#[derive(Debug)]
pub struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

impl Ticker {
    /// Starts the thread for one engine.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn spawn(engine: wasmtime::Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let handle = thread::Builder::new().name("component-ticks".into()).spawn({
            let shared = Arc::clone(&shared);
            move || run(&shared, &engine)
        })?;
        Ok(Self { shared, thread: handle.thread().clone() })
    }

    /// A call is under way until the guard is dropped.
    pub fn begin(&self) -> Running<'_> {
        // Sequentially consistent on both sides: either this sees `parked`, or the thread sees the call.
        self.shared.calls.fetch_add(1, Ordering::SeqCst);
        if self.shared.parked.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(&self.shared)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// A call under way.
#[derive(Debug)]
pub struct Running<'a>(&'a Shared);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::SeqCst);
    }
}

fn run(shared: &Shared, engine: &wasmtime::Engine) {
    let mut idle = 0;
    while !shared.stop.load(Ordering::SeqCst) {
        if idle >= IDLE_TICKS {
            shared.parked.store(true, Ordering::SeqCst);
            if shared.calls.load(Ordering::SeqCst) == 0 && !shared.stop.load(Ordering::SeqCst) {
                thread::park();
            }
            shared.parked.store(false, Ordering::SeqCst);
            idle = 0;
        }
        thread::sleep(TICK);
        engine.increment_epoch();
        idle = if shared.calls.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::time::Instant;

    use super::*;

    fn soon(condition: impl Fn() -> bool) -> bool {
        let start = Instant::now();
        while !condition() {
            if start.elapsed() > Duration::from_secs(10) {
                return false;
            }
            thread::yield_now();
        }
        true
    }

    #[test]
    fn it_parks_without_calls_and_comes_back_for_one() {
        let ticker = Ticker::spawn(wasmtime::Engine::default()).unwrap();
        let parked = || ticker.shared.parked.load(Ordering::SeqCst);
        assert!(soon(parked), "no call: no ticks");
        let running = ticker.begin();
        assert!(soon(|| !parked()));
        thread::sleep(TICK * (IDLE_TICKS + 5));
        assert!(!parked(), "it ticks as long as the call runs");
        drop(running);
        assert!(soon(parked));
    }

    #[test]
    fn its_thread_ends_with_it() {
        let ticker = Ticker::spawn(wasmtime::Engine::default()).unwrap();
        let shared = Arc::downgrade(&ticker.shared);
        drop(ticker);
        assert!(soon(|| shared.strong_count() == 0));
    }
}
