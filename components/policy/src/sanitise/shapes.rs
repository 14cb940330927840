//! The table of families whose secrets can be told by their own text: one row a family.
//!
//! Always true: a row is data. It names an anchor that no ordinary text has, the alphabet and the length of what follows it, and
//! what else must hold. Rows are found by one automaton over all anchors; how a row is matched is in `scan`. Families without an
//! anchor (cards, seed phrases, WIF) are in `special`, those told by what stands around them in `context`.
//!
//! Lengths are those that issuers give out today, with room below: what is much shorter is an example or a cut-off display.
//! A distinctive anchor is evidence enough, so that a token whose check sum was mistyped goes too; checks decide where the anchor is weak.

mod clouds;
mod code;
mod domain;
mod models;
mod money;
mod services;

use super::bytes::Alphabet::{self, Alnum, Hex, Opaque, Url};
use super::bytes::{Mix, distinct, is_uuid, member, scrambled, uuid_form, varied};
use super::checks;

/// One family.
pub(super) struct Shape {
    /// What it is called in `[redacted:<kind>]`.
    pub(super) kind: &'static str,
    /// The text that gives it away.
    pub(super) anchor: &'static str,
    /// What of it stands before the anchor.
    pub(super) before: Option<(Alphabet, usize, usize)>,
    /// What follows the anchor is written in this, and at least, at most so long.
    pub(super) alphabet: Alphabet,
    pub(super) least: usize,
    pub(super) most: usize,
    /// What else must hold of the part after the anchor.
    pub(super) check: Check,
}

/// What must hold of the part after an anchor, for it to be no word and no example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Some variety: not `xxxxxxxx`.
    Varied,
    /// Letters and digits in one stretch: for anchors that also begin words.
    Generated,
    /// The same, and the anchor is not the end of a longer name: `cache-key-` and a hash is no key.
    Alone,
    /// Decodes to a macaroon of either version, with the anchor.
    Macaroon,
    /// The anchor is not the start of a longer word, and the rest decides by length alone.
    Exact,
    /// Written like a UUID, by some issuers in more than hexadecimal digits.
    Uuid,
    /// Two or more long stretches of letters and digits with dots between.
    Dotted,
    /// A UUID, a dot and more.
    UuidDot,
    /// A number, an underscore, and letters and digits.
    Numbered,
    /// At least one of the paths that a web hook has: letters and digits with `/` between.
    Hook,
}

/// How much of a token is looked at, in bytes; a multiple of four, to decode it.
const LOOKED_AT: usize = 256;

const ANY: usize = usize::MAX;

const fn row(kind: &'static str, anchor: &'static str, alphabet: Alphabet, least: usize) -> Shape {
    Shape { kind, anchor, before: None, alphabet, least, most: ANY, check: Check::Varied }
}

/// For anchors short or common enough to begin an ordinary word.
const fn weak(kind: &'static str, anchor: &'static str, alphabet: Alphabet, least: usize) -> Shape {
    Shape { kind, anchor, before: None, alphabet, least, most: ANY, check: Check::Generated }
}

/// For families of one length exactly.
const fn exact(kind: &'static str, anchor: &'static str, alphabet: Alphabet, length: usize) -> Shape {
    Shape { kind, anchor, before: None, alphabet, least: length, most: length, check: Check::Exact }
}

/// For anchors in the middle or at the end.
const fn around(
    kind: &'static str,
    before: (Alphabet, usize, usize),
    anchor: &'static str,
    alphabet: Alphabet,
    least: usize,
    most: usize,
) -> Shape {
    Shape { kind, anchor, before: Some(before), alphabet, least, most, check: Check::Exact }
}

const fn hook(kind: &'static str, anchor: &'static str, least: usize) -> Shape {
    Shape { kind, anchor, before: None, alphabet: Opaque, least, most: ANY, check: Check::Hook }
}

/// For families that a check of their own decides.
const fn checked(
    kind: &'static str,
    anchor: &'static str,
    alphabet: Alphabet,
    least: usize,
    most: usize,
    check: Check,
) -> Shape {
    Shape { kind, anchor, before: None, alphabet, least, most, check }
}

impl Shape {
    /// Whether the part after the anchor is what this family gives out. `whole` is the token with its anchor.
    pub(super) fn accepts(&self, rest: &[u8], whole: &[u8]) -> bool {
        // What a token is made of shows at its beginning; reading all of it at each of its anchors would not be linear.
        let rest = rest.get(..LOOKED_AT).unwrap_or(rest);
        let whole = whole.get(..LOOKED_AT).unwrap_or(whole);
        match self.check {
            Check::Varied => varied(rest),
            Check::Exact => rest.len() < 8 || distinct(rest) >= 4,
            Check::Generated | Check::Alone => {
                let mix = Mix::of(rest);
                let longest =
                    rest.split(|&byte| !member(byte, Alnum)).max_by_key(|part| part.len()).unwrap_or_default();
                // One of a hundred generated values of this length has no digit.
                let mixed = mix.digit && mix.letter() || longest.len() >= 20 && scrambled(longest);
                mixed && distinct(rest) >= 8 && longest.len() >= 10.min(self.least)
            }
            Check::Uuid => uuid_form(rest),
            Check::Dotted => {
                let mut parts = rest.split(|&byte| byte == b'.');
                rest.contains(&b'.') && parts.all(|part| part.len() >= 16 && checks::all(part, Alnum) && varied(part))
            }
            Check::UuidDot => rest.get(..36).is_some_and(is_uuid) && rest.get(36) == Some(&b'.'),
            Check::Numbered => {
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let tail = rest.get(digits + 1..).unwrap_or_default();
                digits >= 5 && rest.get(digits) == Some(&b'_') && tail.len() >= 20 && varied(tail)
            }
            Check::Macaroon => {
                let bytes = if checks::all(whole, Hex) { checks::hex(whole) } else { checks::base64(whole) };
                // Cut off in mid-byte it still is one.
                let bytes = bytes.or_else(|| checks::base64(whole.get(..whole.len() / 4 * 4).unwrap_or_default()));
                bytes.is_some_and(|bytes| checks::macaroon(&bytes))
            }
            Check::Hook => {
                let mix = Mix::of(rest);
                mix.digit && mix.letter() && rest.split(|&byte| !member(byte, Url)).any(|part| part.len() >= 8)
            }
        }
    }

    /// Whether the anchor may follow a letter or digit directly. One that holds a sign of its own cannot be chance.
    pub(super) fn glued(&self) -> bool {
        self.check == Check::Hook
            || (self.check == Check::Varied
                && self.anchor.len() >= 4
                && self.anchor.bytes().any(|byte| matches!(byte, b'_' | b'-' | b'.')))
    }
}

/// The table, by what issues a family's secrets.
static TABLE: [&[Shape]; 6] = [clouds::ROWS, code::ROWS, models::ROWS, services::ROWS, money::ROWS, domain::ROWS];

/// All rows.
pub(super) fn all() -> impl Iterator<Item = &'static Shape> {
    TABLE.iter().copied().flatten()
}
