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
    /// For each slot a bit for every third byte ([`third`]) that an anchor in it goes on with: what most places end at.
    thirds: Box<[u8; SLOTS]>,
    anchors: Vec<(Head, &'static [u8], Anchor)>,
}

/// The first four bytes of an anchor without regard to case, for a comparison that nearly always says no.
#[derive(Clone, Copy)]
struct Head {
    bytes: u32,
    /// Zero where a shorter anchor has none.
    mask: u32,
}

impl Head {
    fn of(text: &[u8]) -> Head {
        let first = |index: usize| (at(text, index), if index < text.len() { 0xff } else { 0 });
        let [a, b, c, d] = [0, 1, 2, 3].map(first);
        let mask = u32::from_le_bytes([a.1, b.1, c.1, d.1]);
        Head { bytes: fold(u32::from_le_bytes([a.0, b.0, c.0, d.0])) & mask, mask }
    }
}

/// Letters of both cases become one; so do some other pairs of bytes.
fn fold(bytes: u32) -> u32 {
    bytes | 0x2020_2020
}

pub(super) static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let shapes = shapes::all().map(|shape| (shape.anchor, Anchor::Shape(shape)));
    let special = special::ANCHORS.iter().map(|&(anchor, search)| (anchor, Anchor::Special(search)));
    let context = context::ANCHORS.iter().map(|&(anchor, search)| (anchor, Anchor::Context(search)));
    let anchors = shapes.chain(special).chain(context);
    Index::of(anchors.map(|(text, anchor)| (Head::of(text.as_bytes()), text.as_bytes(), anchor)).collect())
});

/// A pair of bytes without regard to case. Pairs that share a slot cost a comparison more, no more.
fn slot(first: u8, second: u8) -> usize {
    let (first, second) = (usize::from(first | 0x20), usize::from(second | 0x20));
    (first << 5 ^ second) & (SLOTS - 1)
}

/// The bit of a third byte. Both cases of a letter have the same.
fn third(byte: u8) -> u8 {
    1 << (byte & 7)
}

impl Index {
    fn of(mut anchors: Vec<(Head, &'static [u8], Anchor)>) -> Index {
        let place = |anchor: &[u8]| slot(at(anchor, 0), at(anchor, 1));
        anchors.sort_by_key(|(_, text, _)| (place(text), std::cmp::Reverse(text.len())));
        let mut slots = Box::new([(0, 0); SLOTS]);
        let mut thirds = Box::new([0; SLOTS]);
        for ((_, text, _), index) in anchors.iter().zip(0_u16..) {
            if let Some((from, to)) = slots.get_mut(place(text)) {
                if *from == *to {
                    *from = index;
                }
                *to = index + 1;
            }
            if let Some(bits) = thirds.get_mut(place(text)) {
                // An anchor of two bytes goes on with any.
                *bits |= text.get(2).map_or(u8::MAX, |byte| third(*byte));
            }
        }
        Index { slots, thirds, anchors }
    }

    /// Calls `found` with each anchor and the range where it stands.
    pub(super) fn each(&self, bytes: &[u8], mut found: impl FnMut(Anchor, usize, usize)) {
        let mut here = |start: usize, a: u8, b: u8, c: u8| {
            let slot = slot(a, b);
            if self.thirds.get(slot).is_some_and(|bits| bits & third(c) != 0)
                && let Some(anchors) = self.slots.get(slot)
            {
                self.compare(bytes, start, *anchors, &mut found);
            }
        };
        let mut rest = bytes;
        let mut start = 0;
        // Four places at a time: most have nothing, and a loop costs more in a sandbox than its body does here.
        while let &[a, b, c, d, e, f, ..] = rest {
            here(start, a, b, c);
            here(start + 1, b, c, d);
            here(start + 2, c, d, e);
            here(start + 3, d, e, f);
            rest = rest.get(4..).unwrap_or_default();
            start += 4;
        }
        while let &[a, b, ..] = rest {
            // Behind the last byte there is none that an anchor of three could have.
            here(start, a, b, at(rest, 2));
            rest = rest.get(1..).unwrap_or_default();
            start += 1;
        }
    }

    /// The anchors of one slot, at one place.
    fn compare(
        &self,
        bytes: &[u8],
        start: usize,
        (from, to): (u16, u16),
        found: &mut impl FnMut(Anchor, usize, usize),
    ) {
        let here = bytes.get(start..).unwrap_or_default();
        let head = match here.first_chunk::<4>() {
            Some(head) => u32::from_le_bytes(*head),
            None => u32::from_le_bytes([0, 1, 2, 3].map(|index| at(here, index))),
        };
        let head = fold(head);
        for (anchors_head, text, anchor) in self.anchors.get(usize::from(from)..usize::from(to)).unwrap_or_default() {
            #[cfg(test)]
            super::bytes::work::look();
            if head & anchors_head.mask == anchors_head.bytes
                && here.get(..text.len()).is_some_and(|here| here.eq_ignore_ascii_case(text))
            {
                found(*anchor, start, start + text.len());
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
