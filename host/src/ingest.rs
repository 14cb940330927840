//! The way into the log: what many requests bring is gathered into one call of the event-log component, one transaction
//! and one fsync; each request is answered when its own events are durable.
//!
//! Always true: the queue is bounded in requests and in bytes, and who finds it full is told so at once. A request that
//! makes the component fail fails alone.

mod gather;

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Sender, TrySendError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::engine::words::{Body, PublishLimits, Receipt, Refusal, RefusalCode, Submission};
use crate::engine::{CallError, EventLog};
use crate::hub::feed::{Feed, Prepared};
use crate::metrics::{Kind, Metrics};
use gather::Gather;

/// Requests that wait.
const QUEUE: usize = 4_096;
/// Bytes of the requests that wait, in KiB.
const QUEUE_KIB: usize = 64 * 1024;

/// What a request comes to.
pub type Answer = Result<Vec<Receipt>, Refusal>;

struct Request {
    body: Body,
    came: Instant,
    reply: oneshot::Sender<Answer>,
    _room: OwnedSemaphorePermit,
}

/// Takes requests. Cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    queue: Sender<Request>,
    room: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl Ingest {
    /// Start the thread that owns the event-log component. It ends when every handle is gone and every request is
    /// answered.
    ///
    /// # Errors
    /// The system's, when there is no thread to be had.
    pub fn start(
        event_log: EventLog,
        feed: Arc<Feed>,
        limits: PublishLimits,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        let (queue, requests) = crossbeam_channel::bounded(QUEUE);
        let counted = Arc::clone(&metrics);
        let worker = Worker { event_log, feed, limits, metrics: counted };
        thread::Builder::new().name("event-log".to_owned()).spawn(move || worker.run(Gather::new(requests)))?;
        Ok(Self { queue, room: Arc::new(Semaphore::new(QUEUE_KIB)), metrics })
    }

    /// Append what a publisher sent. Returns when it is durable, or refused as a whole.
    ///
    /// # Errors
    /// The refusal says what is wrong; `Unavailable` also when the queue is full.
    pub async fn submit(&self, body: Body) -> Answer {
        let kib = u32::try_from(body.bytes.len() / 1_024 + 1).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(kib) else { return Err(busy()) };
        let (reply, answer) = oneshot::channel();
        match self.queue.try_send(Request { body, came: Instant::now(), reply, _room: room }) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => return Err(busy()),
        }
        self.metrics.ingest_queue.set(i64::try_from(self.queue.len()).unwrap_or(i64::MAX));
        answer.await.unwrap_or_else(|_| Err(busy()))
    }
}

fn busy() -> Refusal {
    unavailable("the server has more to append than it can take; try again in a second")
}

fn unavailable(detail: &str) -> Refusal {
    Refusal { code: RefusalCode::Unavailable, detail: detail.to_owned(), index: None }
}

struct Worker {
    event_log: EventLog,
    feed: Arc<Feed>,
    limits: PublishLimits,
    metrics: Arc<Metrics>,
}

impl Worker {
    fn run(mut self, mut requests: Gather) {
        while let Some(batch) = requests.batch() {
            self.metrics.ingest_queue.set(i64::try_from(requests.waiting()).unwrap_or(i64::MAX));
            self.append(batch);
        }
    }

    fn append(&mut self, batch: Vec<Request>) {
        let mut waiting = Vec::with_capacity(batch.len());
        let mut submissions = Vec::with_capacity(batch.len());
        for request in batch {
            match self.prepare(&request.body) {
                Ok(submission) => {
                    submissions.push(submission);
                    waiting.push(request);
                }
                Err(refusal) => self.answer(request, Err(refusal)),
            }
        }
        if submissions.is_empty() {
            return;
        }
        match self.event_log.append(submissions.clone(), self.limits) {
            Ok(answers) => {
                for (request, answer) in waiting.into_iter().zip(answers) {
                    self.answer(request, answer);
                }
            }
            // It failed with the events in the log: to append them again would log those without an id of their own twice.
            Err(error) if self.event_log.has_appended() => {
                tracing::warn!(%error, "a component failed on requests whose events it had appended");
                for request in waiting {
                    self.answer(request, Err(unavailable(STORED)));
                }
            }
            // Whatever made it fail is in one of them: each for itself, so that the others are appended.
            Err(_) if submissions.len() > 1 => {
                for (request, submission) in waiting.into_iter().zip(submissions) {
                    let answer = match self.event_log.append(vec![submission], self.limits) {
                        Ok(mut answers) => answers.pop().unwrap_or_else(|| Err(failed())),
                        Err(_) if self.event_log.has_appended() => Err(unavailable(STORED)),
                        Err(error) => Err(refused_by(&error)),
                    };
                    self.answer(request, answer);
                }
            }
            Err(error) => {
                for request in waiting {
                    self.answer(request, Err(refused_by(&error)));
                }
            }
        }
    }

    /// Through the user's rules, when there are any.
    fn prepare(&mut self, body: &Body) -> Result<Submission, Refusal> {
        let Some(rules) = self.feed.rules() else { return Ok(Submission::Body(body.clone())) };
        let drafts = self.event_log.parse(body, self.limits).map_err(|error| refused_by(&error))??;
        match self.feed.prepare(&rules, drafts) {
            Prepared::Drafts(drafts) => Ok(Submission::Drafts(drafts)),
            Prepared::Refused(index, reason) => Err(Refusal {
                code: RefusalCode::Invalid,
                detail: format!("refused by this feed's rules: {reason}"),
                index: Some(index),
            }),
            Prepared::Failed => Err(unavailable("this feed's rules failed on the request; nothing was stored")),
        }
    }

    fn answer(&self, request: Request, answer: Answer) {
        if let Ok(receipts) = &answer {
            let fresh = receipts.iter().filter(|receipt| !receipt.duplicate).count() as u64;
            self.metrics.events_appended.inc_by(fresh);
            self.metrics.duplicates.inc_by(receipts.len() as u64 - fresh);
            for redaction in receipts.iter().flat_map(|receipt| &receipt.redacted) {
                self.metrics.redactions.get_or_create(&Kind { kind: redaction.kind.clone() }).inc();
            }
            self.metrics.append_seconds.observe(request.came.elapsed().as_secs_f64());
        }
        // A publisher that has gone meanwhile does not get its answer; the events are stored all the same.
        let _ = request.reply.send(answer);
    }
}

/// What a publisher is told whose events may be in the log without a receipt.
const STORED: &str = "the event-log component failed after the events were handed to the log, which may hold them; \
                      try again: with ids of your own nothing comes twice";

fn failed() -> Refusal {
    unavailable("the event-log component failed on this request")
}

fn refused_by(error: &CallError) -> Refusal {
    tracing::warn!(%error, "a request was refused because a component failed on it");
    failed()
}
