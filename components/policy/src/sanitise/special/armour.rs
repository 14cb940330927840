//! Private keys between lines that say what they are: PEM, OpenSSH, SSH2, PGP, PuTTY, OpenVPN, Tor.
//!
//! Always true: the armour goes with the key. Where the end of an armour was found is remembered, so that many beginnings cost one search.

use super::super::bytes::{Alphabet, at, find, member, starts_with_ignore_case, sub};
use super::super::scan::Scan;

/// A private key between BEGIN and END lines, in any of the ways that line ends get lost or escaped.
pub(super) fn armoured(scan: &mut Scan<'_>, label: usize, after: usize) {
    let bytes = scan.bytes;
    let dashes = |from: usize| sub(bytes, from, from + 16).iter().take_while(|&&byte| byte == b'-').count();
    // SSH2 writes four dashes and a blank.
    let after = after + usize::from(sub(bytes, after, after + 4) == b" ---");
    let tail = if starts_with_ignore_case(sub(bytes, after, after + 6), b" BLOCK") { after + 6 } else { after };
    // SSH2 and PGP have more words; 48 bytes hold the longest label.
    let from = label.saturating_sub(48);
    let Some(begin) = sub(bytes, from, label).windows(5).rposition(|window| window.eq_ignore_ascii_case(b"BEGIN"))
    else {
        return;
    };
    if sub(bytes, from + begin, label).contains(&b'\n') || dashes(tail) < 3 {
        return;
    }
    let mut start = from + begin;
    while start > 0 && matches!(at(bytes, start - 1), b'-' | b' ') && from + begin - start < 8 {
        start -= 1;
    }
    while at(bytes, start) == b' ' {
        start += 1;
    }
    let body = tail + dashes(tail);
    let end_marker = match scan.armour_end {
        Some(known) if known >= body => known,
        _ => find(sub(bytes, body, bytes.len()), b"-----END")
            .or_else(|| find(sub(bytes, body, bytes.len()), b"---- END"))
            .map_or(usize::MAX, |offset| body + offset),
    };
    scan.armour_end = Some(end_marker);
    if end_marker != usize::MAX && !starts_within(bytes, body, end_marker) {
        let label_end = sub(bytes, end_marker + 8, end_marker + 72).windows(3).position(|window| window == b"---");
        let end = label_end.map_or(end_marker + 8, |offset| end_marker + 8 + offset);
        let end = end + dashes(end);
        scan.hit(start, end, "private_key");
        return;
    }
    // Cut off before its end: all that still looks like the body.
    let mut end = body;
    loop {
        let gap = sub(bytes, end, bytes.len()).iter().take_while(|&&byte| byte.is_ascii_whitespace()).count();
        let mut stop = end + gap;
        let part = sub(bytes, stop, bytes.len());
        let escape = if part.starts_with(b"\\n") || part.starts_with(b"\\r") { 2 } else { 0 };
        let length =
            part.iter().skip(escape).take_while(|&&byte| member(byte, Alphabet::Base64) || byte == b'\\').count();
        stop += escape + length;
        let header =
            part.starts_with(b"Proc-Type:") || part.starts_with(b"DEK-Info:") || part.starts_with(b"4,ENCRYPTED");
        if header {
            stop = end + gap + part.iter().take_while(|&&byte| byte != b'\n').count();
        } else if length + escape < 16 {
            break;
        }
        end = stop;
    }
    if end > body {
        scan.hit(start, end, "private_key");
    }
}

/// Whether another armour begins before this one ends, so that this one was cut off.
fn starts_within(bytes: &[u8], body: usize, end: usize) -> bool {
    // Looked for near the beginning only: a body that is longer than a line is one.
    find(sub(bytes, body, end.min(body + 64)), b"-----BEGIN").is_some()
}

/// PuTTY's key file: the lines after `Private-Lines`.
pub(super) fn putty(scan: &mut Scan<'_>, start: usize, _: usize) {
    let bytes = scan.bytes;
    if start < scan.putty_tried {
        return;
    }
    let window = sub(bytes, start, bytes.len().min(start + 16 * 1024));
    scan.putty_tried = start + window.len();
    if let Some(lines) = find(window, b"Private-Lines:") {
        let rest = sub(window, lines, window.len());
        let end = find(rest, b"Private-MAC:").map_or(rest.len(), |mac| {
            mac + sub(rest, mac, rest.len()).iter().take_while(|&&byte| byte != b'\n').count()
        });
        scan.hit(start, start + lines + end, "private_key");
    }
}

pub(super) fn tor_secret(scan: &mut Scan<'_>, start: usize, _: usize) {
    let end = sub(scan.bytes, start, scan.bytes.len()).iter().take_while(|&&byte| byte != b'\n').count();
    scan.hit(start, start + end, "private_key");
}
