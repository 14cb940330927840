//! Sentences that say a secret: a noun, a few words that link, and a value.
//!
//! Always true: a value in a sentence must look like a secret, since most sentences only speak of one.

use super::super::bytes::{
    Alphabet, at, contains, find, is_uuid, looks_generated, member, starts_with_ignore_case, sub,
};
use super::super::keys::{Key, classify};
use super::super::scan::Scan;
use super::super::values;

/// A payment's preimage: the next 64 hexadecimal digits, unless they are said to be its hash.
pub(super) fn preimage(scan: &mut Scan<'_>, _: usize, after: usize) {
    let bytes = scan.bytes;
    let window = sub(bytes, after, bytes.len().min(after + 32));
    let Some(offset) = window.windows(2).position(
        |pair| matches!(pair, [before, digit] if !before.is_ascii_alphanumeric() && digit.is_ascii_hexdigit()),
    ) else {
        return;
    };
    let mut start = after + offset + 1;
    for _ in 0..4 {
        let end = scan.runs.end(bytes, Alphabet::Hex, start);
        if end - start == 64 && !member(at(bytes, end), Alphabet::Word) {
            let between = sub(bytes, after, start).to_ascii_lowercase();
            // `preimage of 8f43…`: what it is the preimage of.
            if !contains(&between, b"hash") && !between.ends_with(b" of ") && !between.ends_with(b" for ") {
                scan.context(start, end, "preimage");
            }
            return;
        }
        // The next word.
        let rest = sub(bytes, start, bytes.len().min(start + 16));
        let Some(gap) = rest.iter().position(|byte| !byte.is_ascii_alphanumeric()) else { return };
        let more = sub(bytes, start + gap, bytes.len().min(start + gap + 8))
            .iter()
            .take_while(|byte| !byte.is_ascii_alphanumeric())
            .count();
        start += gap + more;
    }
}

/// What may stand between a noun and its value.
const LINKS: [&[u8]; 23] = [
    b"is now ",
    b"is set to ",
    b"is: ",
    b"is ",
    b"was ",
    b"set to ",
    b"changed to ",
    b"reset to ",
    b"to ",
    b"as ",
    b"= ",
    b"-> ",
    b"by ",
    b"== ",
    b"| ",
    // an arrow, or another sign that is none of ASCII
    b"\x80 ",
    b"est ",
    b"es ",
    b"ist ",
    b"lautet ",
    b"e ",
    b"- ",
    b"changed from ",
];

