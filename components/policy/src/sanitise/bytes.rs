//! Small questions about bytes: which alphabet, how varied, how like a word.
//!
//! Always true: none of these panics, and each looks at a byte of its input at most a fixed number of times. What the answers mean for
//! a finding is for others.

use crate::piece::{Marks, PIECE, Piece, pieces};

/// Counts the bytes that are looked at, for the test that the worst text costs no square.
#[cfg(test)]
pub(super) mod work {
    use std::cell::Cell;

    thread_local!(static LOOKS: Cell<u64> = const { Cell::new(0) });

    pub(in super::super) fn look() {
        LOOKS.set(LOOKS.get() + 1);
    }

    pub(in super::super) fn take() -> u64 {
        LOOKS.replace(0)
    }
}

/// The byte at a place, NUL beyond the end: no view holds a NUL, so it never equals a byte that is looked for.
pub(super) fn at(bytes: &[u8], index: usize) -> u8 {
    #[cfg(test)]
    work::look();
    bytes.get(index).copied().unwrap_or(0)
}

/// A range, as far as the bytes go.
pub(super) fn sub(bytes: &[u8], start: usize, end: usize) -> &[u8] {
    bytes.get(start..end.min(bytes.len())).unwrap_or_default()
}

/// A set of bytes that tokens are written in; one bit of [`member`] each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Alphabet {
    Digit = 1,
    HexLower = 1 << 1,
    Hex = 1 << 2,
    /// `a-z0-9`
    AlnumLower = 1 << 3,
    /// `A-Z0-9`
    AlnumUpper = 1 << 4,
    Alnum = 1 << 5,
    /// `A-Za-z0-9_`
    Word = 1 << 6,
    /// base64url: `A-Za-z0-9_-`
    Url = 1 << 7,
    /// base64url and dots
    UrlDot = 1 << 8,
    /// base64: `A-Za-z0-9+/=`
    Base64 = 1 << 9,
    /// both base64 alphabets, and `.~:@`: what opaque tokens are made of
    Opaque = 1 << 10,
    Base58 = 1 << 11,
    Bech32 = 1 << 12,
    /// `A-Z2-7`
    Base32 = 1 << 13,
    /// what an environment, header or option is named with: `A-Za-z0-9_.$@-`
    Name = 1 << 14,
    /// everything but white space, quotes and angle brackets
    Bare = 1 << 15,
}

const fn memberships(byte: u8) -> u16 {
    let digit = byte.is_ascii_digit();
    let lower = byte.is_ascii_lowercase();
    let upper = byte.is_ascii_uppercase();
    let alnum = digit || lower || upper;
    let url = alnum || byte == b'_' || byte == b'-';
    let base64 = alnum || byte == b'+' || byte == b'/' || byte == b'=';
    let mut bits = 0;
    if digit {
        bits |= Alphabet::Digit as u16;
    }
    if digit || (lower && byte <= b'f') {
        bits |= Alphabet::HexLower as u16;
    }
    if byte.is_ascii_hexdigit() {
        bits |= Alphabet::Hex as u16;
    }
    if digit || lower {
        bits |= Alphabet::AlnumLower as u16;
    }
    if digit || upper {
        bits |= Alphabet::AlnumUpper as u16;
    }
    if alnum {
        bits |= Alphabet::Alnum as u16;
    }
    if alnum || byte == b'_' {
        bits |= Alphabet::Word as u16;
    }
    if url {
        bits |= Alphabet::Url as u16;
    }
    if url || byte == b'.' {
        bits |= Alphabet::UrlDot as u16;
    }
    if base64 {
        bits |= Alphabet::Base64 as u16;
    }
    if url || base64 || byte == b'.' || byte == b'~' || byte == b':' || byte == b'@' {
        bits |= Alphabet::Opaque as u16;
    }
    if alnum && byte != b'0' && byte != b'O' && byte != b'I' && byte != b'l' {
        bits |= Alphabet::Base58 as u16;
    }
    if (digit && byte != b'1') || (lower && byte != b'b' && byte != b'i' && byte != b'o') {
        bits |= Alphabet::Bech32 as u16;
    }
    if upper || (byte >= b'2' && byte <= b'7') {
        bits |= Alphabet::Base32 as u16;
    }
    if url || byte == b'.' || byte == b'$' || byte == b'@' {
        bits |= Alphabet::Name as u16;
    }
    if byte > b' ' && byte != b'"' && byte != b'\'' && byte != b'<' && byte != b'>' && byte != b'`' {
        bits |= Alphabet::Bare as u16;
    }
    bits
}

