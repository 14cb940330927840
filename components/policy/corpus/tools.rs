//! What the tests of all corpora do with a text: hide it, clean it, and look for what is left.

use super::families;
use activity_policy::json::{Json, write_string};
use activity_policy::sanitise::{self, Redaction};

/// What becomes of an event's data.
pub fn clean(data: &str) -> (String, Vec<Redaction>) {
    let mut json = Json::parse(data, 64).unwrap_or_else(|error| panic!("{error}: {data}"));
    let mut redacted = Vec::new();
    sanitise::data(&mut json, &mut redacted);
    let mut out = String::new();
    json.write(&mut out);
    (out, redacted)
}

/// An event's data as it is written when nothing is taken out of it.
pub fn compact(data: &str) -> String {
    let mut out = String::new();
    Json::parse(data, 64).unwrap_or_else(|error| panic!("{error}: {data}")).write(&mut out);
    out
}

/// A template's data: itself where it is an object, else a message.
pub fn data(text: &str) -> String {
    if text.starts_with("{\"") { text.to_owned() } else { message(text) }
}

pub fn message(text: &str) -> String {
    format!("{{\"message\":{}}}", quoted(text))
}

pub fn quoted(text: &str) -> String {
    let mut out = String::new();
    write_string(text, &mut out);
    out
}

pub fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

pub fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Base64 with its padding.
pub fn base64(text: &str) -> String {
    let mut out = families::base64(text.as_bytes());
    while !out.len().is_multiple_of(4) {
        out.push('=');
    }
    out
}

/// The length of the longest part of the secret that is still there.
pub fn remains(out: &str, secret: &str) -> usize {
    let chars: Vec<(usize, char)> = secret.char_indices().collect();
    let mut longest = 0;
    for (index, (start, _)) in chars.iter().enumerate() {
        for (end, ch) in &chars[index..] {
            let part = &secret[*start..end + ch.len_utf8()];
            if !out.contains(part) {
                break;
            }
            longest = longest.max(part.len());
        }
    }
    longest
}

/// Whether too much of a secret is left.
pub fn leaks(out: &str, secret: &str) -> bool {
    remains(out, secret) > (secret.len() / 4).clamp(3, 12)
}
