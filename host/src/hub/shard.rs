//! A shard: one thread that owns its share of the sockets and writes the lanes' frames straight to them, without a
//! task, a channel or a wake-up a client.
//!
//! Always true: a frame whose range a subscription has passed is not sent to it, and a frame never goes out before what
//! comes before it. What must be read from the log for one client (a gap, a report counted anew) is fetched elsewhere
//! while that client's frames are held. Nothing here blocks; a socket that would is given a bounded queue.

mod connection;
mod inbound;
mod pace;
mod sweep;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender};
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;
use tokio::sync::mpsc::UnboundedSender;

use crate::clock::monotonic_ms;
use crate::engine::words::{Channel, LaneKey, MonotonicMs, Reason};
use crate::hub::client::Client;
use crate::hub::fill::{Fill, FillKind, Filled};
use crate::hub::frame::{Frame, Told};
use crate::hub::lanes::LaneRef;
use crate::hub::websocket::{self, CloseCode, close};
use crate::hub::{HubCore, fill, protocol};
use crate::store::Seq;

use connection::{Connection, Flow, Subscription, Take, Transport, UNSENT_LIMIT};
use pace::Pace;
use sweep::beat_ms;

pub use sweep::PING_MS;

pub use connection::StreamGauge;

/// Deliveries that wait for one shard; past that, the lanes wait. A shard never blocks, so it always gets there.
const DELIVERIES: usize = 256;
/// How often deadlines are looked at.
const SWEEP_MS: u64 = 250;
/// How long the other side has to answer a close.
const CLOSE_WAIT_MS: u64 = 2_000;
const WAKER: Token = Token(usize::MAX);

/// Names a connection. One that is gone is never mistaken for a later one in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionRef {
    /// Which shard.
    pub shard: usize,
    key: usize,
    generation: u32,
}

/// Names a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionRef {
    /// Which shard.
    pub shard: usize,
    connection: ConnectionRef,
    id: u32,
}

impl ConnectionRef {
    /// The subscription of this id (`Client::admit`).
    #[must_use]
    pub fn subscription(self, id: u32) -> SubscriptionRef {
        SubscriptionRef { shard: self.shard, connection: self, id }
    }
}

impl SubscriptionRef {
    /// The connection it is of.
    #[must_use]
    pub fn connection(self) -> ConnectionRef {
        self.connection
    }
}

/// A connection as it comes to a shard.
pub enum Opened {
    /// An upgraded socket, and what was read of it behind the handshake.
    Socket(TcpStream, Bytes),
    /// An event stream.
    Stream {
        /// To hyper.
        sender: UnboundedSender<Bytes>,
        /// Shared with the response's body.
        gauge: Arc<StreamGauge>,
    },
}

/// Frames for the lanes of a shard, in order.
pub struct Delivery {
    /// In seq order within each lane.
    pub frames: Vec<(LaneRef, Arc<Frame>)>,
    /// When the newest of them was committed.
    pub committed: Option<Instant>,
}

/// A subscription has its lane.
pub struct Attached {
    /// Which.
    pub subscription: SubscriptionRef,
    /// Its lane.
    pub lane: LaneRef,
    /// What the lane has settled; the subscription may be behind it, or ahead.
    pub settled: Seq,
    /// To be sent first.
    pub opening: Vec<Arc<Frame>>,
}