#[expect(clippy::indexing_slicing, reason = "a constant: out of bounds would not compile")]
static MEMBERS: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte: u8 = 0;
    loop {
        table[byte as usize] = memberships(byte);
        if byte == 255 {
            break;
        }
        byte += 1;
    }
    table
};

pub(super) fn member(byte: u8, alphabet: Alphabet) -> bool {
    #[cfg(test)]
    work::look();
    MEMBERS.get(usize::from(byte)).is_some_and(|bits| bits & alphabet as u16 != 0)
}

/// Remembers for each alphabet the stretch that was last walked, so that many anchors within one stretch cost one walk: this is
/// what keeps the worst text linear.
#[derive(Default)]
pub(super) struct Runs {
    last: [(usize, usize); 16],
}

impl Runs {
    /// The end of the stretch of the alphabet that `from` stands in; `from` itself when it is not in one.
    pub(super) fn end(&mut self, bytes: &[u8], alphabet: Alphabet, from: usize) -> usize {
        let slot = (alphabet as u16).trailing_zeros() as usize;
        let Some(last) = self.last.get_mut(slot) else { return from };
        if !(last.0 <= from && from < last.1) {
            let length =
                bytes.get(from..).unwrap_or_default().iter().take_while(|&&byte| member(byte, alphabet)).count();
            *last = (from, from + length);
        }
        last.1
    }
}

/// What a text is made of, counted in one pass, so that a search for what cannot be in it is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    pub(super) digits: usize,
    /// Stretches of ASCII letters.
    pub(super) words: usize,
    /// The longest stretch of letters, digits and `_.+/=-`: exact from [`PIECE`] bytes on, at most the true one below.
    pub(super) longest: usize,
    /// Whether there is a `[`.
    pub(super) bracket: bool,
    /// Whether there is a sign that may stand between a name and its value: `=`, `:`, `,`, `>`, a bracket, a bar, an arrow.
    pub(super) sign: bool,
    /// Whether there is a sign that escapes something: `%`, `\`, `&`.
    pub(super) escape: bool,
    /// Whether there is a line feed or a carriage return.
    pub(super) line_end: bool,
}

impl Census {
    pub(super) fn of(bytes: &[u8]) -> Census {
        let mut census = Census::default();
        // Whether the last byte was a letter; bytes of a stretch that has not ended.
        let (mut letter, mut stretch) = (0, 0);
        for (piece, _) in pieces(bytes) {
            census.count(piece, &mut letter, &mut stretch);
        }
        census
    }

    /// NUL behind the end of the text is of no kind.
    fn count(&mut self, piece: Piece, letter: &mut u32, stretch: &mut usize) {
        let (digits, letters) = (piece.within(b'0', b'9'), piece.folded().within(b'a', b'z'));
        let signs = piece.within(b'-', b'/') | piece.equal(b'+') | piece.equal(b'=') | piece.equal(b'_');
        let others = !(digits | letters | signs).bits() & 0xffff;
        let (digits, letters) = (digits.bits(), letters.bits());
        self.digits += digits.count_ones() as usize;
        self.words += (letters & !(letters << 1 | *letter)).count_ones() as usize;
        *letter = letters >> 15;
        if others == 0 {
            *stretch += PIECE;
        } else {
            // A stretch within the piece is shorter than it: only the one that ends here and the one that begins count.
            self.longest = self.longest.max(*stretch + others.trailing_zeros() as usize);
            *stretch = (others << 16).leading_zeros() as usize;
        }
        self.longest = self.longest.max(*stretch);
        self.bracket |= piece.equal(b'[').bits() != 0;
        self.sign |= signs_between(piece).bits() != 0;
        self.escape |= (piece.equal(b'%') | piece.equal(b'\\') | piece.equal(b'&')).bits() != 0;
        self.line_end |= (piece.equal(b'\n') | piece.equal(b'\r')).bits() != 0;
    }
}

/// How many ASCII letters a text begins with.
pub(super) fn letters(bytes: &[u8]) -> usize {
    let mut count = 0;
    for (piece, _) in pieces(bytes) {
        let run = piece.folded().within(b'a', b'z').bits().trailing_ones() as usize;
        count += run;
        if run < PIECE {
            break;
        }
    }
    count
}

/// Signs that may stand between a name and its value.
#[inline]
pub(super) fn signs_between(piece: Piece) -> Marks {
    let brackets = piece.equal(b'[') | piece.equal(b']') | piece.equal(b'(') | piece.equal(b'|');
    let signs = piece.equal(b'=') | piece.equal(b':') | piece.equal(b',') | piece.equal(b'>');
    brackets | signs | piece.equal(OTHER_BYTE)
}

