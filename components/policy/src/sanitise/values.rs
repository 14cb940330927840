//! Where a name and its value lie in a text, and whether the value can be a secret at all: not a placeholder, not a word about secrets,
//! not the beginning of a sentence.
//!
//! Always true: nothing here takes a value; it answers for `context`, and looks at a bounded stretch around a sign.

use super::bytes::{Alphabet, Mix, at, is_uuid, member, scrambled, sub};
use super::words;

/// A name before a sign.
pub(super) struct Name {
    pub(super) start: usize,
    pub(super) end: usize,
    /// With up to two words before it on the same line.
    pub(super) wide_start: usize,
    pub(super) quoted: bool,
    /// What stands before the name and its quote.
    pub(super) opened_by: u8,
    /// Whether nothing but white space, or a list's dash, is before it on its line.
    pub(super) starts_line: bool,
}

/// A value after a sign.
pub(super) struct Value {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) quoted: bool,
    /// Whether white space stood between the sign and it.
    pub(super) spaced: bool,
}

/// The name that ends before `sign`, at most `longest` bytes of it.
pub(super) fn name_before(bytes: &[u8], sign: usize, longest: usize) -> Option<Name> {
    let back = |from: usize, most: usize, skip: fn(u8) -> bool| {
        (0..most).take_while(|steps| from > *steps && skip(at(bytes, from - steps - 1))).count()
    };
    let mut end = sign - back(sign, 4, |byte| matches!(byte, b' ' | b'\t'));
    // JSON as it is printed for people: the sign on a line of its own.
    let wrapped = back(end, 16, |byte| byte.is_ascii_whitespace());
    if wrapped > 0 && end > wrapped && at(bytes, end - wrapped - 1) == b'"' {
        end -= wrapped;
    }
    let closing = back(end, 4, |byte| matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b']' | b'*'));
    let quoted = (1..=closing).any(|steps| matches!(at(bytes, end - steps), b'"' | b'\'' | b'`'));
    end -= closing;
    if closing == 0 && end > 1 && at(bytes, end - 1) == b')' {
        // `private key (hex): …`
        let open = sub(bytes, end.saturating_sub(12), end).iter().rposition(|&byte| byte == b'(');
        let start = open.map_or(end, |open| end.saturating_sub(12) + open);
        if start > 0 && at(bytes, start - 1) == b' ' {
            end = start - 1;
        }
    }
    let length = if quoted {
        // A quoted name may hold blanks: `"API Key"`.
        back(end, longest, |byte| member(byte, Alphabet::Name) || byte == b' ')
    } else {
        back(end, longest, |byte| member(byte, Alphabet::Name))
    };
    let start = end - length;
    if length == 0 || sub(bytes, start.saturating_sub(10), start) == b"[redacted:" {
        return None;
    }
    let opening = back(start, 3, |byte| matches!(byte, b'"' | b'\'' | b'`' | b'\\'));
    let opened_by = if start > opening { at(bytes, start - opening - 1) } else { 0 };
    let mut wide_start = start;
    if opening == 0 {
        for _ in 0..2 {
            if wide_start == 0 || at(bytes, wide_start - 1) != b' ' {
                break;
            }
            let word = back(wide_start - 1, 24, |byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
            if word == 0 {
                break;
            }
            wide_start -= word + 1;
        }
    }
    let lead = back(wide_start, 16, |byte| matches!(byte, b' ' | b'\t' | b'-' | b'*' | b'"' | b'\'' | b'{'));
    let starts_line = wide_start == lead || at(bytes, wide_start - lead - 1) == b'\n';
    Some(Name { start, end, wide_start, quoted, opened_by, starts_line })
}

