//! Names and their values all over a text: `name=value`, `name: value`, `"name": "value"`, `name => value`, elements of XML.
//!
//! Always true: one walk over the signs of a text; a sign costs a look at a bounded stretch before and behind it. Where name and value
//! end is for `values`, what a name means for `keys`.

use super::super::bytes::{Alphabet, at, contains, is_uuid, looks_generated, member, signs_between, sub};
use super::super::keys::{Key, classify};
use super::super::scan::Scan;
use super::super::{checks, values};
use super::LONGEST_NAME;
use crate::piece::first_marked;

/// Words that begin what is named; what stands before them is no part of the name.
const DETERMINERS: [&[u8]; 8] = [b"the", b"a", b"my", b"your", b"our", b"this", b"new", b"his"];

/// `name=value`, `name: value`, `"name": "value"`, `name => value` and their like, all over the text.
pub(in super::super) fn assignments(scan: &mut Scan<'_>) {
    let bytes = scan.bytes;
    // An attribute that named a secret: the next `value` is it.
    let mut named: Option<(usize, Key)> = None;
    let mut last: Option<(&str, Key)> = None;
    let mut place = 0;
    while place < bytes.len() {
        let Some(offset) = first_marked(sub(bytes, place, bytes.len()), signs_between) else { return };
        let sign = place + offset;
        place = sign + 1;
        if !matches!(at(bytes, sign), b'=' | b':' | b',' | b'>') {
            super::beside::beside(scan, sign);
            continue;
        }
        let (operator_start, operator_end) =
            match (at(bytes, sign), at(bytes, sign + 1), sign.checked_sub(1).map_or(0, |index| at(bytes, index))) {
                (b'=', b'=' | b'~', _) | (b'=', _, b'=' | b'!' | b'<') => {
                    place = sign + 2;
                    super::code::compared(scan, sign, place);
                    continue;
                }
                (b'=', b'>', _) => (sign, sign + 2),
                (b':', b'=', _) => (sign, sign + 2),
                (b':', b':', _) => {
                    place = sign + 2;
                    continue;
                }
                (b':', b'/', _) if at(bytes, sign + 2) == b'/' => continue,
                (b'>', _, b'-') => (sign - 1, sign + 1),
                (b'>', _, _) => continue,
                (b'=' | b':', _, b'?' | b'+' | b':') => (sign - 1, sign + 1),
                (b'=', _, b'|') => (sign.saturating_sub(2), sign + 1),
                _ => (sign, sign + 1),
            };
        place = operator_end;
        if at(bytes, sign) == b':' {
            super::address::bare(scan, sign);
        }
        let Some(mut name) = values::name_before(bytes, operator_start, LONGEST_NAME) else { continue };
        let typed = sub(bytes, name.start, name.end);
        // `: string`, `: &str`
        let typed_by = [b": &".as_slice(), b": "].into_iter().find(|sign| sub(bytes, 0, name.start).ends_with(sign));
        if at(bytes, sign) == b'='
            && (typed.eq_ignore_ascii_case(b"string") || typed == b"str")
            && let Some(typed_by) = typed_by
        {
            // `token: string = …`: the name stands before its type.
            let Some(declared) = values::name_before(bytes, name.start - typed_by.len(), LONGEST_NAME) else {
                continue;
            };
            name = declared;
        }
        if at(bytes, sign) == b',' && !listed(bytes, &name) {
            continue;
        }
        // `-Ddb.password=…`, as Java takes properties.
        if sub(bytes, name.start, name.end).starts_with(b"-D") {
            name.start += 2;
            name.wide_start = name.start;
        }
        let Ok(text) = std::str::from_utf8(sub(bytes, name.start, name.end)) else { continue };
        let is = |names: &[&str]| names.iter().any(|name| text.eq_ignore_ascii_case(name));
        // Logs repeat their names.
        let mut key = match last {
            Some((name, key)) if name == text => key,
            _ => classify(text),
        };
        last = Some((text, key));
        if key == Key::Plain && name.wide_start < name.start && matches!(at(bytes, sign), b':' | b'=')
            || matches!(key, Key::Secret { .. }) && name.wide_start < name.start && !name.quoted
        {
            let alone = key;
            // `API key: …`, `public key: …`: the words before belong to the name.
            if let Ok(wide) = std::str::from_utf8(sub(bytes, name.wide_start, name.end)) {
                key = classify(wide);
            }
            // `npm set _auth=…`: words before a name that is one by itself take nothing from it unless they turn it.
            let before = sub(bytes, name.wide_start, name.start).trim_ascii_end();
            let determined = DETERMINERS.iter().any(|word| {
                before.eq_ignore_ascii_case(word)
                    || before.len() > word.len() && {
                        let tail = sub(before, before.len() - word.len(), before.len());
                        tail.eq_ignore_ascii_case(word) && at(before, before.len() - word.len() - 1) == b' '
                    }
            });
            match (alone, key) {
                (Key::Secret { .. }, Key::Maybe(_)) => key = alone,
                // `here is the token: …`: words of a sentence, and none of the name.
                (Key::Secret { .. }, Key::Plain) if determined => key = alone,
                _ => {}
            }
        }
        if let Some((since, told)) = named
            && is(&["value", "val", "content", "string"])
            && sign - since < 160
        {
            named = None;
            key = told;
        }
        if is(&["pass"]) && at(bytes, sign) == b':' {
            key = Key::Secret { kind: "password", plural: false };
        }
        let names = is(&["name", "key", "header", "variable", "env"]) || is(&["type"]) && at(bytes, sign) == b'=';
        // `?key=…`, `?code=…`: a key of a map as often as one of an interface.
        let query = is(&["key", "code"]) && at(bytes, sign) == b'=' && matches!(name.opened_by, b'?' | b'&');
        let query = query && key == Key::Plain;
        if key == Key::Plain && !names && !query {
            continue;
        }
        let Some(mut value) = values::value_after(bytes, operator_end) else { continue };
        if value.quoted && closes(bytes, &name, &value, operator_end) {
            continue;
        }
        if at(bytes, sign) == b':' && !value.quoted && at(bytes, value.start) == b'[' && within_dump(bytes, &name) {
            // `map[X-Token:[…]]`: a list of one, as Go prints headers.
            value.start += 1;
            let length = sub(bytes, value.start, value.start + 1024).iter().take_while(|&&byte| byte != b']').count();
            value.end = value.start + length;
        }
        if at(bytes, sign) == b'=' && !value.quoted && !value.spaced {
            value.end = value.end.max(values::field_end(bytes, &name, &value));
        }
        let inside = sub(bytes, value.start, value.end);
        if query && inside.len() >= 20 && looks_generated(inside, 16) && !checks::all(inside, Alphabet::Hex) {
            scan.context(value.start, value.end, "api_key");
            continue;
        }
        // `token: node.token`: the same name goes on.
        let again = |path: &[u8]| path.ends_with(b".") && !value.quoted;
        if inside.eq_ignore_ascii_case(text.as_bytes()) || inside.strip_suffix(text.as_bytes()).is_some_and(again) {
            continue;
        }
        if key == Key::Plain {
            if inside.len() <= LONGEST_NAME
                && let Ok(text) = std::str::from_utf8(inside)
                && let key @ (Key::Secret { kind, .. } | Key::Maybe(kind)) = classify(text)
            {
                named = Some((value.end, key));
                place = value.end;
                if matches!(key, Key::Maybe(_)) {
                    continue;
                }
                // A part of a form: its value stands behind an empty line.
                let rest = sub(bytes, value.end + 1, value.end + 5);
                let gap = if rest == b"\r\n\r\n" { 4 } else { 2 };
                // `<entry key="db.password">…</entry>`
                if value.quoted && at(bytes, value.end + 1) == b'>' {
                    let tag = sub(bytes, value.end + 2, value.end + 9);
                    let start = value.end + 2 + if tag == b"<value>" { 7 } else { 0 };
                    let length = sub(bytes, start, start + 1024).iter().take_while(|&&byte| byte != b'<').count();
                    let text = sub(bytes, start, start + length);
                    if at(bytes, start + length) == b'<' && !values::placeholder(text.trim_ascii()) {
                        scan.context(start, start + length, kind);
                        named = None;
                    }
                } else if value.quoted && (gap == 4 || rest.starts_with(b"\n\n")) {
                    let start = value.end + 1 + gap;
                    let length =
                        sub(bytes, start, start + 1024).iter().take_while(|byte| !byte.is_ascii_control()).count();
                    if !values::placeholder(sub(bytes, start, start + length)) {
                        scan.context(start, start + length, kind);
                    }
                    named = None;
                }
            }
            continue;
        }
        let (Key::Secret { kind, .. } | Key::Maybe(kind)) = key else { continue };
        let sure = matches!(key, Key::Secret { .. });
        if kind == "mnemonic"
            && !value.quoted
            && let Some(end) = phrase_end(bytes, &value)
        {
            scan.context(value.start, end, kind);
            place = place.max(end);
            continue;
        }
        let taken = if at(bytes, sign) == b'>' && !value.quoted && !values::password_like(inside) {
            // `password -> PasswordEncoder`: an arrow points at a part of a program more often.
            looks_generated(inside, 8) || sure && is_uuid(inside)
        } else if kind == "authorization" || kind == "cookie" {
            // `authorization`, `cookie`: their anchors know the form. Here only what they leave.
            let header = is(&["authorization", "proxy-authorization", "cookie", "set-cookie"]);
            match at(bytes, sign) {
                b':' if header || !value.quoted && !sure => {
                    (!header || value.quoted || kind == "cookie") && header_value(inside, kind)
                }
                b':' if !value.quoted => values::stated(bytes, &name, &value, kind),
                b',' => value.quoted && header_value(inside, kind),
                _ if sure => values::told(bytes, &value, kind),
                _ => looks_generated(inside, 12),
            }
        } else if at(bytes, sign) == b',' {
            value.quoted
                && (values::password_like(inside)
                    || sure && kind != "password" && (is_uuid(inside) || looks_generated(inside, 12))
                    || kind == "mnemonic" && phrase_end(bytes, &value).is_some())
        } else if !sure {
            looks_generated(inside, 8) && (value.quoted || !inside.contains(&b'('))
                || kind == "api_key" && values::licence_like(inside)
                || kind == "password" && at(bytes, sign) == b'=' && values::password_like(inside)
        } else if is(&["pass"]) && contains(sub(bytes, name.start.saturating_sub(12), name.start), b"-pass") {
            // OpenSSL: `-passin pass:…`
            true
        } else if at(bytes, sign) == b':' && !value.spaced && !value.quoted && within_dump(bytes, &name) {
            // `map[password:… user:ann]`, as programs print what they hold.
            (kind == "password" || looks_generated(inside, 8) || sure && is_uuid(inside))
                && values::told(bytes, &value, kind)
                && !values::name_like(inside)
        } else if at(bytes, sign) == b':' && !value.quoted {
            values::stated(bytes, &name, &value, kind)
        } else {
            values::told(bytes, &value, kind)
        };
        if taken {
            scan.context(value.start, value.end, kind);
            place = place.max(value.end);
        }
    }
}

