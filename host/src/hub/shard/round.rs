//! One round of writes: what the lanes have brought since the last one goes to every subscription of theirs.
//!
//! The common case by far, a socket that is free and a subscription that stands just where the run of frames begins, is
//! staged, and written together with others of its kind ([`Burst`]). Everything else (a gap, a queue, an event stream)
//! goes by itself. Always true: a connection is staged at most once, and what is staged is written before anything else
//! is sent to it.

use std::cell::OnceCell;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use crate::hub::frame::{Frame, Told};
use crate::hub::lanes::LaneRef;
use crate::hub::shard::Shard;
use crate::hub::shard::burst::{self, Burst, Write};
use crate::hub::shard::flow::UNSENT_LIMIT;
use crate::hub::websocket::deflate::Packer;

/// The frames of one lane, and the same as one stretch of bytes.
struct Run {
    lane: LaneRef,
    frames: Vec<Arc<Frame>>,
    plain: Joined,
    /// For those who take packed messages, once there is one.
    packed: OnceCell<Joined>,
}

/// Frames one behind the other.
struct Joined {
    bytes: Bytes,
    /// Where each of them begins.
    starts: Vec<usize>,
}

impl Joined {
    fn new(frames: &[&Bytes]) -> Self {
        let mut end = 0;
        let starts = frames
            .iter()
            .map(|frame| {
                let start = end;
                end += frame.len();
                start
            })
            .collect();
        let bytes = match frames {
            [one] => Bytes::clone(one),
            many => {
                let mut joined = BytesMut::with_capacity(end);
                many.iter().for_each(|frame| joined.extend_from_slice(frame));
                joined.freeze()
            }
        };
        Self { bytes, starts }
    }

    /// From this frame on.
    fn from(&self, first: usize) -> Bytes {
        self.starts.get(first).map_or_else(Bytes::new, |start| self.bytes.slice(*start..))
    }

    fn bytes_from(&self, first: usize) -> &[u8] {
        self.starts.get(first).and_then(|start| self.bytes.get(*start..)).unwrap_or_default()
    }
}

impl Run {
    fn new(lane: LaneRef, frames: Vec<Arc<Frame>>) -> Self {
        let plain = Joined::new(&frames.iter().map(|frame| &frame.bytes).collect::<Vec<_>>());
        Self { lane, frames, plain, packed: OnceCell::new() }
    }

    fn pack(&self, packer: &mut Packer) {
        self.packed
            .get_or_init(|| Joined::new(&self.frames.iter().map(|frame| frame.packed(packer)).collect::<Vec<_>>()));
    }

    /// As it goes to a client that takes packed messages, or does not.
    fn joined(&self, packed: bool) -> &Joined {
        self.packed.get().filter(|_| packed).unwrap_or(&self.plain)
    }

    fn events_from(&self, first: usize) -> u64 {
        self.frames.iter().skip(first).filter(|frame| frame.kind == Told::Event).count() as u64
    }
}

/// What is to be written to one connection.
pub(super) struct Staged {
    place: usize,
    run: usize,
    /// The first frame.
    first: usize,
    packed: bool,
}

impl Shard {
    pub(super) fn deliver_gathered(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        let began = Instant::now();
        let gathered = std::mem::take(&mut self.gathered);
        let runs: Vec<Run> = gathered.into_iter().map(|(lane, frames)| Run::new(lane, frames)).collect();
        // The longest run stands for all: whoever has few events is not held up by it for long.
        let frames_a_write = runs.iter().map(|run| run.frames.len()).max().unwrap_or(0);
        let mut roster = std::mem::take(&mut self.roster);
        for (number, run) in runs.iter().enumerate() {
            let Some(here) = self.lanes.get_mut(&run.lane) else { continue };
            for frame in &run.frames {
                if frame.kind == Told::Aside {
                    here.state = Some(Arc::clone(frame));
                } else {
                    here.delivered = here.delivered.max(frame.to);
                }
            }
            // A copy: sending may find a client gone, which takes it off the list.
            roster.clone_from(&here.subscriptions);
            for (place, id) in &roster {
                if !self.stage(*place, *id, number, &runs) {
                    self.send_run(*place, *id, &run.frames);
                }
            }
        }
        self.write_staged(&runs);
        self.roster = roster;
        self.pace.wrote(began, Instant::now(), frames_a_write);
        if let Some(committed) = self.committed.take() {
            self.core.metrics.delivery_seconds.observe(committed.elapsed().as_secs_f64());
        }
    }