/// What a shard is told.
#[expect(missing_docs, reason = "each command's fields are told by their names and by its own line")]
pub enum ShardCommand {
    /// A new connection. Its name goes back through `reply`.
    Open {
        client: Arc<Client>,
        opened: Opened,
        greeting: Option<Bytes>,
        reply: tokio::sync::oneshot::Sender<ConnectionRef>,
    },
    /// A new subscription, with what it is sent first; frames of its lane follow once it is attached.
    Begin { subscription: SubscriptionRef, key: Arc<LaneKey>, frames: Vec<Arc<Frame>>, position: Seq },
    /// From the lanes.
    Attached(Attached),
    /// From the lanes: there are too many.
    Unattached { subscription: SubscriptionRef },
    /// From the lanes.
    Deliver(Delivery),
    /// An answer for one connection.
    Send { connection: ConnectionRef, bytes: Bytes },
    /// A subscription ends.
    Unsubscribe { connection: ConnectionRef, label: Option<String> },
    /// What a held subscription waited for.
    Filled { subscription: SubscriptionRef, filled: Option<Filled> },
    /// The message was handled; the next may come.
    Handled { connection: ConnectionRef },
    /// Close one connection.
    Close { connection: ConnectionRef, code: CloseCode, reason: Cow<'static, str> },
    /// Close the connections that fit.
    CloseWhere { fits: Arc<dyn Fn(&Client) -> bool + Send + Sync>, code: CloseCode, reason: Cow<'static, str> },
    /// Close all with 4201: the server stops, or the lanes are lost.
    CloseAll,
    /// An event stream's client has read what was unsent.
    Drained { connection: ConnectionRef },
    /// An event stream's client is gone.
    Gone { connection: ConnectionRef },
    /// End the thread, and drop what is left.
    Stop,
    /// How many connections are left.
    Count { reply: tokio::sync::oneshot::Sender<usize> },
}

/// Sends commands to a shard.
#[derive(Clone)]
pub struct ShardHandle {
    /// Unbounded by itself: deliveries are bounded by `credit`, and of everything else a connection has no more than a
    /// handful under way.
    inbox: Sender<ShardCommand>,
    /// One entry for each delivery in the inbox.
    credit: Sender<()>,
    waker: Arc<Waker>,
    /// The shard gathers deliveries, and looks into its inbox by itself within milliseconds: none of them need wake it.
    gathering: Arc<AtomicBool>,
}

impl ShardHandle {
    /// Send a command. A delivery waits while too many of them are in the inbox; nothing else ever does.
    pub fn send(&self, command: ShardCommand) {
        let delivers = matches!(command, ShardCommand::Deliver(_));
        if delivers && self.credit.send(()).is_err() {
            return;
        }
        // A shard that is gone has closed its sockets: there is nobody to tell. Sequentially consistent on both sides:
        // either this sees that the shard is done with gathering, or the shard sees the command.
        if self.inbox.send(command).is_ok()
            && !(delivers && self.gathering.load(Ordering::SeqCst))
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "cannot wake a shard");
        }
    }
}

/// A shard that has not started.
pub struct Parts {
    poll: Poll,
    inbox: Receiver<ShardCommand>,
    credit: Receiver<()>,
    gathering: Arc<AtomicBool>,
}

/// The handle of a shard that is still to be started with [`run`].
///
/// # Errors
/// The system's, when it has no more descriptors.
pub fn prepare() -> io::Result<(ShardHandle, Parts)> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let (sender, inbox) = crossbeam_channel::unbounded();
    let (give, credit) = crossbeam_channel::bounded(DELIVERIES);
    let gathering = Arc::new(AtomicBool::new(false));
    let handle = ShardHandle { inbox: sender, credit: give, waker, gathering: Arc::clone(&gathering) };
    Ok((handle, Parts { poll, inbox, credit, gathering }))
}

/// The subscriptions of one lane on this shard.
struct LaneHere {
    /// The lane's frames have come up to here.
    delivered: Seq,
    /// (connection's key, subscription's id).
    subscriptions: Vec<(usize, u32)>,
    /// The newest state, for one who has missed it.
    state: Option<Arc<Frame>>,
}

struct Shard {
    index: usize,
    core: Arc<HubCore>,
    poll: Poll,
    inbox: Receiver<ShardCommand>,
    credit: Receiver<()>,
    connections: Slab<Connection>,
    generation: u32,
    lanes: HashMap<LaneRef, LaneHere>,
    /// Connections to read from again, after the others have had their turn.
    unread: Vec<usize>,
    swept: MonotonicMs,
    /// Deliveries that are still to be written.
    gathered: BTreeMap<LaneRef, Vec<Arc<Frame>>>,
    /// When the oldest of them was committed.
    committed: Option<Instant>,
    pace: Pace,
    /// See [`ShardHandle`].
    gathering: Arc<AtomicBool>,
    /// Event frames sent and not yet counted: the count is shared with other shards, and too dear to touch for each.
    sent: u64,
    /// Reused from one delivery to the next.
    roster: Vec<(usize, u32)>,
    /// Reused from one client to the next: places in the run of frames.
    due: Vec<usize>,
}

