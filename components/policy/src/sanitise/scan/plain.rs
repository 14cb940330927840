//! Tells the texts that need no search: most values of most events.
//!
//! Always true: in what is let go a search finds nothing; tests here and in `scan` hold it to that. What is found in the others is for
//! `scan`.

use super::super::bytes::{Alphabet, is_uuid, member};
use super::super::checks;
use super::super::keys::text_may_speak;
use crate::piece::{PIECE, pieces};
use crate::time;

/// Whether a text is so short and plain that it needs no search: most values of most events are one word, an id, a hash, a few words.
pub(in super::super) fn plain(text: &[u8]) -> bool {
    // The shortest secret with a context, `pin=1234`, is longer.
    if text.len() < 6 || text.len() == 36 && is_uuid(text) {
        return true;
    }
    if text.len() > 64 {
        return false;
    }
    if is_moment(text) {
        return true;
    }
    // A hash: hexadecimal digits that are no hexadecimal of a text.
    if let Some(head) = text.first_chunk::<16>()
        && text.iter().all(|&byte| member(byte, Alphabet::HexLower))
        && checks::hex(head).is_some_and(|bytes| !bytes.iter().all(|byte| (0x09..0x7f).contains(byte)))
        && text.iter().any(u8::is_ascii_lowercase)
    {
        return true;
    }
    plain_words(text)
}

/// Whether a text of at most 64 bytes is made of short words, as few digits as no card has, and nothing that announces a secret: the
/// shortest that its own text tells has 14 bytes.
fn plain_words(text: &[u8]) -> bool {
    let (mut spaces, mut digits, mut dashes) = (0_u64, 0, 0);
    for (index, (piece, length)) in pieces(text).enumerate() {
        let (space, digit, dash) = (piece.equal(b' '), piece.within(b'0', b'9'), piece.equal(b'-'));
        let letter = piece.within(b'a', b'z') | piece.within(b'A', b'Z');
        let known = space | digit | dash | letter | piece.equal(b'_') | piece.equal(b'.') | piece.equal(b',');
        if (known.bits().trailing_ones() as usize) < length {
            return false;
        }
        let place = index * PIECE;
        spaces |= u64::from(space.bits()) << place;
        digits += digit.bits().count_ones();
        dashes |= u64::from(dash.bits()) << place;
    }
    // A sign before a word is an option's.
    if digits > 11 || dashes & (spaces << 1 | 1) != 0 || longest_is(14, !spaces & u64::MAX >> (64 - text.len())) {
        return false;
    }
    // Twelve words of three letters have 47 bytes.
    text.len() < 47 && (spaces == 0 || !text_may_speak(text))
}

/// Whether so many bits stand beside each other.
fn longest_is(least: u32, bits: u64) -> bool {
    let (mut run, mut length) = (bits, 1);
    while length < least {
        let step = length.min(least - length);
        run &= run >> step;
        length += step;
    }
    run != 0
}

/// Whether a text is a time as RFC 3339 writes it, to the nanosecond at most.
fn is_moment(text: &[u8]) -> bool {
    matches!(text, [_, _, _, _, b'-', _, _, b'-', _, _, b'T' | b't', ..])
        && text.len() <= "2026-01-15T12:00:00.123456789+01:00".len()
        && std::str::from_utf8(text).is_ok_and(|text| time::parse(text).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The last step of [`plain()`], byte by byte.
    fn plain_by_bytes(text: &[u8]) -> bool {
        let (mut word, mut digits, mut before) = (0, 0, b' ');
        for &byte in text {
            match byte {
                b' ' => word = 0,
                b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'.' | b',' => word += 1,
                b'0'..=b'9' => {
                    word += 1;
                    digits += 1;
                }
                b'-' if before != b' ' => word += 1,
                _ => return false,
            }
            before = byte;
            if word == 14 || digits == 12 {
                return false;
            }
        }
        text.len() < 47 && (word == text.len() || !text_may_speak(text))
    }

    proptest! {
        #[test]
        fn words_are_told_as_by_looking_at_each_byte(text in "([a-zA-Z0-9_.,-]{0,15} ?){0,5}|[a-z0-9 -]{6,64}|[a-e9 -]{6,50}:?") {
            let text = text.as_bytes();
            if (6..=64).contains(&text.len()) {
                prop_assert_eq!(plain_words(text), plain_by_bytes(text));
            }
        }
    }
}
