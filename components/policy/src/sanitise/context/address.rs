//! Passwords and signatures in addresses.
//!
//! Always true: of an address only the password or the signature goes; scheme, user, host and path stay. An address is read once, and no
//! more than a kilobyte of it.

use super::super::bytes::{Alphabet, at, contains, find, looks_generated, member, sub};
use super::super::scan::Scan;
use super::super::{checks, values};

/// `scheme://user:password@host`, whatever signs the password has.
pub(super) fn address(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if start == 0 || !at(bytes, start - 1).is_ascii_alphanumeric() {
        return;
    }
    let whole = (scan.runs.end(bytes, Alphabet::Bare, after) - after).min(1024);
    let rest = sub(bytes, after, after + whole);
    // Names of a directory hold commas, other addresses are divided by them.
    let directory = sub(bytes, start.saturating_sub(5), start).windows(4).any(|scheme| scheme == b"ldap");
    let ends = |byte: &u8| matches!(byte, b'/' | b'?' | b'#' | b'\\') || *byte == b',' && !directory;
    let authority = rest.iter().position(ends).unwrap_or(whole);
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
            let user = sub(rest, 0, colon);
            // Halves of one key, as Sidekiq's are.
            let half = |text: &[u8]| text.len() == 8 && checks::all(text, Alphabet::HexLower);
            if half(user) && half(password) {
                scan.context(after, after + at_sign, "url_password");
            } else if !values::placeholder(password) {
                scan.context(after + colon + 1, after + at_sign, "url_password");
            }
            // `https://token:x-oauth-basic@…`: the token stands for the user.
            if (password == b"x-oauth-basic" || password == b"x" || password.is_empty()) && looks_generated(user, 16) {
                scan.context(after, after + colon, "url_password");
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
pub(super) fn oracle_address(scan: &mut Scan<'_>, _: usize, after: usize) {
    let rest = sub(scan.bytes, after, scan.bytes.len().min(after + 256));
    let end = rest.iter().take_while(|&&byte| member(byte, Alphabet::Bare)).count();
    let (Some(slash), Some(sign)) = (find(sub(rest, 0, end), b"/"), find(sub(rest, 0, end), b"@")) else { return };
    scan.context(after + slash + 1, after + sign, "url_password");
}

/// `user:password@tcp(host:3306)/db`
pub(super) fn driver_address(scan: &mut Scan<'_>, start: usize, _: usize) {
    let from = start.saturating_sub(128);
    let before = sub(scan.bytes, from, start);
    let begin = before.iter().rposition(|&byte| !member(byte, Alphabet::Bare)).map_or(0, |index| index + 1);
    if let Some(colon) = find(sub(before, begin, before.len()), b":") {
        scan.context(from + begin + colon + 1, start, "url_password");
    }
}

/// A line of a password file of PostgreSQL, `host:port:database:user:password`, at its port.
pub(super) fn pgpass(scan: &mut Scan<'_>, _: usize, after: usize) {
    let rest = sub(scan.bytes, after, scan.bytes.len().min(after + 256));
    let line = sub(rest, 0, rest.iter().take_while(|&&byte| member(byte, Alphabet::Bare)).count());
    let mut colons = line.iter().enumerate().filter(|&(_, &byte)| byte == b':').map(|(index, _)| index);
    if let (Some(_), Some(colon)) = (colons.next(), colons.next())
        && colon + 1 < line.len()
        && !values::placeholder(sub(line, colon + 1, line.len()))
    {
        scan.context(after + colon + 1, after + line.len(), "password");
    }
}

/// Signatures in addresses: whoever has one may act until it expires.
pub(super) fn signature(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    let before = start.checked_sub(1).map_or(0, |index| at(bytes, index));
    let header = |names: &[&[u8]]| {
        let window = sub(bytes, start.saturating_sub(256), start);
        names.iter().any(|name| contains(window, name))
    };
    let signs = match before {
        b'&' | b'?' | b';' | b'-' => true,
        b'_' => header(&[b"oauth", b"nlauth"]),
        b',' | b' ' | b'"' => header(&[b"uthorization", b"SignedHeaders", b"SharedAccessSignature"]),
        _ => false,
    };
    if !signs {
        return;
    }
    let after = after + usize::from(matches!(at(bytes, after), b'"' | b'\''));
    let end = after
        + sub(bytes, after, bytes.len())
            .iter()
            .take_while(|&&byte| member(byte, Alphabet::Base64) || matches!(byte, b'%' | b'-' | b'_' | b'~'))
            .count();
    let least = if before == b'_' { 8 } else { 20 };
    if end - after >= least {
        scan.context(after, end, "url_signature");
    }
}

/// `https://name.azurewebsites.net/api/function?code=…`: whoever has the code may call the function.
pub(super) fn function_code(scan: &mut Scan<'_>, _: usize, after: usize) {
    let window = sub(scan.bytes, after, after + 256);
    let window = sub(window, 0, window.iter().take_while(|&&byte| member(byte, Alphabet::Bare)).count());
    if let Some(code) = find(window, b"code=") {
        let start = after + code + 5;
        let end = scan.runs.end(scan.bytes, Alphabet::Opaque, start);
        if end - start >= 20 {
            scan.context(start, end, "azure_function_key");
        }
    }
}

/// `user:password@host` without a scheme, at its colon: only where the password looks generated, and the host has a name.
pub(super) fn bare(scan: &mut Scan<'_>, colon: usize) {
    let bytes = scan.bytes;
    if !at(bytes, colon + 1).is_ascii_alphanumeric() || !at(bytes, colon.saturating_sub(1)).is_ascii_alphanumeric() {
        return;
    }
    let rest = sub(bytes, colon + 1, colon + 65);
    let Some(sign) = rest.iter().position(|byte| !byte.is_ascii_graphic() || matches!(byte, b'@' | b'/' | b':')) else {
        return;
    };
    let host = sub(bytes, colon + sign + 2, colon + sign + 66);
    let host = sub(host, 0, host.iter().take_while(|&&byte| member(byte, Alphabet::UrlDot)).count());
    if at(rest, sign) == b'@'
        && sign >= 8
        && looks_generated(sub(rest, 0, sign), 8)
        && (host.starts_with(b"localhost") || host.len() > 4 && contains(sub(host, 1, host.len() - 1), b"."))
    {
        scan.context(colon + 1, colon + 1 + sign, "url_password");
    }
}

/// `secret_id=…` of Vault's login for programs: elsewhere such an id is a name.
pub(super) fn role_secret(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    let before = sub(bytes, start.saturating_sub(128), start);
    let end = scan.runs.end(bytes, Alphabet::Url, after);
    if end - after >= 30 && (contains(before, b"role_id") || contains(before, b"approle")) {
        scan.context(after, end, "secret");
    }
}
