//! What one subscription must be given from the log before its lane's frames can go on: a gap, or a report counted anew.
//! The subscription's frames are held by its shard meanwhile.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::words::{Item, LaneKey, Reason};
use crate::hub::frame::Frame;
use crate::hub::shard::{ShardCommand, SubscriptionRef};
use crate::hub::{HubCore, HubError, join};
use crate::metrics;
use crate::store::{Seq, StoreError};

/// Tries before the connection is sent away with its cursor.
const TRIES: u32 = 5;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// What is missing.
pub struct Fill {
    /// For whom.
    pub subscription: SubscriptionRef,
    /// What it has subscribed to.
    pub key: Arc<LaneKey>,
    /// Its position.
    pub from: Seq,
    /// Up to where.
    pub to: Seq,
    /// In which form.
    pub kind: FillKind,
}

/// In which form a fill comes.
#[derive(Clone, Copy, Debug)]
pub enum FillKind {
    /// The newest events, one `skipped` of this reason for the others, and `caught_up`.
    Events(Reason),
    /// One `skipped` of this reason.
    Report(Reason),
}

/// What came of it.
pub struct Filled {
    /// To be sent, in order.
    pub frames: Vec<Arc<Frame>>,
    /// Where the subscription stands after them.
    pub position: Seq,
}

/// Fetch it in the background; the shard is told either way.
pub fn spawn(core: &Arc<HubCore>, fill: Fill) {
    let shared = Arc::clone(core);
    core.runtime.spawn(async move {
        let mut filled = None;
        for attempt in 0..TRIES {
            match fetch(&shared, &fill).await {
                Ok(frames) => {
                    filled = Some(Filled { frames, position: fill.to });
                    break;
                }
                Err(error) if attempt + 1 < TRIES => {
                    tracing::warn!(%error, "cannot fetch what a subscriber is missing, trying again");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => tracing::error!(%error, "cannot fetch what a subscriber is missing, sending it away"),
            }
        }
        shared.shard(fill.subscription.shard, ShardCommand::Filled { subscription: fill.subscription, filled });
    });
}

async fn fetch(core: &Arc<HubCore>, fill: &Fill) -> Result<Vec<Arc<Frame>>, HubError> {
    let (key, from, to, kind) = (Arc::clone(&fill.key), fill.from, fill.to, fill.kind);
    let buffer = core.settings.buffer;
    let (items, _turn) = core
        .read_in_turn(move |feed| -> Result<_, StoreError> {
            match kind {
                FillKind::Events(reason) => {
                    let mut items = join::gap(feed, &key.filter, from, to, buffer, reason)?;
                    // Behind it the lane's frames go on, and under the rate again.
                    items.push(Item::CaughtUp(to));
                    Ok(items)
                }
                FillKind::Report(reason) => {
                    let report = join::report(feed, &key.filter, from, to, reason)?;
                    Ok(vec![if report.count == Some(0) { Item::Position(to) } else { Item::Skipped(report) }])
                }
            }
        })
        .await?;
    core.count_skipped(&items);
    core.render(&fill.key, items).await
}

impl HubCore {
    /// Count what a replay or a fill leaves out.
    pub(super) fn count_skipped(&self, items: &[Item]) {
        for item in items {
            if let Item::Skipped(skipped) = item {
                let reason = match skipped.reason {
                    Reason::Rate => "rate",
                    Reason::Buffer => "buffer",
                    Reason::Pruned => "pruned",
                    Reason::Slow => "slow",
                };
                let count = self.metrics.skipped.get_or_create(&metrics::Reason { reason });
                count.inc_by(skipped.count.unwrap_or(0));
            }
        }
    }
}
