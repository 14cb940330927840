//! What the hub's threads and tasks share, and what they all do with it: read the log in turn, ask a renderer, prepare and
//! begin subscriptions, count.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use tokio::runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::engine::words::{Channel, ErrorCode, Item, LaneKey, ProtocolError, Settings, Subscription};
use crate::engine::{Broadcaster, CallError, Pool};
use crate::hub::client::Client;
use crate::hub::feed::Feed;
use crate::hub::frame::Frame;
use crate::hub::join::{self, JoinError};
use crate::hub::lanes::{Command, LaneRef};
use crate::hub::shard::{ConnectionRef, ShardCommand, ShardHandle};
use crate::hub::websocket::{self, CloseCode, MessageLimits};
use crate::hub::{HubError, Refused, Tokens};
use crate::metrics::{self, Metrics};
use crate::store::Seq;

/// Subscriptions of one connection.
const SUBSCRIPTIONS: usize = 4;
/// How long a cursor beyond the head is waited for (contract section 4, promise 3), and how often it is looked for.
const FUTURE_WAIT: Duration = Duration::from_secs(2);
const FUTURE_LOOK: Duration = Duration::from_millis(50);

/// A turn to read from the log: it ends when this drops.
pub type Turn = OwnedSemaphorePermit;

/// A subscription whose past has been read, and which only needs a connection.
pub struct Prepared {
    pub(super) key: Arc<LaneKey>,
    pub(super) frames: Vec<Arc<Frame>>,
    pub(super) position: Seq,
}

/// What the hub's threads and tasks share.
pub struct HubCore {
    pub(super) feed: Arc<Feed>,
    pub(super) settings: Settings,
    pub(super) messages: MessageLimits,
    pub(super) shards: Vec<ShardHandle>,
    /// Connections are given to the shards in turn.
    pub(super) next_shard: AtomicUsize,
    pub(super) lanes: Sender<Command>,
    /// Broadcasters without lanes: they read messages and queries, and render what is for one client.
    pub(super) renderers: Pool<Broadcaster>,
    pub(super) reads: Arc<Semaphore>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) runtime: runtime::Handle,
    pub(super) tokens: Box<dyn Tokens>,
}

impl HubCore {
    pub(super) fn shard(&self, shard: usize, command: ShardCommand) {
        if let Some(shard) = self.shards.get(shard) {
            shard.send(command);
        }
    }

    pub(super) fn command(&self, command: Command) {
        // The lanes' thread is gone only when the server stops.
        let _ = self.lanes.send(command);
    }

    pub(super) fn detach(&self, lane: LaneRef, shard: usize) {
        self.command(Command::Detach { lane, shard });
    }

    pub(super) async fn read<R, E>(
        &self,
        read: impl FnOnce(&Feed) -> Result<R, E> + Send + 'static,
    ) -> Result<R, HubError>
    where
        R: Send + 'static,
        E: Into<HubError> + Send + 'static,
    {
        self.read_in_turn(read).await.map(|(read, _)| read)
    }

    /// The same; the turn is the caller's for as long as it holds what was read.
    pub(super) async fn read_in_turn<R, E>(
        &self,
        read: impl FnOnce(&Feed) -> Result<R, E> + Send + 'static,
    ) -> Result<(R, Turn), HubError>
    where
        R: Send + 'static,
        E: Into<HubError> + Send + 'static,
    {
        let turn = Arc::clone(&self.reads).acquire_owned().await.map_err(|_| HubError::Stopping)?;
        let feed = Arc::clone(&self.feed);
        // A client that hangs up ends its request, not the read that is under way: the turn goes with that.
        let done = tokio::task::spawn_blocking(move || (read(&feed), turn)).await;
        let (read, turn) = done.map_err(|_| HubError::Stopping)?;
        read.map(|read| (read, turn)).map_err(Into::into)
    }

