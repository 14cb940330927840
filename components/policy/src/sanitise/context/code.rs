//! Secrets in the source of programs, where no sign stands between a name and its value: arguments of a function, comparisons, rows of a
//! table, variables with a default.
//!
//! Always true: a value is quoted, and at a function's or a variable's name it must be one that a person or a generator made.

use super::super::bytes::{Alphabet, at, find, looks_generated, member, sub};
use super::super::keys::{Key, classify};
use super::super::scan::Scan;
use super::super::values;
use super::LONGEST_NAME;

/// How far the parts of one statement are looked for, in bytes.
const REACH: usize = 512;

/// Functions that take the name of a secret, and give it.
const GETS: [&str; 12] =
    ["get", "read", "fetch", "load", "find", "lookup", "prompt", "ask", "require", "env", "resolve", "decrypt"];

/// `set_password("…")`, `.withToken("…")`, at the bracket and its quote.
pub(super) fn argument(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    let Some(name) = values::name_before(bytes, start, LONGEST_NAME).filter(|name| !name.quoted) else { return };
    let Ok(text) = std::str::from_utf8(sub(bytes, name.start, name.end)) else { return };
    let Key::Secret { kind, plural: false } = classify(text) else { return };
    let lower = text.to_ascii_lowercase();
    let last = lower.rsplit('.').next().unwrap_or_default();
    if GETS.iter().any(|verb| last.starts_with(verb)) {
        return;
    }
    let quote = at(bytes, after - 1);
    let Some(length) = sub(bytes, after, after + 256).iter().position(|&byte| byte == quote) else { return };
    let value = sub(bytes, after, after + length);
    let secret = if kind == "password" {
        value.len() >= 4 && !values::name_like(value) && !values::known_word(value) && !value.contains(&b' ')
    } else {
        looks_generated(value, 12) && value.len() >= 16
    };
    if secret && !values::placeholder(value) {
        scan.context(after, after + length, kind);
    }
}

/// `basic_auth("user", "…")`, `auth=("user", "…")`, `jwt.sign(payload, "…")`: the last of the quoted arguments.
pub(super) fn last_argument(scan: &mut Scan<'_>, _: usize, after: usize) {
    let bytes = scan.bytes;
    if !scan.spend() {
        return;
    }
    let window = sub(bytes, after, after + 256);
    let (mut last, mut braced) = (None, false);
    let mut place = 0;
    // To the bracket that closes the call.
    while let Some(&byte) = window.get(place) {
        match byte {
            b'"' | b'\'' => {
                let begin = place + 1;
                let rest = sub(window, begin, window.len());
                let Some(length) = rest.iter().position(|&other| other == byte) else { break };
                // `jwt.sign(claims, "…", { expiresIn: "1h" })`: what stands in braces is no argument.
                if !braced {
                    last = Some((begin, length));
                }
                place = begin + length;
            }
            b'{' => braced = true,
            b'}' => braced = false,
            b')' | b'\n' | b';' => break,
            _ => {}
        }
        place += 1;
    }
    let Some((begin, length)) = last else { return };
    take_argument(scan, after, window, begin, length);
}

/// `mysqli_connect("db", "ann", "…", "app")`: the third of the quoted arguments.
pub(super) fn third_argument(scan: &mut Scan<'_>, _: usize, after: usize) {
    let window = sub(scan.bytes, after, after + 256);
    let mut place = 0;
    for argument in 0..3 {
        let Some(open) = sub(window, place, window.len()).iter().position(|byte| matches!(byte, b'"' | b'\'')) else {
            return;
        };
        let begin = place + open + 1;
        let quote = at(window, begin - 1);
        let Some(length) = sub(window, begin, window.len()).iter().position(|&byte| byte == quote) else { return };
        if argument == 2 {
            take_argument(scan, after, window, begin, length);
        }
        place = begin + length + 1;
    }
}

fn take_argument(scan: &mut Scan<'_>, after: usize, window: &[u8], begin: usize, length: usize) {
    let value = sub(window, begin, begin + length);
    // `btoa('user:…')`
    let lead = value.iter().position(|&byte| byte == b':').map_or(0, |colon| colon + 1);
    let secret = sub(value, lead, value.len());
    if (values::password_like(secret) || looks_generated(secret, 8)) && !secret.contains(&b' ') {
        scan.context(after + begin + lead, after + begin + length, "password");
    }
}

