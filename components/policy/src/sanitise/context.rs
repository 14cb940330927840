//! Secrets that only what stands around them gives away: a name and a value, a header, an address with a password in it, an
//! option of a command, a sentence.
//!
//! Always true: a value is taken only where a name or a form says secret, and a sentence about a secret ("the password is wrong")
//! is left alone: without quotes or an equals sign a value must look like one. Reading names is for `keys`.

use super::bytes::{Alphabet, Mix, at, contains, find, is_uuid, looks_generated, member, starts_with_ignore_case, sub};
use super::keys::{Key, classify};
use super::scan::Scan;
use super::{checks, values};

type Search = fn(&mut Scan<'_>, usize, usize);

/// Anchors and what is tried where they stand.
pub(super) static ANCHORS: &[(&str, Search)] = &[
    ("://", address),
    (":thin:", oracle_address),
    ("@tcp(", driver_address),
    ("@unix(", driver_address),
    ("bearer ", scheme),
    ("basic ", basic),
    ("digest ", digest),
    ("l402 ", lightning_scheme),
    ("lsat ", lightning_scheme),
    ("apikey ", scheme),
    ("cookie:", cookies),
    ("authorization:", authorization),
    ("authorization\":", authorization),
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
    ("-p", command_option),
    ("-u", command_option),
    ("-a", command_option),
    ("-w", command_option),
    ("-U", command_option),
    ("-pw", command_option),
    ("--", long_option),
    ("sig=", signature),
    ("signature=", signature),
    ("x-amz-security-token=", signature),
    ("vault login ", login_word),
    ("</", element),
    ("machine ", netrc),
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
        let Some(name) = values::name_before(bytes, operator_start, LONGEST_NAME) else { continue };
        if at(bytes, sign) == b',' && !(name.quoted && matches!(name.opened_by, b'(' | b'[')) {
            continue;
        }
        let Ok(text) = std::str::from_utf8(sub(bytes, name.start, name.end)) else { continue };
        let lower = text.to_ascii_lowercase();
        // Logs repeat their names.
        let mut key = match last {
            Some((name, key)) if name == text => key,
            _ => classify(text),
        };
        last = Some((text, key));
        if key == Key::Plain && name.wide_start < name.start && at(bytes, sign) == b':'
            || matches!(key, Key::Secret { .. }) && name.wide_start < name.start && !name.quoted
        {
            // `API key: …`, `public key: …`: the words before belong to the name.
            if let Ok(wide) = std::str::from_utf8(sub(bytes, name.wide_start, name.end)) {
                key = classify(wide);
            }
        }
        if let ("value" | "val" | "content" | "string", Some((since, kind))) = (lower.as_str(), named)
            && sign - since < 160
        {
            named = None;
            key = Key::Secret { kind, plural: false };
        }
        if lower == "pass" && at(bytes, sign) == b':' {
            key = Key::Secret { kind: "password", plural: false };
        }
        if key == Key::Plain && !matches!(lower.as_str(), "name" | "key" | "header" | "variable" | "env") {
            continue;
        }
        let Some(mut value) = values::value_after(bytes, operator_end) else { continue };
        if at(bytes, sign) == b'=' && !value.quoted && !value.spaced {
            value.end = value.end.max(values::field_end(bytes, &name, &value));
        }
        let inside = sub(bytes, value.start, value.end);
        if key == Key::Plain {
            if inside.len() <= LONGEST_NAME
                && let Ok(text) = std::str::from_utf8(inside)
                && let Key::Secret { kind, .. } = classify(text)
            {
                named = Some((value.end, kind));
                place = value.end;
            }
            continue;
        }
        let (Key::Secret { kind, .. } | Key::Maybe(kind)) = key else { continue };
        let sure = matches!(key, Key::Secret { .. });
        let taken = if kind == "authorization" || kind == "cookie" {
            // `authorization`, `cookie`: their anchors know the form. Here only what they leave.
            sure && at(bytes, sign) != b':' && values::told(bytes, &value, kind)
        } else if at(bytes, sign) == b',' {
            value.quoted && values::password_like(inside)
        } else if !sure {
            looks_generated(inside, 8) || kind == "password" && at(bytes, sign) == b'=' && values::password_like(inside)
        } else if lower == "pass" && contains(sub(bytes, name.start.saturating_sub(12), name.start), b"-pass") {
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

/// `scheme://user:password@host`, whatever signs the password has.
fn address(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if start == 0 || !at(bytes, start - 1).is_ascii_alphanumeric() {
        return;
    }
    let whole = (scan.runs.end(bytes, Alphabet::Bare, after) - after).min(1024);
    let rest = sub(bytes, after, after + whole);
    let authority = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#' | b',' | b'\\')).unwrap_or(whole);
    let colon = sub(rest, 0, authority).iter().position(|&byte| byte == b':');
    let mut at_sign = sub(rest, 0, authority).iter().rposition(|&byte| byte == b'@');
    if let (None, Some(colon)) = (at_sign, colon) {
        // A password with a slash in it, unless that is a port.
        let port = sub(rest, colon + 1, authority).iter().all(u8::is_ascii_digit);
        let host = |from: usize| rest.get(from).is_some_and(u8::is_ascii_alphanumeric);
        let further = sub(rest, authority, whole.min(authority + 256))
            .iter()
            .position(|&byte| byte == b'@')
            .map(|offset| authority + offset);
        at_sign = further.filter(|&sign| !port && host(sign + 1));
    }
    if let Some(sign) = at_sign {
        // A password with both: what follows this sign is no host then, and what follows a later one is.
        let rest_of_it = sub(rest, sign + 1, authority);
        let later = sub(rest, authority, authority + 256)
            .iter()
            .position(|&byte| byte == b'@')
            .map(|offset| authority + offset);
        let host = |host: &[u8]| host.iter().any(|byte| matches!(byte, b'.' | b':')) || host.starts_with(b"localhost");
        if let Some(later) = later
            && !host(rest_of_it)
            && host(sub(rest, later + 1, later + 64))
        {
            at_sign = Some(later);
        }
    }
    let Some(at_sign) = at_sign else { return };
    match colon.filter(|&colon| colon < at_sign) {
        Some(colon) => {
            let password = sub(rest, colon + 1, at_sign);
            if !values::placeholder(password) {
                scan.context(after + colon + 1, after + at_sign, "url_password");
            }
        }
        None => {
            let user = sub(rest, 0, at_sign);
            // Sentry's public keys stand there too.
            if user.len() >= 20 && looks_generated(user, 16) && !contains(sub(rest, at_sign, whole), b"sentry") {
                scan.context(after, after + at_sign, "url_password");
            }
        }
    }
}

/// `jdbc:oracle:thin:user/password@host`
fn oracle_address(scan: &mut Scan<'_>, _: usize, after: usize) {
    let rest = sub(scan.bytes, after, scan.bytes.len().min(after + 256));
    let end = rest.iter().take_while(|&&byte| member(byte, Alphabet::Bare)).count();
    let (Some(slash), Some(sign)) = (find(sub(rest, 0, end), b"/"), find(sub(rest, 0, end), b"@")) else { return };
    scan.context(after + slash + 1, after + sign, "url_password");
}

/// `user:password@tcp(host:3306)/db`
fn driver_address(scan: &mut Scan<'_>, start: usize, _: usize) {
    let from = start.saturating_sub(128);
    let before = sub(scan.bytes, from, start);
    let begin = before.iter().rposition(|&byte| !member(byte, Alphabet::Bare)).map_or(0, |index| index + 1);
    if let Some(colon) = find(sub(before, begin, before.len()), b":") {
        scan.context(from + begin + colon + 1, start, "url_password");
    }
}

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

/// `Bearer <token>`
fn scheme(scan: &mut Scan<'_>, start: usize, after: usize) {
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

/// `Basic <user:password in base64>`
fn basic(scan: &mut Scan<'_>, start: usize, after: usize) {
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
fn digest(scan: &mut Scan<'_>, _: usize, after: usize) {
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
fn lightning_scheme(scan: &mut Scan<'_>, start: usize, after: usize) {
    if start > 0 && member(at(scan.bytes, start - 1), Alphabet::Word) {
        return;
    }
    let end = opaque(scan.bytes, after);
    if end - after >= 24 && !values::placeholder(sub(scan.bytes, after, end)) {
        scan.context(after, end, "lsat");
    }
}

/// Most cookies of one header that are taken out one by one; the rest goes as a whole.
const MOST_COOKIES: usize = 32;

/// `Cookie: a=b; c=d` and `Set-Cookie: a=b; Path=/`: the values go, the names and attributes stay.
fn cookies(scan: &mut Scan<'_>, start: usize, after: usize) {
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

/// `Authorization: <scheme> <value>`, of schemes known or not.
fn authorization(scan: &mut Scan<'_>, _: usize, after: usize) {
    let bytes = scan.bytes;
    let mut place = after;
    while matches!(at(bytes, place), b' ' | b'"' | b'\'' | b'\\') {
        place += 1;
    }
    let mut end = place;
    let mut word = place;
    // At most three words: the scheme, and a value which a blank may divide.
    for round in 0..2 {
        let length = sub(bytes, word, bytes.len())
            .iter()
            .take_while(|&&byte| member(byte, Alphabet::Bare) && byte != b'\\')
            .count();
        let token = sub(bytes, word, word + length);
        if length == 0 || values::placeholder(token) {
            break;
        }
        let known = [
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
            "bot",
            "jwt",
            "oauth",
            "hmac",
        ]
        .iter()
        .any(|scheme| token.eq_ignore_ascii_case(scheme.as_bytes()));
        if round == 0 && known {
            word += length;
            let gap = sub(bytes, word, bytes.len()).iter().take_while(|&&byte| byte == b' ').count();
            if gap == 0 {
                return;
            }
            word += gap;
            place = word;
            continue;
        }
        let token = values::trim(token);
        let mix = Mix::of(sub(token, 0, 256));
        if values::known_word(token)
            || (round == 0 && !(mix.digit && mix.letter() && token.len() >= 8))
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
const LINKS: [&[u8]; 13] = [
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
];

/// `the password is …`, `with password …`, `token "…"`: what follows a noun in a sentence, when it looks like a secret.
fn sentence(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    // Names with signs in them, `token_count` or `--password`, are read elsewhere.
    if member(at(bytes, after), Alphabet::Name) && at(bytes, after) != b'.' {
        return;
    }
    let noun = sub(bytes, start, after).to_ascii_lowercase();
    let password = noun.starts_with(b"pass") || noun == b"pwd" || noun == b"identified by";
    let before = sub(bytes, start.saturating_sub(12), start).to_ascii_lowercase();
    if contains(&before, b"public ") || contains(&before, b"page ") || contains(&before, b"unexpected ") {
        return;
    }
    let mut place = after;
    let closing = matches!(at(bytes, place), b'"' | b'\'' | b'`');
    place += usize::from(closing);
    let mut linked = false;
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
        if let Some(is) = find(window, b" is ") {
            place += is + 4;
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
            } else if noun.contains(&b'k') && noun.starts_with(b"api") {
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

/// Most options of one letter that are looked at in a text: each costs a look at its line.
const MOST_OPTIONS: usize = 512;

/// Options of one letter, where the command that stands on the line before them is known to take a secret there.
fn command_option(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if start == 0 || !matches!(at(bytes, start - 1), b' ' | b'\t' | b'"' | b'\'') {
        return;
    }
    scan.options += 1;
    if scan.options > MOST_OPTIONS {
        return;
    }
    let from = start.saturating_sub(160);
    let line = sub(bytes, from, start);
    let begin = line.iter().rposition(|byte| matches!(byte, b'\n' | b'|' | b';' | b'&')).map_or(0, |index| index + 1);
    let line = sub(line, begin, line.len());
    let option = sub(bytes, start, after);
    let runs = |commands: &[&str]| {
        line.split(|byte| !member(*byte, Alphabet::Name))
            .any(|word| commands.iter().any(|command| word == command.as_bytes()))
    };
    let glued = !matches!(at(bytes, after), b' ' | b'=' | b'\t');
    let found = match option {
        b"-pw" => !glued && runs(&["plink", "putty", "pscp", "psftp", "plink.exe"]),
        b"-p" if glued => runs(&[
            "mysql",
            "mysqldump",
            "mysqladmin",
            "mariadb",
            "mariadb-dump",
            "mysqlimport",
            "7z",
            "7za",
            "sshpass",
            "mongo",
            "rar",
            "unrar",
        ]),
        b"-p" => {
            runs(&[
                "sshpass",
                "mongo",
                "mongosh",
                "mongodump",
                "mongorestore",
                "cqlsh",
                "ansible-vault",
                "rabbitmqadmin",
                "mosquitto_pub",
            ]) || runs(&["login"])
                && runs(&[
                    "docker", "podman", "az", "oc", "cf", "helm", "nerdctl", "buildah", "skopeo", "crane", "registry",
                ])
        }
        b"-u" => !glued && runs(&["curl", "curl.exe"]),
        b"-U" => runs(&["curl", "smbclient", "rpcclient"]),
        b"-a" => !glued && runs(&["redis-cli", "http", "https", "xh"]),
        b"-w" => !glued && runs(&["ldapsearch", "ldapmodify", "ldapadd", "ldapdelete", "ldapwhoami"]),
        _ => false,
    };
    if !found {
        return;
    }
    let Some(value) = values::value_after(bytes, after) else { return };
    let text = sub(bytes, value.start, value.end);
    if values::placeholder(text) || text.starts_with(b"-") {
        return;
    }
    if matches!(option, b"-u" | b"-U") || option == b"-a" && runs(&["http", "https", "xh"]) {
        // The name stays.
        let divider: &[u8] = if option == b"-U" && !runs(&["curl"]) { b"%" } else { b":" };
        if let Some(colon) = find(text, divider).filter(|colon| colon + 1 < text.len()) {
            scan.context(value.start + colon + 1, value.end, "password");
        }
    } else {
        scan.context(value.start, value.end, "password");
    }
}

/// `--password value`; with an equals sign it is an assignment.
fn long_option(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if start > 0 && !matches!(at(bytes, start - 1), b' ' | b'\t' | b'\n' | b'"' | b'\'' | b'(' | b'`') {
        return;
    }
    let length =
        sub(bytes, after, after + LONGEST_NAME).iter().take_while(|&&byte| member(byte, Alphabet::Name)).count();
    let Ok(name) = std::str::from_utf8(sub(bytes, after, after + length)) else { return };
    let end = after + length;
    let user = matches!(name, "user" | "proxy-user" | "auth");
    let key = classify(name);
    if !matches!(at(bytes, end), b' ' | b'\t') || key == Key::Plain && !user {
        return;
    }
    let Some(value) = values::value_after(bytes, end) else { return };
    let text = sub(bytes, value.start, value.end);
    if values::placeholder(text) || values::known_word(text) || text.starts_with(b"-") {
        return;
    }
    if user {
        let line = sub(bytes, start.saturating_sub(120), start);
        if let Some(colon) = find(text, b":")
            && colon + 1 < text.len()
            && (contains(line, b"curl ") || contains(line, b"http "))
        {
            scan.context(value.start + colon + 1, value.end, "password");
        }
        return;
    }
    let (Key::Secret { kind, .. } | Key::Maybe(kind)) = key else { return };
    let prose = !value.quoted && text.iter().all(u8::is_ascii_lowercase) && values::prose_follows(bytes, value.end);
    if !prose && (matches!(key, Key::Secret { .. }) || looks_generated(text, 8)) {
        scan.context(value.start, value.end, kind);
    }
}

/// Signatures in addresses: whoever has one may act until it expires.
fn signature(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    let before = start.checked_sub(1).map_or(0, |index| at(bytes, index));
    if !matches!(before, b'&' | b'?' | b';' | b'-' | b',' | b' ') {
        return;
    }
    let end = after
        + sub(bytes, after, bytes.len())
            .iter()
            .take_while(|&&byte| member(byte, Alphabet::Base64) || matches!(byte, b'%' | b'-' | b'_' | b'~'))
            .count();
    if end - after >= 20 {
        scan.context(after, end, "url_signature");
    }
}

fn login_word(scan: &mut Scan<'_>, _: usize, after: usize) {
    if let Some(value) = values::value_after(scan.bytes, after) {
        let text = sub(scan.bytes, value.start, value.end);
        if looks_generated(text, 8) {
            scan.context(value.start, value.end, "token");
        }
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

/// `machine example.org login user password value`
fn netrc(scan: &mut Scan<'_>, _: usize, after: usize) {
    let bytes = scan.bytes;
    let window = sub(bytes, after, bytes.len().min(after + 256));
    let (Some(_), Some(password)) = (find(window, b"login "), find(window, b"password ")) else { return };
    if let Some(value) = values::value_after(bytes, after + password + 9) {
        let text = sub(bytes, value.start, value.end);
        if !values::placeholder(text) && !values::known_word(text) {
            scan.context(value.start, value.end, "password");
        }
    }
}
