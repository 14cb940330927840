//! What a request asks of the hub without subscribing: reads of the log, what a query means, what a grant allows, how
//! events and the state read.

use tokio::sync::oneshot;

use super::client::Grant;
use super::feed::Feed;
use super::join::JoinError;
use super::lanes::Command;
use super::{Hub, HubError, Refused, Turn};
use crate::engine::words::{HistoryQuery, Shown, Skipped, Subscription};

impl Hub {
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

    /// The same for a read that starts at a client's cursor, which may be beyond the head for a moment. Whoever holds much
    /// of what was read keeps the turn, too.
    ///
    /// # Errors
    /// `Refused::Client` with `future_cursor` when it stays there.
    pub async fn read_unless_future<R: Send + 'static>(
        &self,
        read: impl Fn(&Feed) -> Result<R, JoinError> + Clone + Send + 'static,
    ) -> Result<(R, Turn), Refused> {
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
