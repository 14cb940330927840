//! The threads that carry HTTP connections: each has a runtime of its own, and a connection stays on the thread that it
//! was given. Nothing of a request moves between them, so that it costs one wake-up to come in and one to be answered
//! (`docs/decisions/appends.md` has what a runtime that shares its tasks cost).

use std::future::Future;
use std::io;
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// How long reads of the log that nobody waits for any more may keep a thread that ends.
const END: Duration = Duration::from_millis(200);

/// They end, with what is still on them, when this is dropped.
pub(super) struct Threads {
    threads: Vec<(Handle, oneshot::Sender<()>)>,
    next: usize,
}

impl Threads {
    /// One for each processor.
    ///
    /// # Errors
    /// The system's, when there is no thread to be had.
    pub(super) fn start() -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = (0..count).map(start).collect::<io::Result<_>>()?;
        Ok(Self { threads, next: 0 })
    }

    /// Hands a connection to the next thread, where `connection` makes it.
    pub(super) fn spawn<F: Future<Output = ()> + Send + 'static>(&mut self, connection: F) {
        let turn = self.next % self.threads.len().max(1);
        self.next = self.next.wrapping_add(1);
        if let Some((thread, _)) = self.threads.get(turn) {
            thread.spawn(connection);
        }
    }
}

fn start(index: usize) -> io::Result<(Handle, oneshot::Sender<()>)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let (end, ended) = oneshot::channel::<()>();
    thread::Builder::new().name(format!("http-{index}")).spawn(move || {
        // Nothing is ever sent: the other end is dropped.
        let _ = runtime.block_on(ended);
        runtime.shutdown_timeout(END);
    })?;
    Ok((handle, end))
}
