//! What every component runs in: wasmtime's settings, an empty WASI, and the state beside each instance.
//!
//! A component has no files, network, environment, arguments or output, and it cannot wait: the calls of WASI that
//! block are traps, since a sleeping guest is on no clock that the limits read.

use std::sync::Arc;

use wasmtime::component::{Component, Linker, Resource, ResourceTable};
use wasmtime::{Cache, CacheConfig, Config, Store, UpdateDeadline};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::bindings::event_log::activity::store::event_store;
use super::imports::StoreView;
use super::limits::{MAX_IMPORT_BYTES, MAX_RANDOM, MAX_RESOURCES, Memory, Meter};
use super::{EngineError, EngineOptions};
use crate::store::EventStore;

/// The interface whose functions wait. The version is wasmtime-wasi's; `tests/` has a guest that sleeps.
const WASI_POLL: &str = "wasi:io/poll@0.2.12";

/// What stands beside an instance and ends with it.
pub struct State {
    wasi: WasiCtx,
    resources: ResourceTable,
    memory: Memory,
    pub meter: Meter,
    /// Only the event-log has one.
    log: Option<Arc<dyn EventStore>>,
    /// The call under way has appended something to it.
    pub appended: bool,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.resources }
    }
}

impl State {
    fn new(log: Option<Arc<dyn EventStore>>) -> Self {
        let wasi = WasiCtx::builder()
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .max_random_size(MAX_RANDOM)
            .build();
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(MAX_RESOURCES);
        Self { wasi, resources, memory: Memory::default(), meter: Meter::new(), log, appended: false }
    }

    /// What the event-log's import sees of it.
    fn store_view(&mut self) -> StoreView<'_> {
        StoreView { log: self.log.as_deref(), meter: &mut self.meter, appended: &mut self.appended }
    }
}

/// A store for one instance, with the limits on it.
pub fn new_store(engine: &wasmtime::Engine, log: Option<Arc<dyn EventStore>>) -> Store<State> {
    let mut store = Store::new(engine, State::new(log));
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(MAX_IMPORT_BYTES);
    store.epoch_deadline_callback(|mut store| {
        store.data_mut().meter.check()?;
        Ok(UpdateDeadline::Continue(1))
    });
    store
}

/// The compiler and its cache.
pub fn new_engine(options: &EngineOptions) -> Result<wasmtime::Engine, EngineError> {
    let mut config = Config::new();
    config.epoch_interruption(true);
    // A trap is told by its kind; a backtrace of stripped code would say no more, and costs a walk of the stack.
    config.wasm_backtrace_max_frames(None);
    config.cache(cache(options));
    wasmtime::Engine::new(&config).map_err(|e| EngineError::Setup { detail: format!("{e:#}") })
}

/// Compiled code between starts. Without a place for it every start compiles anew, which is slow and nothing worse.
fn cache(options: &EngineOptions) -> Option<Cache> {
    let mut config = CacheConfig::new();
    if let Some(folder) = &options.cache_dir {
        config.with_directory(folder);
    }
    match Cache::new(config) {
        Ok(cache) => Some(cache),
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "components are compiled at every start: no cache folder");
            None
        }
    }
}

/// WASI, empty.
pub fn wasi_linker(engine: &wasmtime::Engine) -> Result<Linker<State>, EngineError> {
    let mut linker = Linker::new(engine);
    let linked = wasmtime_wasi::p2::add_to_linker_sync(&mut linker).and_then(|()| forbid_waiting(&mut linker));
    linked.map_err(|e| EngineError::Setup { detail: format!("{e:#}") })?;
    Ok(linker)
}

/// WASI, empty, and the event-store.
pub fn event_log_linker(engine: &wasmtime::Engine) -> Result<Linker<State>, EngineError> {
    struct HasStore;
    impl wasmtime::component::HasData for HasStore {
        type Data<'a> = StoreView<'a>;
    }
    let mut linker = wasi_linker(engine)?;
    event_store::add_to_linker::<State, HasStore>(&mut linker, State::store_view)
        .map_err(|e| EngineError::Setup { detail: format!("{e:#}") })?;
    Ok(linker)
}

fn forbid_waiting(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut poll = linker.instance(WASI_POLL)?;
    poll.func_wrap("poll", |_, _: (Vec<Resource<DynPollable>>,)| -> wasmtime::Result<(Vec<u32>,)> { Err(waits()) })?;
    poll.func_wrap("[method]pollable.block", |_, _: (Resource<DynPollable>,)| -> wasmtime::Result<()> {
        Err(waits())
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

fn waits() -> wasmtime::Error {
    wasmtime::Error::msg("a component may not wait")
}

/// Compiles a component that is built in.
pub fn compile(engine: &wasmtime::Engine, name: &'static str, wasm: &[u8]) -> Result<Component, EngineError> {
    Component::from_binary(engine, wasm)
        .map_err(|e| EngineError::Component { component: name, detail: format!("{e:#}") })
}
