//! A shard: one thread that owns its share of the sockets and writes the lanes' frames straight to them, without a
//! task, a channel or a wake-up a client.
//!
//! Always true: a frame whose range a subscription has passed is not sent to it, and a frame never goes out before what
//! comes before it. What must be read from the log for one client (a gap, a report counted anew) is fetched elsewhere
//! while that client's frames are held. Nothing here blocks; a socket that would is given a bounded queue.

#[cfg(target_os = "linux")]
mod burst;
#[cfg(not(target_os = "linux"))]
#[path = "shard/no_burst.rs"]
mod burst;
mod closing;
mod command;
mod connection;
mod flow;
mod inbound;
mod outbound;
mod pace;
mod round;
mod subscriptions;
mod sweep;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::Receiver;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use crate::clock::monotonic_ms;
use crate::engine::words::MonotonicMs;
use crate::hub::HubCore;
use crate::hub::client::Client;
use crate::hub::frame::Frame;
use crate::hub::lanes::LaneRef;
use crate::hub::websocket::close;
use crate::hub::websocket::deflate::Packer;
use crate::store::Seq;

use burst::Burst;
use connection::{Connection, Transport};
use pace::Pace;
use round::Staged;
use sweep::beat_ms;

pub use command::{
    Attached, ConnectionRef, Delivery, Opened, Parts, ShardCommand, ShardHandle, SubscriptionRef, prepare,
};
pub use connection::StreamGauge;
pub use sweep::PING_MS;

/// How often deadlines are looked at.
const SWEEP_MS: u64 = 250;
/// How long the other side has to answer a close.
const CLOSE_WAIT_MS: u64 = 2_000;
const WAKER: Token = Token(usize::MAX);

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
    /// For clients that take packed messages.
    packer: Packer,
    /// How many sockets are written to at once, where the system can.
    burst: Option<Burst>,
    /// What the next burst writes. Empty but during a round.
    staged: Vec<Staged>,
    /// Reused from one burst to the next.
    results: Vec<Option<io::Result<usize>>>,
    /// Reused from one delivery to the next.
    roster: Vec<(usize, u32)>,
    /// Reused from one client to the next: places in the run of frames.
    due: Vec<usize>,
}

/// Run a shard on this thread until it is told to stop.
pub fn run(index: usize, core: Arc<HubCore>, parts: Parts) {
    let mut shard = Shard::new(index, core, parts);
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
    fn new(index: usize, core: Arc<HubCore>, parts: Parts) -> Self {
        Self {
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
            packer: Packer::default(),
            burst: Burst::new(),
            staged: Vec::new(),
            results: Vec::new(),
            roster: Vec::new(),
            due: Vec::new(),
        }
    }

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
}

#[cfg(test)]
mod tests;
