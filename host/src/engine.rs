//! The sandbox: compiles the components, and hands out what calls them. Nothing outside this folder names wasmtime or a
//! generated type; the words of its borders are in [`words`].
//!
//! A handle ([`EventLog`], [`Broadcaster`], [`Rules`]) owns one instance and belongs to one thread ([`Worker`]). Whatever
//! a component does, a call ends within its limits with an answer or a [`CallError`], and the next call works.

mod bindings;
mod borrowed;
mod broadcaster;
mod event_log;
mod imports;
mod instance;
mod limits;
mod rules;
mod sandbox;
mod ticker;
mod translate;
pub mod words;
mod worker;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use broadcaster::Broadcaster;
pub use event_log::EventLog;
pub use instance::CallError;
pub use rules::{Rules, RulesError};
pub use worker::{Pool, Worker, WorkerGone};

use bindings::broadcaster::BroadcasterComponentPre;
use bindings::event_log::EventLogComponentPre;
use broadcaster::BroadcasterWorld;
use event_log::EventLogWorld;
use instance::Instance;
use rules::RulesWorld;
use sandbox::State;
use ticker::Ticker;
use wasmtime::component::Linker;
use words::Settings;

use crate::metrics::{Component as Label, Metrics};
use crate::store::EventStore;

// build.rs has built them.
const EVENT_LOG_WASM: &[u8] = include_bytes!(env!("ACTIVITY_FEED_EVENT_LOG_WASM"));
const BROADCASTER_WASM: &[u8] = include_bytes!(env!("ACTIVITY_FEED_BROADCASTER_WASM"));

/// The engine cannot be had. Each of these is a defect of this build or of the machine, not of anything sent in.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Wasmtime does not run here.
    #[error("the sandbox cannot be set up: {detail}")]
    Setup {
        /// What wasmtime said.
        detail: String,
    },
    /// A built-in component does not compile or does not fit its world.
    #[error("the built-in {component} component cannot be used: {detail}")]
    Component {
        /// Which one.
        component: &'static str,
        /// What wasmtime said.
        detail: String,
    },
}

/// How the engine is set up.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// An absolute path for compiled code between starts; none is wasmtime's folder in the user's cache. It holds native
    /// code that is run as it is: nobody else may write there.
    pub cache_dir: Option<PathBuf>,
}

/// The compiled components. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    wasmtime: wasmtime::Engine,
    ticker: Arc<Ticker>,
    metrics: Arc<Metrics>,
    event_log: EventLogComponentPre<State>,
    broadcaster: BroadcasterComponentPre<State>,
    /// What rules are linked with: WASI, empty.
    wasi: Linker<State>,
    /// Rules were loaded before, so the next are in place of others.
    had_rules: AtomicBool,
}

impl Engine {
    /// Compiles the built-in components, or takes them from the cache.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub fn new(options: EngineOptions, metrics: Arc<Metrics>) -> Result<Self, EngineError> {
        let wasmtime = sandbox::new_engine(&options)?;
        let (event_log, broadcaster) = std::thread::scope(|scope| {
            let other = scope.spawn(|| sandbox::compile(&wasmtime, event_log::NAME, EVENT_LOG_WASM));
            let broadcaster = sandbox::compile(&wasmtime, broadcaster::NAME, BROADCASTER_WASM);
            let event_log = other.join().unwrap_or_else(|_| {
                Err(EngineError::Component { component: event_log::NAME, detail: "the compiler panicked".to_owned() })
            });
            (event_log, broadcaster)
        });
        let wasi = sandbox::wasi_linker(&wasmtime)?;
        let unfit =
            |component| move |e: wasmtime::Error| EngineError::Component { component, detail: format!("{e:#}") };
        let event_log = sandbox::event_log_linker(&wasmtime)?
            .instantiate_pre(&event_log?)
            .and_then(EventLogComponentPre::new)
            .map_err(unfit(event_log::NAME))?;
        let broadcaster = wasi
            .instantiate_pre(&broadcaster?)
            .and_then(BroadcasterComponentPre::new)
            .map_err(unfit(broadcaster::NAME))?;
        let ticker = Ticker::spawn(wasmtime.clone()).map_err(|e| EngineError::Setup { detail: e.to_string() })?;
        let ticker = Arc::new(ticker);
        let had_rules = AtomicBool::new(false);
        Ok(Self { inner: Arc::new(Inner { wasmtime, ticker, metrics, event_log, broadcaster, wasi, had_rules }) })
    }

    /// A handle on the event-log that appends to this store, with an instance that has started.
    ///
    /// # Errors
    /// The component does not start.
    pub fn event_log(&self, store: Arc<dyn EventStore>) -> Result<EventLog, EngineError> {
        let world = EventLogWorld { pre: self.inner.event_log.clone(), log: store };
        Ok(EventLog { instance: self.started(world, event_log::NAME)?, appended: false })
    }

    /// A handle on the broadcaster, with an instance that has started. Every instance that it ever has is told these
    /// settings first.
    ///
    /// # Errors
    /// The component does not start.
    pub fn broadcaster(&self, settings: Settings) -> Result<Broadcaster, EngineError> {
        let world = BroadcasterWorld { pre: self.inner.broadcaster.clone(), settings };
        Ok(Broadcaster { instance: self.started(world, broadcaster::NAME)? })
    }

    /// Compiles a user's rules and starts them once to see that they do. A swap counts as a reload.
    ///
    /// # Errors
    /// They do not fit; the error says in what.
    pub fn rules(&self, wasm: &[u8]) -> Result<Rules, RulesError> {
        let component = rules::compile(&self.inner.wasmtime, wasm)?;
        let world = RulesWorld { pre: rules::link(&self.inner.wasi, &component)? };
        let mut instance = self.instance(world, rules::NAME);
        instance.start().map_err(|e| rules::not_starting(&e))?;
        if self.inner.had_rules.swap(true, Ordering::Relaxed) {
            self.inner.metrics.component_reloads.get_or_create(&Label { component: rules::NAME }).inc();
        }
        Ok(Rules { instance })
    }

    /// The names of what a component imports, whether it fits or not.
    ///
    /// # Errors
    /// It is no component.
    pub fn imports(&self, wasm: &[u8]) -> Result<BTreeSet<String>, RulesError> {
        Ok(rules::imports(&rules::compile(&self.inner.wasmtime, wasm)?))
    }

    fn started<W: instance::World>(&self, world: W, name: &'static str) -> Result<Instance<W>, EngineError> {
        let mut instance = self.instance(world, name);
        instance.start().map_err(|e| EngineError::Component { component: name, detail: format!("{e:#}") })?;
        Ok(instance)
    }

    fn instance<W: instance::World>(&self, world: W, name: &'static str) -> Instance<W> {
        Instance::new(world, name, Arc::clone(&self.inner.ticker), &self.inner.metrics)
    }
}
