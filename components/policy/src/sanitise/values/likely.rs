//! Whether a value in a text can be a secret: not a placeholder, not a word about secrets, not the beginning of a sentence.
//!
//! Always true: an answer depends on the value and a bounded stretch around it.

use super::super::bytes::{Alphabet, Mix, at, contains, is_uuid, member, scrambled, sub};
use super::super::words;
use super::{Name, Value};

/// What stands where a secret would: `${TOKEN}`, `<password>`, `****`, `%s`, or what was taken out before.
pub(in super::super) fn placeholder(value: &[u8]) -> bool {
    let upper = |rest: &[u8]| {
        !rest.is_empty()
            && rest.iter().all(|&byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
            && rest.first().is_some_and(|byte| !byte.is_ascii_digit())
    };
    match value {
        [] => true,
        _ if value.starts_with(b"[redacted:") => true,
        [b'$', b'{' | b'(', ..] | [b'{', b'{', ..] => true,
        // `$1` of SQL, `!Ref` and `!vault` of YAML
        [b'$', rest @ ..] if !rest.is_empty() && rest.len() < 3 && rest.iter().all(u8::is_ascii_digit) => true,
        [b'!', rest @ ..] if rest.len() > 2 && rest.iter().all(u8::is_ascii_alphabetic) => true,
        [b'$', rest @ ..] => {
            upper(rest)
                || rest.iter().all(|&byte| byte.is_ascii_lowercase() || byte == b'_')
                || rest.starts_with(b"env:")
        }
        [b'%', b's' | b'd' | b'v' | b'q' | b'(', ..] => true,
        [b'%', .., b'%'] => true,
        [b'<', .., b'>'] | [b'{', .., b'}'] | [b'[', .., b']'] => !value.contains(&b'"') && value.len() < 40,
        _ => {
            let first = at(value, 0);
            let yours = value.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"your"))
                && matches!(at(value, 4), b'-' | b'_')
                && value.iter().all(|&byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_'));
            if yours {
                return true;
            }
            let filler =
                matches!(first, b'*' | b'x' | b'X' | b'.' | b'-' | b'#' | b'_' | b'?' | super::super::view::OTHER);
            filler && value.iter().all(|&byte| byte == first)
                || value.len() >= 4 && value.iter().filter(|&&byte| byte == b'*').count() * 2 >= value.len()
                || value.iter().all(|&byte| byte == b'.')
        }
    }
}

/// Four words or more with dashes between, as generators of passwords for people join them, and none of them one that names something:
/// `cream-unable-lounge-pair`, and not `prod-db-user-password`.
fn passphrase_like(value: &[u8]) -> bool {
    let words = value.split(|&byte| byte == b'-');
    value.len() <= 64
        && words.clone().count() >= 4
        && words.into_iter().all(|word| {
            (3..=12).contains(&word.len())
                && word.iter().all(u8::is_ascii_lowercase)
                && std::str::from_utf8(word).is_ok_and(|word| {
                    !words::KNOWN.contains(word) && !words::STEMS.contains(word) && !NAMING.contains(&word)
                })
        })
}

/// Words of the names that things are given in a cluster or a vault.
const NAMING: [&str; 14] = [
    "prod",
    "production",
    "staging",
    "dev",
    "test",
    "server",
    "client",
    "cluster",
    "config",
    "name",
    "key",
    "ref",
    "admin",
    "default",
];

/// Words that say something of a secret and are none.
pub(in super::super) fn known_word(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let lower = text.to_ascii_lowercase();
    let lower = lower.trim_matches(|ch: char| !ch.is_ascii_alphanumeric());
    lower.is_empty() || words::KNOWN.contains(lower)
}

/// Whether a bare word looks like a password: letters and digits or signs mixed, and no number with a unit, version, date or path.
pub(in super::super) fn password_like(value: &[u8]) -> bool {
    if !(6..=256).contains(&value.len())
        || known_word(value)
        || placeholder(value)
        || is_uuid(value)
        || name_like(value)
    {
        return false;
    }
    let mix = Mix::of(value);
    if !mix.letter() {
        return false;
    }
    let sign =
        value.iter().any(|byte| matches!(byte, b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'&' | b'*' | b'?' | b'+'));
    if value.starts_with(b"/") || value.starts_with(b"./") || value.starts_with(b"~/") || contains(value, b"://") {
        return false;
    }
    // `8-character`, `90days`, `v2.3.1`, `step2`, `2024-01-15T10:30:00Z`
    let lead = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let unit = lead > 0 && sub(value, lead, value.len()).iter().all(|&byte| byte.is_ascii_lowercase() || byte == b'-');
    let version =
        value.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'v' | b'-' | b':' | b'T' | b'Z'));
    let dotted = value.contains(&b'.')
        && value
            .rsplit(|&byte| byte == b'.')
            .next()
            .is_some_and(|end| (2..=4).contains(&end.len()) && end.iter().all(u8::is_ascii_lowercase))
        && !sign;
    (mix.digit || sign || scrambled(value) || passphrase_like(value) || irregular(value))
        && !unit
        && !version
        && !dotted
        && !value.contains(&b'(')
        && !named_value(value)
}

