//! Puts the server together from its options, runs it, and takes it apart again in order.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::config::{Durability, ServeOptions, StoreUrl};
use crate::engine::words::{PublishLimits, Settings};
use crate::engine::{Engine, EngineOptions, Worker};
use crate::hub::client::{Client, Grant};
use crate::hub::feed::Feed;
use crate::hub::websocket::close;
use crate::hub::{self, Hub, Tokens};
use crate::ingest::Ingest;
use crate::metrics::Metrics;
use crate::retention::{self, Retention};
use crate::server::{self, ServerOptions};
use crate::store::EventStore;
use crate::store::memory::MemoryStore;
use crate::store::sqlite::{self, SqliteStore};
use crate::web::auth::{Auth, Scope};
use crate::web::host_check::Doors;
use crate::web::limits::{ConnectionLimits, TrustedProxies};
use crate::web::publish_rate::PublishRate;
use crate::web::session::CookieScope;
use crate::web::unread::Unread;
use crate::web::{self, Shared, Site};

/// Events of one request (contract section 2).
const MAX_EVENTS: u32 = 1_000;
/// Calls that wait for the user's rules.
const RULES_QUEUE: usize = 1_024;

/// A server that is ready to run.
pub struct App {
    options: ServeOptions,
    address: SocketAddr,
    listener: TcpListener,
    site: Site,
    engine: Engine,
}

struct SubscribeTokens(Arc<Auth>);

impl Tokens for SubscribeTokens {
    fn grant(&self, token: &str) -> Option<Grant> {
        let claims = self.0.verify(token).ok()?;
        claims.scopes.allow(Scope::Subscribe).then(|| web::grant_of(&claims))
    }
}

impl App {
    /// Open the store, start the threads and bind the address; requests wait until [`App::run`].
    ///
    /// # Errors
    /// What cannot be had, and what to do about it.
    pub async fn start(options: ServeOptions) -> anyhow::Result<Self> {
        server::raise_descriptor_limit();
        let auth = Arc::new(Auth::new(options.keys.clone(), options.revoked_file.clone())?);
        if let Some(path) = options.store.signed_out_path() {
            auth.keep_sign_outs(&path).with_context(|| format!("cannot read the sign-outs in {}", path.display()))?;
        }
        // The address first: a port in use is the commonest mistake, and costs nothing to find.
        let listener = server::bind(options.listen)
            .with_context(|| format!("cannot listen on {}; choose another address with --listen", options.listen))?;
        let address = listener.local_addr()?;
        let metrics = Arc::new(Metrics::new());
        let (opened, counted) = (options.clone(), Arc::clone(&metrics));
        let (store, engine) = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
            let engine = Engine::new(EngineOptions::default(), counted)?;
            Ok((open_store(&opened)?, engine))
        })
        .await??;
        let feed = Arc::new(Feed::new(Arc::clone(&store)));
        let app_rules = options.rules.clone();
        let settings =
            Settings { epoch: store.bounds()?.epoch, rate: options.rate, buffer: options.buffer, ping_ms: 0 };
        let limits = PublishLimits { max_event_bytes: options.max_event_bytes, max_events: MAX_EVENTS };
        let ingest = Ingest::start(engine.event_log(store)?, Arc::clone(&feed), limits, Arc::clone(&metrics))?;
        if let Some(path) = &app_rules {
            feed.set_rules(Some(load_rules(&engine, path)?));
        }
        let parts = hub::Parts {
            engine: &engine,
            feed: Arc::clone(&feed),
            settings,
            messages: options.messages,
            max_lanes: options.max_lanes,
            metrics: Arc::clone(&metrics),
            tokens: Box::new(SubscribeTokens(Arc::clone(&auth))),
        };
        let hub = Hub::start(parts)?;
        let site = Arc::new(Shared {
            hub,
            ingest,
            auth,
            limits: ConnectionLimits::new(
                options.max_connections,
                options.max_connections_per_ip,
                options.connect_rate_per_ip,
            ),
            unread: Unread::new(options.max_unread_bytes),
            metrics,
            publish_rate: options.publish_rate.map(PublishRate::new),
            max_body_bytes: options.max_body_bytes,
            request_timeout: options.request_timeout,
            echo: options.echo,
            cookie: CookieScope { base_path: options.base_path.as_str().to_owned(), secure: !options.is_loopback() },
            draining: watch::Sender::new(false),
        });
        let retention = Retention { age: options.retain, events: options.retain_events };
        if retention.is_any() {
            let published = site.hub.head();
            std::thread::Builder::new()
                .name("retention".to_owned())
                .spawn(move || retention::run(feed.store(), retention, &published))?;
        }
        Ok(Self { options, address, listener, site, engine })
    }

    /// Serve until `shutdown`, then drain: readiness goes red, nothing new comes in, everything accepted is answered,
    /// every socket is closed with 4201. `reload` re-reads keys and rules each time it yields.
    ///
    /// # Errors
    /// The system has no threads for the connections.
    pub async fn run(
        self,
        shutdown: impl Future<Output = ()> + Send,
        mut reload: impl AsyncFnMut() -> Option<()>,
    ) -> anyhow::Result<()> {
        let Self { options, listener, site, engine, .. } = self;
        let doors = Doors {
            loopback: options.is_loopback(),
            allowed: options.allowed_origins.clone(),
            proxies: TrustedProxies::new(options.trusted_proxies.clone()),
            strict: site.auth.is_open(),
        };
        let router = web::router(Arc::clone(&site), doors, options.base_path.as_str());
        let bounds = ServerOptions {
            max_connections: options.max_connections,
            request_timeout: options.request_timeout,
            max_header_bytes: options.max_header_bytes,
            drain_timeout: options.drain_timeout,
        };
        let closing = Arc::clone(&site);
        let stop = async move {
            shutdown.await;
            tracing::info!("draining");
            closing.draining.send_replace(true);
            closing.hub.close_all();
        };
        let reloading = async {
            while reload().await.is_some() {
                reload_all(&options, &site, &engine).await;
            }
            std::future::pending::<()>().await;
        };
        let mut deadline = None;
        let watch_drain = async {
            let mut draining = site.draining.subscribe();
            let _ = draining.wait_for(|draining| *draining).await;
            deadline = Some(Instant::now() + options.drain_timeout);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            served = server::serve(listener, router, bounds, Arc::clone(&site.metrics), stop) => {
                served.context("no threads for connections")?;
            }
            () = reloading => {}
            () = watch_drain => {}
        }
        let deadline = deadline.unwrap_or_else(Instant::now).max(Instant::now() + Duration::from_millis(500));
        site.hub.drain(deadline).await;
        tracing::info!("stopped");
        Ok(())
    }
}

