//! A hub without its threads, for tests of its parts: a log in memory, no broadcaster, and nobody who answers commands.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crossbeam_channel::Receiver;
use tokio::runtime;
use tokio::sync::Semaphore;

use super::client::Grant;
use super::feed::Feed;
use super::lanes::Command;
use super::shared::HubCore;
use super::websocket::MessageLimits;
use super::{READS, Tokens};
use crate::engine::Pool;
use crate::engine::words::Settings;
use crate::metrics::Metrics;
use crate::store::memory::MemoryStore;
use crate::store::{EventStore as _, NewEvent};

struct NoTokens;

impl Tokens for NoTokens {
    fn grant(&self, _: &str) -> Option<Grant> {
        None
    }
}

/// A feed of so many events of one type, from seq 1 on.
pub(crate) fn feed(events: u32) -> Arc<Feed> {
    let store = MemoryStore::new();
    let event = |n| NewEvent {
        id: format!("id-{n}"),
        event_type: "a.b".to_owned(),
        source: "test".to_owned(),
        task_id: None,
        agent_id: None,
        timestamp: "2024-01-15T10:30:00Z".to_owned(),
        stamped: true,
        data: "{}".to_owned(),
    };
    store.append(&[(0..events).map(event).collect()]).unwrap();
    Arc::new(Feed::new(Arc::new(store)))
}

/// The core, and what the lanes would be told.
pub(super) fn core(feed: Arc<Feed>) -> (Arc<HubCore>, Receiver<Command>) {
    let (lanes, commands) = crossbeam_channel::unbounded();
    let core = HubCore {
        feed,
        settings: Settings { epoch: "epoch".to_owned(), rate: 10, buffer: 10, ping_ms: 25_000 },
        messages: MessageLimits::default(),
        shards: Vec::new(),
        next_shard: AtomicUsize::new(0),
        lanes,
        renderers: Pool::new("renderer", Vec::new()).unwrap(),
        reads: Arc::new(Semaphore::new(READS)),
        metrics: Arc::new(Metrics::new()),
        runtime: runtime::Handle::current(),
        tokens: Box::new(NoTokens),
    };
    (Arc::new(core), commands)
}
