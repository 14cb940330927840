//! The application, served: `spin up` for tests. Habits of Spin that are kept: an instance answers 16 requests at once and
//! 128 in all, and ends a second after the last; several run side by side; a trap ends every stream of its instance, and
//! whoever waits for an answer gets a 500; no time-out on a response.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use wasmtime::component::{Component, ComponentType, Linker, Lower, ResourceTable};
use wasmtime::{Cache, CacheConfig, Config, Engine, Store, StoreContextMut};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ProxyHandler, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::compose::{self, Dependency};
use super::outside::Outside;
use super::real;
use super::sqlite::{self, SqliteView};
use crate::{Client, Sse, tokens};

/// Requests of one instance that wait for an answer; a stream that is being sent is none of them.
const AT_ONCE: usize = 16;
/// Requests of one instance, in all.
const IN_ALL: usize = 128;
/// How long an instance lives without a request.
const IDLE: Duration = Duration::from_secs(1);
/// Bytes of stderr that are kept.
const STDERR_BYTES: usize = 1 << 20;

/// How an application is started.
pub struct Options {
    /// Where it listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The file of the database `default`; none: there is none.
    pub file: Option<PathBuf>,
    /// Variables that are not the defaults of `spin.toml`.
    pub variables: Vec<(&'static str, String)>,
    /// Rules in place of the plain ones.
    pub rules: Option<Vec<u8>>,
    /// `inherit_configuration` of the log and the store.
    pub log_inherits: bool,
}

impl Options {
    /// As `spin up` does it, on this file.
    #[must_use]
    pub fn on(file: &Path) -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { listen, file: Some(file.to_owned()), variables: Vec::new(), rules: None, log_inherits: true }
    }
}

/// An application that is served until it is dropped.
pub struct Application {
    address: SocketAddr,
    host: Host,
}

enum Host {
    /// This process.
    Here {
        stderr: MemoryOutputPipe,
        instances: Arc<Mutex<usize>>,
        /// Ends all of its tasks when it goes.
        _runtime: tokio::runtime::Runtime,
    },
    /// A real Spin.
    Spin(real::Spin),
}

impl Application {
    /// Start it.
    ///
    /// # Errors
    /// Something does not fit.
    pub fn start(options: Options) -> anyhow::Result<Self> {
        if let Some(program) = std::env::var_os(real::PROGRAM) {
            let spin = real::Spin::start(Path::new(&program), &options, &DEFAULTS)?;
            return Ok(Self { address: spin.address, host: Host::Spin(spin) });
        }
        let service = service(&options).map_err(|error| anyhow::anyhow!("{error:#}"))?;
        let stderr = MemoryOutputPipe::new(STDERR_BYTES);
        let instances = Arc::new(Mutex::new(0));
        let mut variables: HashMap<String, String> =
            DEFAULTS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        variables.extend(options.variables.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let served = Served {
            service,
            file: options.file,
            variables: Arc::new(variables),
            stderr: stderr.clone(),
            instances: Arc::clone(&instances),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(options.listen))?;
        let address = listener.local_addr()?;
        runtime.spawn(serve(listener, ProxyHandler::new(served)));
        Ok(Self { address, host: Host::Here { stderr, instances, _runtime: runtime } })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client that may do everything.
    #[must_use]
    pub fn http(&self) -> Client {
        Client::new(self.address, Some(&tokens::scoped("admin")))
    }

    /// An SSE stream with this query.
    #[track_caller]
    pub fn sse(&self, query: &str) -> Sse {
        Sse::open(&self.http(), &format!("/api/events/stream?{query}"), &[])
            .unwrap_or_else(|refused| panic!("no stream: {} {}", refused.status, refused.text()))
    }

    /// What the components have written.
    #[must_use]
    pub fn stderr(&self) -> String {
        match &self.host {
            Host::Here { stderr, .. } => String::from_utf8_lossy(&stderr.contents()).into_owned(),
            Host::Spin(spin) => spin.stderr(),
        }
    }

    /// How many instances were made so far; none: a real Spin does not tell.
    #[must_use]
    pub fn instances(&self) -> Option<usize> {
        match &self.host {
            Host::Here { instances, .. } => Some(*instances.lock().unwrap_or_else(PoisonError::into_inner)),
            Host::Spin(_) => None,
        }
    }
}

/// `[component.feed.dependencies]`: (package or interface, file, `inherit_configuration`).
pub const DEPENDENCIES: [(&str, &str, bool); 3] = [
    ("activity:broadcast/broadcaster@0.1.0", "broadcaster.wasm", false),
    ("activity:log@0.1.0", "log-on-spin.wasm", true),
    ("activity:rules/rules@0.1.0", "rules.wasm", false),
];

/// The variables of `spin.toml`, with a secret.
pub const DEFAULTS: [(&str, &str); 10] = [
    ("secret", tokens::SECRET),
    ("rate", "10"),
    ("buffer", "100"),
    ("retain", ""),
    ("retain_events", "0"),
    ("max_event_bytes", "65536"),
    ("max_body_bytes", "1048576"),
    ("allowed_origins", ""),
    ("grip_url", ""),
    ("grip_key", ""),
];

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    let mut cache = CacheConfig::new();
    cache.with_directory(super::BUILT.join("compiled"));
    config.cache(Cache::new(cache).ok());
    Engine::new(&config).unwrap_or_else(|error| panic!("no engine: {error:#}"))
});

