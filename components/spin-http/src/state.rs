//! `GET /api/state`: the swarm as the broadcaster folds it. An instance starts from the stored snapshot, reads what was
//! logged since, and stores a newer one when that was much, so that no request reads the whole log.

use std::cell::Cell;

use spin_sdk::http::{HeaderMap, Response};

use crate::auth;
use crate::bindings::activity::broadcast::broadcaster::{self, Seq};
use crate::bindings::activity::store::event_store::{self, Order, Query, StoreError};
use crate::config::Config;
use crate::feed;
use crate::lanes;
use crate::problem::Problem;
use crate::reply::{self, Body};

/// Events folded after which the snapshot is stored anew.
const WORTH_A_SNAPSHOT: u64 = 500;
/// Without a snapshot the state starts from the newest events, so many at most.
const FOLD_AT_MOST: u64 = 100_000;

thread_local! {
    /// Up to where this instance's state is folded; none: it was not asked for yet.
    static FOLDED: Cell<Option<Seq>> = const { Cell::new(None) };
    /// Where the stored snapshot stood when this instance last saw it.
    static STORED: Cell<Seq> = const { Cell::new(0) };
}

/// The route.
pub(crate) fn state(config: &Config, headers: &HeaderMap) -> Result<Response<Body>, Problem> {
    let claims = auth::subscriber(config, headers)?;
    may_see(claims.types.as_deref())?;
    lanes::configure(config, &event_store::bounds()?.epoch);
    catch_up(true)?;
    Ok(reply::json(broadcaster::state()))
}

/// Refuses whose token does not show every type.
pub(crate) fn may_see(types: Option<&[String]>) -> Result<(), Problem> {
    if types.is_none_or(|types| types.iter().any(|pattern| pattern == "*")) {
        return Ok(());
    }
    Err(Problem::state_shows_every_type())
}

/// The broadcaster has taken everything up to here.
pub(crate) fn reached(head: Seq) {
    FOLDED.set(FOLDED.get().map(|folded| folded.max(head)));
}

/// The log was replaced.
pub(crate) fn forget() {
    FOLDED.set(None);
    STORED.set(0);
}

/// Fold up to the head: when the state is wanted, or was before.
pub(crate) fn catch_up(wanted: bool) -> Result<(), StoreError> {
    let bounds = event_store::bounds()?;
    let folded = match FOLDED.get() {
        Some(folded) => folded,
        None if wanted => {
            let stored = event_store::load_snapshot()?;
            let (seq, bytes) = stored.filter(|(seq, _)| *seq <= bounds.head).unwrap_or_default();
            // One of another version is none: the state starts empty.
            let seq = if broadcaster::restore(&bytes) { seq } else { 0 };
            STORED.set(seq);
            seq.max(bounds.head.saturating_sub(FOLD_AT_MOST))
        }
        None => return Ok(()),
    };
    let mut after = folded;
    while after < bounds.head {
        let page = event_store::read(&Query {
            filter: feed::everything(),
            text: None,
            after,
            until: bounds.head,
            order: Order::Ascending,
            limit: feed::PAGE,
        })?;
        let head = if page.more { page.reached } else { bounds.head };
        for piece in feed::pieces(&feed::show(page.events)) {
            broadcaster::fold(piece, piece.last().map_or(after, |shown| shown.event.seq));
        }
        broadcaster::fold(&[], head);
        after = head;
    }
    FOLDED.set(Some(after));
    if after.saturating_sub(STORED.get()) >= WORTH_A_SNAPSHOT {
        let (seq, bytes) = broadcaster::snapshot();
        // Another instance may be at it, or somebody writing: there is a next time.
        if event_store::save_snapshot(seq, &bytes).is_ok() {
            STORED.set(seq);
        }
    }
    Ok(())
}