/// Run a shard on this thread until it is told to stop.
pub fn run(index: usize, core: Arc<HubCore>, parts: Parts) {
    let mut shard = Shard {
        index,
        core,
        poll: parts.poll,
        inbox: parts.inbox,
        credit: parts.credit,
        connections: Slab::new(),
        generation: 0,
        lanes: HashMap::new(),
        unread: Vec::new(),
        swept: monotonic_ms(),
        gathered: BTreeMap::new(),
        committed: None,
        pace: Pace::new(),
        gathering: parts.gathering,
        sent: 0,
        roster: Vec::new(),
        due: Vec::new(),
    };
    let mut events = Events::with_capacity(1024);
    let mut scratch = vec![0; 16 * 1024];
    loop {
        let timeout = shard.timeout();
        shard.gathering.store(!shard.gathered.is_empty(), Ordering::SeqCst);
        if let Err(error) = shard.poll.poll(&mut events, Some(timeout))
            && error.kind() != io::ErrorKind::Interrupted
        {
            tracing::error!(%error, "a shard cannot wait for its sockets");
            return;
        }
        shard.gathering.store(false, Ordering::SeqCst);
        for key in std::mem::take(&mut shard.unread) {
            shard.read(key, &mut scratch);
        }
        for event in &events {
            if event.token() == WAKER {
                continue;
            }
            let key = event.token().0;
            if event.is_writable() {
                shard.write(key);
            }
            if event.is_readable() || event.is_read_closed() {
                shard.read(key, &mut scratch);
            }
        }
        if !shard.obey_all(&mut scratch) {
            return;
        }
        let now = monotonic_ms();
        if now.saturating_sub(shard.swept) >= SWEEP_MS {
            shard.swept = now;
            shard.sweep(now);
        }
    }
}

impl Shard {
    // ----------------------------------------------------------------------------------------------------- commands

    /// How long to wait for sockets and commands.
    fn timeout(&self) -> Duration {
        if !self.unread.is_empty() {
            Duration::ZERO
        } else if self.gathered.is_empty() {
            Duration::from_millis(SWEEP_MS)
        } else {
            self.pace.wait(Instant::now()).unwrap_or_default()
        }
    }

    /// Everything that waits in the inbox. Deliveries are gathered until it is time to write, or until something else
    /// is asked, so that all is done in order. False: it is time to stop.
    fn obey_all(&mut self, scratch: &mut [u8]) -> bool {
        loop {
            match self.inbox.try_recv() {
                Ok(ShardCommand::Deliver(delivery)) => {
                    let _ = self.credit.try_recv();
                    self.committed = self.committed.or(delivery.committed);
                    for (lane, frame) in delivery.frames {
                        self.gathered.entry(lane).or_default().push(frame);
                    }
                }
                Ok(ShardCommand::Stop) | Err(crossbeam_channel::TryRecvError::Disconnected) => return false,
                Ok(command) => {
                    self.deliver_gathered();
                    self.obey(command, scratch);
                }
                Err(crossbeam_channel::TryRecvError::Empty) => break,
            }
        }
        if self.pace.wait(Instant::now()).is_none() {
            self.deliver_gathered();
        }
        if self.sent > 0 {
            self.core.metrics.deliveries.inc_by(std::mem::take(&mut self.sent));
        }
        true
    }