/// Whether the quote behind a sign ends a text that holds the sign, and opens none: `split("token=")`, or `token=` in a sentence.
fn closes(bytes: &[u8], name: &values::Name, value: &values::Value, from: usize) -> bool {
    let quote = at(bytes, from);
    let first = at(bytes, value.start);
    value.start == from + 1 && (matches!(first, b')' | b';') || first == b',' && at(bytes, value.start + 1) == b' ')
        || quote == b'`' && name.start.checked_sub(1).map(|index| at(bytes, index)) == Some(quote)
}

/// Whether a quoted name before a comma may have its value behind it: in a bracket, as bytes of Python too, or first on its line.
fn listed(bytes: &[u8], name: &values::Name) -> bool {
    let opening = |byte| matches!(byte, b'(' | b'[');
    let before = name.start.checked_sub(3).map_or(0, |index| at(bytes, index));
    name.quoted
        && (opening(name.opened_by) || name.opened_by == b'b' && opening(before) || matches!(name.opened_by, 0 | b'\n'))
}

/// Whether what stands behind the name of a header is its value: `sid=…; Path=/`, `Nostr …`, something generated.
fn header_value(value: &[u8], kind: &str) -> bool {
    let last = value.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
    let cookie = kind == "cookie"
        && value.iter().skip(1).position(|&byte| byte == b'=').is_some_and(|sign| sign + 6 < value.len());
    !values::placeholder(value) && (looks_generated(last, 12) || cookie)
}