/// The application joined with its dependencies, compiled.
fn service(options: &Options) -> wasmtime::Result<ServicePre<State>> {
    let dependency = |(name, file, inherits): (&'static str, &str, bool)| Dependency {
        name,
        wasm: match &options.rules {
            Some(rules) if file == "rules.wasm" => rules.clone(),
            _ => super::built(file),
        },
        inherits: inherits && options.log_inherits,
    };
    let dependencies: Vec<Dependency> = DEPENDENCIES.into_iter().map(dependency).collect();
    let joined = compose::compose(&super::built("feed.wasm"), &dependencies)
        .map_err(|error| wasmtime::Error::msg(format!("{error:#}")))?;
    let component = Component::new(&ENGINE, joined)?;
    ServicePre::new(linker()?.instantiate_pre(&component)?)
}

/// What `spin:variables` says of a variable that is not there.
#[derive(ComponentType, Lower)]
#[component(variant)]
#[expect(dead_code, reason = "the other cases of the interface")]
enum VariableError {
    #[component(name = "invalid-name")]
    InvalidName(String),
    #[component(name = "undefined")]
    Undefined(String),
    #[component(name = "provider")]
    Provider(String),
    #[component(name = "other")]
    Other(String),
}

fn linker() -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(&ENGINE);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    sqlite::add_to_linker(&mut linker, |state: &mut State| SqliteView {
        table: &mut state.table,
        file: state.file.as_deref(),
    })?;
    sqlite::add_denied_to_linker(&mut linker, compose::DENIED_SQLITE)?;
    linker.instance("spin:variables/variables@3.0.0")?.func_wrap_concurrent("get", |access, (name,): (String,)| {
        Box::pin(async move {
            let value = access.with(|mut access| access.get().variables.get(&name).cloned());
            Ok((value.ok_or(VariableError::Undefined(name)),))
        })
    })?;
    Ok(linker)
}