    fn obey(&mut self, command: ShardCommand, scratch: &mut [u8]) {
        match command {
            ShardCommand::Open { client, opened, greeting, reply } => {
                self.open(client, opened, greeting, reply, scratch)
            }
            ShardCommand::Begin { subscription, key, frames, position } => {
                self.begin(subscription, key, &frames, position);
            }
            ShardCommand::Attached(attached) => self.attached(attached),
            ShardCommand::Unattached { subscription } => self.unattached(subscription),
            ShardCommand::Deliver(_) | ShardCommand::Stop => {}
            ShardCommand::Send { connection, bytes } => {
                if self.connection(connection).is_some() {
                    self.answer(connection.key, bytes);
                }
            }
            ShardCommand::Unsubscribe { connection, label } => {
                if self.connection(connection).is_some() {
                    self.unsubscribe(connection.key, label.as_deref());
                }
            }
            ShardCommand::Filled { subscription, filled } => self.filled(subscription, filled),
            ShardCommand::Handled { connection } => {
                if let Some(connected) = self.connection(connection) {
                    connected.busy = false;
                    self.decode(connection.key);
                    self.read(connection.key, scratch);
                }
            }
            ShardCommand::Close { connection, code, reason } => self.close_connection(connection, code, &reason),
            ShardCommand::CloseWhere { fits, code, reason } => {
                let keys: Vec<usize> =
                    self.connections.iter().filter(|(_, c)| fits(&c.client)).map(|(key, _)| key).collect();
                for key in keys {
                    self.close(key, code, &reason);
                }
            }
            ShardCommand::CloseAll => {
                let keys: Vec<usize> = self.connections.iter().map(|(key, _)| key).collect();
                for key in keys {
                    self.close(key, close::GOING_AWAY, "the server is going away; reconnect with your cursor");
                }
            }
            ShardCommand::Drained { connection } => {
                if self.connection(connection).is_some() {
                    self.drained(connection.key);
                }
            }
            ShardCommand::Gone { connection } => {
                if self.connection(connection).is_some() {
                    self.remove(connection.key);
                }
            }
            ShardCommand::Count { reply } => {
                let _ = reply.send(self.connections.len());
            }
        }
    }

    fn connection(&mut self, named: ConnectionRef) -> Option<&mut Connection> {
        self.connections.get_mut(named.key).filter(|connection| connection.generation == named.generation)
    }

    fn name(&self, key: usize) -> Option<ConnectionRef> {
        let generation = self.connections.get(key)?.generation;
        Some(ConnectionRef { shard: self.index, key, generation })
    }

    fn open(
        &mut self,
        client: Arc<Client>,
        opened: Opened,
        greeting: Option<Bytes>,
        reply: tokio::sync::oneshot::Sender<ConnectionRef>,
        scratch: &mut [u8],
    ) {
        let now = monotonic_ms();
        self.generation = self.generation.wrapping_add(1);
        let (transport, behind) = match opened {
            Opened::Stream { sender, gauge } => (Transport::Stream { sender, gauge }, Bytes::new()),
            Opened::Socket(stream, behind) => (Transport::Socket(mio::net::TcpStream::from_std(stream)), behind),
        };
        let beat = now + beat_ms(matches!(transport, Transport::Socket(_)));
        let entry = self.connections.vacant_entry();
        let key = entry.key();
        let connection = entry.insert(Connection::new(self.generation, client, transport, now, beat));
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Transport::Socket(stream) = &mut connection.transport
            && let Err(error) = self.poll.registry().register(stream, Token(key), interest)
        {
            tracing::warn!(%error, "a shard cannot take a socket");
            self.connections.remove(key);
            return;
        }
        self.core.count_connection(connection.is_socket(), 1);
        if reply.send(ConnectionRef { shard: self.index, key, generation: self.generation }).is_err() {
            self.remove(key);
            return;
        }
        if let Some(greeting) = greeting
            && let Some(connection) = self.connections.get_mut(key)
            && !connection.send_all(&[greeting])
        {
            self.remove(key);
            return;
        }
        if !behind.is_empty() {
            self.heard(key, &behind);
        }
        self.read(key, scratch);
    }

    // ------------------------------------------------------------------------------------------------ subscriptions

