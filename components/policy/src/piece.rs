//! Sixteen bytes of a text that are compared at once: most text holds nothing that is looked for, and to find that out byte by
//! byte is most of the work.
//!
//! Always true: a mark is where a comparison of the one byte says so, on every target; WebAssembly's own instructions are used where
//! the target has them, and elsewhere numbers of eight bytes. What is looked for is for others.

use std::ops::BitOr;

/// Bytes of a piece.
pub(crate) const PIECE: usize = 16;

/// Sixteen bytes, the first of them lowest.
#[derive(Clone, Copy)]
pub(crate) struct Piece(lanes::Lanes);

/// Where bytes met a comparison.
#[derive(Clone, Copy)]
pub(crate) struct Marks(lanes::Lanes);

/// The pieces of a text, and for each how many of its bytes are the text's: all, but for the last.
#[inline]
pub(crate) fn pieces(bytes: &[u8]) -> impl Iterator<Item = (Piece, usize)> {
    let (whole, rest) = bytes.as_chunks::<PIECE>();
    let last = (!rest.is_empty()).then(|| (Piece::padded(rest), rest.len()));
    whole.iter().map(|bytes| (Piece::of(bytes), PIECE)).chain(last)
}

impl Piece {
    #[inline]
    fn of(bytes: &[u8; PIECE]) -> Self {
        let &[a, b, c, d, e, f, g, h, rest @ ..] = bytes;
        Self(lanes::of(u64::from_le_bytes([a, b, c, d, e, f, g, h]), u64::from_le_bytes(rest)))
    }

    /// At most sixteen bytes, and NUL behind them.
    #[inline]
    fn padded(bytes: &[u8]) -> Self {
        let behind = |size: usize| u32::try_from((size.saturating_sub(bytes.len())) * 8).unwrap_or(0);
        let (low, high) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            (Some(first), Some(last)) => {
                // The last eight, without those that the first eight have already.
                let high = u64::from_le_bytes(*last).checked_shr(behind(PIECE)).unwrap_or(0);
                (u64::from_le_bytes(*first), high)
            }
            _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
                (Some(first), Some(last)) => {
                    let last = u64::from(u32::from_le_bytes(*last)).checked_shl(32 - behind(8)).unwrap_or(0);
                    (u64::from(u32::from_le_bytes(*first)) | last, 0)
                }
                _ => (bytes.iter().rev().fold(0, |low, byte| low << 8 | u64::from(*byte)), 0),
            },
        };
        Self(lanes::of(low, high))
    }

    /// Each byte with the bit set that makes a small letter of a capital, and other bytes of others.
    #[inline]
    pub(crate) fn folded(self) -> Self {
        Self(lanes::or(self.0, lanes::all(0x20)))
    }

    #[inline]
    pub(crate) fn equal(self, byte: u8) -> Marks {
        Marks(lanes::equal(self.0, byte))
    }

    /// From one byte to another, both included.
    #[inline]
    pub(crate) fn within(self, first: u8, last: u8) -> Marks {
        Marks(lanes::within(self.0, first, last))
    }
}

impl BitOr for Marks {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(lanes::or(self.0, other.0))
    }
}

impl Marks {
    /// A bit for each byte, that of the first lowest.
    #[inline]
    pub(crate) fn bits(self) -> u32 {
        lanes::bits(self.0)
    }
}