async fn serve(listener: TcpListener, handler: ProxyHandler<Served>) {
    while let Ok((socket, peer)) = listener.accept().await {
        let handler = handler.clone();
        tokio::spawn(async move {
            let _ = socket.set_nodelay(true);
            let service = service_fn(move |request| answer(handler.clone(), peer, request));
            let mut http = hyper::server::conn::http1::Builder::new();
            let _ = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

async fn answer(
    handler: ProxyHandler<Served>,
    peer: SocketAddr,
    request: hyper::Request<hyper::body::Incoming>,
) -> Result<hyper::Response<WasiBody>, Box<dyn std::error::Error + Send + Sync>> {
    let (mut parts, body) = request.into_parts();
    // Spin gives the whole address, and hangs up on who names no host, or two that differ.
    let named = parts.headers.get("host").map(|host| host.to_str().map(str::to_owned)).transpose()?;
    let target = parts.uri.authority().map(|authority| authority.as_str().to_owned());
    if named.is_some() && target.is_some() && named != target {
        return Err("the Host header and the target differ".into());
    }
    let host = named.or(target).ok_or("there is no Host header")?;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    // It says who asks, and what for, behind what the client may have sent under the same names.
    for (name, value) in [
        ("spin-path-info", parts.uri.path().to_owned()),
        ("spin-full-url", format!("http://{host}{path}")),
        ("spin-matched-route", "/...".to_owned()),
        ("spin-base-path", "/".to_owned()),
        ("spin-client-addr", peer.to_string()),
    ] {
        parts.headers.append(name, value.parse()?);
    }
    // What concerns the connection alone is Spin's.
    parts.headers.remove("connection");
    parts.uri = hyper::Uri::builder().scheme("http").authority(host).path_and_query(path).build()?;
    let body = body.map_err(wasmtime_wasi_http::Error::Hyper).boxed_unsync();
    match handler.handle((), hyper::Request::from_parts(parts, body)).await {
        Ok(response) => Ok(response),
        Err(error) => {
            let empty = http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync();
            // As Spin: the client learns nothing of why.
            let mut response = hyper::Response::new(empty);
            *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
            handler.state().say(&format!("the request failed: {error:#}\n"));
            Ok(response)
        }
    }
}

/// What instances are made of.
struct Served {
    service: ServicePre<State>,
    file: Option<PathBuf>,
    variables: Arc<HashMap<String, String>>,
    stderr: MemoryOutputPipe,
    instances: Arc<Mutex<usize>>,
}

impl Served {
    fn say(&self, text: &str) {
        use wasmtime_wasi::p2::OutputStream as _;
        // A full buffer is no reason to fail.
        let _ = self.stderr.clone().write(text.to_owned().into());
    }
}

impl HandlerState for Served {
    type StoreData = State;
    type WorkerExpiration = Life;
    type WorkerState = Habits;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, Life, Habits>> {
        *self.instances.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let state = State {
            wasi: WasiCtx::builder().stderr(self.stderr.clone()).build(),
            http: WasiHttpCtx::new(),
            outside: Outside::allowed_by(self.variables.get("grip_url").map_or("", String::as_str)),
            table: ResourceTable::new(),
            file: self.file.clone(),
            variables: Arc::clone(&self.variables),
        };
        let mut store = Store::new(&ENGINE, state);
        let proxy = Proxy::P3(self.service.instantiate_async(&mut store).await?);
        let said = self.stderr.clone();
        Ok(Instance { store, proxy, view: State::http, expiration: Life::default(), state: Habits { said } })
    }
}

/// What stands beside an instance.
struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outside: Outside,
    table: ResourceTable,
    file: Option<PathBuf>,
    variables: Arc<HashMap<String, String>>,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outside, table: &mut self.table, ctx: &mut self.http }
    }
}

/// When an instance ends.
#[derive(Default)]
struct Life {
    timer: Option<(Instant, Pin<Box<tokio::time::Sleep>>)>,
}

impl WorkerExpiration for Life {
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>, status: WorkerStatus, start: Instant) -> Poll<()> {
        if status != WorkerStatus::Idle {
            self.timer = None;
            return Poll::Pending;
        }
        if self.timer.as_ref().is_none_or(|(since, _)| *since != start) {
            self.timer = Some((start, Box::pin(tokio::time::sleep_until((start + IDLE).into()))));
        }
        match &mut self.timer {
            Some((_, timer)) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

/// How much an instance takes.
struct Habits {
    said: MemoryOutputPipe,
}

impl WorkerState for Habits {
    type StoreData = State;
    type RequestData = ();

    fn should_accept_request(&self, concurrent_count: usize, total_count: usize) -> ShouldAccept {
        if total_count >= IN_ALL {
            ShouldAccept::Never
        } else if concurrent_count >= AT_ONCE {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, State>,
        (): (),
        _: wasmtime::component::GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        // Spin gives a response all the time it wants.
        Box::pin(std::future::pending())
    }

    fn drop(&self, store: Store<State>, result: Result<(), wasmtime::Error>) {
        drop(store);
        if let Err(error) = result {
            use wasmtime_wasi::p2::OutputStream as _;
            let _ = self.said.clone().write(format!("an instance ended: {error:#}\n").into());
        }
    }
}
