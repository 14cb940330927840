//! Secrets on command lines: options that say what they are, and options of one letter of commands that are known.
//!
//! Always true: of `user:password` the user stays; a letter alone says nothing without its command.

use super::super::bytes::{Alphabet, at, contains, find, looks_generated, member, sub};
use super::super::keys::{Key, classify};
use super::super::scan::Scan;
use super::super::values;
use super::LONGEST_NAME;

/// Most options of one letter that are looked at in a text: each costs a look at its line.
const MOST_OPTIONS: usize = 512;

/// Options of one letter, where the command that stands on the line before them is known to take a secret there.
pub(super) fn command_option(scan: &mut Scan<'_>, start: usize, after: usize) {
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
    let Key::Secret { kind, .. } = classify(name) else { return };
    if at(bytes, after + length) != b' ' {
        return;
    }
    let Some(value) = values::value_after(bytes, after + length) else { return };
    let text = sub(bytes, value.start, value.end);
    if values::password_like(text) || looks_generated(text, 8) {
        scan.context(value.start, value.end, kind);
    }
}
