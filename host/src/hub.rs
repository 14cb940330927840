//! From the log to the sockets: follows the store, gives the broadcaster its events, and gives each subscriber its
//! frames, once and in order.
//!
//! The parts, in the order of an event's way: [`follow`] takes committed events from the store; [`feed`] is the log as
//! the user's rules show it; [`lanes`] owns the broadcaster; [`shard`] owns the sockets; [`join`] and [`fill`] fetch
//! what one client needs of the past. The positions in `docs/positions.md` hold throughout.

pub mod client;
pub mod feed;
pub mod fill;
mod follow;
pub mod frame;
pub mod join;
pub mod lanes;
mod protocol;
mod questions;
pub mod shard;
mod shared;
mod stream;
#[cfg(test)]
pub(crate) mod testing;
pub mod websocket;

use std::borrow::Cow;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::engine::words::{Format, Item, LaneKey, ProtocolError, Settings, Subscription};
use crate::engine::{CallError, Engine, EngineError, Pool, WorkerGone};
use crate::metrics::Metrics;
use crate::store::{Seq, StoreError};

use client::{Client, Grant};
use feed::Feed;
use lanes::{Command, Lanes};
use shard::{ConnectionRef, Opened, ShardCommand, StreamGauge};
use shared::HubCore;
use websocket::{CloseCode, MessageLimits};

pub use shared::{Prepared, Turn};
pub use stream::EventStream;

/// Batches of events that wait for the lanes' thread; past that, following waits.
const COMMITTED: usize = 8;
/// Joins, fills and pages that read from the log, or hold what they have read until it is written, at once; the others wait.
const READS: usize = 8;

/// Why the hub could not do its part. Not the client's fault.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broadcaster failed on this.
    #[error("the broadcaster failed: {0}")]
    Component(#[from] CallError),
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

impl From<WorkerGone> for HubError {
    fn from(_: WorkerGone) -> Self {
        Self::Stopping
    }
}

/// Why a subscription did not start.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// What to tell the client.
    #[error("refused: {}", .0.message)]
    Client(ProtocolError),
    /// The hub's own trouble.
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl Refused {
    /// The same, about the subscription of this name.
    fn about(self, label: Option<&str>) -> Self {
        match self {
            Self::Client(error) => Self::Client(ProtocolError { label: label.map(str::to_owned), ..error }),
            Self::Hub(error) => Self::Hub(error),
        }
    }
}

/// Reads a token that a client brings into an open connection.
pub trait Tokens: Send + Sync + 'static {
    /// What it grants; none when it is not valid or does not allow to subscribe.
    fn grant(&self, token: &str) -> Option<Grant>;
}

/// What a hub is made of.
pub struct Parts<'a> {
    /// To make broadcasters.
    pub engine: &'a Engine,
    /// The log.
    pub feed: Arc<Feed>,
    /// What the server allows; `ping_ms` is set here.
    pub settings: Settings,
    /// What a client may send.
    pub messages: MessageLimits,
    /// Lanes at once.
    pub max_lanes: usize,
    /// To count in.
    pub metrics: Arc<Metrics>,
    /// To read tokens.
    pub tokens: Box<dyn Tokens>,
}

/// The hub. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    core: Arc<HubCore>,
    head: watch::Receiver<Seq>,
    stop: Arc<AtomicBool>,
}

/// Why a hub does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The broadcaster.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The system.
    #[error("cannot start a thread or a poll: {0}")]
    Io(#[from] io::Error),
}