/// The key of a licence: groups of capitals and digits, as they are printed on a card.
pub(in super::super) fn licence_like(value: &[u8]) -> bool {
    let mut groups = value.split(|&byte| byte == b'-');
    (17..=48).contains(&value.len())
        && value.contains(&b'-')
        && value.iter().any(u8::is_ascii_digit)
        && !is_uuid(value)
        && groups
            .all(|group| (4..=8).contains(&group.len()) && group.iter().all(|&byte| member(byte, Alphabet::AlnumUpper)))
}

/// `attempts=3`: a name of its own and its value.
fn named_value(value: &[u8]) -> bool {
    let name = value.iter().take_while(|byte| byte.is_ascii_lowercase() || **byte == b'_').count();
    name >= 2 && at(value, name) == b'=' && name + 1 < value.len() && name < 24
}

/// Whether a value is the path of a file or a variable: `config.auth.token`, `/run/secrets/db`.
fn path_like(value: &[u8]) -> bool {
    let mix = Mix::of(value);
    let path = value.starts_with(b"/")
        || value.starts_with(b"./")
        || value.starts_with(b"../")
        || value.starts_with(b"~/")
        || value.get(1..3) == Some(b":\\");
    let segments = value.iter().filter(|&&byte| byte == b'/').count();
    path && segments >= 2 && !(mix.upper && mix.digit) || path && segments >= 1 && !mix.digit && !mix.upper
}

