//! What a shard can be told, by whom it does not matter, and the handle to tell it with.

use std::borrow::Cow;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender};
use mio::{Poll, Waker};
use tokio::sync::mpsc::UnboundedSender;

use crate::engine::words::LaneKey;
use crate::hub::client::Client;
use crate::hub::fill::Filled;
use crate::hub::frame::Frame;
use crate::hub::lanes::LaneRef;
use crate::hub::shard::{StreamGauge, WAKER};
use crate::hub::websocket::CloseCode;
use crate::store::Seq;

/// Deliveries that wait for one shard; past that, the lanes wait. A shard never blocks, so it always gets there.
const DELIVERIES: usize = 256;

/// Names a connection. One that is gone is never mistaken for a later one in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionRef {
    /// Which shard.
    pub shard: usize,
    pub(super) key: usize,
    pub(super) generation: u32,
}

/// Names a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionRef {
    /// Which shard.
    pub shard: usize,
    pub(super) connection: ConnectionRef,
    pub(super) id: u32,
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
    pub(super) poll: Poll,
    pub(in crate::hub) inbox: Receiver<ShardCommand>,
    pub(super) credit: Receiver<()>,
    pub(super) gathering: Arc<AtomicBool>,
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
