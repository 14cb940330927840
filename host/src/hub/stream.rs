//! An event stream between its shard and the body of its response.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::hub::shard::{ConnectionRef, ShardCommand, ShardHandle, StreamGauge};

/// The bytes of an event stream, as they come from its shard.
pub struct EventStream {
    pub(super) receiver: mpsc::UnboundedReceiver<Bytes>,
    pub(super) gauge: Arc<StreamGauge>,
    pub(super) shard: Option<ShardHandle>,
    pub(super) connection: ConnectionRef,
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