    /// Read from the log; when that meets a cursor beyond the head, again, until the log has grown to it or
    /// [`FUTURE_WAIT`] is over. Who waits holds up nobody else's reads; who has read does until it has let go of its turn,
    /// so that what was read and not been written for its reader is bounded, too.
    pub(super) async fn read_unless_future<R: Send + 'static>(
        &self,
        read: impl Fn(&Feed) -> Result<R, JoinError> + Clone + Send + 'static,
    ) -> Result<(R, Turn), Refused> {
        let deadline = Instant::now() + FUTURE_WAIT;
        loop {
            let once = read.clone();
            let (done, turn) = self
                .read_in_turn(move |feed| match once(feed) {
                    Err(JoinError::Store(error)) => Err(error),
                    other => Ok(other),
                })
                .await?;
            match done {
                Ok(done) => return Ok((done, turn)),
                Err(JoinError::Future) if Instant::now() < deadline => {
                    drop(turn);
                    tokio::time::sleep(FUTURE_LOOK).await;
                }
                Err(JoinError::Future) => return Err(Refused::Client(join::future_cursor())),
                Err(JoinError::OtherLog) => return Err(Refused::Client(join::other_log())),
                Err(JoinError::Store(error)) => return Err(Refused::Hub(error.into())),
            }
        }
    }

    /// Ask one of the renderers.
    pub(super) async fn ask<R: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Broadcaster) -> Result<R, CallError> + Send + 'static,
    ) -> Result<R, HubError> {
        Ok(self.renderers.call(question).await??)
    }

    /// Write items for one client.
    pub(super) async fn render(&self, key: &Arc<LaneKey>, items: Vec<Item>) -> Result<Vec<Arc<Frame>>, HubError> {
        let key = Arc::clone(key);
        self.ask(move |broadcaster| {
            let texts = broadcaster.render(&key, &items)?;
            Ok(Frame::of_items(key.format, &items, &texts))
        })
        .await
    }

    pub(super) async fn prepare(&self, unrestricted: bool, subscription: Subscription) -> Result<Prepared, Refused> {
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
        let (replay, _turn) = self
            .read_unless_future(move |feed| join::replay(feed, &wanted.filter, &start, buffer))
            .await
            .inspect_err(|_| self.count_replay("failed"))
            .map_err(|refused| refused.about(key.label.as_deref()))?;
        self.count_replay(if replay.recovered { "recovered" } else { "pruned" });
        self.count_skipped(&replay.items);
        let frames = self.render(&key, replay.items).await?;
        Ok(Prepared { key, frames, position: replay.position })
    }

    pub(super) fn begin(&self, connection: ConnectionRef, client: &Client, prepared: Prepared) -> Option<()> {
        let Prepared { key, frames, position } = prepared;
        let id = client.admit(key.label.as_deref(), SUBSCRIPTIONS)?;
        let subscription = connection.subscription(id);
        let begin = ShardCommand::Begin { subscription, key: Arc::clone(&key), frames, position };
        self.shard(connection.shard, begin);
        self.command(Command::Attach { key, subscription });
        Some(())
    }

    pub(super) fn count_replay(&self, result: &'static str) {
        self.metrics.replays.get_or_create(&metrics::ReplayResult { result }).inc();
    }

    /// What a client is told is wrong with a message; the connection stays.
    pub(super) fn count_refused(&self, code: ErrorCode) {
        self.metrics.refused.get_or_create(&metrics::Reason { reason: code.as_str() }).inc();
    }

    pub(super) fn count_connection(&self, socket: bool, change: i64) {
        let transport = if socket { "websocket" } else { "sse" };
        self.metrics.connections.get_or_create(&metrics::Transport { transport }).inc_by(change);
    }

    pub(super) fn count_close(&self, code: CloseCode) {
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
        self.count_closed(reason);
    }

    pub(super) fn count_closed(&self, reason: &'static str) {
        self.metrics.closed.get_or_create(&metrics::Reason { reason }).inc();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::mpsc;

    use tokio::sync::oneshot;

    use crate::hub::{READS, testing};
    use crate::store::StoreError;

    use super::*;

    #[tokio::test]
    async fn a_read_whose_client_has_gone_keeps_its_turn_until_it_is_done() {
        let (core, _commands) = testing::core(testing::feed(0));
        let (release, released) = mpsc::channel::<()>();
        let (begin, begun) = oneshot::channel();
        let reader = Arc::clone(&core);
        let request = tokio::spawn(async move {
            let read = move |_: &Feed| {
                let _ = begin.send(());
                let _ = released.recv();
                Ok::<_, StoreError>(())
            };
            reader.read(read).await
        });
        begun.await.unwrap();
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
        assert_eq!(core.reads.available_permits(), READS - 1);
        drop(release);
        let all = core.reads.acquire_many(u32::try_from(READS).unwrap()).await;
        assert_eq!(all.unwrap().num_permits(), READS);
    }
}
