//! Ids and times for events that came without: UUIDv7 (RFC 9562) from random bits that are handed in, rising within one
//! call, so that the store's index grows at its end; and the moment of the call as RFC 3339.

use crate::time;
use crate::words::UnixMs;

/// The random bits of a UUIDv7: 12 in `rand_a`, 62 in `rand_b`.
const RANDOM_BITS: u32 = 74;

/// Gives ids for one call.
pub struct Stamp {
    now: UnixMs,
    timestamp: String,
    /// What the next id has in its random bits. Starts below half the room, so that no call can count past its end.
    next: u128,
    /// Steps are random too, so that one id does not tell the next.
    step: u128,
}

impl Stamp {
    /// `seed` is 128 random bits, fresh for each call.
    #[must_use]
    pub fn new(now: UnixMs, seed: (u64, u64)) -> Self {
        let seed = (u128::from(seed.0) << 64) | u128::from(seed.1);
        let room = (1_u128 << (RANDOM_BITS - 1)) - 1;
        let mut timestamp = String::with_capacity(24);
        time::write(now, &mut timestamp);
        // The low 32 bits of the seed space the ids, and the rest place the first.
        Self { now, timestamp, next: (seed >> 32) & room, step: (seed & 0xffff_ffff) + 1 }
    }

    /// The moment of the call, with milliseconds, in UTC.
    #[must_use]
    pub fn timestamp(&self) -> &str {
        &self.timestamp
    }

    /// A UUIDv7 greater than all given before.
    pub fn id(&mut self) -> String {
        let random = self.next;
        self.next = (self.next + self.step) & ((1 << RANDOM_BITS) - 1);

        let time = u128::from(self.now) & 0xffff_ffff_ffff;
        let rand_a = random >> 62;
        let rand_b = random & ((1 << 62) - 1);
        let bits = (time << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b;
        let [a, b, c, d] = [96, 64, 32, 0].map(|shift| digits(u32::try_from(bits >> shift & 0xffff_ffff).unwrap_or(0)));
        let ([a1, a2, a3, a4, a5, a6, a7, a8], [b1, b2, b3, b4, b5, b6, b7, b8]) = (a, b);
        let ([c1, c2, c3, c4, c5, c6, c7, c8], [d1, d2, d3, d4, d5, d6, d7, d8]) = (c, d);
        let id = [
            [a1, a2, a3, a4, a5, a6, a7, a8, b'-', b1, b2, b3],
            [b4, b'-', b5, b6, b7, b8, b'-', c1, c2, c3, c4, b'-'],
            [c5, c6, c7, c8, d1, d2, d3, d4, d5, d6, d7, d8],
        ];
        String::from_utf8(id.concat()).unwrap_or_default()
    }
}

/// The eight hexadecimal digits of a number.
fn digits(number: u32) -> [u8; 8] {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    let mut digits = u64::from(number);
    // Each digit gets a byte of its own, the first the highest.
    for (shift, kept) in [(16, 0x0000_ffff_0000_ffff), (8, 0x00ff_00ff_00ff_00ff), (4, 0x0f0f_0f0f_0f0f_0f0f)] {
        digits = (digits | digits << shift) & kept;
    }
    let letters = (digits + 6 * EACH) >> 4 & EACH;
    (digits + u64::from(b'0') * EACH + letters * u64::from(b'a' - b'9' - 1)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_are_uuids_of_version_7_and_rise(now in 0_u64..(1 << 48), seed: (u64, u64)) {
            let mut stamp = Stamp::new(now, seed);
            let ids: Vec<String> = (0..1_000).map(|_| stamp.id()).collect();
            for id in &ids {
                prop_assert_eq!(id.len(), 36);
                prop_assert_eq!(id.as_bytes().get(14), Some(&b'7'));
                prop_assert!(matches!(id.as_bytes().get(19), Some(b'8' | b'9' | b'a' | b'b')));
                prop_assert_eq!(u64::from_str_radix(&id.replace('-', "").chars().take(12).collect::<String>(), 16), Ok(now));
            }
            prop_assert!(ids.is_sorted_by(|a, b| a < b));
        }
    }

    #[test]
    fn the_moment_is_utc_with_milliseconds() {
        assert_eq!(Stamp::new(1_705_314_600_007, (0, 0)).timestamp(), "2024-01-15T10:30:00.007Z");
    }
}
