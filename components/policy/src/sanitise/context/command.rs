//! Secrets on command lines: options that say what they are, and options of one letter of commands that are known.
//!
//! Always true: of `user:password` the user stays; a letter alone says nothing without its command.

use super::super::bytes::{
    Alphabet, at, contains, find, is_uuid, looks_generated, member, starts_with_ignore_case, sub,
};
use super::super::keys::{Key, classify};
use super::super::scan::Scan;
use super::super::{checks, values};
use super::LONGEST_NAME;

/// Options of one letter, where the command that stands on the line before them is known to take a secret there.
pub(super) fn command_option(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if start == 0 || !matches!(at(bytes, start - 1), b' ' | b'\t' | b'"' | b'\'') {
        return;
    }
    if !scan.spend() {
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
        b"/p:" => runs(&["xfreerdp", "wfreerdp", "freerdp", "mstsc", "cmdkey"]),
        b"-P" => runs(&[
            "ssh-keygen",
            "sqlcmd",
            "bcp",
            "zip",
            "unzip",
            "zipcloak",
            "mosquitto_pub",
            "mosquitto_sub",
            "ipmitool",
        ]),
        b"-N" => !glued && runs(&["ssh-keygen"]),
        b"-k" | b"-K" => !glued && runs(&["openssl"]),
        b"-b" => runs(&["curl"]) || runs(&["gh"]) && runs(&["secret"]),
        b"--pass " => runs(&["redis-cli"]),
        b"--auth " => runs(&["netlify"]),
        b"--body " => runs(&["gh"]) && runs(&["secret"]),
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
                "twine",
                "useradd",
                "usermod",
            ]) || runs(&["login"])
                && runs(&[
                    "docker", "podman", "az", "oc", "cf", "helm", "nerdctl", "buildah", "skopeo", "crane", "registry",
                ])
        }
        b"-u" => runs(&["curl", "curl.exe"]),
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
    if values::placeholder(text) || text.starts_with(b"-") || contains(text, b"://") {
        return;
    }
    if matches!(option, b"-u" | b"-U") || option == b"-a" && runs(&["http", "https", "xh"]) {
        // The name stays.
        let divider: &[u8] = if option == b"-U" && !runs(&["curl"]) { b"%" } else { b":" };
        let password = |colon: usize| sub(text, colon + 1, text.len());
        if let Some(colon) = find(text, divider).filter(|&colon| !values::placeholder(password(colon))) {
            scan.context(value.start + colon + 1, value.end, "password");
        }
    } else {
        // What is given to a program that takes a secret there is one, but for the file that curl reads cookies from.
        let kind = match option {
            b"-b" if !runs(&["curl"]) => "secret",
            b"-b" if text.contains(&b'=') => "cookie",
            b"-b" => return,
            b"--auth " => "token",
            b"--body " => "secret",
            _ => "password",
        };
        scan.context(value.start, value.end, kind);
    }
}

/// `-password value`, as Java's and Go's programs take it.
pub(super) fn dash_option(scan: &mut Scan<'_>, start: usize, _: usize) {
    if start > 0 && matches!(at(scan.bytes, start - 1), b' ' | b'\t' | b'"' | b'\'') {
        long_option(scan, start, start + 1);
    }
}