impl Hub {
    /// Start the threads: one for the lanes, one that follows the store, one a shard, one a renderer. Must be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(parts: Parts<'_>) -> Result<Self, StartError> {
        let Parts { engine, feed, mut settings, messages, max_lanes, metrics, tokens } = parts;
        settings.ping_ms = u32::try_from(shard::PING_MS).unwrap_or(u32::MAX);
        let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (shards, prepared): (Vec<_>, Vec<_>) =
            (0..processors.min(8)).map(|_| shard::prepare()).collect::<io::Result<Vec<_>>>()?.into_iter().unzip();
        let renderers = (0..processors.min(4)).map(|_| engine.broadcaster(settings.clone()));
        let renderers = Pool::new("renderer", renderers.collect::<Result<Vec<_>, _>>()?)?;
        // Unbounded, so that a shard never waits for the lanes while they wait for it; what is in it is bounded by the
        // subscriptions there are: each attaches once and detaches once.
        let (commands, to_lanes) = crossbeam_channel::unbounded();
        let (committed, events) = crossbeam_channel::bounded(COMMITTED);
        let (head_sender, head) = watch::channel(0);
        let core = Arc::new(HubCore {
            feed: Arc::clone(&feed),
            settings: settings.clone(),
            messages,
            shards: shards.clone(),
            next_shard: AtomicUsize::new(0),
            lanes: commands,
            renderers,
            reads: Arc::new(Semaphore::new(READS)),
            metrics: Arc::clone(&metrics),
            runtime: runtime::Handle::current(),
            tokens,
        });
        for (index, parts) in prepared.into_iter().enumerate() {
            let core = Arc::clone(&core);
            thread::Builder::new().name(format!("shard-{index}")).spawn(move || shard::run(index, core, parts))?;
        }
        let broadcaster = engine.broadcaster(settings)?;
        let parts =
            lanes::Parts { broadcaster, feed: Arc::clone(&feed), shards, metrics, max_lanes, head: head_sender };
        let lanes = Lanes::new(parts);
        let published = lanes.published();
        thread::Builder::new().name("lanes".to_owned()).spawn(move || lanes.run(&events, &to_lanes))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        thread::Builder::new()
            .name("follow".to_owned())
            .spawn(move || follow::run(&feed, published, &committed, &stopped))?;
        Ok(Self { core, head, stop })
    }

    /// The log as it is shown.
    #[must_use]
    pub fn feed(&self) -> &Arc<Feed> {
        &self.core.feed
    }

    /// Tells when the log grows: up to where events were broadcast.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<Seq> {
        self.head.clone()
    }

    /// What the server allows.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.core.settings
    }

    /// Read the past of a subscription, before it has a connection.
    ///
    /// # Errors
    /// `Refused::Client` says why it cannot be had.
    pub async fn prepare(&self, unrestricted: bool, subscription: Subscription) -> Result<Prepared, Refused> {
        self.core.prepare(unrestricted, subscription).await
    }

    /// Start a prepared subscription. False: the connection has too many.
    pub fn begin(&self, connection: ConnectionRef, client: &Arc<Client>, prepared: Prepared) -> bool {
        client.start();
        self.core.begin(connection, client, prepared).is_some()
    }

    /// Take over a WebSocket after its handshake; `behind` are the bytes that were read after it. JSON clients are
    /// greeted.
    ///
    /// # Errors
    /// The hub's; the socket is gone then.
    pub async fn open_socket(
        &self,
        client: Arc<Client>,
        stream: TcpStream,
        behind: Bytes,
    ) -> Result<ConnectionRef, HubError> {
        let greeting = if client.html || client.echo {
            None
        } else {
            let head = self.core.read(|feed| feed.bounds().map(|bounds| bounds.head)).await?;
            let item = Item::Hello(client.name.clone(), head);
            let frames = self.core.render(&Arc::new(LaneKey::plain(Format::Json)), vec![item]).await?;
            frames.first().map(|frame| frame.bytes.clone())
        };
        self.open(client, Opened::Socket(stream, behind), greeting).await
    }

    /// Open an event stream. The receiver gives the bytes of the response's body; what was taken from it must be told
    /// to the stream (see [`EventStream`]).
    ///
    /// # Errors
    /// The hub's.
    pub async fn open_stream(&self, client: Arc<Client>) -> Result<(ConnectionRef, EventStream), HubError> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let gauge = Arc::new(StreamGauge::default());
        let opened = Opened::Stream { sender, gauge: Arc::clone(&gauge) };
        let connection = self.open(client, opened, None).await?;
        let shard = self.core.shards.get(connection.shard).cloned();
        Ok((connection, EventStream { receiver, gauge, shard, connection }))
    }

    async fn open(
        &self,
        client: Arc<Client>,
        opened: Opened,
        greeting: Option<Bytes>,
    ) -> Result<ConnectionRef, HubError> {
        let shard = self.core.next_shard.fetch_add(1, Ordering::Relaxed) % self.core.shards.len().max(1);
        let (reply, answer) = oneshot::channel();
        self.core.shard(shard, ShardCommand::Open { client, opened, greeting, reply });
        answer.await.map_err(|_| HubError::Stopping)
    }

    /// Close one connection.
    pub fn close(&self, connection: ConnectionRef, code: CloseCode, reason: &'static str) {
        let command = ShardCommand::Close { connection, code, reason: Cow::Borrowed(reason) };
        self.core.shard(connection.shard, command);
    }

    /// Close the connections that fit.
    pub fn close_where(
        &self,
        fits: impl Fn(&Client) -> bool + Send + Sync + 'static,
        code: CloseCode,
        reason: &'static str,
    ) {
        let fits: Arc<dyn Fn(&Client) -> bool + Send + Sync> = Arc::new(fits);
        for shard in 0..self.core.shards.len() {
            let command = ShardCommand::CloseWhere { fits: Arc::clone(&fits), code, reason: Cow::Borrowed(reason) };
            self.core.shard(shard, command);
        }
    }

    /// Close the sockets of a session that has ended.
    pub fn close_session(&self, session: &str) {
        let session = session.to_owned();
        self.close_where(
            move |client| client.is_of_session(&session),
            websocket::close::NOT_AUTHENTICATED,
            "the session has ended",
        );
    }

    /// Close every connection with 4201, those too that are only just opened.
    pub fn close_all(&self) {
        for shard in 0..self.core.shards.len() {
            self.core.shard(shard, ShardCommand::CloseAll);
        }
    }

    /// Close every connection, save the state and end the threads. Returns when that is done or the deadline has passed.
    pub async fn drain(&self, deadline: tokio::time::Instant) {
        self.close_all();
        while self.connections().await > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.close_all();
        }
        self.stop.store(true, Ordering::Relaxed);
        self.core.feed.store().wake();
        let (done, saved) = oneshot::channel();
        self.core.command(Command::Stop { done });
        let _ = tokio::time::timeout_at(deadline + Duration::from_secs(1), saved).await;
        for shard in 0..self.core.shards.len() {
            self.core.shard(shard, ShardCommand::Stop);
        }
    }

    /// Open connections.
    pub async fn connections(&self) -> usize {
        let mut open = 0;
        for shard in 0..self.core.shards.len() {
            let (reply, answer) = oneshot::channel();
            self.core.shard(shard, ShardCommand::Count { reply });
            open += answer.await.unwrap_or(0);
        }
        open
    }
}
