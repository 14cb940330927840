//! Tokens that have neither an anchor nor a name, only a form: length, alphabet, and where their signs stand.
//!
//! Always true: one walk over the stretches of a text; a form is taken only where nothing else has it, or what stands beside it says so.

use super::super::bytes::{Alphabet, Mix, at, distinct, find, member, sub, uuid_form};
use super::super::checks;
use super::super::scan::Scan;

/// The fewest letters, digits and signs in a row of what [`stretches`] finds: an AWS secret.
pub(in super::super) const SHORTEST_STRETCH: usize = 40;

/// Tokens that only their length and alphabet point to: WIF keys, Discord bot tokens, the secret of an AWS key id.
pub(in super::super) fn stretches(scan: &mut Scan<'_>) {
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
        106 if split(64, b'_') && split(69, b'_') && uuid_form(sub(token, 70, 106)) => Some("webex_token"),
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
