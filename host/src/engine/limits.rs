//! What one call of a component may use, and what its instance may hold: the sandbox's numbers and their enforcement.
//!
//! Time is the component's own: what passes inside an import (a disk that syncs, a lock that is held) is not charged to
//! it, and neither is a busy machine, since the limit counts the calling thread's CPU time. Whoever runs the call
//! (`instance.rs`) retires the instance that went over.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use wasmtime::ResourceLimiter;

/// All linear memories of an instance together.
const MAX_MEMORY: usize = 64 << 20;
/// Elements of one table: a large interpreter has some 20,000 functions.
const MAX_TABLE_ELEMENTS: usize = 100_000;
/// Core instances of one component; adapters make a dozen.
const MAX_INSTANCES: usize = 100;
/// Tables, and memories, of one component.
const MAX_TABLES: usize = 100;
/// Bytes that one call of an import may carry out of the guest.
pub const MAX_IMPORT_BYTES: usize = MAX_MEMORY;
/// Things of the host's that a guest may hold at once (streams, pollables).
pub const MAX_RESOURCES: usize = 1_000;
/// Random bytes that a guest may ask for at once.
pub const MAX_RANDOM: u64 = 64 << 10;

/// CPU time of a call's own.
const MAX_CPU: Duration = Duration::from_millis(100);
/// Wall time of a call's own, for a machine on which the thread hardly runs: the caller is not kept for ever.
const MAX_WALL: Duration = Duration::from_secs(5);

/// The call used more time than it may.
#[derive(Debug, thiserror::Error)]
#[error("over {} ms of its own time", MAX_CPU.as_millis())]
pub struct TimeLimit;

/// The instance wanted more memory than it may have.
#[derive(Debug, thiserror::Error)]
#[error("over {} MiB of memory", MAX_MEMORY >> 20)]
pub struct MemoryLimit;

/// Ends the instance that grows too far. To be told "no" is not enough: most guests answer that with a crash of their
/// own, and the log would not say why.
#[derive(Debug, Default)]
pub struct Memory {
    /// Bytes of all memories.
    used: usize,
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > MAX_MEMORY {
            return Err(MemoryLimit.into());
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired > MAX_TABLE_ELEMENTS {
            return Err(MemoryLimit.into());
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_TABLES
    }
}

/// How long the call under way has run by itself. Lives in the instance's state, where imports and ticks reach it.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    /// Wall time inside imports since `started`.
    outside: Duration,
    /// The thread's CPU clock at the call's first tick, less what imports have used since. The clock costs a system
    /// call, as much as a whole call of a component, so short calls never read it; the tick is at most one tick late.
    cpu_base: Option<Duration>,
}

impl Meter {
    pub fn new() -> Self {
        Self { started: Instant::now(), outside: Duration::ZERO, cpu_base: None }
    }

    /// A call begins.
    pub fn start(&mut self) {
        *self = Self::new();
    }

    /// Runs an import on the host's account.
    pub fn outside<T>(&mut self, import: impl FnOnce() -> T) -> T {
        let wall = Instant::now();
        let cpu = self.cpu_base.is_some().then(thread_cpu);
        let result = import();
        if let (Some(base), Some(cpu)) = (&mut self.cpu_base, cpu) {
            *base += thread_cpu().saturating_sub(cpu);
        }
        self.outside += wall.elapsed();
        result
    }

    /// The call's own wall time so far.
    pub fn own(&self) -> Duration {
        self.started.elapsed().saturating_sub(self.outside)
    }

    /// Called at each tick while the guest runs.
    ///
    /// # Errors
    /// `TimeLimit`: the call has to end.
    pub fn check(&mut self) -> Result<(), TimeLimit> {
        let now = thread_cpu();
        let base = *self.cpu_base.get_or_insert(now);
        if now.saturating_sub(base) >= MAX_CPU || self.own() >= MAX_WALL { Err(TimeLimit) } else { Ok(()) }
    }
}

/// CPU time that the calling thread has used.
fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn burn(time: Duration) {
        let start = thread_cpu();
        while thread_cpu() - start < time {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn own_cpu_time_ends_a_call() {
        let mut meter = Meter::new();
        meter.check().unwrap();
        burn(Duration::from_millis(50));
        meter.check().unwrap();
        burn(Duration::from_millis(60));
        assert!(meter.check().is_err());
        meter.start();
        assert!(meter.check().is_ok(), "a new call starts from nothing");
    }

    #[test]
    fn an_import_that_waits_or_works_is_not_charged() {
        let mut meter = Meter::new();
        meter.check().unwrap();
        meter.outside(|| burn(Duration::from_millis(150)));
        meter.check().unwrap();
        meter.outside(|| std::thread::sleep(Duration::from_millis(120)));
        meter.check().unwrap();
        assert!(meter.own() < Duration::from_millis(100));
    }

    #[test]
    fn a_thread_that_is_not_run_is_not_charged() {
        let mut meter = Meter::new();
        meter.check().unwrap();
        std::thread::sleep(Duration::from_millis(150));
        meter.check().unwrap();
    }

    #[test]
    fn memories_are_counted_together() {
        let mut memory = Memory::default();
        assert!(memory.memory_growing(0, MAX_MEMORY / 2, None).unwrap());
        assert!(memory.memory_growing(0, MAX_MEMORY / 2, None).unwrap());
        assert!(memory.memory_growing(MAX_MEMORY / 2, MAX_MEMORY / 2 + 65_536, None).is_err());
    }
}
