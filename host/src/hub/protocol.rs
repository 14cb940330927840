//! What follows from what a WebSocket client says. The broadcaster reads the message; here it is carried out.

use std::borrow::Cow;
use std::sync::Arc;

use crate::engine::words::{ClientMessage, ErrorCode, Format, Item, LaneKey, ProtocolError, Subscription};
use crate::hub::client::{Client, Grant};
use crate::hub::shard::{ConnectionRef, ShardCommand};
use crate::hub::websocket::{CloseCode, close};
use crate::hub::{HubCore, HubError, Refused};

/// Handle one message in the background; the connection's next one waits until it is done.
pub fn spawn(core: &Arc<HubCore>, connection: ConnectionRef, client: Arc<Client>, text: String) {
    let shared = Arc::clone(core);
    core.runtime.spawn(async move {
        if let Err(error) = handle(&shared, connection, &client, text).await {
            tracing::warn!(%error, client = client.name, "a message could not be handled, sending the client away");
            hang_up(&shared, connection, close::GOING_AWAY, "the server cannot go on; reconnect with your cursor");
        }
        shared.shard(connection.shard, ShardCommand::Handled { connection });
    });
}

/// There are as many lanes as the server allows: tell a WebSocket's client, whose subscription is gone.
pub fn refuse_lane(core: &Arc<HubCore>, connection: ConnectionRef, label: Option<String>) {
    let shared = Arc::clone(core);
    core.runtime.spawn(async move {
        let message = "the server follows as many different filters as it may; use fewer, or try again later";
        let error = ProtocolError { code: ErrorCode::TooMany, message: message.to_owned(), label: label.clone() };
        if let Err(error) = tell(&shared, connection, Item::Error(error), label).await {
            tracing::warn!(%error, "a client could not be told that there are too many lanes");
        }
    });
}

fn hang_up(core: &HubCore, connection: ConnectionRef, code: CloseCode, reason: impl Into<Cow<'static, str>>) {
    core.shard(connection.shard, ShardCommand::Close { connection, code, reason: reason.into() });
}

async fn handle(
    core: &Arc<HubCore>,
    connection: ConnectionRef,
    client: &Arc<Client>,
    text: String,
) -> Result<(), HubError> {
    let grant = client.grant();
    let types = grant.types.clone();
    let message = core.ask(move |broadcaster| broadcaster.read_message(&text, types.as_deref())).await?;
    let subscribes = matches!(message, ClientMessage::Subscribe(_) | ClientMessage::Invalid(_));
    if let ClientMessage::Malformed(what) = message {
        hang_up(core, connection, close::BAD_MESSAGE, what);
        return Ok(());
    }
    if !subscribes && !client.has_started() {
        hang_up(core, connection, close::BAD_MESSAGE, "the first message must be a subscribe");
        return Ok(());
    }
    match message {
        ClientMessage::Subscribe(subscription) => {
            client.start();
            let label = subscription.lane.label.clone();
            match core.subscribe(connection, client, subscription).await {
                Ok(()) => Ok(()),
                Err(Refused::Client(error)) => tell(core, connection, Item::Error(error), label).await,
                Err(Refused::Hub(error)) => Err(error),
            }
        }
        ClientMessage::Invalid(error) => {
            client.start();
            let label = error.label.clone();
            tell(core, connection, Item::Error(error), label).await
        }
        ClientMessage::Unsubscribe(label) => {
            client.dismiss(label.as_deref());
            core.shard(connection.shard, ShardCommand::Unsubscribe { connection, label });
            Ok(())
        }
        ClientMessage::Refresh(token) => refresh(core, connection, client, &grant, &token).await,
        ClientMessage::Ping => tell(core, connection, Item::Pong, None).await,
        ClientMessage::Malformed(_) => Ok(()),
    }
}

/// A fresh token takes the old one's place, when it allows at least what the old one did.
async fn refresh(
    core: &Arc<HubCore>,
    connection: ConnectionRef,
    client: &Client,
    before: &Grant,
    token: &str,
) -> Result<(), HubError> {
    let Some(mut fresh) = core.tokens.grant(token) else {
        let message = "the token is not valid, has expired, or lacks the subscribe scope".to_owned();
        let error = ProtocolError { code: ErrorCode::Forbidden, message, label: None };
        return tell(core, connection, Item::Error(error), None).await;
    };
    let narrowed = !fresh.is_unrestricted() && !before.types.as_ref().is_some_and(|types| fresh.covers(types));
    if narrowed {
        hang_up(core, connection, close::NOT_ALLOWED, "the fresh token does not allow what is subscribed to");
        return Ok(());
    }
    // A session goes on being what closes this socket when it ends.
    fresh.session = fresh.session.or_else(|| before.session.clone());
    client.set_grant(fresh);
    Ok(())
}

/// Send one item that settles nothing.
async fn tell(
    core: &Arc<HubCore>,
    connection: ConnectionRef,
    item: Item,
    label: Option<String>,
) -> Result<(), HubError> {
    if let Item::Error(error) = &item {
        core.count_refused(error.code);
    }
    let key = Arc::new(LaneKey { label, ..LaneKey::plain(Format::Json) });
    for frame in core.render(&key, vec![item]).await? {
        core.shard(connection.shard, ShardCommand::Send { connection, bytes: frame.bytes.clone() });
    }
    Ok(())
}

impl HubCore {
    /// Start a subscription on an open connection.
    ///
    /// # Errors
    /// `Refused::Client` is for the client to know; the connection stays.
    pub(super) async fn subscribe(
        self: &Arc<Self>,
        connection: ConnectionRef,
        client: &Arc<Client>,
        subscription: Subscription,
    ) -> Result<(), Refused> {
        let label = subscription.lane.label.clone();
        let prepared = self.prepare(client.grant().is_unrestricted(), subscription).await?;
        self.begin(connection, client, prepared).ok_or_else(|| {
            let message = "a connection may have 4 subscriptions; unsubscribe from one, or open another connection";
            Refused::Client(ProtocolError { code: ErrorCode::TooMany, message: message.to_owned(), label })
        })
    }
}
