//! Finds every anchor of the tables in one pass over a text.
//!
//! Always true: at each place only the anchors that begin with the two bytes there are compared, whatever their case, and the longest
//! of them comes first; the index is a few kilobytes and is built in microseconds, which counts where an instance serves one
//! request. What an anchor means, and whether its case matters, is for `scan`.

use super::bytes::at;
use super::scan::Scan;
use super::shapes::{self, Shape};
use super::{context, special};
use std::sync::LazyLock;

/// What is tried where an anchor stands: it gets the range of the anchor.
pub(super) type Search = fn(&mut Scan<'_>, usize, usize);

/// What an anchor belongs to.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Shape(&'static Shape),
    Special(Search),
    Context(Search),
}

/// Slots of the index, a power of two: pairs of bytes are folded into one of them.
const SLOTS: usize = 4096;

/// The anchors in the order of their slots.
pub(super) struct Index {
    /// For each slot the places of its first anchor and of that behind its last.
    slots: Box<[(u16, u16); SLOTS]>,
    anchors: Vec<(&'static [u8], Anchor)>,
}

pub(super) static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let shapes = shapes::all().map(|shape| (shape.anchor, Anchor::Shape(shape)));
    let special = special::ANCHORS.iter().map(|&(anchor, search)| (anchor, Anchor::Special(search)));
    let context = context::ANCHORS.iter().map(|&(anchor, search)| (anchor, Anchor::Context(search)));
    Index::of(shapes.chain(special).chain(context).map(|(text, anchor)| (text.as_bytes(), anchor)).collect())
});

/// A pair of bytes without regard to case. Pairs that share a slot cost a comparison more, no more.
fn slot(first: u8, second: u8) -> usize {
    let (first, second) = (usize::from(first | 0x20), usize::from(second | 0x20));
    (first << 5 ^ second) & (SLOTS - 1)
}

impl Index {
    fn of(mut anchors: Vec<(&'static [u8], Anchor)>) -> Index {
        let place = |anchor: &[u8]| slot(at(anchor, 0), at(anchor, 1));
        anchors.sort_by_key(|(text, _)| (place(text), std::cmp::Reverse(text.len())));
        let mut slots = Box::new([(0, 0); SLOTS]);
        for ((text, _), index) in anchors.iter().zip(0_u16..) {
            if let Some((from, to)) = slots.get_mut(place(text)) {
                if *from == *to {
                    *from = index;
                }
                *to = index + 1;
            }
        }
        Index { slots, anchors }
    }

    /// Calls `found` with each anchor and the range where it stands.
    pub(super) fn each(&self, bytes: &[u8], mut found: impl FnMut(Anchor, usize, usize)) {
        for (start, pair) in bytes.windows(2).enumerate() {
            let &[first, second] = pair else { return };
            let Some(&(from, to)) = self.slots.get(slot(first, second)) else { return };
            if from == to {
                continue;
            }
            let anchors = self.anchors.get(usize::from(from)..usize::from(to)).unwrap_or_default();
            for (text, anchor) in anchors {
                #[cfg(test)]
                super::bytes::work::look();
                let end = start + text.len();
                if bytes.get(start..end).is_some_and(|here| here.eq_ignore_ascii_case(text)) {
                    found(*anchor, start, end);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_anchor_is_found_in_any_case() {
        let texts = shapes::all().map(|shape| shape.anchor);
        let texts = texts.chain(special::ANCHORS.iter().map(|(text, _)| *text));
        for text in texts.chain(context::ANCHORS.iter().map(|(text, _)| *text)) {
            assert!(text.len() >= 2, "{text}");
            for text in [text.to_owned(), text.to_ascii_uppercase(), text.to_ascii_lowercase()] {
                let mut whole = false;
                let padded = format!("x{text}x");
                INDEX.each(padded.as_bytes(), |_, start, end| whole |= (start, end) == (1, 1 + text.len()));
                assert!(whole, "{text}");
            }
        }
    }

    #[test]
    fn no_slot_holds_more_than_a_few() {
        let most = INDEX.slots.iter().map(|(from, to)| to - from).max();
        assert!(most.is_some_and(|most| most <= 24), "{most:?}");
    }
}
