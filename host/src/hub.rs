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
pub mod shard;
pub mod websocket;

use std::borrow::Cow;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::Sender;
use tokio::runtime;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::engine::words::{
    Channel, ErrorCode, Format, HistoryQuery, Item, LaneKey, ProtocolError, Settings, Shown, Skipped, Subscription,
};
use crate::engine::{Broadcaster, CallError, Engine, EngineError, Pool, WorkerGone};
use crate::metrics::{self, Metrics};
use crate::store::{Seq, StoreError};

use client::{Client, Grant};
use feed::Feed;
use frame::Frame;
use join::JoinError;
use lanes::{Command, LaneRef, Lanes};
use shard::{ConnectionRef, Opened, ShardCommand, ShardHandle, StreamGauge};
use websocket::CloseCode;

/// Subscriptions of one connection.
const SUBSCRIPTIONS: usize = 4;
/// Batches of events that wait for the lanes' thread; past that, following waits.
const COMMITTED: usize = 8;
/// How long a cursor beyond the head is waited for (contract section 4, promise 3), and how often it is looked for.
const FUTURE_WAIT: Duration = Duration::from_secs(2);
const FUTURE_LOOK: Duration = Duration::from_millis(50);
/// Reads of the log for joins, fills and pages that run at once; the others wait.
const READS: usize = 16;

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

/// A subscription whose past has been read, and which only needs a connection.
pub struct Prepared {
    key: Arc<LaneKey>,
    frames: Vec<Arc<Frame>>,
    position: Seq,
}

/// What the hub's threads and tasks share.
pub struct HubCore {
    feed: Arc<Feed>,
    settings: Settings,
    shards: Vec<ShardHandle>,
    lanes: Sender<Command>,
    /// Broadcasters without lanes: they read messages and queries, and render what is for one client.
    renderers: Pool<Broadcaster>,
    reads: Semaphore,
    metrics: Arc<Metrics>,
    runtime: runtime::Handle,
    tokens: Box<dyn Tokens>,
}

