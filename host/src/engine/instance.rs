//! A component's instance and the one way to call it. Every call runs within the limits and is counted; a call that
//! fails in any way retires the instance with all that it held, and the next call starts a fresh one.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use wasmtime::{Store, Trap};

use super::limits::{MemoryLimit, TimeLimit};
use super::sandbox::State;
use super::ticker::Ticker;
use crate::metrics::{Component as Label, Metrics};

/// A call that came to nothing. The instance is retired already; the next call runs on a fresh one, which knows
/// nothing of what the old one held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The component crashed, or did what it may not.
    #[error("the {component} component trapped: {cause}")]
    Trapped {
        /// Which component.
        component: &'static str,
        /// The kind of trap; never holds event data.
        cause: String,
    },
    /// Over its own CPU time.
    #[error("the {component} component was ended: {TimeLimit}")]
    TimedOut {
        /// Which component.
        component: &'static str,
    },
    /// Over its memory.
    #[error("the {component} component was ended: {MemoryLimit}")]
    OutOfMemory {
        /// Which component.
        component: &'static str,
    },
}

impl CallError {
    pub(super) fn new(component: &'static str, error: &wasmtime::Error) -> Self {
        if error.is::<TimeLimit>() {
            Self::TimedOut { component }
        } else if error.is::<MemoryLimit>() {
            Self::OutOfMemory { component }
        } else {
            let cause = match error.downcast_ref::<Trap>() {
                Some(trap) => trap.to_string(),
                None => error.root_cause().to_string(),
            };
            Self::Trapped { component, cause }
        }
    }
}

/// What can be instantiated: a component that is linked, with what a fresh instance needs to be told.
pub trait World {
    /// The calls of its exports.
    type Exports;

    /// A store with this component's imports.
    fn store(&self) -> Store<State>;

    /// A fresh instance, ready for any call.
    fn start(&self, store: &mut Store<State>) -> wasmtime::Result<Self::Exports>;
}

struct Live<E> {
    store: Store<State>,
    exports: E,
}

/// One component on one thread.
pub struct Instance<W: World> {
    world: W,
    name: &'static str,
    ticker: Arc<Ticker>,
    /// None before the first call and after a failed one.
    live: Option<Box<Live<W::Exports>>>,
    /// A failed call has taken the last one.
    retired: bool,
    counts: Counts,
    complaints: Complaints,
}

/// The metrics of one component, looked up once.
#[derive(Clone)]
struct Counts {
    calls: Counter,
    seconds: Counter<f64, AtomicU64>,
    traps: Counter,
    reloads: Counter,
}

impl Counts {
    fn new(metrics: &Metrics, component: &'static str) -> Self {
        let label = Label { component };
        Self {
            calls: metrics.component_calls.get_or_create_owned(&label),
            seconds: metrics.component_seconds.get_or_create_owned(&label),
            traps: metrics.component_traps.get_or_create_owned(&label),
            reloads: metrics.component_reloads.get_or_create_owned(&label),
        }
    }
}

impl<W: World> Instance<W> {
    pub fn new(world: W, name: &'static str, ticker: Arc<Ticker>, metrics: &Metrics) -> Self {
        let counts = Counts::new(metrics, name);
        Self { world, name, ticker, live: None, retired: false, counts, complaints: Complaints::default() }
    }

    /// Another one of the same, on an instance of its own.
    pub fn another(&self) -> Self
    where
        W: Clone,
    {
        Self {
            world: self.world.clone(),
            name: self.name,
            ticker: Arc::clone(&self.ticker),
            live: None,
            retired: false,
            counts: self.counts.clone(),
            complaints: Complaints::default(),
        }
    }

    /// Has an instance ready, so that one which cannot start says so before there is anything to do. The failure is
    /// the caller's to report; it is no failed call.
    pub fn start(&mut self) -> wasmtime::Result<()> {
        self.run(|_, _| Ok(()))
    }

    /// Makes one call, on a fresh instance when there is none.
    pub fn call<R>(
        &mut self,
        call: impl FnOnce(&W::Exports, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, CallError> {
        self.counts.calls.inc();
        self.run(call).map_err(|error| {
            let error = CallError::new(self.name, &error);
            self.counts.traps.inc();
            self.retired = true;
            self.complaints.tell(&error);
            error
        })
    }

    fn run<R>(
        &mut self,
        call: impl FnOnce(&W::Exports, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> wasmtime::Result<R> {
        let ticker = Arc::clone(&self.ticker);
        let _running = ticker.begin();
        // Taken out for the call, so that whatever happens in it, a panic of the host's included, retires the instance.
        let (result, own) = match self.live.take() {
            Some(mut live) => {
                begin(&mut live.store);
                let result = call(&live.exports, &mut live.store);
                let own = live.store.data().meter.own();
                if result.is_ok() {
                    self.live = Some(live);
                }
                (result, own)
            }
            None => self.first_call(call),
        };
        self.counts.seconds.inc_by(own.as_secs_f64());
        result
    }

    fn first_call<R>(
        &mut self,
        call: impl FnOnce(&W::Exports, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> (wasmtime::Result<R>, Duration) {
        if std::mem::take(&mut self.retired) {
            self.counts.reloads.inc();
        }
        let mut store = self.world.store();
        begin(&mut store);
        let exports = match self.world.start(&mut store) {
            Ok(exports) => exports,
            Err(error) => return (Err(error), store.data().meter.own()),
        };
        let starting = store.data().meter.own();
        begin(&mut store);
        let result = call(&exports, &mut store);
        let own = starting + store.data().meter.own();
        if result.is_ok() {
            self.live = Some(Box::new(Live { store, exports }));
        }
        (result, own)
    }
}

/// A call's time starts now, and the next tick looks at it.
fn begin(store: &mut Store<State>) {
    store.set_epoch_deadline(1);
    store.data_mut().meter.start();
}

/// Says in the log what went wrong, at most once a second: a component that fails at every event must not fill a disk.
#[derive(Default)]
struct Complaints {
    last: Option<Instant>,
    /// Not told since `last`.
    untold: u64,
}

impl Complaints {
    fn tell(&mut self, error: &CallError) {
        if self.last.is_some_and(|last| last.elapsed() < Duration::from_secs(1)) {
            self.untold += 1;
            return;
        }
        tracing::error!(%error, untold = self.untold, "a component call failed; a fresh instance goes on");
        self.last = Some(Instant::now());
        self.untold = 0;
    }
}
