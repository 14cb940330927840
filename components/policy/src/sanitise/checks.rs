//! The checks by which a family says of itself that a value is one of its own: Luhn, base58check, bech32, BIP-39 words, a JWT's header.
//!
//! Always true: an answer depends on the bytes alone, and costs no more than a fixed number of steps a byte. Where in a text to
//! ask is for others.

use super::bytes::{Alphabet, at, member};
use bip0039::language::English;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// ISO/IEC 7812-1 annex B.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let value = u32::from(digit.wrapping_sub(b'0'));
            match index % 2 {
                0 => value,
                _ if value > 4 => value * 2 - 9,
                _ => value * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether digits are a payment card's: an issuer's range, that issuer's length, Luhn.
pub(super) fn card(digits: &[u8]) -> bool {
    let head = |count: usize| digits.iter().take(count).fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    let issued = match digits.len() {
        14 => matches!(head(3), 300..=305) || matches!(head(2), 36 | 38 | 39),
        15 => matches!(head(2), 34 | 37),
        16 => {
            head(1) == 4
                || matches!(head(2), 51..=55 | 62 | 65)
                || matches!(head(4), 2221..=2720 | 3528..=3589 | 5018 | 5020 | 5038 | 5893 | 6011 | 6304 | 6759 | 6761..=6763)
                || matches!(head(3), 644..=649)
        }
        19 => head(2) == 62,
        _ => false,
    };
    issued && super::bytes::distinct(digits) > 1 && luhn(digits)
}

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Base58 with its four bytes of checksum: the payload, when they agree. Only for the lengths of keys: work is the square of it.
pub(super) fn base58check(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > 120 {
        return None;
    }
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    for symbol in text {
        let mut carry = BASE58.iter().position(|known| known == symbol)?;
        for byte in &mut bytes {
            carry += usize::from(*byte) * 58;
            *byte = u8::try_from(carry & 0xff).ok()?;
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push(u8::try_from(carry & 0xff).ok()?);
            carry >>= 8;
        }
    }
    bytes.extend(text.iter().take_while(|&&symbol| symbol == b'1').map(|_| 0));
    bytes.reverse();
    let (payload, sum) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    let digest = Sha256::digest(Sha256::digest(payload));
    (digest.get(..4) == Some(sum)).then(|| payload.to_vec())
}

/// A Bitcoin private key in wallet import format, of mainnet or a test network.
pub(super) fn wif(text: &[u8]) -> bool {
    let fits = match text.len() {
        51 => matches!(at(text, 0), b'5' | b'9'),
        52 => matches!(at(text, 0), b'K' | b'L' | b'c'),
        _ => false,
    };
    fits && base58check(text).is_some_and(|payload| {
        matches!(at(&payload, 0), 0x80 | 0xef)
            && (payload.len() == 33 || (payload.len() == 34 && at(&payload, 33) == 1))
    })
}

/// Decodes base64 of either alphabet, padded or not.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    for group in text.chunks(4) {
        let mut bits = 0_u32;
        for &symbol in group {
            let value = match symbol {
                b'A'..=b'Z' => symbol - b'A',
                b'a'..=b'z' => symbol - b'a' + 26,
                b'0'..=b'9' => symbol - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        let bytes = match group.len() {
            4 => 3,
            3 => 2,
            2 => 1,
            _ => return None,
        };
        bits <<= 6 * (4 - group.len());
        out.extend(bits.to_be_bytes().into_iter().skip(1).take(bytes));
    }
    Some(out)
}

pub(super) fn hex(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    text.chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
            _ => None,
        })
        .collect()
}

/// Whether bytes read as a text that somebody wrote.
pub(super) fn written(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let strange = |ch: char| ch.is_control() && !matches!(ch, '\n' | '\r' | '\t' | '\u{1b}');
    (!text.chars().any(strange)).then_some(text)
}

/// Whether the first segment of a token is a JOSE header.
pub(super) fn jose_header(segment: &[u8]) -> bool {
    // Longer headers carry certificate chains; their first kilobyte tells enough.
    let head = segment.get(..segment.len().min(1024) / 4 * 4).filter(|_| segment.len() > 1024).unwrap_or(segment);
    base64(head).is_some_and(|bytes| {
        std::str::from_utf8(&bytes).is_ok_and(|text| {
            text.starts_with('{') && ["\"alg\"", "\"enc\"", "\"typ\"", "\"kid\""].iter().any(|name| text.contains(name))
        })
    })
}