fn open_store(options: &ServeOptions) -> anyhow::Result<Arc<dyn EventStore>> {
    let durability = match options.durability {
        Durability::Full => sqlite::Durability::Full,
        Durability::Normal => sqlite::Durability::Normal,
    };
    Ok(match &options.store {
        StoreUrl::Memory => Arc::new(MemoryStore::new()),
        StoreUrl::Sqlite(path) => Arc::new(
            SqliteStore::open(path, durability).with_context(|| format!("cannot open the log {}", path.display()))?,
        ),
    })
}

fn load_rules(engine: &Engine, path: &std::path::Path) -> anyhow::Result<Worker<crate::engine::Rules>> {
    let wasm = std::fs::read(path).with_context(|| format!("cannot read the rules {}", path.display()))?;
    let rules = engine.rules(&wasm).with_context(|| format!("the rules {} do not fit", path.display()))?;
    Ok(Worker::spawn("rules", RULES_QUEUE, move || rules)?)
}

/// Keys, revoked tokens and rules anew; what cannot be read leaves the old one in force.
async fn reload_all(options: &ServeOptions, site: &Site, engine: &Engine) {
    let auth = Arc::clone(&site.auth);
    let read = tokio::task::spawn_blocking(move || (auth.reload(), auth.reload_revoked()));
    let Ok((keys, revoked)) = read.await else { return };
    match keys {
        Ok(()) => tracing::info!("keys reloaded"),
        Err(error) => tracing::error!(%error, "the keys were not reloaded; the old ones go on"),
    }
    match revoked {
        Ok(None) => {}
        Ok(Some(tokens)) => {
            let auth = Arc::clone(&site.auth);
            let ended = move |client: &Client| {
                let grant = client.grant();
                auth.has_ended(grant.token_id.as_deref(), grant.session.as_deref())
            };
            site.hub.close_where(ended, close::NOT_AUTHENTICATED, "the token was revoked");
            tracing::info!(tokens, "the list of revoked tokens is reloaded");
        }
        Err(error) => tracing::error!(%error, "the list of revoked tokens was not reloaded; the old one goes on"),
    }
    let Some(path) = options.rules.clone() else { return };
    let engine = engine.clone();
    match tokio::task::spawn_blocking(move || load_rules(&engine, &path)).await {
        Ok(Ok(rules)) => {
            site.hub.feed().set_rules(Some(rules));
            tracing::info!("rules reloaded");
        }
        Ok(Err(error)) => {
            tracing::error!(error = format!("{error:#}"), "the rules were not reloaded; the old ones go on")
        }
        Err(error) => tracing::error!(%error, "the rules were not reloaded; the old ones go on"),
    }
}

/// What a caller is told once the server accepts connections.
pub struct Ready {
    /// Where it listens, with the port that was picked.
    pub address: SocketAddr,
    /// Its keys, to mint a sign-in token with.
    pub auth: Arc<Auth>,
}

/// Run a server until it is told to stop: SIGTERM and SIGINT drain, SIGHUP reloads. Calls `ready` once it listens.
///
/// # Errors
/// See [`App::start`].
pub fn run(options: &ServeOptions, ready: impl FnOnce(&Ready)) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let app = App::start(options.clone()).await?;
        ready(&Ready { address: app.address, auth: Arc::clone(&app.site.auth) });
        let shutdown = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        app.run(shutdown, async || hangup.recv().await).await
    })?;
    // Whatever still waits on a thread of its own has had its time.
    runtime.shutdown_timeout(Duration::from_millis(200));
    Ok(())
}
