//! Families that have no row in the table, since a check tells them and not an anchor: armoured keys, JWTs, payment cards, seed phrases,
//! WIF keys, Discord tokens, and the secret that belongs to an AWS key id.
//!
//! Always true: each is searched in one walk over the text; what is tried at a place costs a fixed number of steps, or is
//! remembered so that it is tried once. The arithmetic of the checks is in `checks`.

use super::anchors::Search;
use super::bytes::{Alphabet, Mix, at, distinct, find, is_uuid, looks_generated, member, starts_with_ignore_case, sub};
use super::checks;
use super::scan::Scan;

/// Anchors and what is tried where they stand.
pub(super) static ANCHORS: &[(&str, Search)] = &[
    ("eyJ", jwt),
    ("ewog", jwt),
    ("PRIVATE KEY", armoured),
    ("OpenVPN Static key V1", armoured),
    ("PuTTY-User-Key-File-", putty),
    ("ed25519v1-secret: ", tor_secret),
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

/// A private key between BEGIN and END lines, in any of the ways that line ends get lost or escaped.
fn armoured(scan: &mut Scan<'_>, label: usize, after: usize) {
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
fn putty(scan: &mut Scan<'_>, start: usize, _: usize) {
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

fn tor_secret(scan: &mut Scan<'_>, start: usize, _: usize) {
    let end = sub(scan.bytes, start, scan.bytes.len()).iter().take_while(|&&byte| byte != b'\n').count();
    scan.hit(start, start + end, "private_key");
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

/// The fewest words of what [`seed_phrases`] finds.
pub(super) const FEWEST_WORDS: usize = 12;

/// Most candidates for a seed phrase whose checksum is computed in one text. Beyond it, a text is a list of such words.
const MOST_PHRASES: usize = 600;

/// Seed phrases: 12 to 24 BIP-39 words in a row whose checksum holds, however they are separated or numbered.
pub(super) fn seed_phrases(scan: &mut Scan<'_>) {
    let bytes = scan.bytes;
    if bytes.len() < 12 * 4 {
        return;
    }
    let mut run: Vec<(u16, usize, usize)> = Vec::new();
    let mut tried = 0;
    let mut place = 0;
    while place <= bytes.len() {
        let length = sub(bytes, place, bytes.len()).iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        if length > 0 {
            let end = place + length;
            match checks::bip39_word(sub(bytes, place, end)) {
                Some(number) => run.push((number, place, end)),
                None => settle_phrases(scan, &mut run, &mut tried),
            }
            place = end;
            continue;
        }
        // Between words: white space, list signs, numbers of a list, quotes.
        let byte = at(bytes, place);
        let between = byte.is_ascii_whitespace()
            || byte.is_ascii_digit()
            || matches!(
                byte,
                b',' | b'.'
                    | b')'
                    | b'-'
                    | b'"'
                    | b'\''
                    | b'_'
                    | b'+'
                    | b':'
                    | b'|'
                    | b'#'
                    | b'*'
                    | b';'
                    | b'['
                    | b']'
                    | b'/'
            );
        if !between {
            settle_phrases(scan, &mut run, &mut tried);
        }
        place += 1;
    }
    settle_phrases(scan, &mut run, &mut tried);
}

/// Longest run of words in which a phrase may begin anywhere; in a longer one, a list, it begins a line.
const LONGEST_RUN: usize = 96;

fn settle_phrases(scan: &mut Scan<'_>, run: &mut Vec<(u16, usize, usize)>, tried: &mut usize) {
    let mut from = 0;
    while run.len() >= from + FEWEST_WORDS {
        let begin = run.get(from).map_or(0, |&(_, start, _)| start);
        if run.len() > LONGEST_RUN && !sub(scan.bytes, begin.saturating_sub(8), begin).contains(&b'\n') && from > 0 {
            from += 1;
            continue;
        }
        for length in [24, 21, 18, 15, 12] {
            let Some(window) = run.get(from..from + length) else { continue };
            // Prose and counters repeat themselves; the phrase of all zeros is `abandon` with one other word.
            let seen = window.iter().fold(0_u128, |seen, (number, _, _)| seen | 1 << (number % 128)).count_ones();
            if *tried >= MOST_PHRASES || (seen != 2 && (seen as usize) * 2 <= length) {
                continue;
            }
            let numbers: Vec<u16> = window.iter().map(|&(number, _, _)| number).collect();
            *tried += 1;
            if checks::bip39_checksum(&numbers) {
                if let (Some(&(_, start, _)), Some(&(_, _, end))) = (window.first(), window.last()) {
                    scan.hit(start, end, "seed_phrase");
                }
                break;
            }
        }
        // A sum of few bits holds by chance, over the words before a phrase too: what overlaps goes all together.
        from += 1;
    }
    run.clear();
}

/// The fewest letters, digits and signs in a row of what [`stretches`] finds: an AWS secret.
pub(super) const SHORTEST_STRETCH: usize = 40;

/// Tokens that only their length and alphabet point to: WIF keys, Discord bot tokens, the secret of an AWS key id.
pub(super) fn stretches(scan: &mut Scan<'_>) {
    let bytes = scan.bytes;
    let mut place = 0;
    while place < bytes.len() {
        let byte = at(bytes, place);
        if !member(byte, Alphabet::UrlDot) {
            place += 1;
            continue;
        }
        let end = scan.runs.end(bytes, Alphabet::UrlDot, place);
        if matches!(end - place, 55..=120) {
            let sentence = usize::from(at(bytes, end - 1) == b'.');
            let end = scan.seam(place + 60, end).unwrap_or(end - sentence);
            discord(scan, place, end);
        }
        let sentence = usize::from(at(bytes, end - 1) == b'.');
        let wrapped = FORM_LENGTHS.iter().filter_map(|length| scan.seam(place + length, place + length));
        for end in wrapped.chain([end - sentence]).filter(|&end| end <= place + 106) {
            if let Some(kind) = by_form(sub(bytes, place, end)) {
                scan.hit(place, end, kind);
                break;
            }
        }
        storage_key(scan, place, end);
        let mut start = place;
        for part in sub(bytes, place, end).split(|byte| !byte.is_ascii_alphanumeric()) {
            for length in [51, 52] {
                let head = sub(part, 0, length);
                if part.len() > 52
                    && scan.seam(start + length, start + length).is_some()
                    && checks::all(head, Alphabet::Base58)
                    && checks::wif(head)
                {
                    scan.hit(start, start + length, "wif_private_key");
                }
            }
            if matches!(part.len(), 51 | 52) && checks::all(part, Alphabet::Base58) && checks::wif(part) {
                scan.hit(start, start + part.len(), "wif_private_key");
            }
            start += part.len() + 1;
        }
        place = end;
    }
    if scan.aws {
        aws_secrets(scan);
    }
}

/// How far around a key of 64 bytes its cloud's words are looked for, in bytes.
const BESIDE: usize = 64;

/// Sixty-four bytes in base64 are a key of Azure's where its words stand beside them; elsewhere they are a signature or a hash as often.
fn storage_key(scan: &mut Scan<'_>, start: usize, end: usize) {
    let bytes = scan.bytes;
    if at(bytes, end) != b'=' && !matches!(at(bytes, end), b'+' | b'/') {
        return;
    }
    let end = scan.runs.end(bytes, Alphabet::Base64, start);
    if end - start != 88 || sub(bytes, end - 2, end) != b"==" || !scan.spend() {
        return;
    }
    let around = sub(bytes, start.saturating_sub(BESIDE), start).iter().chain(sub(bytes, end, end + BESIDE));
    let around: Vec<u8> = around.map(u8::to_ascii_lowercase).collect();
    if [b"azure".as_slice(), b"storage", b"cosmos"].iter().any(|word| find(&around, word).is_some()) {
        scan.hit(start, end, "azure_storage_key");
    }
}

/// Lengths of the families below.
const FORM_LENGTHS: [usize; 5] = [42, 48, 49, 50, 106];

/// Families that have no anchor, and a form that nothing else has: where their signs stand, and what stands between.
fn by_form(token: &[u8]) -> Option<&'static str> {
    let split = |place: usize, sign: u8| at(token, place) == sign;
    let mix = Mix::of(token);
    if !mix.digit || !mix.letter() {
        return None;
    }
    match token.len() {
        // Okta's tokens begin with two zeros.
        42 if token.starts_with(b"00") && mix.lower && mix.upper && distinct(token) > 16 => Some("okta_token"),
        // Mailgun's signing keys are three numbers.
        50 if split(32, b'-')
            && split(41, b'-')
            && token.iter().filter(|&&byte| byte == b'-').count() == 2
            && token.iter().all(|&byte| byte == b'-' || member(byte, Alphabet::HexLower)) =>
        {
            Some("mailgun_key")
        }
        // ngrok: a KSUID and a secret.
        48 | 49
            if matches!(at(token, 0), b'1'..=b'3')
                && split(27, b'_')
                && mix.lower
                && mix.upper
                && token.iter().enumerate().all(|(place, byte)| place == 27 || byte.is_ascii_alphanumeric()) =>
        {
            Some("ngrok_token")
        }
        // Webex: a secret, a cluster, an organisation.
        106 if split(64, b'_') && split(69, b'_') && is_uuid(sub(token, 70, 106)) => Some("webex_token"),
        _ => None,
    }
}

/// A Discord bot token: the bot's number in base64, six characters of time, a signature.
fn discord(scan: &mut Scan<'_>, start: usize, end: usize) {
    let token = sub(scan.bytes, start, end);
    // What stands before the bot's number, joined to it by a dash, is not part of it.
    let number = token.iter().position(|&byte| byte == b'.').unwrap_or(0);
    let lead =
        sub(token, 0, number).iter().rposition(|byte| !byte.is_ascii_alphanumeric()).map_or(0, |index| index + 1);
    let (start, token) = (start + lead, sub(token, lead, token.len()));
    let mut parts = token.split(|&byte| byte == b'.');
    if let (Some(bot), Some(time), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        && matches!(bot.len(), 23..=28)
        && matches!(time.len(), 6..=7)
        && matches!(signature.len(), 27..=40)
    {
        let numbered = checks::base64(bot).is_some_and(|number| number.iter().all(u8::is_ascii_digit));
        let mixed = Mix::of(signature);
        if numbered || (matches!(at(bot, 0), b'M' | b'N' | b'O') && mixed.digit && mixed.upper && mixed.lower) {
            scan.hit(start, end, "discord_token");
        }
    }
}

/// Forty characters of base64 in the same text as an AWS key id.
fn aws_secrets(scan: &mut Scan<'_>) {
    let bytes = scan.bytes;
    let mut start = 0;
    let taken = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    while start < bytes.len() {
        let length = sub(bytes, start, bytes.len()).iter().take_while(|byte| taken(byte)).count();
        let token = sub(bytes, start, start + length);
        let mix = Mix::of(token);
        if length == 40 && mix.lower && mix.upper && mix.digit && distinct(token) > 14 {
            scan.hit(start, start + length, "aws_secret_key");
        }
        start += length + 1;
    }
}