    /// Stage a run for one subscription. False: it is not as simple as that, and nothing was done.
    fn stage(&mut self, place: usize, id: u32, number: usize, runs: &[Run]) -> bool {
        if self.burst.is_none() {
            return false;
        }
        if self.connections.get(place).is_some_and(|connection| connection.staged) {
            self.write_staged(runs);
        }
        let (Some(run), Some(connection)) = (runs.get(number), self.connections.get_mut(place)) else { return false };
        if connection.closing.is_some() || connection.free_socket().is_none() || run.plain.bytes.len() > UNSENT_LIMIT {
            return false;
        }
        let Some(first) = connection.subscription(id).and_then(|subscription| subscription.take_run(&run.frames))
        else {
            return false;
        };
        if run.plain.bytes_from(first).is_empty() {
            return true;
        }
        let packed = connection.client.deflate;
        if packed {
            run.pack(&mut self.packer);
        }
        connection.staged = true;
        self.staged.push(Staged { place, run: number, first, packed });
        if self.staged.len() == burst::MOST {
            self.write_staged(runs);
        }
        true
    }

    /// Write what is staged.
    fn write_staged(&mut self, runs: &[Run]) {
        if self.staged.is_empty() {
            return;
        }
        let staged = std::mem::take(&mut self.staged);
        let writes: Vec<Write<'_>> = staged
            .iter()
            .filter_map(|staged| {
                let socket = self.connections.get(staged.place)?.free_socket()?;
                let joined = runs.get(staged.run)?.joined(staged.packed);
                Some(Write { socket, bytes: joined.bytes_from(staged.first) })
            })
            .collect();
        let mut results = std::mem::take(&mut self.results);
        let done = self.burst.as_mut().map_or(Ok(()), |burst| burst.write(&writes, &mut results));
        drop(writes);
        if let Err(error) = done {
            tracing::warn!(%error, "io_uring failed: sockets are written to one by one from now on");
            self.burst = None::<Burst>;
        }
        for (staged, result) in staged.iter().zip(results.drain(..)) {
            if let Some(run) = runs.get(staged.run) {
                self.written(staged, run, result);
            }
        }
        self.results = results;
        self.staged = staged;
        self.staged.clear();
    }

    /// What came of one write: nearly always all went out.
    fn written(&mut self, staged: &Staged, run: &Run, result: Option<io::Result<usize>>) {
        let place = staged.place;
        let Some(connection) = self.connections.get_mut(place) else { return };
        connection.staged = false;
        let length = run.joined(staged.packed).bytes_from(staged.first).len();
        let written = match result {
            Some(Ok(0)) => None,
            Some(Ok(written)) => Some(written),
            // Not done at all, or the socket takes nothing now.
            None => Some(0),
            Some(Err(error)) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Some(0)
            }
            Some(Err(_)) => None,
        };
        let rest = written.filter(|written| *written < length);
        let alive = match (written, rest) {
            (None, _) => false,
            (_, None) => true,
            (_, Some(written)) => connection.send_rest(run.joined(staged.packed).from(staged.first).slice(written..)),
        };
        self.sent += run.events_from(staged.first);
        if !alive {
            self.remove(place);
        } else if connection.unsent() > UNSENT_LIMIT {
            self.lag(place);
        }
    }
}