/// What a hub is made of.
pub struct Parts<'a> {
    /// To make broadcasters.
    pub engine: &'a Engine,
    /// The log.
    pub feed: Arc<Feed>,
    /// What the server allows; `ping_ms` is set here.
    pub settings: Settings,
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
        let Parts { engine, feed, mut settings, max_lanes, metrics, tokens } = parts;
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
            shards: shards.clone(),
            lanes: commands,
            renderers,
            reads: Semaphore::new(READS),
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

    /// Read from the log on a thread for that, after others that came first.
    ///
    /// # Errors
    /// Those of `read`.
    pub async fn read<R, E>(&self, read: impl FnOnce(&Feed) -> Result<R, E> + Send + 'static) -> Result<R, HubError>
    where
        R: Send + 'static,
        E: Into<HubError> + Send + 'static,
    {
        self.core.read(read).await
    }

    /// The same for a read that starts at a client's cursor, which may be beyond the head for a moment.
    ///
    /// # Errors
    /// `Refused::Client` with `future_cursor` when it stays there.
    pub async fn read_unless_future<R: Send + 'static>(
        &self,
        read: impl Fn(&Feed) -> Result<R, JoinError> + Clone + Send + 'static,
    ) -> Result<R, Refused> {
        self.core.read_unless_future(read).await
    }

    /// Read the query of `GET /api/events`.
    ///
    /// # Errors
    /// `Refused::Client` says what is wrong with it.
    pub async fn read_history_query(&self, query: String, grant: &Grant) -> Result<HistoryQuery, Refused> {
        let types = grant.types.clone();
        let read = self.core.ask(move |b| b.read_history_query(&query, types.as_deref())).await?;
        read.map_err(Refused::Client)
    }

    /// Read the query of an event stream, or of a WebSocket that subscribes by its URL (`socket`).
    ///
    /// # Errors
    /// `Refused::Client` says what is wrong with it.
    pub async fn read_stream_query(
        &self,
        query: String,
        last_event_id: Option<String>,
        socket: bool,
        grant: &Grant,
    ) -> Result<Subscription, Refused> {
        let types = grant.types.clone();
        let read = self
            .core
            .ask(move |b| b.read_stream_query(&query, last_event_id.as_deref(), socket, types.as_deref()))
            .await?;
        read.map_err(Refused::Client)
    }

    /// Whether somebody with this grant may see events of this type.
    ///
    /// # Errors
    /// The hub's.
    pub async fn allows(&self, grant: &Grant, event_type: String) -> Result<bool, HubError> {
        let Some(types) = grant.types.clone() else { return Ok(true) };
        self.core.ask(move |b| b.allows(&types, &event_type)).await
    }

    /// Which of these event types somebody with this grant may see, in their order.
    ///
    /// # Errors
    /// The hub's.
    pub async fn allowed(&self, grant: &Grant, event_types: Vec<String>) -> Result<Vec<bool>, HubError> {
        let Some(types) = grant.types.clone() else { return Ok(vec![true; event_types.len()]) };
        self.core.ask(move |b| event_types.iter().map(|t| b.allows(&types, t)).collect()).await
    }

    /// Events as the payloads of a history page, and a `skipped` as one.
    ///
    /// # Errors
    /// The hub's.
    pub async fn payloads(
        &self,
        events: Vec<Shown>,
        skipped: Option<Skipped>,
    ) -> Result<(Vec<String>, Option<String>), HubError> {
        self.core
            .ask(move |b| {
                let skipped = skipped.map(|skipped| b.skipped_payload(&skipped)).transpose()?;
                let mut payloads = Vec::with_capacity(events.len());
                // In pieces that a component call takes.
                let mut rest = events.as_slice();
                while !rest.is_empty() {
                    let (piece, behind) = rest.split_at(piece(rest));
                    payloads.extend(b.payloads(piece)?);
                    rest = behind;
                }
                Ok((payloads, skipped))
            })
            .await
    }

    /// The state of the swarm as JSON.
    ///
    /// # Errors
    /// `Stopping`.
    pub async fn state(&self) -> Result<String, HubError> {
        let (reply, answer) = oneshot::channel();
        self.core.command(Command::State { reply });
        answer.await.map_err(|_| HubError::Stopping)
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
        // By the address of the client's record: as good as any, and without a counter to share.
        let shard = (Arc::as_ptr(&client) as usize / 64) % self.core.shards.len().max(1);
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

/// How many of these events a component call takes.
fn piece(events: &[Shown]) -> usize {
    let mut bytes = 0;
    let fits = events.iter().take_while(|shown| {
        bytes += shown.event.data.len() + 1_024;
        bytes <= 192 * 1024
    });
    fits.count().clamp(1, events.len().max(1))
}

impl HubCore {
    fn shard(&self, shard: usize, command: ShardCommand) {
        if let Some(shard) = self.shards.get(shard) {
            shard.send(command);
        }
    }

    fn command(&self, command: Command) {
        // The lanes' thread is gone only when the server stops.
        let _ = self.lanes.send(command);
    }

    fn detach(&self, lane: LaneRef, shard: usize) {
        self.command(Command::Detach { lane, shard });
    }

    async fn read<R, E>(&self, read: impl FnOnce(&Feed) -> Result<R, E> + Send + 'static) -> Result<R, HubError>
    where
        R: Send + 'static,
        E: Into<HubError> + Send + 'static,
    {
        let _turn = self.reads.acquire().await.map_err(|_| HubError::Stopping)?;
        let feed = Arc::clone(&self.feed);
        let done = tokio::task::spawn_blocking(move || read(&feed)).await;
        done.map_err(|_| HubError::Stopping)?.map_err(Into::into)
    }

    /// Read from the log; when that meets a cursor beyond the head, again, until the log has grown to it or
    /// [`FUTURE_WAIT`] is over. Who waits holds up nobody else's reads.
    async fn read_unless_future<R: Send + 'static>(
        &self,
        read: impl Fn(&Feed) -> Result<R, JoinError> + Clone + Send + 'static,
    ) -> Result<R, Refused> {
        let deadline = Instant::now() + FUTURE_WAIT;
        loop {
            let once = read.clone();
            let done = self
                .read(move |feed| match once(feed) {
                    Err(JoinError::Store(error)) => Err(error),
                    other => Ok(other),
                })
                .await?;
            match done {
                Ok(done) => return Ok(done),
                Err(JoinError::Future) if Instant::now() < deadline => tokio::time::sleep(FUTURE_LOOK).await,
                Err(JoinError::Future) => return Err(Refused::Client(join::future_cursor())),
                Err(JoinError::OtherLog) => return Err(Refused::Client(join::other_log())),
                Err(JoinError::Store(error)) => return Err(Refused::Hub(error.into())),
            }
        }
    }

    /// Ask one of the renderers.
    async fn ask<R: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Broadcaster) -> Result<R, CallError> + Send + 'static,
    ) -> Result<R, HubError> {
        Ok(self.renderers.call(question).await??)
    }

    /// Write items for one client.
    async fn render(&self, key: &Arc<LaneKey>, items: Vec<Item>) -> Result<Vec<Arc<Frame>>, HubError> {
        let key = Arc::clone(key);
        self.ask(move |broadcaster| {
            let texts = broadcaster.render(&key, &items)?;
            Ok(Frame::of_items(key.format, &items, &texts))
        })
        .await
    }

    async fn prepare(&self, unrestricted: bool, subscription: Subscription) -> Result<Prepared, Refused> {
        let Subscription { lane, start } = subscription;
        let key = Arc::new(lane);
        if key.channel == Channel::State {
            if !unrestricted {
                let message = "the state of the swarm shows every type, and the token allows only some".to_owned();
                let label = key.label.clone();
                return Err(Refused::Client(ProtocolError { code: ErrorCode::Forbidden, message, label }));
            }
            return Ok(Prepared { key, frames: Vec::new(), position: 0 });
        }
        let (buffer, wanted) = (self.settings.buffer, Arc::clone(&key));
        let replay = self
            .read_unless_future(move |feed| join::replay(feed, &wanted.filter, &start, buffer))
            .await
            .inspect_err(|_| self.count_replay("failed"))
            .map_err(|refused| refused.about(key.label.as_deref()))?;
        self.count_replay(if replay.recovered { "recovered" } else { "pruned" });
        self.count_skipped(&replay.items);
        let frames = self.render(&key, replay.items).await?;
        Ok(Prepared { key, frames, position: replay.position })
    }

    fn begin(&self, connection: ConnectionRef, client: &Client, prepared: Prepared) -> Option<()> {
        let Prepared { key, frames, position } = prepared;
        let id = client.admit(key.label.as_deref(), SUBSCRIPTIONS)?;
        let subscription = connection.subscription(id);
        let begin = ShardCommand::Begin { subscription, key: Arc::clone(&key), frames, position };
        self.shard(connection.shard, begin);
        self.command(Command::Attach { key, subscription });
        Some(())
    }

    fn count_replay(&self, result: &'static str) {
        self.metrics.replays.get_or_create(&metrics::ReplayResult { result }).inc();
    }

    /// What a client is told is wrong with a message; the connection stays.
    fn count_refused(&self, code: ErrorCode) {
        self.metrics.refused.get_or_create(&metrics::Reason { reason: code.as_str() }).inc();
    }

    fn count_connection(&self, socket: bool, change: i64) {
        let transport = if socket { "websocket" } else { "sse" };
        self.metrics.connections.get_or_create(&metrics::Transport { transport }).inc_by(change);
    }

    fn count_close(&self, code: CloseCode) {
        let reason = match code {
            websocket::close::TOO_SLOW => "too_slow",
            websocket::close::TOO_MANY_MESSAGES => "too_many_messages",
            websocket::close::GOING_AWAY => "going_away",
            websocket::close::TOKEN_EXPIRED => "token_expired",
            websocket::close::NOT_AUTHENTICATED | websocket::close::NOT_ALLOWED => "not_allowed",
            websocket::close::NO_SUBSCRIBE => "no_subscribe",
            websocket::close::PROTOCOL => "broken_framing",
            websocket::close::NOT_UTF8 => "not_utf8",
            websocket::close::TOO_BIG => "message_too_big",
            _ => "bad_message",
        };
        self.metrics.closed.get_or_create(&metrics::Reason { reason }).inc();
    }
}

/// The bytes of an event stream, as they come from its shard.
pub struct EventStream {
    receiver: mpsc::UnboundedReceiver<Bytes>,
    gauge: Arc<StreamGauge>,
    shard: Option<ShardHandle>,
    connection: ConnectionRef,
}

impl EventStream {
    /// The next bytes; none when the server has closed the stream.
    pub fn poll_next(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<Bytes>> {
        let next = std::task::ready!(self.receiver.poll_recv(cx));
        if let Some(bytes) = &next
            && self.gauge.taken(bytes.len())
            && let Some(shard) = &self.shard
        {
            shard.send(ShardCommand::Drained { connection: self.connection });
        }
        std::task::Poll::Ready(next)
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        if let Some(shard) = &self.shard {
            shard.send(ShardCommand::Gone { connection: self.connection });
        }
    }
}
