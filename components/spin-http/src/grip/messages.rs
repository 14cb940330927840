//! What follows from what a client says, as on the native host (`host/src/hub/protocol.rs`). The broadcaster reads the
//! message; here it is carried out.

use crate::auth::{self, Scope};
use crate::bindings::activity::broadcast::broadcaster::{
    self, Channel, ClientMessage, ErrorCode, Format, Item, LaneKey, ProtocolError, Subscription,
};
use crate::bindings::activity::store::event_store::{self, StoreError};
use crate::clock::{self, unix_ms};
use crate::config::Config;
use crate::feed;
use crate::grip::connection::{Connection, Position};
use crate::grip::deliver::Due;
use crate::grip::{Closing, close};
use crate::join::{self, JoinError};
use crate::state;

/// Subscriptions of one connection.
const SUBSCRIPTIONS: usize = 4;

/// The lane of what belongs to no subscription.
pub(crate) fn plain(label: Option<String>) -> LaneKey {
    LaneKey { channel: Channel::Events, filter: feed::everything(), rate: 1, format: Format::Json, label }
}

/// Carry out one message. True: a subscription has started.
pub(crate) async fn take(
    config: &Config,
    connection: &mut Connection,
    text: &str,
    due: &mut Due,
) -> Result<bool, Closing> {
    let message = broadcaster::read_message(text, connection.types.as_deref());
    let subscribes = matches!(message, ClientMessage::Subscribe(_) | ClientMessage::Invalid(_));
    if !subscribes && !connection.started {
        return Err(match message {
            ClientMessage::Malformed(what) => Closing::new(close::BAD_MESSAGE, what),
            _ => Closing::new(close::BAD_MESSAGE, "the first message must be a subscribe"),
        });
    }
    match message {
        ClientMessage::Subscribe(subscription) => {
            connection.started = true;
            subscribe(config, connection, subscription, due).await?;
            return Ok(true);
        }
        ClientMessage::Invalid(error) => {
            connection.started = true;
            refuse(due, error);
        }
        ClientMessage::Unsubscribe(label) => {
            connection.subscriptions.retain(|position| position.key.label != label);
        }
        ClientMessage::Refresh(token) => refresh(config, connection, &token, due)?,
        ClientMessage::Ping => tell(due, Item::Pong, None),
        ClientMessage::Malformed(what) => return Err(Closing::new(close::BAD_MESSAGE, what)),
    }
    Ok(false)
}

fn tell(due: &mut Due, item: Item, label: Option<String>) {
    for frame in broadcaster::render(&plain(label), &[item]) {
        due.push(frame);
    }
}

fn refuse(due: &mut Due, error: ProtocolError) {
    let label = error.label.clone();
    tell(due, Item::Error(error), label);
}

/// Start a subscription, in the place of one with the same name. What cannot be had is told to the client.
pub(crate) async fn subscribe(
    config: &Config,
    connection: &mut Connection,
    subscription: Subscription,
    due: &mut Due,
) -> Result<(), Closing> {
    let Subscription { lane: key, start } = subscription;
    let error = |code, message: &str| ProtocolError { code, message: message.to_owned(), label: key.label.clone() };
    let others = connection.subscriptions.iter().filter(|position| position.key.label != key.label).count();
    if others >= SUBSCRIPTIONS {
        let message = "a connection may have 4 subscriptions; unsubscribe from one, or open another connection";
        refuse(due, error(ErrorCode::TooMany, message));
        return Ok(());
    }
    let now = unix_ms();
    let (position, items) = if key.channel == Channel::State {
        if !connection.is_unrestricted() {
            let message = "the state of the swarm shows every type, and the token allows only some";
            refuse(due, error(ErrorCode::Forbidden, message));
            return Ok(());
        }
        let head = caught_up().map_err(failed)?;
        let mut position = Position::new(key.clone(), head, None, now);
        position.count(1, now);
        (position, vec![Item::Subscribed((true, head, head)), Item::State])
    } else {
        let deadline = clock::monotonic_ms().saturating_add(join::FUTURE_WAIT_MS);
        let replay = loop {
            match join::replay(&key.filter, &start, config.buffer) {
                Ok(replay) => break replay,
                Err(JoinError::Store(why)) => return Err(failed(why)),
                Err(JoinError::OtherLog) => {
                    refuse(due, error(ErrorCode::BadCursor, "the cursor is of another log than the one kept now"));
                    return Ok(());
                }
                // Another instance may be a moment ahead.
                Err(JoinError::Future) if clock::monotonic_ms() < deadline => {
                    clock::sleep_ms(join::FUTURE_LOOK_MS).await;
                }
                Err(JoinError::Future) => {
                    let message = "the cursor is beyond the end of the log; use an earlier one, `earliest`, or none";
                    refuse(due, error(ErrorCode::FutureCursor, message));
                    return Ok(());
                }
            }
        };
        (Position::new(key.clone(), 0, Some(replay.position), now), replay.items)
    };
    connection.subscriptions.retain(|known| known.key.label != key.label);
    // The state has to fit into what the proxy keeps: try before anything is told.
    connection.subscriptions.push(position.clone());
    if connection.seal(config).is_none() {
        connection.subscriptions.pop();
        refuse(due, error(ErrorCode::BadFilter, "the filters of this connection are too long for a GRIP proxy"));
        return Ok(());
    }
    connection.subscriptions.pop();
    let position = due.start(position, items, now);
    connection.subscriptions.push(position);
    Ok(())
}

fn caught_up() -> Result<u64, StoreError> {
    let head = event_store::bounds()?.head;
    state::catch_up(true)?;
    Ok(head)
}

fn failed(error: StoreError) -> Closing {
    let (StoreError::Busy(why) | StoreError::Unavailable(why)) = error;
    eprintln!("activity-feed: a subscription cannot start: {why}");
    Closing::new(close::GOING_AWAY, "the server cannot go on; reconnect with your cursor")
}

/// A fresh token takes the old one's place, when it allows at least what the old one did.
fn refresh(config: &Config, connection: &mut Connection, token: &str, due: &mut Due) -> Result<(), Closing> {
    let fresh = auth::verify(config, token).ok().filter(|claims| claims.require(Scope::Subscribe).is_ok());
    let Some(fresh) = fresh else {
        let message = "the token is not valid, has expired, or lacks the subscribe scope".to_owned();
        refuse(due, ProtocolError { code: ErrorCode::Forbidden, message, label: None });
        return Ok(());
    };
    let all = |types: &Option<Vec<String>>| types.as_ref().is_none_or(|types| types.iter().any(|one| one == "*"));
    let covers = |before: &Vec<String>| {
        fresh.types.as_ref().is_none_or(|types| before.iter().all(|pattern| types.contains(pattern)))
    };
    if !all(&fresh.types) && !connection.types.as_ref().is_some_and(covers) {
        return Err(Closing::new(close::NOT_ALLOWED, "the fresh token does not allow what is subscribed to"));
    }
    connection.types = fresh.types;
    connection.expires = fresh.expires;
    Ok(())
}
