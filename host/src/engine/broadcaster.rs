//! The built-in broadcaster component: one method for each function of `wit/broadcast/broadcast.wit`, where each is
//! documented at length.
//!
//! An instance holds lanes and the state of the swarm. A failed call loses both: whoever called opens the lanes again
//! and restores the state on the fresh instance, which is configured already.

use wasmtime::Store;

use super::bindings::broadcaster::exports::activity::broadcast::broadcaster::Guest;
use super::bindings::broadcaster::{BroadcasterComponent, BroadcasterComponentPre};
use super::borrowed::Functions;
use super::instance::{CallError, Instance, World};
use super::sandbox::{State, new_store};
use super::words::{
    ClientMessage, HistoryQuery, Item, LaneId, LaneKey, MonotonicMs, Output, ProtocolError, Settings, Shown, Skipped,
    Subscription,
};
use crate::store::Seq;

/// The label in metrics and logs.
pub const NAME: &str = "broadcaster";

/// The component, linked, and the settings that each fresh instance is told.
pub struct BroadcasterWorld {
    pub pre: BroadcasterComponentPre<State>,
    pub settings: Settings,
}

impl World for BroadcasterWorld {
    type Exports = Exports;

    fn store(&self) -> Store<State> {
        new_store(self.pre.engine(), None)
    }

    fn start(&self, store: &mut Store<State>) -> wasmtime::Result<Exports> {
        let instance = self.pre.instance_pre().instantiate(&mut *store)?;
        let component = BroadcasterComponent::new(&mut *store, &instance)?;
        component.activity_broadcast_broadcaster().call_configure(&mut *store, &(&self.settings).into())?;
        Ok(Exports { component, given_events: Functions::of(&instance, store)? })
    }
}

/// What an instance is called by.
pub struct Exports {
    component: BroadcasterComponent,
    given_events: Functions,
}

/// One instance; it lives on one thread.
pub struct Broadcaster {
    pub(super) instance: Instance<BroadcasterWorld>,
}

/// Every method can fail with a [`CallError`], and then has lost the instance's lanes and state.
#[expect(clippy::missing_errors_doc, reason = "said once, above")]
impl Broadcaster {
    fn call<R>(&mut self, call: impl FnOnce(&Guest, &mut Store<State>) -> wasmtime::Result<R>) -> Result<R, CallError> {
        self.instance.call(|exports, store| call(exports.component.activity_broadcast_broadcaster(), store))
    }

    fn give_events<R>(
        &mut self,
        call: impl FnOnce(&Functions, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, CallError> {
        self.instance.call(|exports, store| call(&exports.given_events, store))
    }

    // ------------------------------------------------------------------------------------------ what clients say

    /// Reads one text frame of a client whose token allows the types of `grant` (none: all).
    pub fn read_message(&mut self, text: &str, grant: Option<&[String]>) -> Result<ClientMessage, CallError> {
        self.call(|guest, store| guest.call_read_message(store, text, grant)).map(Into::into)
    }

    /// Reads the query of a stream, or (`socket`) of a WebSocket that subscribes by its URL.
    pub fn read_stream_query(
        &mut self,
        query: &str,
        last_event_id: Option<&str>,
        socket: bool,
        grant: Option<&[String]>,
    ) -> Result<Result<Subscription, ProtocolError>, CallError> {
        let read =
            self.call(|guest, store| guest.call_read_stream_query(store, query, last_event_id, socket, grant))?;
        Ok(read.map(Into::into).map_err(Into::into))
    }

    /// Reads the query of a page of history.
    pub fn read_history_query(
        &mut self,
        query: &str,
        grant: Option<&[String]>,
    ) -> Result<Result<HistoryQuery, ProtocolError>, CallError> {
        let read = self.call(|guest, store| guest.call_read_history_query(store, query, grant))?;
        Ok(read.map(Into::into).map_err(Into::into))
    }

    /// Whether these patterns allow this type.
    pub fn allows(&mut self, grant: &[String], event_type: &str) -> Result<bool, CallError> {
        self.call(|guest, store| guest.call_allows(store, grant, event_type))
    }

    // -------------------------------------------------------------------------------------- what clients are told

    /// Writes frames for one client, one an item; an empty one is not sent.
    pub fn render(&mut self, lane: &LaneKey, items: &[Item]) -> Result<Vec<String>, CallError> {
        let (lane, items) = (lane.into(), all(items));
        self.give_events(|guest, store| guest.render(store, &lane, &items))
    }

    /// Writes events as the payloads of a history page.
    pub fn payloads(&mut self, events: &[Shown]) -> Result<Vec<String>, CallError> {
        let events = all(events);
        self.give_events(|guest, store| guest.payloads(store, &events))
    }

    /// Writes a `skipped` as the payload of a history page.
    pub fn skipped_payload(&mut self, skipped: &Skipped) -> Result<String, CallError> {
        let skipped = skipped.into();
        self.call(|guest, store| guest.call_skipped_payload(store, &skipped))
    }

    // ------------------------------------------------------------------------------------------------------ lanes

    /// Opens a lane that is settled up to `settled`; `sent` are its sends of the last second, when it goes on.
    pub fn open_lane(&mut self, key: &LaneKey, settled: Seq, sent: &[MonotonicMs]) -> Result<LaneId, CallError> {
        let key = key.into();
        self.call(|guest, store| guest.call_open_lane(store, &key, settled, sent))
    }

    /// Closes a lane.
    pub fn close_lane(&mut self, lane: LaneId) -> Result<(), CallError> {
        self.call(|guest, store| guest.call_close_lane(store, lane))
    }

    /// Events that were committed, in seq order. At most 256 KiB a call.
    pub fn publish(&mut self, events: &[Shown], head: Seq, now: MonotonicMs) -> Result<Output, CallError> {
        let events = all(events);
        self.give_events(|guest, store| guest.publish(store, &events, head, now)).map(Into::into)
    }

    /// Time has passed.
    pub fn tick(&mut self, now: MonotonicMs) -> Result<Output, CallError> {
        self.call(|guest, store| guest.call_tick(store, now)).map(Into::into)
    }

    // ------------------------------------------------------------------------------------------------------ state

    /// Takes events into the state without sending anything.
    pub fn fold(&mut self, events: &[Shown], head: Seq) -> Result<(), CallError> {
        let events = all(events);
        self.give_events(|guest, store| guest.fold(store, &events, head))
    }

    /// The state as the JSON object of `GET /api/state`.
    pub fn state(&mut self) -> Result<String, CallError> {
        self.call(|guest, store| guest.call_state(store))
    }

    /// The state for `restore`, and the seq it was folded up to.
    pub fn snapshot(&mut self) -> Result<(Seq, Vec<u8>), CallError> {
        self.call(|guest, store| guest.call_snapshot(store))
    }

    /// Goes on from a snapshot; false when it is not one of this version, and the state starts empty.
    pub fn restore(&mut self, state: &[u8]) -> Result<bool, CallError> {
        self.call(|guest, store| guest.call_restore(store, state))
    }
}

fn all<'a, A, B: From<&'a A>>(items: &'a [A]) -> Vec<B> {
    items.iter().map(Into::into).collect()
}
