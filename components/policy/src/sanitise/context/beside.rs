//! Names and their values with a sign between them that is no operator: `token|…`, `api_key(…)`, `secret[…]`, `[token] …`, an arrow.
//!
//! Always true: such signs stand everywhere, so that only a value which looks generated is taken, and none that has the length of a hash
//! where a program would print one.

use super::super::bytes::{Alphabet, at, looks_generated, member, sub};
use super::super::keys::{Key, classify};
use super::super::scan::Scan;
use super::super::{checks, values};
use super::LONGEST_NAME;

/// A name before a bracket, a bar or an arrow, and what follows.
pub(super) fn beside(scan: &mut Scan<'_>, sign: usize) {
    let bytes = scan.bytes;
    let which = at(bytes, sign);
    let Some(before) = sign.checked_sub(1).map(|index| at(bytes, index)) else { return };
    let spaced = before == b' ';
    let brackets = matches!(which, b'(' | b'[' | b']');
    let balanced = if which == b']' { at(bytes, sign + 1) == b' ' } else { spaced == (at(bytes, sign + 1) == b' ') };
    // What is quoted in a bracket is an argument, and for `code`.
    let quoted = brackets && matches!(at(bytes, sign + 1), b'"' | b'\'' | b'`');
    if !balanced || quoted || spaced && brackets || !(spaced || member(before, Alphabet::Name) || before == b'`') {
        return;
    }
    // The value first: most are short, and names cost more to read.
    let (start, end) = value(bytes, sign + 1);
    let inside = sub(bytes, start, end);
    let closed = match which {
        b'(' => at(bytes, end) == b')',
        b'[' => at(bytes, end) == b']',
        _ => true,
    };
    let hash = brackets && matches!(inside.len(), 40 | 64) && checks::all(inside, Alphabet::Hex);
    let generated = inside.len() >= 16 && looks_generated(inside, 12);
    if !closed || hash || !generated && (!values::password_like(inside) || brackets && which != b']') {
        return;
    }
    let Some(name) = values::name_before(bytes, sign, LONGEST_NAME) else { return };
    if brackets && name.quoted || which == b']' && name.start.checked_sub(1).map(|index| at(bytes, index)) != Some(b'[')
    {
        return;
    }
    let Ok(text) = std::str::from_utf8(sub(bytes, name.start, name.end)) else { return };
    let key = classify(text);
    let (Key::Secret { kind, .. } | Key::Maybe(kind)) = key else { return };
    // `[token] …` begins a line of a log; `[stripe_api_key] …` speaks of one.
    if which == b']' && !text.contains(['_', '-']) {
        return;
    }
    let password = kind == "password" && (which != b']' || matches!(key, Key::Secret { .. }));
    if (generated || password) && !values::placeholder(inside) {
        scan.context(start, end, kind);
    }
}

/// Longest value that is looked for behind such a sign, in bytes.
const LONGEST_VALUE: usize = 512;

/// Where the word behind a place begins and ends, without its quotes; nothing when it is longer than a value.
pub(super) fn value(bytes: &[u8], from: usize) -> (usize, usize) {
    let gap = sub(bytes, from, from + 2).iter().take_while(|&&byte| byte == b' ').count();
    let quote = usize::from(matches!(at(bytes, from + gap), b'"' | b'\'' | b'`'));
    let start = from + gap + quote;
    let rest = sub(bytes, start, start + LONGEST_VALUE);
    // Every sign that a value is looked for behind ends one, so that all looks together pass a text once.
    let ends = |byte: &u8| {
        !byte.is_ascii_graphic()
            || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'(' | b')' | b'[' | b']' | b'|' | b',' | b';')
    };
    match rest.iter().position(ends) {
        Some(length) => (start, start + length),
        None if rest.len() < LONGEST_VALUE => (start, start + rest.len()),
        None => (start, start),
    }
}