/// Whether a value reads as a name in a program: words with dots, underscores or humps, no digits.
pub(in super::super) fn name_like(value: &[u8]) -> bool {
    let mix = Mix::of(value);
    !mix.digit
        && value.iter().all(|&byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.' | b'-'))
        && value.iter().any(|byte| matches!(byte, b'_' | b'.' | b'-'))
        && !passphrase_like(value)
        && !irregular(value)
}

/// Letters of both cases that no program's names are written in: three or more pieces of one or two letters, where words begin with a
/// capital. What a generator of passwords makes without a digit: `PGalGrX_TqreM`.
fn irregular(value: &[u8]) -> bool {
    let mix = Mix::of(value);
    mix.lower && mix.upper && !mix.digit && (8..=64).contains(&value.len()) && humps(value).0 >= 3
}

/// A name as programs write them: `userPasswordField`, of words that can be spoken.
fn camel(value: &[u8]) -> bool {
    let letters = value.len() <= 64 && value.iter().all(u8::is_ascii_alphabetic);
    letters && matches!(humps(value), (0 | 1, 0, 2..=6))
}

/// The pieces of a name between capitals and signs: how many have one or two letters, how many no vowel, how many there are.
fn humps(value: &[u8]) -> (usize, usize, usize) {
    let (mut short, mut mute, mut all) = (0, 0, 0);
    let (mut length, mut vowel) = (0_usize, false);
    for (index, &byte) in value.iter().chain(b" ").enumerate() {
        let before = index.checked_sub(1).map_or(0, |index| at(value, index));
        let begins =
            byte.is_ascii_uppercase() && (!before.is_ascii_uppercase() || at(value, index + 1).is_ascii_lowercase());
        if (begins || !byte.is_ascii_alphabetic()) && length > 0 {
            short += usize::from(length <= 2);
            mute += usize::from(!vowel);
            all += 1;
            (length, vowel) = (0, false);
        }
        length += usize::from(byte.is_ascii_alphabetic());
        vowel |= matches!(byte.to_ascii_lowercase(), b'a' | b'e' | b'i' | b'o' | b'u' | b'y');
    }
    (short, mute, all)
}

/// Whether lower-case words go on behind a value, so that it is part of a sentence.
pub(in super::super) fn prose_follows(bytes: &[u8], end: usize) -> bool {
    at(bytes, end) == b' ' && at(bytes, end + 1).is_ascii_lowercase() && {
        let word = sub(bytes, end + 1, end + 24).iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        !matches!(at(bytes, end + 1 + word), b'=' | b':')
    }
}

/// A value after `=`, or in quotes: a secret unless it is plainly something else.
pub(in super::super) fn told(bytes: &[u8], value: &Value, kind: &str) -> bool {
    let text = sub(bytes, value.start, value.end);
    if placeholder(text) || known_word(text) || text.starts_with(b"http://") || text.starts_with(b"https://") {
        return false;
    }
    if value.quoted {
        // `"the password": "must be …"` is read as a value; a key must at least be longer than a word.
        // `accesskey="h"`: a single sign is a key of the keyboard.
        return (text.len() > 1 || kind == "password" || kind == "pin")
            && (!path_like(text) || kind == "password" && text.len() < 3);
    }
    if path_like(text) || text.starts_with(b"=") {
        return false;
    }
    let mix = Mix::of(text);
    let call = text.contains(&b'(')
        && text.iter().take_while(|&&byte| byte != b'(').all(|&byte| member(byte, Alphabet::Name) || byte == b':');
    // `os.environ['API_KEY']`, `rand::random::<u8>()`
    let path = contains(text, b"::") || text.ends_with(b"[") && !mix.digit;
    if path {
        return false;
    }
    if call {
        return false;
    }
    let code = value.spaced || matches!(at(bytes, value.end), b')' | b',');
    // `token = self.token`, `f(password=password_from_env)`
    if !mix.digit
        && (name_like(text) && !text.contains(&b'-')
            || code && !mix.other && (camel(text) || !(mix.lower && mix.upper && text.len() >= 12)) && !irregular(text))
    {
        return kind == "password" && !code && !text.contains(&b'.');
    }
    if !mix.letter() && !mix.other {
        // Digits alone: a password, or a code long enough to be no count.
        return match kind {
            "token" | "secret" | "api_key" | "credential" => text.len() >= 6,
            _ => text.len() >= 3,
        };
    }
    text.len() >= if kind == "password" { 2 } else { 4 }
}

/// A bare value after a colon: as after `=`, but most colons belong to sentences.
pub(in super::super) fn stated(bytes: &[u8], name: &Name, value: &Value, kind: &str) -> bool {
    let text = sub(bytes, value.start, value.end);
    // `Optional[str]`, `Vec<u8>`: a declaration.
    let word = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    if word > 0 && matches!(at(bytes, value.start + word), b'[' | b'<') {
        return false;
    }
    // `secret:prod/db`, `token:create`: one name within another.
    let digit = text.iter().any(u8::is_ascii_digit);
    if !value.spaced && !digit && !scrambled(text) {
        return false;
    }
    // A word in a script of its own: a sentence goes on.
    if !digit && text.contains(&super::super::view::OTHER) {
        return false;
    }
    // `arn:…:secret:name-1a2b`: a part of a longer name.
    if !value.spaced && name.start > 0 && at(bytes, name.start - 1) == b':' {
        return false;
    }
    if placeholder(text)
        || known_word(text)
        || path_like(text)
        || text.starts_with(b"http")
        || text.starts_with(b"{")
        || text.starts_with(b"[")
        || text.starts_with(b"|")
    {
        return false;
    }
    let mix = Mix::of(text);
    if kind == "ssn" && mix.digit && !mix.letter() {
        return true;
    }
    if !mix.letter() && !mix.other {
        return match kind {
            "pin" | "cvv" | "otp" | "ssn" => text.len() >= 3,
            "password" => text.len() >= 4,
            _ => text.len() >= 8,
        };
    }
    let lead = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if lead > 0
        && lead < text.len()
        && text.len() < 12
        && sub(text, lead, text.len()).iter().all(|&byte| byte.is_ascii_lowercase() || byte == b'-' || byte == b'%')
    {
        // `password: 90days`
        return kind == "password" && !prose_follows(bytes, value.end) && text.len() >= 8;
    }
    if kind == "password" && passphrase_like(text) {
        return true;
    }
    if mix.digit && mix.letter() || mix.other && mix.letter() && !name_like(text) {
        return text.len()
            >= if kind == "password" {
                4
            } else if name.starts_line && mix.digit {
                6
            } else {
                8
            }
            && !text.contains(&b'(');
    }
    if mix.lower
        && mix.upper
        && text.iter().skip(1).any(u8::is_ascii_uppercase)
        && !mix.other
        && text.iter().any(u8::is_ascii_lowercase)
    {
        let long = text.len() >= 12 && !camel(text);
        return (long || kind == "password" && irregular(text)) && !prose_follows(bytes, value.end);
    }
    // Letters alone: only where the line says just this.
    let ends_line = matches!(at(bytes, value.end), 0 | b'\n' | b'\r' | b',' | b'}') && value.end <= bytes.len();
    kind == "password"
        && ends_line
        && name.starts_line
        && value.spaced
        && text.len() >= 5
        && name.wide_start == name.start
        && !mix.other
}