/// `--password value`; with an equals sign it is an assignment.
pub(super) fn long_option(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if start > 0 && !matches!(at(bytes, start - 1), b' ' | b'\t' | b'\n' | b'"' | b'\'' | b'(' | b'`') {
        return;
    }
    let length =
        sub(bytes, after, after + LONGEST_NAME).iter().take_while(|&&byte| member(byte, Alphabet::Name)).count();
    let Ok(name) = std::str::from_utf8(sub(bytes, after, after + length)) else { return };
    let end = after + length;
    let user = matches!(name, "user" | "proxy-user" | "auth");
    let mut key = classify(name);
    // Tools of Nostr: the secret key in hexadecimal digits.
    if name == "sec" && scan.runs.end(bytes, Alphabet::Hex, end + 1) == end + 65 {
        key = Key::Secret { kind: "private_key", plural: false };
    }
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

pub(super) fn login_word(scan: &mut Scan<'_>, _: usize, after: usize) {
    if let Some(value) = values::value_after(scan.bytes, after) {
        let text = sub(scan.bytes, value.start, value.end);
        if looks_generated(text, 8) {
            scan.context(value.start, value.end, "token");
        }
    }
}

/// `machine example.org login user password value`
pub(super) fn netrc(scan: &mut Scan<'_>, _: usize, after: usize) {
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

/// `ENV NAME value`, `aws configure set name value`
pub(super) fn set_word(scan: &mut Scan<'_>, _: usize, after: usize) {
    let bytes = scan.bytes;
    let length =
        sub(bytes, after, after + LONGEST_NAME).iter().take_while(|&&byte| member(byte, Alphabet::Name)).count();
    let Ok(name) = std::str::from_utf8(sub(bytes, after, after + length)) else { return };
    let key = classify(name);
    let (Key::Secret { kind, .. } | Key::Maybe(kind)) = key else { return };
    if at(bytes, after + length) != b' ' {
        return;
    }
    let Some(value) = values::value_after(bytes, after + length) else { return };
    let text = sub(bytes, value.start, value.end);
    let likely = match key {
        Key::Secret { .. } => values::password_like(text) || looks_generated(text, 8) || is_uuid(text),
        _ => text.len() >= 16 && looks_generated(text, 12),
    };
    if likely {
        scan.context(value.start, value.end, kind);
    }
}

/// A word of a command line as a secret, unless it stands for one.
fn take(scan: &mut Scan<'_>, start: usize, end: usize, kind: &'static str) {
    let text = sub(scan.bytes, start, end);
    let variable = contains(text, b"${") || contains(text, b"$(");
    if text.len() >= 3 && !values::placeholder(text) && !values::known_word(text) && !variable {
        scan.context(start, end, kind);
    }
}

/// `echo secret | command`, and `command <<< secret`, at the command that reads a secret from its input.
pub(super) fn piped(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    let name = sub(bytes, start, after);
    if name.ends_with(b"-s") || at(bytes, after).is_ascii_alphanumeric() || !scan.spend() {
        return;
    }
    let from = start.saturating_sub(160);
    let before = sub(bytes, from, start);
    let line = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |index| index + 1);
    let command = sub(before, line, before.len());
    let pipe = command.iter().rposition(|&byte| byte == b'|');
    let Some(mut said) = pipe.map(|pipe| (from + line, from + line + pipe)) else {
        let window = sub(bytes, after, after + 64);
        if let Some(value) = find(window, b"<<<").and_then(|offset| values::value_after(bytes, after + offset + 3)) {
            take(scan, value.start, value.end, "password");
        }
        return;
    };
    // The last command before the pipe: `echo`, `printf` with or without a format, and its last word.
    let source = sub(bytes, said.0, said.1);
    let verb = [b"echo ".as_slice(), b"printf ", b"<<< "];
    let Some(begin) = verb.iter().find_map(|verb| find(source, verb).map(|offset| offset + verb.len())) else { return };
    said.0 += begin;
    while said.1 > said.0 && at(bytes, said.1 - 1) == b' ' {
        said.1 -= 1;
    }
    let closing = at(bytes, said.1.saturating_sub(1));
    let text = sub(bytes, said.0, said.1);
    let (start, end) = if matches!(closing, b'"' | b'\'') && text.len() > 1 {
        let open = sub(text, 0, text.len() - 1).iter().rposition(|&byte| byte == closing);
        (open.map_or(said.0, |open| said.0 + open + 1), said.1 - 1)
    } else {
        (text.iter().rposition(|&byte| byte == b' ').map_or(said.0, |blank| said.0 + blank + 1), said.1)
    };
    if name.eq_ignore_ascii_case(b"chpasswd") {
        if let Some(colon) = find(sub(bytes, start, end), b":") {
            take(scan, start + colon + 1, end, "password");
        }
    } else {
        take(scan, start, end, "password");
    }
}

/// Commands whose last word is the secret: `htpasswd -b file user secret`.
pub(super) fn last_word(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if !scan.spend() {
        return;
    }
    let rest = sub(bytes, after, after + 256);
    let line = sub(rest, 0, rest.iter().take_while(|byte| !matches!(byte, b'\n' | b'|' | b';' | b'&')).count());
    let name = sub(bytes, start, after).to_ascii_lowercase();
    let first = sub(line, 0, line.iter().take_while(|&&byte| byte != b' ').count());
    let secret_at: usize = match name.as_slice() {
        b"htpasswd -" if first.contains(&b'b') => 2,
        b"htpasswd -" => return,
        b"wpa_passphrase " => 1,
        b"poetry config " if first.starts_with(b"pypi-token.") => 1,
        b"poetry config " if first.starts_with(b"http-basic.") => 2,
        b"composer config " if first.starts_with(b"http-basic.") => 2,
        b"poetry config " | b"composer config " => return,
        b"mc alias set " => 3,
        b"net user " => 1,
        b"net use " if !contains(&line.to_ascii_lowercase(), b"/user:") => return,
        b"net use " => 1,
        _ => 0,
    };
    let mut trimmed = line.trim_ascii_end();
    if name.starts_with(b"net use") {
        // `net use z: \\\\host\\share secret /user:ann`
        while let Some(blank) = trimmed.iter().rposition(|&byte| byte == b' ')
            && at(trimmed, blank + 1) == b'/'
        {
            trimmed = sub(trimmed, 0, blank).trim_ascii_end();
        }
    }
    let last = trimmed.iter().rposition(|&byte| byte == b' ').map_or(0, |blank| blank + 1);
    let words = sub(trimmed, 0, last).split(|&byte| byte == b' ').filter(|word| !word.is_empty()).count();
    let word = sub(trimmed, last, trimmed.len());
    let quotes = usize::from(matches!(at(word, 0), b'"' | b'\'') && word.len() > 2);
    // A sentence about the command goes on in words.
    let likely =
        values::password_like(sub(word, quotes, word.len() - quotes)) || looks_generated(word, 8) || quotes > 0;
    if words >= secret_at && likely && !matches!(at(word, 0), b'-' | b'\\') {
        take(scan, after + last + quotes, after + trimmed.len() - quotes, "password");
    }
}

/// `stats auth user:secret`, `basicauth.users=user:secret`: what stands behind the colon, unless it is a hash of it.
pub(super) fn behind_colon(scan: &mut Scan<'_>, _: usize, after: usize) {
    let bytes = scan.bytes;
    let Some(value) = values::value_after(bytes, after) else { return };
    let text = sub(bytes, value.start, value.end);
    if let Some(colon) = find(text, b":")
        && !sub(text, colon + 1, text.len()).starts_with(b"$")
    {
        take(scan, value.start + colon + 1, value.end, "password");
    }
}

/// `user ann on >secret`, as Redis writes its lists of users.
pub(super) fn redis_user(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if contains(&sub(bytes, start.saturating_sub(64), start).to_ascii_lowercase(), b"user ") {
        any_word(scan, start, after);
    }
}

/// A word that is a secret wherever it stands.
pub(super) fn any_word(scan: &mut Scan<'_>, _: usize, after: usize) {
    if let Some(value) = values::value_after(scan.bytes, after) {
        take(scan, value.start, value.end, "credential");
    }
}

/// `ConvertTo-SecureString '…'`: what is quoted there.
pub(super) fn quoted_word(scan: &mut Scan<'_>, _: usize, after: usize) {
    if let Some(value) = values::value_after(scan.bytes, after).filter(|value| value.quoted) {
        take(scan, value.start, value.end, "password");
    }
}

/// `sqlplus user/password@db`, `lftp -u user,password host`
pub(super) fn user_and_password(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    let oracle = starts_with_ignore_case(sub(bytes, start, after), b"sqlplus");
    let rest = sub(bytes, after, after + 160);
    let word = sub(rest, 0, rest.iter().take_while(|&&byte| member(byte, Alphabet::Bare)).count());
    let divider = if oracle { b'/' } else { b',' };
    let Some(divided) = word.iter().position(|&byte| byte == divider).filter(|&divided| divided > 0) else { return };
    let end = if oracle { word.iter().rposition(|&byte| byte == b'@').unwrap_or(word.len()) } else { word.len() };
    take(scan, after + divided + 1, after + end, "password");
}

/// `secrets set NAME=value`, `--from-literal=name=value`: whatever the name is.
pub(super) fn literal(scan: &mut Scan<'_>, _: usize, after: usize) {
    let bytes = scan.bytes;
    let name = sub(bytes, after, after + LONGEST_NAME).iter().take_while(|&&byte| member(byte, Alphabet::Name)).count();
    if name > 0
        && at(bytes, after + name) == b'='
        && let Some(value) = values::value_after(bytes, after + name + 1)
    {
        take(scan, value.start, value.end, "secret");
    }
}

/// `AUTH PLAIN <base64>` of mail servers.
pub(super) fn mail_login(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    let end = scan.runs.end(bytes, Alphabet::Base64, after);
    if sub(bytes, start, start + 4) == b"AUTH" && end - after >= 8 && end - after < 1024 {
        let decoded = checks::base64(sub(bytes, after, end));
        if decoded.is_some_and(|text| text.iter().all(|&byte| byte == 0 || (0x20..0x7f).contains(&byte))) {
            scan.context(after, end, "password");
        }
    }
}

/// `AUTH secret`, as a client of Redis says it, with or without a user.
pub(super) fn redis_auth(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if sub(bytes, start, start + 4) != b"AUTH" || start > 0 && !matches!(at(bytes, start - 1), b'\n' | b' ' | b'"') {
        return;
    }
    if let Some(value) = values::value_after(bytes, after) {
        let text = sub(bytes, value.start, value.end);
        if values::password_like(text) || looks_generated(text, 8) {
            take(scan, value.start, value.end, "password");
        }
    }
}