    fn begin(&mut self, subscription: SubscriptionRef, key: Arc<LaneKey>, frames: &[Arc<Frame>], position: Seq) {
        if self.connection(subscription.connection).is_none_or(|connection| connection.closing.is_some()) {
            return;
        }
        let place = subscription.connection.key;
        self.unsubscribe(place, key.label.as_deref());
        let Some(connection) = self.connections.get_mut(place) else { return };
        let first = frames.iter().find(|frame| frame.kind != Told::Aside).map_or(position, |frame| frame.from);
        // Nearly every connection has one, and room for three more would be most of what an idle client costs.
        connection.subscriptions.reserve_exact(1);
        connection.subscriptions.push(Subscription {
            id: subscription.id,
            key,
            lane: None,
            position: first,
            flow: Flow::Live,
        });
        self.send_run(place, subscription.id, frames);
        if let Some(connection) = self.connections.get_mut(place)
            && connection.lagging_since.is_none()
            && let Some(subscription) = connection.subscription(subscription.id)
        {
            subscription.position = position;
            // No frame of the lane may come before `attached` has looked whether something is missing.
            subscription.flow = Flow::held();
        }
    }

    fn attached(&mut self, attached: Attached) {
        let Attached { subscription: named, lane, settled, opening } = attached;
        let place = named.connection.key;
        let known = self.connection(named.connection).and_then(|connection| connection.subscription(named.id));
        let Some(subscription) = known else {
            self.core.detach(lane, self.index);
            return;
        };
        subscription.lane = Some(lane);
        let is_state = subscription.key.channel == Channel::State;
        if is_state {
            subscription.flow = Flow::Live;
        }
        let here = self.lanes.entry(lane).or_insert_with(|| LaneHere {
            delivered: settled,
            subscriptions: Vec::new(),
            state: None,
        });
        here.delivered = here.delivered.max(settled);
        here.subscriptions.push((place, named.id));
        if is_state {
            here.state = opening.last().cloned();
            self.send_run(place, named.id, &opening);
            return;
        }
        self.go_live(place, named.id, Reason::Buffer);
    }

    /// There is no lane to be had: a WebSocket keeps what else it has, an event stream ends.
    fn unattached(&mut self, named: SubscriptionRef) {
        let place = named.connection.key;
        let Some(connection) = self.connection(named.connection) else { return };
        let Some(label) = connection.subscription(named.id).map(|s| s.key.label.clone()) else { return };
        if connection.is_socket() && !connection.client.html {
            connection.client.dismiss(label.as_deref());
            self.unsubscribe(place, label.as_deref());
            protocol::refuse_lane(&self.core, named.connection, label);
        } else {
            self.close(place, close::TRY_LATER, "too many different filters; try again later");
        }
    }

    /// Live, when everything that the lane has settled was sent; else held, while the rest is fetched.
    fn go_live(&mut self, place: usize, id: u32, reason: Reason) {
        let Some(name) = self.name(place) else { return };
        let Some(connection) = self.connections.get_mut(place) else { return };
        let lagging = connection.lagging_since.is_some();
        let Some(subscription) = connection.subscription(id) else { return };
        if lagging {
            subscription.flow = Flow::Lagging;
            return;
        }
        let Some(lane) = subscription.lane else { return };
        let delivered = self.lanes.get(&lane).map_or(0, |here| here.delivered);
        if subscription.position >= delivered {
            subscription.flow = Flow::Live;
            return;
        }
        subscription.flow = Flow::held();
        let fill = Fill {
            subscription: name.subscription(id),
            key: Arc::clone(&subscription.key),
            from: subscription.position,
            to: delivered,
            kind: FillKind::Events(reason),
        };
        fill::spawn(&self.core, fill);
    }

