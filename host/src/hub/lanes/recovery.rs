//! What the lanes' thread does after the broadcaster trapped: a fresh one gets the lanes where they stood, and what they
//! have not settled is published again. Nothing is left out in silence: an event that cannot be published is reported.

use std::sync::Arc;

use super::{LaneRef, Lanes, WINDOW_MS, everything};
use crate::clock::monotonic_ms;
use crate::engine::CallError;
use crate::engine::words::{Channel, FrameKind, Item, LaneFrame, Reason, Skipped};
use crate::hub::follow;
use crate::hub::frame::Frame;
use crate::hub::shard::{Delivery, ShardCommand};
use crate::store::Seq;

impl Lanes {
    /// After a trap: the broadcaster is fresh and empty. Give it back its lanes where they stood, the state, and every
    /// event that some lane has not settled.
    pub(super) fn recover(&mut self) {
        tracing::warn!(lanes = self.lanes.len(), "the broadcaster was replaced; its lanes go on from the log");
        self.restore_state();
        let now = monotonic_ms();
        self.by_id.clear();
        let mut lost = Vec::new();
        for (lane_ref, lane) in &mut self.lanes {
            while lane.sent.front().is_some_and(|sent| sent + WINDOW_MS < now) {
                lane.sent.pop_front();
            }
            match self.broadcaster.open_lane(&lane.key, lane.settled, lane.sent.make_contiguous()) {
                Ok(id) => {
                    lane.id = id;
                    self.by_id.insert(id, *lane_ref);
                }
                Err(error) => lost.push(error),
            }
        }
        if let Some(error) = lost.first() {
            tracing::error!(%error, lanes = lost.len(), "a fresh broadcaster does not open the lanes that the old one had");
        }
        let settled = self.lanes.values().filter(|lane| lane.key.channel == Channel::Events).map(|lane| lane.settled);
        let from = settled.min().unwrap_or(self.published);
        if let Err(error) = self.republish(from) {
            tracing::error!(%error, "the lanes' events could not be published again; their subscribers are sent away");
            self.send_away();
        }
    }

    /// Publish what the log holds of `(from, published]`. An event that traps the broadcaster alone is reported to
    /// every lane as skipped, with a count that nobody knows: it is never dropped in silence.
    fn republish(&mut self, from: Seq) -> anyhow::Result<()> {
        let mut after = from;
        while after < self.published {
            let page = self.feed.store().read(&everything(after, self.published))?;
            // Retention leaves what was not published, but not what a lane still held back. Looked at behind the read.
            let trimmed = self.feed.bounds()?.trimmed;
            anyhow::ensure!(trimmed <= after, "the events up to {trimmed} were pruned");
            for batch in follow::batches(page.events.into_iter().map(Arc::new).collect()) {
                let Some(head) = batch.last().map(|event| event.seq) else { continue };
                let shown = self.feed.show(batch);
                match self.broadcaster.publish(&shown, head, monotonic_ms()) {
                    Ok(output) => self.deliver(output, None),
                    Err(_) => self.report_poison(head)?,
                }
            }
            after = page.reached.max(after + 1);
        }
        Ok(())
    }

    /// The batch up to `head` cannot be published: report it on every lane, and go on after it.
    fn report_poison(&mut self, head: Seq) -> Result<(), CallError> {
        let now = monotonic_ms();
        let lanes: Vec<LaneRef> = self.lanes.keys().copied().collect();
        for lane_ref in lanes {
            let Some(lane) = self.lanes.get(&lane_ref) else { continue };
            let (key, from) = (Arc::clone(&lane.key), lane.settled);
            if from < head && key.channel == Channel::Events {
                let skipped = Skipped { from, to: head, count: None, by_type: Vec::new(), reason: Reason::Rate };
                let texts = self.broadcaster.render(&key, &[Item::Skipped(skipped)])?;
                if let Some((lane, text)) = self.lanes.get_mut(&lane_ref).zip(texts.into_iter().next()) {
                    lane.settled = head;
                    let frame = LaneFrame { lane: 0, kind: FrameKind::Skipped, from, to: head, text, count: 0 };
                    let wire = Frame::of_lane(key.format, &frame);
                    for shard in 0..self.shards.len() {
                        let frames = vec![(lane_ref, Arc::clone(&wire))];
                        self.tell(shard, ShardCommand::Deliver(Delivery { frames, committed: None }));
                    }
                }
            }
            let Some(lane) = self.lanes.get_mut(&lane_ref) else { continue };
            let id = self.broadcaster.open_lane(&key, lane.settled, lane.sent.make_contiguous())?;
            lane.id = id;
            self.by_id.insert(id, lane_ref);
        }
        self.wake = Some(now);
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tokio::sync::watch;

    use super::*;
    use crate::engine::words::{Format, LaneKey, Settings};
    use crate::engine::{Engine, EngineOptions};
    use crate::hub::{lanes, shard, testing};
    use crate::metrics::Metrics;
    use crate::store::Filter;

    /// What a shard is told when the broadcaster of one lane, settled up to 3 of 10, is replaced, and the log is kept
    /// above `trimmed`: whether to close all its sockets, and up to where it got events.
    fn told(trimmed: Seq) -> (bool, Option<Seq>) {
        let (feed, metrics) = (testing::feed(10), Arc::new(Metrics::new()));
        let engine = Engine::new(EngineOptions::default(), Arc::clone(&metrics)).unwrap();
        let settings = Settings { epoch: feed.bounds().unwrap().epoch, rate: 100, buffer: 100, ping_ms: 25_000 };
        let (shard, parts) = shard::prepare().unwrap();
        let mut lanes = Lanes::new(lanes::Parts {
            broadcaster: engine.broadcaster(settings).unwrap(),
            feed: Arc::clone(&feed),
            shards: vec![shard],
            metrics,
            max_lanes: 10,
            head: watch::channel(0).0,
        });
        let (channel, format) = (Channel::Events, Format::Json);
        let key = LaneKey { channel, filter: Filter::default(), rate: 100, format, label: None };
        let lane = lanes.open(&Arc::new(key)).unwrap();
        let lane = lanes.lanes.get_mut(&lane).unwrap();
        (lane.settled, lane.subscribers) = (3, vec![1]);
        feed.store().trim(trimmed, 100).unwrap();

        lanes.recover();
        let commands: Vec<ShardCommand> = parts.inbox.try_iter().collect();
        let reached = commands.iter().filter_map(|command| match command {
            ShardCommand::Deliver(delivery) => delivery.frames.iter().map(|(_, frame)| frame.to).max(),
            _ => None,
        });
        (commands.iter().any(|command| matches!(command, ShardCommand::CloseAll)), reached.max())
    }

    #[test]
    fn promise_1_what_a_lane_has_not_settled_is_published_again_or_its_subscribers_are_sent_away() {
        assert_eq!(told(3), (false, Some(10)));
        assert_eq!(told(5), (true, None), "4 and 5 are gone: who comes back is told");
    }
}
