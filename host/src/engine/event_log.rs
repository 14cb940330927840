//! The built-in event-log component, the only door into the log: callers hand over what was sent, and get receipts or
//! a refusal. Time and randomness come from here, since the component has none.

use std::sync::Arc;

use wasmtime::Store;

use super::bindings::event_log::exports::activity::log::event_log::Moment;
use super::bindings::event_log::{EventLogComponent, EventLogComponentPre};
use super::instance::{CallError, Instance, World};
use super::sandbox::{State, new_store};
use super::words::{Body, Draft, PublishLimits, Receipt, Refusal, Submission};
use crate::store::EventStore;

/// The label in metrics and logs.
pub const NAME: &str = "event-log";

/// The component, linked, and the store that its instances append to.
pub struct EventLogWorld {
    pub pre: EventLogComponentPre<State>,
    pub log: Arc<dyn EventStore>,
}

impl World for EventLogWorld {
    type Exports = EventLogComponent;

    fn store(&self) -> Store<State> {
        new_store(self.pre.engine(), Some(Arc::clone(&self.log)))
    }

    fn start(&self, store: &mut Store<State>) -> wasmtime::Result<EventLogComponent> {
        self.pre.instantiate(store)
    }
}

/// One instance; it lives on one thread.
pub struct EventLog {
    pub(super) instance: Instance<EventLogWorld>,
    /// See [`EventLog::has_appended`].
    pub(super) appended: bool,
}

impl EventLog {
    /// Validates, sanitises, stamps and appends, all submissions with one call of the store. One answer a submission,
    /// in order; what it says was appended is durable. At most 256 KiB of submissions a call.
    ///
    /// # Errors
    /// The call failed. What the component had appended by then, if anything, is in the log without a receipt; a
    /// publisher that tries again with the same ids finds it there.
    pub fn append(
        &mut self,
        submissions: Vec<Submission>,
        limits: PublishLimits,
    ) -> Result<Vec<Result<Vec<Receipt>, Refusal>>, CallError> {
        let submissions: Vec<_> = submissions.into_iter().map(Into::into).collect();
        let moment = Moment { now: crate::clock::unix_ms(), seed: seed()? };
        let appended = &mut self.appended;
        *appended = false;
        let answers = self.instance.call(|exports, store| {
            store.data_mut().appended = false;
            let log = exports.activity_log_event_log();
            let answers = log.call_append(&mut *store, &submissions, limits.into(), moment);
            *appended = store.data().appended;
            answers
        })?;
        if answers.len() != submissions.len() {
            return Err(CallError::Trapped { component: NAME, cause: "one answer a submission was due".to_owned() });
        }
        Ok(answers
            .into_iter()
            .map(|answer| answer.map(|r| r.into_iter().map(Into::into).collect()).map_err(Into::into))
            .collect())
    }

    /// Whether the last `append` has put events into the log, also when it failed afterwards.
    #[must_use]
    pub fn has_appended(&self) -> bool {
        self.appended
    }

    /// Takes a body apart without judging the events, for `rules` to have them in hand.
    ///
    /// # Errors
    /// The call failed.
    pub fn parse(&mut self, body: &Body, limits: PublishLimits) -> Result<Result<Vec<Draft>, Refusal>, CallError> {
        let body = body.into();
        let drafts = self
            .instance
            .call(|exports, store| exports.activity_log_event_log().call_parse(store, &body, limits.into()))?;
        Ok(drafts.map(|d| d.into_iter().map(Into::into).collect()).map_err(Into::into))
    }
}

/// 128 random bits.
fn seed() -> Result<(u64, u64), CallError> {
    match (getrandom::u64(), getrandom::u64()) {
        (Ok(high), Ok(low)) => Ok((high, low)),
        (Err(error), _) | (_, Err(error)) => {
            Err(CallError::Trapped { component: NAME, cause: format!("the system gave no random numbers: {error}") })
        }
    }
}
