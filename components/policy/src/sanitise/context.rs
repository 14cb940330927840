//! Secrets that only what stands around them gives away: a name and a value, a header, an address with a password in it, an
//! option of a command, a sentence.
//!
//! Always true: a value is taken only where a name or a form says secret, and a sentence about a secret ("the password is wrong")
//! is left alone: without quotes or an equals sign a value must look like one. Reading names is for `keys`.

mod address;
mod command;
mod header;
mod manifest;

use super::anchors::Search;
use super::bytes::{Alphabet, at, contains, find, is_uuid, looks_generated, member, starts_with_ignore_case, sub};
use super::keys::{Key, classify};
use super::scan::Scan;
use super::{checks, values};

/// Anchors and what is tried where they stand.
pub(super) static ANCHORS: &[(&str, Search)] = &[
    ("://", address::address),
    (":thin:", address::oracle_address),
    ("@tcp(", address::driver_address),
    ("@unix(", address::driver_address),
    ("bearer ", header::scheme),
    ("basic ", header::basic),
    ("digest ", header::digest),
    ("l402 ", header::lightning_scheme),
    ("lsat ", header::lightning_scheme),
    ("apikey ", header::scheme),
    ("cookie:", header::cookies),
    ("authorization:", header::authorization),
    ("authorization\":", header::authorization),
    ("mot de passe", sentence),
    ("contrasena", sentence),
    ("passwort", sentence),
    ("kennwort", sentence),
    ("private-key", sentence),
    ("preshared-key", sentence),
    ("pin:", pin),
    ("verification code", pin),
    ("security code", pin),
    ("one-time code", pin),
    ("one-time password", pin),
    ("login code", pin),
    ("preimage", preimage),
    ("password", sentence),
    ("passwd", sentence),
    ("passphrase", sentence),
    ("passcode", sentence),
    ("pwd", sentence),
    ("secret", sentence),
    ("token", sentence),
    ("api key", sentence),
    ("api-key", sentence),
    ("api_key", sentence),
    ("apikey", sentence),
    ("private key", sentence),
    ("access key", sentence),
    ("credential", sentence),
    ("identified by", sentence),
    ("mnemonic", sentence),
    ("seed phrase", sentence),
    ("pin code", sentence),
    ("pin is", pin),
    ("cvv", pin),
    ("otp", pin),
    ("passw0rd", sentence),
    ("-p", command::command_option),
    ("-u", command::command_option),
    ("-a", command::command_option),
    ("-w", command::command_option),
    ("-U", command::command_option),
    ("-n", command::command_option),
    ("-k", command::command_option),
    ("-b", command::command_option),
    ("--pass ", command::command_option),
    ("--auth ", command::command_option),
    ("--body ", command::command_option),
    ("-password ", command::dash_option),
    ("-passwd ", command::dash_option),
    ("-passphrase ", command::dash_option),
    ("-storepass ", command::dash_option),
    ("-keypass ", command::dash_option),
    ("-token ", command::dash_option),
    ("-secret ", command::dash_option),
    ("-apikey ", command::dash_option),
    ("--password-stdin", command::piped),
    ("--with-token", command::piped),
    ("sudo -s", command::piped),
    ("chpasswd", command::piped),
    ("htpasswd -", command::last_word),
    ("wpa_passphrase ", command::last_word),
    ("bindpw ", command::last_word),
    ("securestring ", command::quoted_word),
    ("rclone obscure ", command::last_word),
    ("net use ", command::last_word),
    ("cargo login ", command::last_word),
    ("poetry config ", command::last_word),
    ("requirepass ", command::last_word),
    ("nickserv identify ", command::last_word),
    ("sqlplus ", command::user_and_password),
    ("lftp -u ", command::user_and_password),
    ("secrets set ", command::literal),
    ("--from-literal=", command::literal),
    ("--from-literal ", command::literal),
    ("auth plain ", command::mail_login),
    ("auth login ", command::mail_login),
    ("auth ", command::redis_auth),
    (":5432:", address::pgpass),
    ("kind: secret", manifest::manifest),
    ("-pw", command::command_option),
    ("--", command::long_option),
    ("sig=", address::signature),
    ("signature=", address::signature),
    ("x-amz-security-token=", address::signature),
    ("vault login ", command::login_word),
    ("</", element),
    ("configure set ", command::set_word),
    ("config set ", command::set_word),
    ("setenv ", command::set_word),
    ("env ", command::set_word),
    ("machine ", command::netrc),
];

/// Longest name before a sign that is read, in bytes.
const LONGEST_NAME: usize = 64;

