//! Sixteen bytes of a text that are compared at once: most text holds nothing that is looked for, and to find that out byte by
//! byte is most of the work.
//!
//! Always true: a mark is where a comparison of the one byte says so, on every target; WebAssembly's own instructions are used where
//! the target has them, and elsewhere what the compiler makes of a loop. What is looked for is for others.

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
pub(crate) fn pieces(bytes: &[u8]) -> impl Iterator<Item = (Piece, usize)> {
    let (whole, rest) = bytes.as_chunks::<PIECE>();
    let last = (!rest.is_empty()).then(|| (Piece::padded(rest), rest.len()));
    whole.iter().map(|bytes| (Piece::of(bytes), PIECE)).chain(last)
}

impl Piece {
    fn of(bytes: &[u8; PIECE]) -> Self {
        let &[a, b, c, d, e, f, g, h, rest @ ..] = bytes;
        Self(lanes::of(u64::from_le_bytes([a, b, c, d, e, f, g, h]), u64::from_le_bytes(rest)))
    }

    /// At most sixteen bytes, and NUL behind them.
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
    pub(crate) fn folded(self) -> Self {
        Self(lanes::or(self.0, lanes::all(0x20)))
    }

    pub(crate) fn equal(self, byte: u8) -> Marks {
        Marks(lanes::equal(self.0, byte))
    }

    /// From one byte to another, both included.
    pub(crate) fn within(self, first: u8, last: u8) -> Marks {
        Marks(lanes::within(self.0, first, last))
    }
}

impl BitOr for Marks {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(lanes::or(self.0, other.0))
    }
}

impl Marks {
    /// A bit for each byte, that of the first lowest.
    pub(crate) fn bits(self) -> u32 {
        lanes::bits(self.0)
    }
}

/// Where the first byte of a text is that is marked. A mark on NUL counts for bytes of the text alone.
pub(crate) fn first_marked(bytes: &[u8], mark: impl Fn(Piece) -> Marks) -> Option<usize> {
    for ((piece, length), start) in pieces(bytes).zip((0..).step_by(PIECE)) {
        let at = mark(piece).bits().trailing_zeros() as usize;
        if at < length {
            return Some(start + at);
        }
    }
    None
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod lanes {
    use std::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_le, u8x16_splat, u8x16_sub, u64x2, v128, v128_or};

    pub(super) type Lanes = v128;

    pub(super) fn of(low: u64, high: u64) -> Lanes {
        u64x2(low, high)
    }

    pub(super) fn all(byte: u8) -> Lanes {
        u8x16_splat(byte)
    }

    pub(super) fn or(a: Lanes, b: Lanes) -> Lanes {
        v128_or(a, b)
    }

    pub(super) fn equal(lanes: Lanes, byte: u8) -> Lanes {
        u8x16_eq(lanes, u8x16_splat(byte))
    }

    pub(super) fn within(lanes: Lanes, first: u8, last: u8) -> Lanes {
        u8x16_le(u8x16_sub(lanes, u8x16_splat(first)), u8x16_splat(last.wrapping_sub(first)))
    }

    pub(super) fn bits(lanes: Lanes) -> u32 {
        u32::from(u8x16_bitmask(lanes))
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod lanes {
    pub(super) type Lanes = [u8; 16];

    pub(super) fn of(low: u64, high: u64) -> Lanes {
        (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
    }

    pub(super) fn all(byte: u8) -> Lanes {
        [byte; 16]
    }

    pub(super) fn or(a: Lanes, b: Lanes) -> Lanes {
        (u128::from_ne_bytes(a) | u128::from_ne_bytes(b)).to_ne_bytes()
    }

    pub(super) fn equal(lanes: Lanes, byte: u8) -> Lanes {
        lanes.map(|lane| u8::from(lane == byte))
    }

    pub(super) fn within(lanes: Lanes, first: u8, last: u8) -> Lanes {
        lanes.map(|lane| u8::from(lane.wrapping_sub(first) <= last.wrapping_sub(first)))
    }

    pub(super) fn bits(lanes: Lanes) -> u32 {
        // Marks are ones: the product gathers the lowest bits of eight bytes in its highest byte.
        let gather = |eight: u64| eight.wrapping_mul(0x0102_0408_1020_4080) >> 56;
        let both = u128::from_le_bytes(lanes);
        let (low, high) = (u64::try_from(both & u128::from(u64::MAX)), u64::try_from(both >> 64));
        u32::try_from(gather(low.unwrap_or(0)) | gather(high.unwrap_or(0)) << 8).unwrap_or(0)
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
