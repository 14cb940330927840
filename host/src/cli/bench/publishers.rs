//! Publishers: threads that post events at a steady rate, whatever the server that takes them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::http::Http;
use super::load::micros;

/// Publishers that send events at a steady rate for some time.
pub struct Publishers {
    threads: Vec<std::thread::JoinHandle<anyhow::Result<u64>>>,
    done: Arc<AtomicBool>,
}

impl Publishers {
    /// `rate` events a second in requests of `batch`, each to the path that `path` makes of its body; `event` makes one
    /// of its number and the time.
    pub fn start(
        address: SocketAddr,
        rate: u32,
        batch: u32,
        time: Duration,
        path: fn(&str) -> String,
        event: impl Fn(u64, u64) -> String + Clone + Send + 'static,
    ) -> Self {
        // One that waits for the disk must not hold up the others' beat.
        let publishers = if rate / batch <= 20 { 1 } else { 4 };
        let step = Duration::from_secs(1) * publishers * batch / rate;
        let done = Arc::new(AtomicBool::new(false));
        let start = Instant::now();
        let threads = (0..publishers)
            .map(|publisher| {
                let event = event.clone();
                std::thread::spawn(move || {
                    let mut http = Http::connect(address)?;
                    let mut due = start + step * publisher / publishers;
                    let (mut sent, batch) = (0, u64::from(batch));
                    while due < start + time {
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        let (first, now) = (sent * u64::from(publishers) + u64::from(publisher) * batch, micros());
                        let events: Vec<String> = (first..first + batch).map(|number| event(number, now)).collect();
                        let body = match events.as_slice() {
                            [one] => one,
                            many => &format!("[{}]", many.join(",")),
                        };
                        http.post(&path(body), body)?;
                        sent += batch;
                        due += step;
                    }
                    Ok(sent)
                })
            })
            .collect();
        Self { threads, done }
    }

    /// Set once [`Publishers::wait`] has returned.
    pub fn done(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.done)
    }

    /// Wait for the end. Returns how many events were acknowledged.
    ///
    /// # Errors
    /// One of them was refused.
    pub fn wait(self) -> anyhow::Result<u64> {
        let mut sent = 0;
        for thread in self.threads {
            let ended = thread.join().map_err(|_| anyhow::anyhow!("a publisher panicked"));
            match ended.and_then(|sent| sent) {
                Ok(more) => sent += more,
                Err(error) => {
                    self.done.store(true, Ordering::Release);
                    return Err(error);
                }
            }
        }
        self.done.store(true, Ordering::Release);
        Ok(sent)
    }
}