/// The value that begins after a sign: quoted, or up to what ends a bare one.
pub(super) fn value_after(bytes: &[u8], sign: usize) -> Option<Value> {
    let gap = sub(bytes, sign, sign + 8).iter().take_while(|&&byte| matches!(byte, b' ' | b'\t')).count();
    // `**Password:** …`: the emphasis of the name ends behind its colon.
    let emphasis = sub(bytes, sign, sign + 3);
    let marks = if gap == 0 && (emphasis == b"** " || emphasis == b"__ ") { 3 } else { 0 };
    let mut start = sign + gap + marks;
    let wrapped = sub(bytes, start, start + 24).iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    if wrapped > 0 && at(bytes, sign.saturating_sub(1)) == b':' && at(bytes, start + wrapped) == b'"' {
        start += wrapped;
    }
    // A block of YAML: the value is on the next line.
    if matches!(at(bytes, start), b'|' | b'>') {
        let sign = 1 + usize::from(matches!(at(bytes, start + 1), b'-' | b'+'));
        let end = usize::from(at(bytes, start + sign) == b'\r');
        let indent = sub(bytes, start + sign + end + 1, start + 48).iter().take_while(|&&byte| byte == b' ').count();
        if at(bytes, start + sign + end) == b'\n' && indent > 0 {
            start += sign + end + 1 + indent;
        }
    }
    // `b'…'`, `f"…"`, `Some("…")`: what only wraps the quotes.
    let wrap = sub(bytes, start, start + 24)
        .iter()
        .take_while(|&&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.'))
        .count();
    let wrapper = at(bytes, start + wrap);
    if wrap == 1 && matches!(wrapper, b'"' | b'\'') && matches!(at(bytes, start), b'b' | b'f' | b'r' | b'u') {
        start += 1;
    } else if wrap > 0
        && wrapper == b'('
        && matches!(at(bytes, start + wrap + 1), b'"' | b'\'')
        && at(bytes, start).is_ascii_uppercase()
    {
        start += wrap + 1;
    }
    if matches!(at(bytes, start), b'&' | b'*' | b'(' | b'[') && matches!(at(bytes, start + 1), b'"' | b'\'') {
        start += 1;
    }
    let escapes = sub(bytes, start, start + 3).iter().take_while(|&&byte| byte == b'\\').count();
    let quote = at(bytes, start + escapes);
    if matches!(quote, b'"' | b'\'' | b'`') {
        let begin = start + escapes + 1;
        let rest = sub(bytes, begin, bytes.len());
        let mut backslashes = 0;
        for (offset, &byte) in rest.iter().enumerate() {
            match byte {
                b'\\' => backslashes += 1,
                _ if byte == quote && backslashes <= escapes && (backslashes == escapes || escapes == 0) => {
                    return (offset > backslashes).then_some(Value {
                        start: begin,
                        end: begin + offset - backslashes,
                        quoted: true,
                        spaced: gap > 0,
                    });
                }
                b'\n' if escapes == 0 && quote != b'`' => break,
                _ => backslashes = 0,
            }
        }
        // Never closed: to the end of the line.
        let length = rest.iter().take_while(|&&byte| byte != b'\n' && byte != b'\r').count();
        return (length > 0).then_some(Value { start: begin, end: begin + length, quoted: true, spaced: gap > 0 });
    }
    let rest = sub(bytes, start, bytes.len());
    let mut length = 0;
    let mut open = 0_usize;
    while let Some(&byte) = rest.get(length) {
        if matches!(byte, b'[' | b'{') {
            open += 1;
        }
        let next = sub(rest, length + 1, length + 40);
        let ends = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'\'' | b'`' => true,
            b'<' => next.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'/' || *byte == b'<'),
            b';' => next.first().is_none_or(|byte| byte.is_ascii_whitespace()) || named(next),
            b'&' | b',' | b'|' => next.first().is_none_or(|byte| byte.is_ascii_whitespace()) || named(next),
            b'\\' => matches!(next.first(), Some(b'"' | b'n' | b'r' | b'\'')),
            b'}' | b']' if open > 0 => {
                open -= 1;
                false
            }
            b'}' | b']' => next
                .first()
                .is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'}' | b']' | b',' | b'"' | b'\'')),
            _ => false,
        };
        if ends {
            break;
        }
        length += 1;
    }
    let length = trim(sub(rest, 0, length)).len();
    (length > 0).then_some(Value { start, end: start + length, quoted: false, spaced: gap > 0 })
}

/// In a connection string (`…;Password=two words;Encrypt=…`) a value goes on to the next semicolon, blanks and all.
pub(super) fn field_end(bytes: &[u8], name: &Name, value: &Value) -> usize {
    let Some(before) = name.wide_start.checked_sub(1) else { return value.end };
    if at(bytes, before) != b';' && !(at(bytes, before) == b' ' && before > 0 && at(bytes, before - 1) == b';') {
        return value.end;
    }
    let rest = sub(bytes, value.start, value.start + 128);
    match rest.iter().position(|byte| matches!(byte, b';' | b'\n' | b'"' | b'\'')) {
        Some(length) if at(rest, length) == b';' && named(sub(rest, length + 1, rest.len())) => value.start + length,
        _ => value.end,
    }
}

