//! Secrets in HTTP headers, with their header's name or by their scheme alone.
//!
//! Always true: the name of the header, the scheme and the names of cookies stay.

use super::super::bytes::{Alphabet, Mix, at, find, looks_generated, member, starts_with_ignore_case, sub};
use super::super::scan::Scan;
use super::super::{checks, values};

/// The stretch of token signs at a place, without the sentence's end.
fn opaque(bytes: &[u8], from: usize) -> usize {
    let length = sub(bytes, from, bytes.len())
        .iter()
        .take_while(|&&byte| member(byte, Alphabet::Opaque) || matches!(byte, b'%' | b'|' | b'!' | b'$'))
        .count();
    let mut end = from + length;
    while end > from && matches!(at(bytes, end - 1), b'.' | b':' | b'!') {
        end -= 1;
    }
    end
}

/// Most cookies of one header that are taken out one by one; the rest goes as a whole.
const MOST_COOKIES: usize = 32;

/// `Bearer <token>`
pub(super) fn scheme(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if start > 0 && member(at(bytes, start - 1), Alphabet::Word) {
        return;
    }
    let end = opaque(bytes, after);
    let token = sub(bytes, after, end);
    let mix = Mix::of(sub(token, 0, 256));
    let opaque = mix.digit && mix.letter() && token.len() >= 8
        || mix.lower && mix.upper && token.len() >= 20
        || token.len() >= 40;
    if opaque && !values::placeholder(token) && !values::known_word(token) {
        scan.context(after, end, "bearer_token");
    }
}

/// `Sec-WebSocket-Protocol: …, bearer.<token>`, as pages send theirs.
pub(super) fn protocol(scan: &mut Scan<'_>, _: usize, after: usize) {
    let end = opaque(scan.bytes, after);
    let token = sub(scan.bytes, after, end);
    if token.len() >= 16 && looks_generated(sub(token, 0, 256), 12) {
        scan.context(after, end, "bearer_token");
    }
}

/// `Basic <user:password in base64>`
pub(super) fn basic(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if start > 0 && member(at(bytes, start - 1), Alphabet::Word) {
        return;
    }
    let end = after
        + sub(bytes, after, bytes.len())
            .iter()
            .take(1024)
            .take_while(|&&byte| member(byte, Alphabet::Base64) || matches!(byte, b'-' | b'_'))
            .count();
    let token = sub(bytes, after, end);
    if token.len() >= 6
        && checks::base64(token).is_some_and(|bytes| bytes.contains(&b':') && bytes.iter().all(|byte| *byte >= 0x20))
    {
        scan.context(after, end, "basic_auth");
    }
}

/// `Digest … response="…"`
pub(super) fn digest(scan: &mut Scan<'_>, _: usize, after: usize) {
    let window = sub(scan.bytes, after, scan.bytes.len().min(after + 512));
    if let Some(response) = find(window, b"response=\"") {
        let start = response + 10;
        let length = sub(window, start, window.len()).iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if length >= 32 {
            scan.context(after + start, after + start + length, "digest_response");
        }
    }
}

/// `L402 <macaroon>:<preimage>`, and as it was called before, LSAT.
pub(super) fn lightning_scheme(scan: &mut Scan<'_>, start: usize, after: usize) {
    if start > 0 && member(at(scan.bytes, start - 1), Alphabet::Word) {
        return;
    }
    let end = opaque(scan.bytes, after);
    if end - after >= 24 && !values::placeholder(sub(scan.bytes, after, end)) {
        scan.context(after, end, "lsat");
    }
}