/// `"…" == api_key`: the name stands behind. `place` is behind the sign, `sign` at it.
pub(super) fn compared(scan: &mut Scan<'_>, sign: usize, place: usize) {
    let bytes = scan.bytes;
    let lead = sub(bytes, place, place + 3).iter().take_while(|&&byte| matches!(byte, b' ' | b'=')).count();
    let name = place + lead;
    let length = sub(bytes, name, name + LONGEST_NAME).iter().take_while(|&&byte| member(byte, Alphabet::Name)).count();
    if length < 2 {
        return;
    }
    let gap = sub(bytes, sign.saturating_sub(2), sign).iter().rev().take_while(|&&byte| byte == b' ').count();
    let Some(close) = (sign - gap).checked_sub(1) else { return };
    let quote = at(bytes, close);
    if !matches!(quote, b'"' | b'\'' | b'`') {
        return;
    }
    let from = close.saturating_sub(128);
    let Some(open) = sub(bytes, from, close).iter().rposition(|&byte| byte == quote) else { return };
    let Ok(text) = std::str::from_utf8(sub(bytes, name, name + length)) else { return };
    let Key::Secret { kind, .. } = classify(text) else { return };
    let value = sub(bytes, from + open + 1, close);
    if (looks_generated(value, 8) || values::password_like(value)) && !value.contains(&b' ') {
        scan.context(from + open + 1, close, kind);
    }
}

/// `variable "db_password" { … default = "…" }`, and what else has its name in quotes before a block.
pub(super) fn variable(scan: &mut Scan<'_>, _: usize, after: usize) {
    let bytes = scan.bytes;
    if !scan.spend() {
        return;
    }
    let length = sub(bytes, after, after + LONGEST_NAME).iter().take_while(|&&byte| byte != b'"').count();
    let Ok(name) = std::str::from_utf8(sub(bytes, after, after + length)) else { return };
    let Key::Secret { kind, .. } = classify(name) else { return };
    let block = sub(bytes, after + length, after + length + REACH);
    let block = sub(block, 0, block.iter().position(|&byte| byte == b'}').unwrap_or(block.len()));
    let Some(default) = find(block, b"default") else { return };
    let begin = after + length + default + 7;
    let sign = sub(bytes, begin, begin + 8).iter().take_while(|&&byte| matches!(byte, b' ' | b'=')).count();
    if let Some(value) = values::value_after(bytes, begin + sign).filter(|value| value.quoted)
        && !values::placeholder(sub(bytes, value.start, value.end))
    {
        scan.context(value.start, value.end, kind);
    }
}

/// Most values of a statement that are looked at.
const MOST_VALUES: usize = 64;

/// `INSERT INTO users (name, password) VALUES ('ann', '…')`: the values of the columns whose names say so.
pub(super) fn insert(scan: &mut Scan<'_>, _: usize, after: usize) {
    let bytes = scan.bytes;
    if !scan.spend() {
        return;
    }
    let window = sub(bytes, after, after + REACH);
    let Some(open) = window.iter().position(|&byte| byte == b'(') else { return };
    let Some(close) = window.iter().position(|&byte| byte == b')').filter(|&close| close > open) else { return };
    let columns: Vec<Option<&'static str>> = sub(window, open + 1, close)
        .split(|&byte| byte == b',')
        .take(MOST_VALUES)
        .map(|column| {
            let name = std::str::from_utf8(column).unwrap_or_default();
            let name = name.trim_matches(|ch: char| !ch.is_ascii_alphanumeric() && ch != '_');
            match classify(name) {
                Key::Secret { kind, .. } => Some(kind),
                _ => None,
            }
        })
        .collect();
    if columns.iter().all(Option::is_none) {
        return;
    }
    let mut place = after + close + 1;
    let (mut column, mut looked) = (0, 0);
    // Quoted values, counted by the commas between them; each bracket begins a row.
    let mut rest = sub(bytes, place, place + REACH).iter();
    while let Some(&byte) = rest.next() {
        match byte {
            b'(' => column = 0,
            b',' => column += 1,
            b';' => return,
            b'\'' | b'"' => {
                let begin = place + 1;
                let length = rest.as_slice().iter().take_while(|&&other| other != byte).count();
                if let Some(Some(kind)) = columns.get(column)
                    && !values::placeholder(sub(bytes, begin, begin + length))
                {
                    scan.context(begin, begin + length, kind);
                }
                place += length + 1;
                if length > 0 {
                    rest.nth(length - 1);
                }
                rest.next();
                looked += 1;
                if looked == MOST_VALUES {
                    return;
                }
            }
            _ => {}
        }
        place += 1;
    }
}
