//! Base64 and hex of a text which itself holds a secret.
//!
//! Always true: a stretch is decoded whole or by its segments, once a layer; the whole stretch goes, since a part of it says nothing.

use super::super::bytes::{Alphabet, at, sub};
use super::super::checks;
use super::{Depth, Scan, layered};

/// The shortest stretch of base64 or hex that can hold a secret.
pub(super) const SHORTEST: usize = 16;

/// Base64 and hex of a text which itself holds a secret: the whole stretch goes.
pub(super) fn encoded(scan: &mut Scan<'_>, layers: usize) {
    let bytes = scan.bytes;
    let mut from = 0;
    while from < bytes.len() {
        if !stretch_byte(at(bytes, from)) {
            from += 1;
            continue;
        }
        let length = sub(bytes, from, bytes.len()).iter().take_while(|&&byte| stretch_byte(byte)).count();
        let end = from + length;
        let padding = sub(bytes, end, end + 2).iter().take_while(|&&byte| byte == b'=').count();
        if length >= SHORTEST && !decode(scan, from, end, end + padding, layers) {
            // A path of URL segments: each for itself.
            let mut start = from;
            for segment in sub(bytes, from, end).split(|&byte| byte == b'/') {
                let last = start + segment.len() == end;
                if segment.len() >= SHORTEST && segment.len() < length {
                    decode(
                        scan,
                        start,
                        start + segment.len(),
                        start + segment.len() + if last { padding } else { 0 },
                        layers,
                    );
                }
                start += segment.len() + 1;
            }
        }
        from = end.max(from + 1);
    }
}

fn stretch_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-')
}

fn decode(scan: &mut Scan<'_>, start: usize, end: usize, padded: usize, layers: usize) -> bool {
    let stretch = sub(scan.bytes, start, end);
    let digits = stretch.strip_prefix(b"0x").unwrap_or(stretch);
    for decoded in [
        checks::all(digits, Alphabet::Hex).then(|| checks::hex(digits)).flatten(),
        // The first bytes tell whether it is worth decoding the rest.
        checks::base64(sub(stretch, 0, 12)).filter(|head| plausible(head)).and_then(|_| {
            let whole = if stretch.len() % 4 == 1 { sub(stretch, 0, stretch.len() - 1) } else { stretch };
            checks::base64(whole)
        }),
    ] {
        let Some(decoded) = decoded else { continue };
        let Some(text) = checks::written(&decoded) else { continue };
        let mut inner = Vec::new();
        layered(text, Depth::Everything, layers - 1, &mut inner);
        if let Some(finding) = inner.first() {
            scan.hit(start, padded, finding.kind);
            return true;
        }
    }
    false
}

fn plausible(head: &[u8]) -> bool {
    // A character may be cut at the end.
    let text = std::str::from_utf8(head);
    let whole = text.is_ok_and(|_| true) || text.is_err_and(|error| error.error_len().is_none());
    whole && head.iter().all(|&byte| byte >= 0x20 && byte != 0x7f || matches!(byte, b'\n' | b'\r' | b'\t'))
}