/// The number of a BIP-39 English word, in any case.
pub(super) fn bip39_word(word: &[u8]) -> Option<u16> {
    if !(3..=8).contains(&word.len()) {
        return None;
    }
    let number = packed(word);
    let words = &*WORDS;
    let (from, to) = *words.ranges.get(head(number))?;
    let range = words.packed.get(usize::from(from)..usize::from(to))?;
    let place = range.iter().position(|&known| known == number)?;
    Some(from + u16::try_from(place).ok()?)
}

/// The list of words, each in one number, and for each first two letters where their words are.
struct WordList {
    packed: Vec<u64>,
    ranges: Vec<(u16, u16)>,
}

static WORDS: LazyLock<WordList> = LazyLock::new(|| {
    let packed: Vec<u64> = English::words().iter().map(|word| packed(word.as_bytes())).collect();
    let mut ranges = vec![(0, 0); 1024];
    for (&number, index) in packed.iter().zip(0_u16..) {
        if let Some((from, to)) = ranges.get_mut(head(number)) {
            if *from == *to {
                *from = index;
            }
            *to = index + 1;
        }
    }
    WordList { packed, ranges }
});

/// Up to eight letters, in lower case, as one number.
fn packed(word: &[u8]) -> u64 {
    word.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(byte | 0x20)) << (8 * (8 - word.len().min(8)))
}

/// The first two letters, five bits each.
fn head(packed: u64) -> usize {
    usize::try_from((packed >> 56 & 31) << 5 | packed >> 48 & 31).unwrap_or_default()
}

/// Whether 12, 15, 18, 21 or 24 word numbers carry the checksum that BIP-39 gives a phrase.
pub(super) fn bip39_checksum(words: &[u16]) -> bool {
    let checksum_bits = words.len() / 3;
    let entropy_bytes = words.len() * 4 / 3;
    let mut bits = words.iter().flat_map(|&word| (0..11).rev().map(move |shift| u8::from(word >> shift & 1 == 1)));
    let mut take = |count: usize| bits.by_ref().take(count).fold(0_u8, |byte, bit| byte << 1 | bit);
    let entropy: Vec<u8> = (0..entropy_bytes).map(|_| take(8)).collect();
    let claimed = take(checksum_bits);
    let digest = Sha256::digest(&entropy);
    digest.first().is_some_and(|byte| byte >> (8 - checksum_bits) == claimed)
}

/// Whether a stretch is a macaroon of version 1 (packets with their length in hex) or 2 (binary fields).
pub(super) fn macaroon(bytes: &[u8]) -> bool {
    match bytes {
        [2, 1 | 2, length, rest @ ..] => rest.len() > usize::from(*length) + 32,
        [a, b, c, d, rest @ ..] => {
            [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit())
                && (rest.starts_with(b"location ") || rest.starts_with(b"identifier "))
        }
        _ => false,
    }
}

/// Whether every byte is of the alphabet.
pub(super) fn all(bytes: &[u8], alphabet: Alphabet) -> bool {
    bytes.iter().all(|&byte| member(byte, alphabet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checks_know_the_published_examples() {
        assert!(card(b"4242424242424242") && card(b"378282246310005") && card(b"6011111111111117"));
        assert!(!card(b"4242424242424243") && !card(b"1234567812345670") && !card(b"0000000000000000"));
        assert!(wif(b"5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"));
        assert!(wif(b"KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617"));
        assert!(!wif(b"5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTK"));
        assert_eq!(base64(b"aGVsbG8").as_deref(), Some(b"hello".as_slice()));
        assert_eq!(base64(b"aGVsbG8h").as_deref(), Some(b"hello!".as_slice()));
        assert!(base64(b"a").is_none());
        assert!(jose_header(b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"));
        assert!(!jose_header(b"eyJmb28iOiJiYXIifQ"));
        let phrase = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
        let words: Vec<u16> = phrase.split(' ').filter_map(|word| bip39_word(word.as_bytes())).collect();
        assert_eq!(words.len(), 12);
        assert!(bip39_checksum(&words) && !bip39_checksum(&[0; 12]));
    }
}