/// `Cookie: a=b; c=d` and `Set-Cookie: a=b; Path=/`: the values go, the names and attributes stay.
pub(super) fn cookies(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    let mut place = after;
    while at(bytes, place) == b' ' {
        place += 1;
    }
    let set = start >= 4 && starts_with_ignore_case(sub(bytes, start - 4, start), b"set-");
    let quote = start.checked_sub(if set { 5 } else { 1 }).map_or(0, |index| at(bytes, index));
    let stop = |byte: u8| matches!(byte, b'\n' | b'\r') || (matches!(quote, b'"' | b'\'') && byte == quote);
    for round in 0.. {
        let name = sub(bytes, place, bytes.len())
            .iter()
            .take_while(|&&byte| member(byte, Alphabet::Name) || byte == b'%')
            .count();
        if name == 0 || at(bytes, place + name) != b'=' {
            return;
        }
        let begin = place + name + 1;
        let length = sub(bytes, begin, bytes.len())
            .iter()
            .take_while(|&&byte| !stop(byte) && !matches!(byte, b';' | b' ' | b'"' | b'\''))
            .count();
        if round == MOST_COOKIES {
            let end = place + sub(bytes, place, bytes.len()).iter().take_while(|&&byte| !stop(byte)).count();
            scan.context(place, end, "cookie");
            return;
        }
        if (round == 0 || !set) && length > 0 && !values::placeholder(sub(bytes, begin, begin + length)) {
            scan.context(begin, begin + length, "cookie");
        }
        place = begin + length;
        if at(bytes, place) != b';' {
            return;
        }
        place += 1;
        while at(bytes, place) == b' ' {
            place += 1;
        }
    }
}

/// Schemes behind which any word is a value.
const KNOWN_SCHEMES: [&str; 25] = [
    "bearer",
    "basic",
    "token",
    "digest",
    "apikey",
    "api-key",
    "negotiate",
    "ntlm",
    "l402",
    "lsat",
    "nostr",
    "hawk",
    "aws4-hmac-sha256",
    "sso-key",
    "key",
    "splunk",
    "ssws",
    "genie-key",
    "geniekey",
    "deepl-auth-key",
    "bot",
    "jwt",
    "oauth",
    "hmac",
    "klaviyo-api-key",
];

/// `Authorization: <scheme> <value>`, of schemes known or not.
pub(super) fn authorization(scan: &mut Scan<'_>, _: usize, after: usize) {
    let bytes = scan.bytes;
    let mut place = after;
    while matches!(at(bytes, place), b' ' | b'"' | b'\'' | b'\\' | b'[') {
        place += 1;
    }
    let mut end = place;
    let mut word = place;
    // At most three words: the scheme, and a value which a blank may divide.
    let mut strict = false;
    for round in 0..2 {
        let strict_value = strict;
        let length = sub(bytes, word, bytes.len())
            .iter()
            .take_while(|&&byte| member(byte, Alphabet::Bare) && byte != b'\\')
            .count();
        let token = sub(bytes, word, word + length);
        if length == 0 || values::placeholder(token) {
            break;
        }
        // `<scheme> <value>`, of schemes known or not: a word, and what follows it.
        let gap = sub(bytes, word + length, bytes.len()).iter().take(8).take_while(|&&byte| byte == b' ').count();
        let scheme = token.iter().all(|&byte| byte.is_ascii_alphabetic() || byte == b'-' || byte == b'_')
            && token.len() <= 24
            && !values::known_word(token);
        let known = KNOWN_SCHEMES.iter().any(|scheme| token.eq_ignore_ascii_case(scheme.as_bytes()));
        strict = !known;
        if round == 0 && (known || scheme && gap > 0) {
            if gap == 0 {
                return;
            }
            word += length + gap;
            place = word;
            end = word;
            continue;
        }
        let token = values::trim(token);
        let mix = Mix::of(sub(token, 0, 256));
        if values::known_word(token)
            || ((round == 0 || strict_value) && !(mix.digit && mix.letter() && token.len() >= 8))
            || token.len() < 3
        {
            break;
        }
        // Behind a scheme that takes any word, a word of prose is none.
        let plain = !mix.digit && !mix.other && mix.lower != mix.upper;
        if round == 1 && plain && token.len() < 8 {
            break;
        }
        end = word + token.len();
        break;
    }
    if end > place {
        scan.context(place, end, "authorization");
    }
}