/// Where the first byte of a text is that is marked. A mark on NUL counts for bytes of the text alone.
#[inline]
pub(crate) fn first_marked(bytes: &[u8], mark: impl Fn(Piece) -> Marks) -> Option<usize> {
    let (whole, rest) = bytes.as_chunks::<PIECE>();
    for (index, bytes) in whole.iter().enumerate() {
        let bits = mark(Piece::of(bytes)).bits();
        if bits != 0 {
            return Some(index * PIECE + bits.trailing_zeros() as usize);
        }
    }
    let at = mark(Piece::padded(rest)).bits().trailing_zeros() as usize;
    (at < rest.len()).then_some(whole.len() * PIECE + at)
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod lanes {
    use std::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_le, u8x16_splat, u8x16_sub, u64x2, v128, v128_or};

    pub(super) type Lanes = v128;

    #[inline]
    pub(super) fn of(low: u64, high: u64) -> Lanes {
        u64x2(low, high)
    }

    #[inline]
    pub(super) fn all(byte: u8) -> Lanes {
        u8x16_splat(byte)
    }

    #[inline]
    pub(super) fn or(a: Lanes, b: Lanes) -> Lanes {
        v128_or(a, b)
    }

    #[inline]
    pub(super) fn equal(lanes: Lanes, byte: u8) -> Lanes {
        u8x16_eq(lanes, u8x16_splat(byte))
    }

    #[inline]
    pub(super) fn within(lanes: Lanes, first: u8, last: u8) -> Lanes {
        u8x16_le(u8x16_sub(lanes, u8x16_splat(first)), u8x16_splat(last.wrapping_sub(first)))
    }

    #[inline]
    pub(super) fn bits(lanes: Lanes) -> u32 {
        u32::from(u8x16_bitmask(lanes))
    }
}

/// Eight bytes in a number, twice: arithmetic that carries nothing from one byte into the next.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod lanes {
    pub(super) type Lanes = [u64; 2];

    const HIGHEST: u64 = u64::from_ne_bytes([0x80; 8]);
    const OTHERS: u64 = !HIGHEST;

    #[inline]
    pub(super) fn of(low: u64, high: u64) -> Lanes {
        [low, high]
    }

    #[inline]
    pub(super) fn all(byte: u8) -> Lanes {
        [u64::from_ne_bytes([byte; 8]); 2]
    }

    #[inline]
    pub(super) fn or([a, b]: Lanes, [c, d]: Lanes) -> Lanes {
        [a | c, b | d]
    }

    #[inline]
    pub(super) fn equal(lanes: Lanes, byte: u8) -> Lanes {
        // A byte without a bit is the one whose seven lower bits carry nothing into the highest, and which has not that either.
        lanes
            .map(|lane| lane ^ u64::from_ne_bytes([byte; 8]))
            .map(|lane| !(((lane & OTHERS) + OTHERS) | lane) & HIGHEST)
    }

    #[inline]
    pub(super) fn within(lanes: Lanes, first: u8, last: u8) -> Lanes {
        let above = |lane| last.checked_add(1).map_or(0, |next| at_least(lane, next));
        lanes.map(|lane| at_least(lane, first) & !above(lane))
    }

    /// The highest bit of each byte that is no less than another.
    fn at_least(lane: u64, least: u8) -> u64 {
        let least = u64::from_ne_bytes([least; 8]);
        // Kept where the seven lower bits are no less.
        let lower = (lane | HIGHEST) - (least & OTHERS);
        (lane & !least | !(lane ^ least) & lower) & HIGHEST
    }

    #[inline]
    pub(super) fn bits([low, high]: Lanes) -> u32 {
        // The product gathers the lowest bits of eight bytes in its highest byte.
        let gather = |marks: u64| (marks >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        u32::try_from(gather(low) | gather(high) << 8).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn marks_are_what_each_byte_says(bytes in prop::collection::vec(any::<u8>(), 0..60), first: u8, more in 0_u8..40, byte in 0_u8..4) {
            let last = first.saturating_add(more);
            let mut seen = Vec::new();
            for (piece, length) in pieces(&bytes) {
                let marks = (piece.within(first, last) | piece.equal(byte)).bits();
                let folded = piece.folded().equal(b'a').bits();
                seen.extend((0..length).map(|at| (marks >> at & 1 == 1, folded >> at & 1 == 1)));
            }
            let each = bytes.iter().map(|b| ((first..=last).contains(b) || *b == byte, matches!(b | 0x20, b'a')));
            prop_assert_eq!(seen, each.collect::<Vec<_>>());
        }

        #[test]
        fn the_first_byte_is_found_as_by_looking_at_each(bytes in prop::collection::vec(0_u8..40, 0..80)) {
            for byte in [0, 7] {
                let found = first_marked(&bytes, |piece| piece.equal(byte));
                prop_assert_eq!(found, bytes.iter().position(|b| *b == byte));
            }
        }
    }
}