/// How many different bytes there are.
pub(super) fn distinct(bytes: &[u8]) -> u32 {
    let mut seen = 0_u128;
    for &byte in bytes {
        seen |= 1 << (byte & 0x7f);
    }
    seen.count_ones()
}

/// Whether something has the variety of a generated value, and not that of `xxxxxxxx`.
pub(super) fn varied(bytes: &[u8]) -> bool {
    distinct(bytes) >= 6.min(u32::try_from(bytes.len() / 2).unwrap_or(6))
}

/// Which kinds of characters there are.
#[derive(Clone, Copy, Default)]
pub(super) struct Mix {
    pub(super) lower: bool,
    pub(super) upper: bool,
    pub(super) digit: bool,
    pub(super) other: bool,
}

impl Mix {
    pub(super) fn of(bytes: &[u8]) -> Mix {
        let mut mix = Mix::default();
        for byte in bytes {
            match byte {
                b'a'..=b'z' => mix.lower = true,
                b'A'..=b'Z' => mix.upper = true,
                b'0'..=b'9' => mix.digit = true,
                _ => mix.other = true,
            }
        }
        mix
    }

    pub(super) fn letter(self) -> bool {
        self.lower || self.upper
    }
}

/// Whether a value looks generated: letters and digits mixed within one stretch of at least `least`, and not the shape of a
/// UUID, a date, a version, a path, an address or a number with a unit. Only ever asked where a context says secret.
pub(super) fn looks_generated(value: &[u8], least: usize) -> bool {
    if value.len() < 8 || value.iter().any(u8::is_ascii_whitespace) || is_uuid(value) || value.contains(&OTHER_BYTE) {
        return false;
    }
    if contains(value, b"://") || value.starts_with(b"/") || value.starts_with(b"./") || value.starts_with(b"sha") {
        return false;
    }
    value.split(|&byte| !member(byte, Alphabet::Base64) || byte == b'/').any(|part| {
        let mix = Mix::of(part);
        part.len() >= least && mix.letter() && mix.digit && distinct(part) >= 6 && switches(part) >= 2
            || part.len() >= 20.max(least) && scrambled(part)
    })
}

const OTHER_BYTE: u8 = super::view::OTHER;

/// Letters alone, whose cases change as no word's and no name's in a program do: a generated value without a digit by chance.
pub(super) fn scrambled(value: &[u8]) -> bool {
    let changes = value
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() != b.is_ascii_lowercase()))
        .count();
    value.len() >= 8 && value.iter().all(u8::is_ascii_alphabetic) && changes * 5 >= value.len() * 2
}

/// How often letters and digits alternate: `worker12` once, `a8f3k2` five times.
fn switches(bytes: &[u8]) -> usize {
    bytes.windows(2).filter(|pair| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit())).count()
}

/// Letters and digits in the groups of a UUID.
pub(super) fn uuid_form(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_alphanumeric(),
        })
}

pub(super) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

pub(super) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    find(bytes, part).is_some()
}

pub(super) fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let first = *part.first()?;
    let mut from = 0;
    loop {
        let rest = bytes.get(from..)?;
        let start = from
            + rest.iter().position(|&byte| {
                #[cfg(test)]
                work::look();
                byte == first
            })?;
        if bytes.get(start..)?.starts_with(part) {
            return Some(start);
        }
        from = start + 1;
    }
}

pub(super) fn starts_with_ignore_case(bytes: &[u8], part: &[u8]) -> bool {
    bytes.get(..part.len()).is_some_and(|start| start.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, byte by byte.
    fn counted(bytes: &[u8]) -> Census {
        let in_stretch = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.+/=-".contains(byte);
        let has = |signs: &[u8]| bytes.iter().any(|byte| signs.contains(byte));
        Census {
            digits: bytes.iter().filter(|byte| byte.is_ascii_digit()).count(),
            words: bytes.split(|byte| !byte.is_ascii_alphabetic()).filter(|word| !word.is_empty()).count(),
            longest: bytes.split(|byte| !in_stretch(byte)).map(<[u8]>::len).max().unwrap_or(0),
            bracket: has(b"["),
            sign: has(b"=:,>([]|") || has(&[OTHER_BYTE]),
            escape: has(b"%\\&"),
            line_end: has(b"\r\n"),
        }
    }

    proptest! {
        #[test]
        fn a_census_counts_each_kind(text in "[a-z]{0,20}([\\x00-\\x7fé]{0,3}[A-Za-z0-9_.+/=-]{0,40}){0,5}") {
            let (census, mut counted) = (Census::of(text.as_bytes()), counted(text.as_bytes()));
            prop_assert!(census.longest == counted.longest || census.longest < counted.longest && counted.longest < 16);
            counted.longest = census.longest;
            prop_assert_eq!(census, counted);
        }
    }
}
