//! Secrets in what a client says to a server line by line: IRC, IMAP, SMTP, SIP, a node's cookie file.
//!
//! Always true: only the password goes, the command and the user stay; a line that has more words than the command takes is prose.

use super::super::bytes::{Alphabet, at, find, looks_generated, member, scrambled, sub};
use super::super::scan::Scan;
use super::super::values;

/// The line around a place: how far back and ahead it is looked for, in bytes.
const LINE: usize = 160;

/// `PASS secret`, alone on its line, as a client of IRC, FTP or POP3 says it.
pub(super) fn pass(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if !scan.spend() {
        return;
    }
    if sub(bytes, start, after) != b"PASS " || start > 0 && !matches!(at(bytes, start - 1), b'\n' | b'>') {
        return;
    }
    let line = sub(bytes, after, after + LINE);
    let line = sub(line, 0, line.iter().take_while(|byte| !matches!(byte, b'\n' | b'\r')).count());
    let word = line.strip_prefix(b":").unwrap_or(line);
    let begin = after + line.len() - word.len();
    // A runner of tests says PASS too, and a file's name.
    let figures = word.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let letters = sub(word, 0, word.len() - figures);
    let plain = word.iter().any(|byte| matches!(byte, b' ' | b'/')) || word.is_empty();
    let beside = |text: &[u8]| find(text, b"USER ").or_else(|| find(text, b"NICK ")).is_some();
    let talks = beside(sub(bytes, start.saturating_sub(64), start)) || beside(sub(bytes, after, after + LINE));
    let secret = looks_generated(word, 8) || scrambled(letters) || talks && !values::known_word(word);
    if !plain && secret && !values::placeholder(word) && (talks || !word.contains(&b'.')) {
        scan.context(begin, begin + word.len(), "password");
    }
}

/// `a1 LOGIN user secret`, as a client of IMAP says it.
pub(super) fn imap(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if !scan.spend() {
        return;
    }
    if sub(bytes, start, after) != b" LOGIN " {
        return;
    }
    let tag = sub(bytes, start.saturating_sub(12), start);
    let tag = sub(tag, tag.iter().rposition(|&byte| byte == b'\n').map_or(0, |index| index + 1), tag.len());
    if tag.is_empty() || !tag.iter().all(u8::is_ascii_alphanumeric) || !tag.iter().any(u8::is_ascii_digit) {
        return;
    }
    let line = sub(bytes, after, after + LINE);
    let line = sub(line, 0, line.iter().take_while(|byte| !matches!(byte, b'\n' | b'\r')).count());
    let Some(blank) = line.iter().position(|&byte| byte == b' ') else { return };
    let word = sub(line, blank + 1, line.len());
    if !word.contains(&b' ') && word.len() >= 3 && !values::placeholder(word) {
        scan.context(after + blank + 1, after + line.len(), "password");
    }
}

/// The server of a mail program asks for the password, in base64; the next line is it.
pub(super) fn smtp(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if sub(bytes, start, after) != b"UGFzc3dvcmQ6" {
        return;
    }
    let gap = sub(bytes, after, after + 8).iter().take_while(|&&byte| !member(byte, Alphabet::Alnum)).count();
    let end = scan.runs.end(bytes, Alphabet::Base64, after + gap);
    if gap > 0 && end - after - gap >= 4 {
        scan.context(after + gap, end, "password");
    }
}

/// `sip:user:secret@host`
pub(super) fn sip(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if start > 0 && at(bytes, start - 1).is_ascii_alphanumeric() && !sub(bytes, start - 1, after).starts_with(b"sip") {
        return;
    }
    let rest = sub(bytes, after, after + LINE);
    let rest = sub(rest, 0, rest.iter().take_while(|&&byte| member(byte, Alphabet::Bare) && byte != b';').count());
    let Some(sign) = rest.iter().rposition(|&byte| byte == b'@') else { return };
    if let Some(colon) = sub(rest, 0, sign).iter().position(|&byte| byte == b':')
        && colon > 0
        && !values::placeholder(sub(rest, colon + 1, sign))
    {
        scan.context(after + colon + 1, after + sign, "url_password");
    }
}

/// `__cookie__:<digits>`: what bitcoind writes into its cookie file.
pub(super) fn node_cookie(scan: &mut Scan<'_>, _: usize, after: usize) {
    let end = scan.runs.end(scan.bytes, Alphabet::Hex, after);
    if end - after >= 32 {
        scan.context(after, end, "password");
    }
}

/// `NickServ identify secret`, with or without a name before it.
pub(super) fn nick_service(scan: &mut Scan<'_>, _: usize, after: usize) {
    let bytes = scan.bytes;
    if !scan.spend() {
        return;
    }
    let line = sub(bytes, after, after + LINE);
    let line = sub(line, 0, line.iter().take_while(|byte| !matches!(byte, b'\n' | b'\r' | b'"')).count());
    let trimmed = values::trim(line.trim_ascii_end());
    let last = trimmed.iter().rposition(|&byte| byte == b' ').map_or(0, |blank| blank + 1);
    let words = trimmed.split(|&byte| byte == b' ').count();
    let word = sub(trimmed, last, trimmed.len());
    let made = word.iter().any(|byte| !byte.is_ascii_lowercase());
    if words <= 2 && word.len() >= 5 && made && !values::known_word(word) && !values::placeholder(word) {
        scan.context(after + last, after + trimmed.len(), "password");
    }
}