/// Whether another `name=` or `name:` begins here.
fn named(bytes: &[u8]) -> bool {
    let quote = usize::from(matches!(bytes.first(), Some(b'"' | b'\'')));
    let rest = sub(bytes, quote, bytes.len());
    let length = rest.iter().take_while(|&&byte| member(byte, Alphabet::Name) || byte == b' ').count();
    length > 0 && (matches!(rest.get(length), Some(b'=' | b':')) || quote > 0)
}

/// Without the signs with which a sentence or a list goes on.
pub(super) fn trim(value: &[u8]) -> &[u8] {
    let mut value = value;
    while let [start @ .., b'.' | b',' | b';' | b':' | b')' | b']' | b'}' | b'"' | b'\'' | b'?'] = value {
        // `[redacted:…]` and a closed bracket belong together.
        if value.ends_with(b"]") && value.contains(&b'[')
            || value.ends_with(b"}") && value.contains(&b'{')
            || value.ends_with(b")") && value.contains(&b'(')
        {
            break;
        }
        value = start;
    }
    value
}

/// What stands where a secret would: `${TOKEN}`, `<password>`, `****`, `%s`, or what was taken out before.
pub(super) fn placeholder(value: &[u8]) -> bool {
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
            let filler = matches!(first, b'*' | b'x' | b'X' | b'.' | b'-' | b'#' | b'_' | b'?' | super::view::OTHER);
            filler && value.iter().all(|&byte| byte == first)
                || value.len() >= 4 && value.iter().filter(|&&byte| byte == b'*').count() * 2 >= value.len()
                || value.iter().all(|&byte| byte == b'.')
        }
    }
}

/// Words that say something of a secret and are none.
pub(super) fn known_word(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let lower = text.to_ascii_lowercase();
    let lower = lower.trim_matches(|ch: char| !ch.is_ascii_alphanumeric());
    lower.is_empty() || words::KNOWN.contains(lower)
}

/// Whether a bare word looks like a password: letters and digits or signs mixed, and no number with a unit, version, date or path.
pub(super) fn password_like(value: &[u8]) -> bool {
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
    if value.starts_with(b"/")
        || value.starts_with(b"./")
        || value.starts_with(b"~/")
        || super::bytes::contains(value, b"://")
    {
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
    (mix.digit || sign || scrambled(value))
        && !unit
        && !version
        && !dotted
        && !value.contains(&b'(')
        && !named_value(value)
}

/// The key of a licence: groups of capitals and digits, as they are printed on a card.
pub(super) fn licence_like(value: &[u8]) -> bool {
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
pub(super) fn name_like(value: &[u8]) -> bool {
    let mix = Mix::of(value);
    !mix.digit
        && value.iter().all(|&byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.' | b'-'))
        && value.iter().any(|byte| matches!(byte, b'_' | b'.' | b'-'))
}

/// Whether lower-case words go on behind a value, so that it is part of a sentence.
pub(super) fn prose_follows(bytes: &[u8], end: usize) -> bool {
    at(bytes, end) == b' ' && at(bytes, end + 1).is_ascii_lowercase() && {
        let word = sub(bytes, end + 1, end + 24).iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        !matches!(at(bytes, end + 1 + word), b'=' | b':')
    }
}

/// A value after `=`, or in quotes: a secret unless it is plainly something else.
pub(super) fn told(bytes: &[u8], value: &Value, kind: &str) -> bool {
    let text = sub(bytes, value.start, value.end);
    if placeholder(text) || known_word(text) || text.starts_with(b"http://") || text.starts_with(b"https://") {
        return false;
    }
    if value.quoted {
        // `"the password": "must be …"` is read as a value; a key must at least be longer than a word.
        return !path_like(text) || kind == "password" && text.len() < 3;
    }
    if path_like(text) || text.starts_with(b"=") {
        return false;
    }
    let mix = Mix::of(text);
    let call = text.contains(&b'(')
        && text.iter().take_while(|&&byte| byte != b'(').all(|&byte| member(byte, Alphabet::Name) || byte == b':');
    // `os.environ['API_KEY']`, `rand::random::<u8>()`
    let path = super::bytes::contains(text, b"::") || text.ends_with(b"[") && !mix.digit;
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
            || code && !mix.other && !(mix.lower && mix.upper && text.len() >= 12))
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
pub(super) fn stated(bytes: &[u8], name: &Name, value: &Value, kind: &str) -> bool {
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
    if !digit && text.contains(&super::view::OTHER) {
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
        return text.len() >= 12 && !prose_follows(bytes, value.end);
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
