//! Where a name and its value lie in a text, around a sign.
//!
//! Always true: nothing here takes a value; it answers for `context`, and looks at a bounded stretch around a sign. Whether the value can
//! be a secret at all is for [`likely`].

mod likely;

use super::bytes::{Alphabet, at, member, sub};
pub(super) use likely::{known_word, licence_like, name_like, password_like, placeholder, prose_follows, stated, told};

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
    if sub(bytes, start, start + 6) == b"!!str " {
        start += 6;
    }
    // Strings of several lines, as Python and TOML write them.
    let triple = sub(bytes, start, start + 3);
    if triple == b"\"\"\"" || triple == b"'''" {
        start += 2;
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