/// `the password is …`, `with password …`, `token "…"`: what follows a noun in a sentence, when it looks like a secret.
pub(super) fn sentence(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    // `pw`: two letters end many words.
    let short = after - start == 3 && at(bytes, after - 1) == b' ';
    if short && start > 0 && member(at(bytes, start - 1), Alphabet::Name) {
        return;
    }
    let after = after - usize::from(short);
    // Names with signs in them, `token_count` or `--password`, are read elsewhere.
    if member(at(bytes, after), Alphabet::Name) && at(bytes, after) != b'.' {
        return;
    }
    let noun = sub(bytes, start, after);
    let is = |names: &[&[u8]]| names.iter().any(|name| noun.eq_ignore_ascii_case(name));
    let password = starts_with_ignore_case(noun, b"pass")
        || is(&[b"pwd", b"pw", b"identified by", b"mot de passe", b"contrasena", b"kennwort"]);
    let mut before = [0; 12];
    for (slot, byte) in before.iter_mut().zip(sub(bytes, start.saturating_sub(12), start)) {
        *slot = byte.to_ascii_lowercase();
    }
    if contains(&before, b"public ") || contains(&before, b"page ") || contains(&before, b"expected ") {
        return;
    }
    let mut place = after;
    let closing = matches!(at(bytes, place), b'"' | b'\'' | b'`');
    place += usize::from(closing);
    let mut linked = false;
    if matches!(at(bytes, after), b'\n' | b'\r') && (start == 0 || at(bytes, start - 1) == b'\n') {
        // A label, and the value on a line of its own.
        let gap = sub(bytes, after, after + 4).iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let line = sub(bytes, after + gap, after + gap + 256);
        let line = sub(line, 0, line.iter().take_while(|byte| !byte.is_ascii_whitespace()).count());
        let alone = matches!(at(bytes, after + gap + line.len()), 0 | b'\n' | b'\r');
        if alone && line.len() >= 16 && looks_generated(line, 12) && !values::placeholder(line) {
            scan.context(after + gap, after + gap + line.len(), if password { "password" } else { "secret" });
        }
        return;
    }
    if sub(bytes, place, place + 2) == b" (" {
        // `the password (staging) is …`
        place += sub(bytes, place, place + 24).iter().position(|&byte| byte == b')').map_or(0, |close| close + 1);
    }
    for _ in 0..3 {
        while matches!(at(bytes, place), b' ' | b'\t') {
            place += 1;
        }
        let rest = sub(bytes, place, place + 16);
        let link = LINKS.iter().find(|link| starts_with_ignore_case(rest, link));
        match link {
            Some(link) => {
                place += link.len();
                linked = true;
            }
            None => break,
        }
    }
    if !linked && password && sub(bytes, place, place + 4).eq_ignore_ascii_case(b"for ") {
        // `the password for the staging server is …`
        let window = sub(bytes, place, bytes.len().min(place + 64));
        if let Some(is) = find(window, b" is ").map(|is| is + 4).or_else(|| find(window, b" = ").map(|is| is + 3)) {
            place += is;
            linked = true;
        }
    }
    if place == after {
        return;
    }
    let quote = at(bytes, place);
    let quoted = matches!(quote, b'"' | b'\'' | b'`');
    let begin = place + usize::from(quoted);
    let rest = sub(bytes, begin, bytes.len().min(begin + 512));
    let end = if quoted {
        match rest.iter().position(|&byte| byte == quote) {
            Some(length) => begin + length,
            None => return,
        }
    } else {
        begin
            + values::trim(sub(
                rest,
                0,
                rest.iter()
                    .take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'<' | b'`'))
                    .count(),
            ))
            .len()
    };
    let value = sub(bytes, begin, end);
    if values::placeholder(value) || values::known_word(value) || value.iter().any(u8::is_ascii_whitespace) {
        return;
    }
    // A coin's contract, and an id that sorts by time.
    let id = value.starts_with(b"0x") && value.len() == 42
        || value.len() == 26 && value.starts_with(b"01") && !value.iter().any(u8::is_ascii_lowercase);
    if id && !linked {
        return;
    }
    let secret = if password && quoted && !closing {
        value.len() >= 4 && !values::name_like(value)
    } else if password {
        values::password_like(value)
    } else {
        (looks_generated(value, if linked { 8 } else { 12 }) || is_uuid(value))
            && value.len() >= if linked { 12 } else { 16 }
            && (linked || quoted || !is_uuid(value))
    };
    if secret {
        scan.context(
            begin,
            end,
            if password {
                "password"
            } else if starts_with_ignore_case(noun, b"api") {
                "api_key"
            } else {
                "secret"
            },
        );
    }
}

/// `the encryption key is …`, `stripe_key was …`, `the wallet seed is …`: names of which the words before say what they open.
pub(super) fn key_sentence(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    let noun = sub(bytes, start, after).iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let Some(name) = values::name_before(bytes, start + noun, super::LONGEST_NAME) else { return };
    let Ok(text) = std::str::from_utf8(sub(bytes, name.wide_start, name.end)) else { return };
    let (Key::Secret { kind, .. } | Key::Maybe(kind)) = classify(text) else { return };
    let back = usize::from(matches!(at(bytes, after - 1), b'"' | b'`' | b' '));
    let colon = usize::from(at(bytes, after) == b':');
    let (start, end) = super::beside::value(bytes, after - back + colon);
    let inside = values::trim(sub(bytes, start, end));
    if inside.len() >= 16 && (looks_generated(inside, 12) || is_uuid(inside)) && !values::placeholder(inside) {
        scan.context(start, start + inside.len(), kind);
    }
}

/// `PIN is 1234`, `CVV 123`, `OTP: 482913`
pub(super) fn pin(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if start > 0 && member(at(bytes, start - 1), Alphabet::Word)
        || member(at(bytes, after), Alphabet::Word) && at(bytes, after) != b'2'
    {
        return;
    }
    let mut place = after;
    let rest = sub(bytes, after, after + 12);
    const LINKS: [&[u8]; 9] = [b" code is ", b" is: ", b" is ", b" code: ", b" code ", b": ", b"=", b":", b" "];
    for link in LINKS {
        if starts_with_ignore_case(rest, link) {
            place += link.len();
            break;
        }
    }
    let length = sub(bytes, place, place + 12).iter().take_while(|byte| byte.is_ascii_digit()).count();
    if place > after && (3..=8).contains(&length) && !member(at(bytes, place + length), Alphabet::Word) {
        scan.context(place, place + length, "pin");
    }
}