    /// What a held subscription waited for has come: send it, then what was held.
    fn filled(&mut self, named: SubscriptionRef, filled: Option<Filled>) {
        let place = named.connection.key;
        let Some(connection) = self.connection(named.connection) else { return };
        let Some(filled) = filled else {
            self.close(place, close::GOING_AWAY, "the log cannot be read; reconnect with your cursor");
            return;
        };
        let Some(subscription) = connection.subscription(named.id) else { return };
        let Flow::Held { frames, dropped, .. } = std::mem::replace(&mut subscription.flow, Flow::Live) else { return };
        self.send_run(place, named.id, &filled.frames);
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.lagging_since.is_some() {
            return;
        }
        let Some(subscription) = connection.subscription(named.id) else { return };
        subscription.position = subscription.position.max(filled.position);
        if dropped {
            self.go_live(place, named.id, Reason::Slow);
        } else {
            self.send_run(place, named.id, &frames);
        }
    }

    fn unsubscribe(&mut self, place: usize, label: Option<&str>) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        let Some(at) = connection.subscriptions.iter().position(|s| s.key.label.as_deref() == label) else { return };
        let subscription = connection.subscriptions.remove(at);
        self.leave_lane(place, &subscription);
    }

    fn leave_lane(&mut self, place: usize, subscription: &Subscription) {
        let Some(lane) = subscription.lane else { return };
        if let Some(here) = self.lanes.get_mut(&lane) {
            here.subscriptions.retain(|known| *known != (place, subscription.id));
            if here.subscriptions.is_empty() {
                self.lanes.remove(&lane);
            }
        }
        self.core.detach(lane, self.index);
    }

    // ------------------------------------------------------------------------------------------------------ sending

    fn deliver_gathered(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        let began = Instant::now();
        let mut roster = std::mem::take(&mut self.roster);
        for (lane, frames) in std::mem::take(&mut self.gathered) {
            let Some(here) = self.lanes.get_mut(&lane) else { continue };
            for frame in &frames {
                if frame.kind == Told::Aside {
                    here.state = Some(Arc::clone(frame));
                } else {
                    here.delivered = here.delivered.max(frame.to);
                }
            }
            // A copy: sending may find a client gone, which takes it off the list.
            roster.clone_from(&here.subscriptions);
            for (place, id) in &roster {
                self.send_run(*place, *id, &frames);
            }
        }
        self.roster = roster;
        self.pace.wrote(began, Instant::now());
        if let Some(committed) = self.committed.take() {
            self.core.metrics.delivery_seconds.observe(committed.elapsed().as_secs_f64());
        }
    }

    /// Send frames that follow each other to one subscription: each at most once, in order, and none past a gap.
    fn send_run(&mut self, place: usize, id: u32, frames: &[Arc<Frame>]) {
        let mut due = std::mem::take(&mut self.due);
        let mut rest = frames.iter().enumerate();
        loop {
            due.clear();
            let Some(connection) = self.connections.get_mut(place) else { break };
            let room = UNSENT_LIMIT.saturating_sub(connection.unsent());
            if connection.closing.is_some() {
                break;
            }
            let Some(subscription) = connection.subscription(id) else { break };
            let (mut bytes, mut events, mut recount) = (0, 0, None);
            while bytes <= room
                && let Some((at, frame)) = rest.next()
            {
                match subscription.take(frame) {
                    Take::Pass => {}
                    Take::Send => {
                        bytes += frame.bytes.len();
                        events += u64::from(frame.kind == Told::Event);
                        due.push(at);
                    }
                    Take::Recount => {
                        recount = Some((frame.to, at + 1));
                        break;
                    }
                }
            }
            let finished = bytes <= room;
            if !connection.send_all(due.iter().filter_map(|at| frames.get(*at)).map(|frame| &frame.bytes)) {
                self.remove(place);
                break;
            }
            self.sent += events;
            if connection.unsent() > UNSENT_LIMIT {
                self.lag(place);
                break;
            }
            if let Some((to, next)) = recount {
                self.recount(place, id, to, frames.get(next..).unwrap_or_default());
                break;
            }
            if finished {
                break;
            }
        }
        due.clear();
        self.due = due;
    }

    /// A `skipped` up to `to` begins before the subscription's position: hold it and what follows, while the part that
    /// concerns this client is counted in the log.
    fn recount(&mut self, place: usize, id: u32, to: Seq, following: &[Arc<Frame>]) {
        let Some(name) = self.name(place) else { return };
        let Some(subscription) = self.connections.get_mut(place).and_then(|c| c.subscription(id)) else { return };
        subscription.flow = Flow::held();
        for frame in following {
            subscription.take(frame);
        }
        let fill = Fill {
            subscription: name.subscription(id),
            key: Arc::clone(&subscription.key),
            from: subscription.position,
            to,
            kind: FillKind::Report(Reason::Rate),
        };
        fill::spawn(&self.core, fill);
    }

    /// Too much is unsent: no more is queued until the client has read it.
    fn lag(&mut self, place: usize) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        connection.lagging_since = Some(monotonic_ms());
        for subscription in &mut connection.subscriptions {
            if matches!(subscription.flow, Flow::Live) {
                subscription.flow = Flow::Lagging;
            }
        }
        if connection.note_lag() {
            self.drained(place);
        }
    }

    /// What was unsent is read: every subscription that has lagged is caught up like a replay.
    fn drained(&mut self, place: usize) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.lagging_since.take().is_none() {
            return;
        }
        let lagging: Vec<(u32, Option<LaneRef>, Channel)> = connection
            .subscriptions
            .iter()
            .filter(|s| matches!(s.flow, Flow::Lagging))
            .map(|s| (s.id, s.lane, s.key.channel))
            .collect();
        for (id, lane, channel) in lagging {
            if channel == Channel::Events {
                self.go_live(place, id, Reason::Slow);
                continue;
            }
            if let Some(subscription) = self.connections.get_mut(place).and_then(|c| c.subscription(id)) {
                subscription.flow = Flow::Live;
            }
            let state = lane.and_then(|lane| self.lanes.get(&lane)).and_then(|here| here.state.clone());
            if let Some(state) = state {
                self.send_run(place, id, &[state]);
            }
        }
    }

    /// The socket takes more.
    fn write(&mut self, place: usize) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.unsent() == 0 {
            return;
        }
        if !connection.flush() {
            self.remove(place);
        } else if connection.unsent() == 0 {
            self.drained(place);
        }
    }

    // ------------------------------------------------------------------------------------------------------ closing

    fn close_connection(&mut self, named: ConnectionRef, code: CloseCode, reason: &str) {
        if self.connection(named).is_some() {
            self.close(named.key, code, reason);
        }
    }

    /// Say why, and let go of the lanes; the connection itself goes when the client has answered, or has not in time.
    fn close(&mut self, place: usize, code: CloseCode, reason: &str) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.closing.is_some() {
            return;
        }
        self.core.count_close(code);
        if !connection.is_socket() {
            self.remove(place);
            return;
        }
        if connection.lagging_since.is_some() {
            connection.forget_queued();
        }
        let code = match (connection.client.html, code) {
            (false, code) => code,
            (true, close::GOING_AWAY | close::TOKEN_EXPIRED) => close::RESTART,
            (true, code @ (close::NORMAL | close::PROTOCOL | close::NOT_UTF8 | close::TOO_BIG)) => code,
            (true, _) => close::TRY_LATER,
        };
        let alive = connection.send_all(&[websocket::closing(code, reason)]);
        connection.closing = Some(monotonic_ms() + CLOSE_WAIT_MS);
        let subscriptions = std::mem::take(&mut connection.subscriptions);
        for subscription in &subscriptions {
            self.leave_lane(place, subscription);
        }
        if !alive {
            self.remove(place);
        }
    }

    fn remove(&mut self, place: usize) {
        let Some(mut connection) = self.connections.try_remove(place) else { return };
        for subscription in &connection.subscriptions {
            self.leave_lane(place, subscription);
        }
        self.core.count_connection(connection.is_socket(), -1);
        if let Transport::Socket(stream) = &mut connection.transport {
            // Closing the descriptor takes it off the poll in any case.
            let _ = self.poll.registry().deregister(stream);
        }
    }
}