/// `name=value`, `name: value`, `"name": "value"`, `name => value` and their like, all over the text.
pub(super) fn assignments(scan: &mut Scan<'_>) {
    let bytes = scan.bytes;
    // An attribute that named a secret: the next `value` is it.
    let mut named: Option<(usize, &'static str)> = None;
    let mut last: Option<(&str, Key)> = None;
    let mut place = 0;
    while place < bytes.len() {
        let Some(offset) =
            sub(bytes, place, bytes.len()).iter().position(|byte| matches!(byte, b'=' | b':' | b',' | b'>'))
        else {
            return;
        };
        let sign = place + offset;
        place = sign + 1;
        let (operator_start, operator_end) =
            match (at(bytes, sign), at(bytes, sign + 1), sign.checked_sub(1).map_or(0, |index| at(bytes, index))) {
                (b'=', b'=' | b'~', _) | (b'=', _, b'=' | b'!' | b'<') => {
                    place = sign + 2;
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
                _ => (sign, sign + 1),
            };
        place = operator_end;
        let Some(mut name) = values::name_before(bytes, operator_start, LONGEST_NAME) else { continue };
        let typed = sub(bytes, name.start, name.end);
        if at(bytes, sign) == b'='
            && (typed.eq_ignore_ascii_case(b"string") || typed == b"str")
            && sub(bytes, name.start.saturating_sub(2), name.start) == b": "
        {
            // `token: string = …`: the name stands before its type.
            let Some(declared) = values::name_before(bytes, name.start - 2, LONGEST_NAME) else { continue };
            name = declared;
        }
        if at(bytes, sign) == b',' && !(name.quoted && matches!(name.opened_by, b'(' | b'[')) {
            continue;
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
            if let (Key::Secret { .. }, Key::Maybe(_)) = (alone, key) {
                key = alone;
            }
        }
        if let Some((since, kind)) = named
            && is(&["value", "val", "content", "string"])
            && sign - since < 160
        {
            named = None;
            key = Key::Secret { kind, plural: false };
        }
        if is(&["pass"]) && at(bytes, sign) == b':' {
            key = Key::Secret { kind: "password", plural: false };
        }
        let names = is(&["name", "key", "header", "variable", "env"]) || is(&["type"]) && at(bytes, sign) == b'=';
        // `?key=…`: a key of a map as often as one of an interface.
        let query = is(&["key"]) && at(bytes, sign) == b'=' && matches!(name.opened_by, b'?' | b'&');
        if key == Key::Plain && !names {
            continue;
        }
        let Some(mut value) = values::value_after(bytes, operator_end) else { continue };
        if at(bytes, sign) == b'=' && !value.quoted && !value.spaced {
            value.end = value.end.max(values::field_end(bytes, &name, &value));
        }
        let inside = sub(bytes, value.start, value.end);
        if query && inside.len() >= 20 && looks_generated(inside, 16) && !checks::all(inside, Alphabet::Hex) {
            scan.context(value.start, value.end, "api_key");
            continue;
        }
        if key == Key::Plain {
            if inside.len() <= LONGEST_NAME
                && let Ok(text) = std::str::from_utf8(inside)
                && let Key::Secret { kind, .. } = classify(text)
            {
                named = Some((value.end, kind));
                place = value.end;
                // A part of a form: its value stands behind an empty line.
                let rest = sub(bytes, value.end + 1, value.end + 5);
                let gap = if rest == b"\r\n\r\n" { 4 } else { 2 };
                if value.quoted && (gap == 4 || rest.starts_with(b"\n\n")) {
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
        let taken = if kind == "authorization" || kind == "cookie" {
            // `authorization`, `cookie`: their anchors know the form. Here only what they leave.
            at(bytes, sign) != b':'
                && if sure { values::told(bytes, &value, kind) } else { looks_generated(inside, 12) }
        } else if at(bytes, sign) == b',' {
            value.quoted && values::password_like(inside)
        } else if !sure {
            looks_generated(inside, 8) || kind == "password" && at(bytes, sign) == b'=' && values::password_like(inside)
        } else if is(&["pass"]) && contains(sub(bytes, name.start.saturating_sub(12), name.start), b"-pass") {
            // OpenSSL: `-passin pass:…`
            true
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

/// A payment's preimage: the next 64 hexadecimal digits, unless they are said to be its hash.
fn preimage(scan: &mut Scan<'_>, _: usize, after: usize) {
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
            if !contains(&between, b"hash") {
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
fn sentence(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    // Names with signs in them, `token_count` or `--password`, are read elsewhere.
    if member(at(bytes, after), Alphabet::Name) && at(bytes, after) != b'.' {
        return;
    }
    let noun = sub(bytes, start, after);
    let is = |names: &[&[u8]]| names.iter().any(|name| noun.eq_ignore_ascii_case(name));
    let password = starts_with_ignore_case(noun, b"pass")
        || is(&[b"pwd", b"identified by", b"mot de passe", b"contrasena", b"kennwort"]);
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
        values::password_like(value) && (linked || value.len() >= 6)
    } else {
        looks_generated(value, if linked { 8 } else { 12 })
            && value.len() >= if linked { 12 } else { 16 }
            && !is_uuid(value)
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

/// `PIN is 1234`, `CVV 123`, `OTP: 482913`
fn pin(scan: &mut Scan<'_>, start: usize, after: usize) {
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

/// `<password>value</password>`, at the closing tag.
fn element(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    let length = sub(bytes, after, after + LONGEST_NAME)
        .iter()
        .take_while(|&&byte| member(byte, Alphabet::Name) || byte == b':')
        .count();
    let from = start.saturating_sub(4096);
    let Ok(name) = std::str::from_utf8(sub(bytes, after, after + length)) else { return };
    let Key::Secret { kind, .. } = classify(name) else { return };
    let Some(open) = sub(bytes, from, start).iter().rposition(|&byte| byte == b'>') else { return };
    let value = sub(bytes, from + open + 1, start);
    let text = value.trim_ascii();
    if text.is_empty() || values::placeholder(text) || contains(text, b"[redacted:") {
        return;
    }
    let lead = value.len() - value.trim_ascii_start().len();
    scan.context(from + open + 1 + lead, from + open + 1 + lead + text.len(), kind);
}
