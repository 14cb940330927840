//! A value that lives on a thread of its own: how the rest of the host, which is async, reaches a component, which
//! blocks. Jobs of one worker run one after another, in the order in which they were taken into its bounded queue; a
//! caller waits while the queue is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::sync::{mpsc, oneshot};

/// The worker's thread has ended: a job of its panicked, which is a defect of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the worker has ended")]
pub struct WorkerGone;

/// Jobs that may wait for one worker of a pool.
const POOL_CAPACITY: usize = 64;

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// A handle to the worker. The thread ends when all handles are gone and what was queued is done.
#[derive(Debug)]
pub struct Worker<T> {
    jobs: mpsc::Sender<Job<T>>,
}

impl<T> Clone for Worker<T> {
    fn clone(&self) -> Self {
        Self { jobs: self.jobs.clone() }
    }
}

impl<T: 'static> Worker<T> {
    /// Starts a thread with the value that `make` gives there. `capacity`: jobs that may wait, at least 1.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn spawn(name: &str, capacity: usize, make: impl FnOnce() -> T + Send + 'static) -> std::io::Result<Self> {
        let (jobs, mut queue) = mpsc::channel::<Job<T>>(capacity.max(1));
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut value = make();
            while let Some(job) = queue.blocking_recv() {
                job(&mut value);
            }
        })?;
        Ok(Self { jobs })
    }

    /// Runs a job there and waits for its answer. A caller that goes away leaves the job to run to its end.
    ///
    /// # Errors
    /// `WorkerGone`.
    pub async fn call<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, WorkerGone> {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(boxed(job, answer)).await.map_err(|_| WorkerGone)?;
        answered.await.map_err(|_| WorkerGone)
    }

    /// The same from a thread that may block.
    ///
    /// # Errors
    /// `WorkerGone`.
    ///
    /// # Panics
    /// When called from an async task, which must not block.
    pub fn call_blocking<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, WorkerGone> {
        let (answer, answered) = oneshot::channel();
        self.jobs.blocking_send(boxed(job, answer)).map_err(|_| WorkerGone)?;
        answered.blocking_recv().map_err(|_| WorkerGone)
    }
}

fn boxed<T, R: Send + 'static>(job: impl FnOnce(&mut T) -> R + Send + 'static, answer: oneshot::Sender<R>) -> Job<T> {
    Box::new(move |value| {
        // Nobody waits any more: the job's effect stands, its answer is dropped.
        let _ = answer.send(job(value));
    })
}

/// Several workers of one kind, taken in turn.
#[derive(Debug)]
pub struct Pool<T> {
    workers: Arc<[Worker<T>]>,
    next: Arc<AtomicUsize>,
}

impl<T> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Self { workers: Arc::clone(&self.workers), next: Arc::clone(&self.next) }
    }
}

impl<T: 'static> Pool<T> {
    /// Starts one worker for each value.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn new(name: &str, values: Vec<T>) -> std::io::Result<Self>
    where
        T: Send,
    {
        let spawn = |(i, value)| Worker::spawn(&format!("{name}-{i}"), POOL_CAPACITY, move || value);
        let workers: std::io::Result<Vec<_>> = values.into_iter().enumerate().map(spawn).collect();
        Ok(Self { workers: workers?.into(), next: Arc::new(AtomicUsize::new(0)) })
    }

    fn pick(&self) -> Result<&Worker<T>, WorkerGone> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.workers.get(turn % self.workers.len().max(1)).ok_or(WorkerGone)
    }

    /// Runs a job on the next worker and waits for its answer.
    ///
    /// # Errors
    /// `WorkerGone`.
    pub async fn call<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, WorkerGone> {
        self.pick()?.call(job).await
    }

    /// The same from a thread that may block.
    ///
    /// # Errors
    /// `WorkerGone`.
    ///
    /// # Panics
    /// When called from an async task, which must not block.
    pub fn call_blocking<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, WorkerGone> {
        self.pick()?.call_blocking(job)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use super::*;

    #[test]
    fn jobs_run_in_order_on_one_value() {
        let worker = Worker::spawn("counter", 1, || 0_u32).unwrap();
        for expected in 1..=100 {
            let got = worker.call_blocking(|n| {
                *n += 1;
                *n
            });
            assert_eq!(got, Ok(expected));
        }
    }

    #[test]
    fn the_thread_ends_with_its_last_handle() {
        struct Told(std::sync::mpsc::Sender<()>);
        impl Drop for Told {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        let (told, heard) = std::sync::mpsc::channel();
        let worker = Worker::spawn("mortal", 4, move || Told(told)).unwrap();
        let other = worker.clone();
        drop(worker);
        assert_eq!(other.call_blocking(|_| 7), Ok(7));
        drop(other);
        heard.recv_timeout(std::time::Duration::from_secs(5)).unwrap();
    }

    #[test]
    fn a_panic_is_told_to_its_caller_and_all_later_ones() {
        let worker = Worker::spawn("fragile", 4, || ()).unwrap();
        assert_eq!(worker.call_blocking(|()| panic!("on purpose")), Err::<(), _>(WorkerGone));
        assert_eq!(worker.call_blocking(|()| 1), Err(WorkerGone));
    }

    #[test]
    fn a_pool_takes_turns() {
        let pool = Pool::new("pool", vec!['a', 'b']).unwrap();
        let seen: Vec<char> = (0..4).map(|_| pool.call_blocking(|c| *c).unwrap()).collect();
        assert_eq!(seen, ['a', 'b', 'a', 'b']);
    }
}
