//! The component `store-spin` as an [`EventStore`] of the host's, so that the one conformance suite asks it, too.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use activity_feed::store::{
    Appended, Bounds, Conflict, Counts, Event, EventStore, Filter, GroupResult, NewEvent, Order, Page, Query, Seq,
    StoreError, Summary, UnixMs,
};
use wasmtime::Store;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::sqlite::activity::types::types;
use super::sqlite::exports::activity::store::event_store as wit;
use super::sqlite::{self, SqliteView, StoreOnSpin, StoreOnSpinPre};

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    file: PathBuf,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// The component, compiled once.
static STORE: LazyLock<StoreOnSpinPre<State>> = LazyLock::new(|| {
    let load = || {
        let engine = wasmtime::Engine::default();
        let component = Component::new(&engine, super::built("store.wasm"))?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        sqlite::add_to_linker(&mut linker, |state: &mut State| SqliteView {
            table: &mut state.table,
            file: Some(&state.file),
        })?;
        StoreOnSpinPre::new(linker.instantiate_pre(&component)?)
    };
    load().unwrap_or_else(|error: wasmtime::Error| panic!("store-spin does not load: {error:#}"))
});

/// One instance on one file. It takes no part in `follow`, which is only for hosts with threads: here that polls.
pub struct SpinStore {
    instance: Mutex<(Store<State>, StoreOnSpin)>,
    woken: AtomicBool,
}

impl SpinStore {
    /// An instance on this file.
    #[must_use]
    pub fn open(file: &Path) -> Self {
        let state = State { wasi: WasiCtx::builder().build(), table: ResourceTable::new(), file: file.to_owned() };
        let mut store = Store::new(STORE.engine(), state);
        let instance = STORE.instantiate(&mut store).unwrap_or_else(|error| panic!("no instance: {error:#}"));
        Self { instance: Mutex::new((store, instance)), woken: AtomicBool::new(false) }
    }

    fn call<T>(
        &self,
        call: impl FnOnce(&wit::Guest, &mut Store<State>) -> wasmtime::Result<Result<T, wit::StoreError>>,
    ) -> Result<T, StoreError> {
        let mut held = self.instance.lock().unwrap_or_else(PoisonError::into_inner);
        let (store, instance) = &mut *held;
        call(instance.activity_store_event_store(), store)
            .unwrap_or_else(|error| panic!("store-spin trapped: {error:#}"))
            .map_err(|error| match error {
                wit::StoreError::Busy(why) => StoreError::Busy(why),
                wit::StoreError::Unavailable(why) => StoreError::Unavailable(why),
            })
    }
}

impl EventStore for SpinStore {
    fn append(&self, groups: &[Vec<NewEvent>]) -> Result<Vec<GroupResult>, StoreError> {
        let groups: Vec<Vec<wit::NewEvent>> =
            groups.iter().map(|group| group.iter().cloned().map(into_new_event).collect()).collect();
        let results = self.call(|guest, store| guest.call_append(store, &groups))?;
        let place = |wit::Appended { seq, duplicate }| Appended { seq, duplicate };
        Ok(results
            .into_iter()
            .map(|group| match group {
                Ok(places) => Ok(places.into_iter().map(place).collect()),
                Err(wit::Conflict { index, id }) => Err(Conflict { index, id }),
            })
            .collect())
    }

    fn bounds(&self) -> Result<Bounds, StoreError> {
        let wit::LogBounds { epoch, trimmed, head } = self.call(|guest, store| guest.call_bounds(store))?;
        Ok(Bounds { epoch, trimmed, head })
    }

    fn read(&self, query: &Query) -> Result<Page, StoreError> {
        let query = wit::Query {
            filter: into_filter(&query.filter),
            text: query.text.clone(),
            after: query.after,
            until: query.until,
            order: match query.order {
                Order::Ascending => wit::Order::Ascending,
                Order::Descending => wit::Order::Descending,
            },
            limit: query.limit,
        };
        let wit::Page { events, reached, more } = self.call(|guest, store| guest.call_read(store, &query))?;
        Ok(Page { events: events.into_iter().map(from_event).collect(), reached, more })
    }

    fn get(&self, id: &str) -> Result<Option<Event>, StoreError> {
        Ok(self.call(|guest, store| guest.call_get(store, id))?.map(from_event))
    }

    fn count(&self, filter: &Filter, after: Seq, until: Seq, max_rows: u32) -> Result<Counts, StoreError> {
        let filter = into_filter(filter);
        let wit::Counts { total, by_type } =
            self.call(|guest, store| guest.call_count(store, &filter, after, until, max_rows))?;
        Ok(Counts { total, by_type })
    }

    fn seq_at(&self, time: UnixMs, inclusive: bool) -> Result<Seq, StoreError> {
        self.call(|guest, store| guest.call_seq_at(store, time, inclusive))
    }

    fn summary(&self, minutes: u32) -> Result<Summary, StoreError> {
        self.call(|guest, store| guest.call_summary(store, minutes))
    }

    fn trim(&self, until: Seq, max_rows: u32) -> Result<u64, StoreError> {
        self.call(|guest, store| guest.call_trim(store, until, max_rows))
    }

    fn load_snapshot(&self) -> Result<Option<(Seq, Vec<u8>)>, StoreError> {
        self.call(|guest, store| guest.call_load_snapshot(store))
    }

    fn save_snapshot(&self, seq: Seq, state: &[u8]) -> Result<(), StoreError> {
        self.call(|guest, store| guest.call_save_snapshot(store, seq, state))
    }

    fn follow(&self, after: Seq, timeout: Duration) -> Result<Vec<Arc<Event>>, StoreError> {
        let deadline = Instant::now() + timeout;
        let everything = Query {
            filter: Filter::default(),
            text: None,
            after,
            until: Seq::MAX,
            order: Order::Ascending,
            limit: 1_000,
        };
        loop {
            let events = self.read(&everything)?.events;
            let woken = self.woken.swap(false, Ordering::Relaxed);
            if !events.is_empty() || woken || Instant::now() >= deadline {
                return Ok(events.into_iter().map(Arc::new).collect());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wake(&self) {
        self.woken.store(true, Ordering::Relaxed);
    }
}

fn into_new_event(event: NewEvent) -> wit::NewEvent {
    let NewEvent { id, event_type, source, task_id, agent_id, timestamp, stamped, data } = event;
    wit::NewEvent { id, event_type, source, task_id, agent_id, timestamp, stamped, data }
}

fn from_event(event: types::Event) -> Event {
    let types::Event { seq, id, event_type, source, task_id, agent_id, timestamp, data } = event;
    Event { seq, id, event_type, source, task_id, agent_id, timestamp, data }
}

fn into_filter(filter: &Filter) -> types::Filter {
    let Filter { types, sources, task_ids, agent_ids } = filter.clone();
    types::Filter { types, sources, task_ids, agent_ids }
}