/// Where the words of a seed phrase end that stand without quotes behind their name; none when there are fewer than a phrase has.
fn phrase_end(bytes: &[u8], value: &values::Value) -> Option<usize> {
    let (mut place, mut end, mut words) = (value.start, value.start, 0);
    while words < 24 {
        let length = sub(bytes, place, place + 9).iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        checks::bip39_word(sub(bytes, place, place + length)).filter(|_| length > 0)?;
        words += 1;
        end = place + length;
        let gap = sub(bytes, end, end + 3).iter().take_while(|byte| matches!(byte, b' ' | b',' | b'\n')).count();
        place = end + gap;
        let next = sub(bytes, place, place + 9).iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        if gap == 0 || checks::bip39_word(sub(bytes, place, place + next)).is_none() {
            break;
        }
    }
    (words >= 11).then_some(end)
}

/// Whether a name stands in what a program prints of a map or a structure: `map[a:b c:d]`, `&{A:b C:d}`.
fn within_dump(bytes: &[u8], name: &values::Name) -> bool {
    matches!(name.opened_by, b'[' | b'{')
        || name.opened_by == b' '
            && sub(bytes, name.start.saturating_sub(48), name.start).iter().any(|byte| matches!(byte, b'[' | b'{'))
}

/// `<password>value</password>`, at the closing tag.
pub(super) fn element(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    let length = sub(bytes, after, after + LONGEST_NAME)
        .iter()
        .take_while(|&&byte| member(byte, Alphabet::Name) || byte == b':')
        .count();
    let from = start.saturating_sub(4096);
    let Ok(name) = std::str::from_utf8(sub(bytes, after, after + length)) else { return };
    if name == "key" {
        named_element(scan, start, after + length);
        return;
    }
    let key = classify(name);
    let (Key::Secret { kind, .. } | Key::Maybe(kind)) = key else { return };
    let Some(open) = sub(bytes, from, start).iter().rposition(|&byte| byte == b'>') else { return };
    let value = sub(bytes, from + open + 1, start);
    let text = value.trim_ascii();
    let sure = matches!(key, Key::Secret { .. }) || looks_generated(text, 12) && text.len() >= 16;
    if !sure || text.is_empty() || values::placeholder(text) || contains(text, b"[redacted:") {
        return;
    }
    let lead = value.len() - value.trim_ascii_start().len();
    scan.context(from + open + 1 + lead, from + open + 1 + lead + text.len(), kind);
}

/// `<key>api_key</key><string>value</string>`, as property lists have it.
fn named_element(scan: &mut Scan<'_>, close: usize, end: usize) {
    let bytes = scan.bytes;
    let name = sub(bytes, close.saturating_sub(LONGEST_NAME), close);
    let name = sub(name, name.iter().rposition(|&byte| byte == b'>').map_or(name.len(), |open| open + 1), name.len());
    let Ok(name) = std::str::from_utf8(name) else { return };
    let Key::Secret { kind, .. } = classify(name) else { return };
    let window = sub(bytes, end, end + 64);
    let Some(tag) = window.iter().position(|&byte| byte == b'<') else { return };
    let Some(open) = sub(window, tag, window.len()).iter().position(|&byte| byte == b'>') else { return };
    let start = end + tag + open + 1;
    let length = sub(bytes, start, start + 1024).iter().take_while(|&&byte| byte != b'<').count();
    if !values::placeholder(sub(bytes, start, start + length)) {
        scan.context(start, start + length, kind);
    }
}
