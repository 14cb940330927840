//! Families that have no row in the table, since a check tells them and not an anchor: armoured keys, JWTs, payment cards, seed phrases,
//! WIF keys, Discord tokens, and the secret that belongs to an AWS key id.
//!
//! Always true: each is searched in one walk over the text; what is tried at a place costs a fixed number of steps, or is
//! remembered so that it is tried once. The arithmetic of the checks is in `checks`.

mod armour;
mod forms;
mod phrases;

use super::anchors::Search;
use super::bytes::{Alphabet, at, find, looks_generated, sub};
use super::checks;
use super::scan::Scan;
pub(super) use forms::{SHORTEST_STRETCH, stretches};
pub(super) use phrases::{FEWEST_WORDS, seed_phrases};

/// Anchors and what is tried where they stand.
pub(super) static ANCHORS: &[(&str, Search)] = &[
    ("eyJ", jwt),
    ("ewog", jwt),
    ("PRIVATE KEY", armour::armoured),
    ("OpenVPN Static key V1", armour::armoured),
    ("PuTTY-User-Key-File-", armour::putty),
    ("ed25519v1-secret: ", armour::tor_secret),
    ("nostr+walletconnect:", wallet_connect),
    ("00D", salesforce),
    ("nostrwalletconnect:", wallet_connect),
];

/// A JSON Web Token or its encrypted sister: three to five segments with dots, the first a header.
fn jwt(scan: &mut Scan<'_>, start: usize, _: usize) {
    let bytes = scan.bytes;
    if start > 0 && at(bytes, start - 1).is_ascii_alphanumeric() {
        return;
    }
    let first = scan.runs.end(bytes, Alphabet::Url, start);
    if at(bytes, first) != b'.' || first == scan.jwt_tried {
        return;
    }
    let mut end = scan.runs.end(bytes, Alphabet::Url, first + 1);
    // RFC 7797 leaves the second segment empty, RFC 7516 that of a direct key.
    if end == first + 1 && at(bytes, end) != b'.' {
        return;
    }
    scan.jwt_tried = first;
    let twice = sub(bytes, first + 1, end).starts_with(b"eyJ");
    if !checks::jose_header(sub(bytes, start, first)) && !twice {
        return;
    }
    for _ in 0..3 {
        if at(bytes, end) != b'.' {
            break;
        }
        let next = scan.runs.end(bytes, Alphabet::Url, end + 1);
        if next == end + 1 && at(bytes, next) != b'.' {
            break;
        }
        end = next;
    }
    scan.hit(start, end, "jwt");
}

/// A session of Salesforce: the organisation's id, an exclamation mark, the token.
fn salesforce(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    let mark = after + sub(bytes, after, after + 16).iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    if sub(bytes, start, after) != b"00D" || !matches!(mark - after, 12 | 15) || at(bytes, mark) != b'!' {
        return;
    }
    let end = scan.runs.end(bytes, Alphabet::Opaque, mark + 1);
    if end - mark > 60 {
        scan.hit(start, end, "salesforce_token");
    }
}

/// The secret of a wallet connection (NIP-47); the wallet's public key and its relay may be known.
fn wallet_connect(scan: &mut Scan<'_>, _: usize, after: usize) {
    let window = sub(scan.bytes, after, after + 1024);
    let Some(secret) = find(window, b"secret=") else { return };
    let start = after + secret + 7;
    let end = scan.runs.end(scan.bytes, Alphabet::Hex, start);
    if end - start >= 32 {
        scan.hit(start, end.min(start + 64), "nostr_wallet_secret");
    }
}

/// The fewest digits of what [`cards`] finds.
pub(super) const FEWEST_DIGITS: usize = 14;

/// Groups of digits as they are printed on cards.
const GROUPINGS: [&[usize]; 4] = [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 3]];

/// Payment cards: digits in one piece, or in the groups that are printed on the card.
pub(super) fn cards(scan: &mut Scan<'_>) {
    let bytes = scan.bytes;
    let group = |from: usize| sub(bytes, from, bytes.len()).iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut from = 0;
    while let Some(offset) = sub(bytes, from, bytes.len()).iter().position(u8::is_ascii_digit) {
        let start = from + offset;
        let first = group(start);
        from = start + first;
        if matches!(first, 14..=17) && at(bytes, from) == b'|' {
            // An app's token of Facebook: its number and its secret.
            let end = scan.runs.end(bytes, Alphabet::Url, from + 1);
            if matches!(end - from, 28..=41) && looks_generated(sub(bytes, from + 1, end), 8) {
                scan.hit(start, end, "facebook_token");
            }
        }
        let end = match first {
            14..=19 => Some(from),
            4 => GROUPINGS.iter().find_map(|lengths| grouped(bytes, start, lengths)),
            _ => None,
        };
        let Some(end) = end else { continue };
        let before = start.checked_sub(1).map_or(b' ', |index| at(bytes, index));
        let further = start.checked_sub(2).map_or(b' ', |index| at(bytes, index));
        // A fraction, an international phone number, a part of an identifier.
        let inside = before.is_ascii_alphanumeric()
            || matches!(before, b'+' | b'_')
            || (matches!(before, b'.' | b'-') && further.is_ascii_alphanumeric())
            || before == b',' && further.is_ascii_digit();
        let goes_on = at(bytes, end).is_ascii_alphanumeric()
            || at(bytes, end) == b'_'
            || (matches!(at(bytes, end), b'.' | b'-') && at(bytes, end + 1).is_ascii_alphanumeric());
        let digits: Vec<u8> = sub(bytes, start, end).iter().copied().filter(u8::is_ascii_digit).collect();
        let goes_on = goes_on && scan.seam(end, end).is_none();
        if !inside && !goes_on && checks::card(&digits) {
            scan.hit(start, end, "card_number");
            from = end;
        }
    }
}

/// The end of groups of digits of just these lengths, all with the same sign between them.
fn grouped(bytes: &[u8], start: usize, lengths: &[usize]) -> Option<usize> {
    let separator = at(bytes, start + 4);
    if !matches!(separator, b' ' | b'-' | b'.' | b'_' | b'/' | b'\n') {
        return None;
    }
    let mut place = start;
    for (index, &length) in lengths.iter().enumerate() {
        if index > 0 {
            if at(bytes, place) != separator {
                return None;
            }
            place += 1;
        }
        if !sub(bytes, place, place + length).iter().all(u8::is_ascii_digit) {
            return None;
        }
        place += length;
    }
    (place <= bytes.len() && !at(bytes, place).is_ascii_digit()).then_some(place)
}
