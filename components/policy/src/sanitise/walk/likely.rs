//! Whether a value whose name may be a secret's is one, and what a name hands down to what stands under it.
//!
//! Always true: nothing is changed here, and a value is looked at a fixed number of times.

use super::super::bytes::{Alphabet, Mix, looks_generated};
use super::super::keys::{Key, classify};
use super::super::{checks, values};

/// The same, but only for a value that looks like a secret.
pub(super) fn maybe_of(key: Key) -> Key {
    match key {
        Key::Secret { kind, .. } | Key::Maybe(kind) => Key::Maybe(kind),
        Key::Plain => Key::Plain,
    }
}

/// What a member of an object under a suspicious name is, if its own name says nothing.
pub(super) fn inherit(key: Key) -> Key {
    match key {
        // A number in such an object is a setting more often than a secret.
        Key::Secret { kind, plural } => {
            Key::Secret { kind, plural: plural || !matches!(kind, "password" | "pin" | "cvv" | "otp") }
        }
        other => other,
    }
}

pub(super) fn number_kind(number: &str, key: Key) -> Option<&'static str> {
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    match key {
        // A phrase is no number: this is how many words it has.
        // Nothing is no secret.
        Key::Secret { kind, plural: false } if kind != "mnemonic" && number != "0" => Some(kind),
        Key::Maybe("pin") if digits && (4..=12).contains(&number.len()) => Some("pin"),
        _ if digits && checks::card(number.as_bytes()) => Some("card_number"),
        _ => None,
    }
}

/// Whether a value under a name that may hold a secret is one.
pub(super) fn maybe(text: &str, kind: &str, login: bool) -> bool {
    let bytes = text.as_bytes();
    match kind {
        "pin" => (4..=12).contains(&text.len()) && bytes.iter().all(u8::is_ascii_digit),
        "password" => {
            values::password_like(bytes)
                || (login && text.len() >= 4 && !text.contains(' ') && !values::known_word(bytes))
        }
        "secret" if seed_words(text) => true,
        "api_key" if values::licence_like(bytes) => true,
        "secret" => looks_generated(bytes, 16) || (text.len() >= 32 && checks::all(bytes, Alphabet::Hex)),
        "authorization" => {
            looks_generated(bytes, 12)
                || checks::base64(bytes).is_some_and(|decoded| {
                    text.len() >= 8 && decoded.contains(&b':') && decoded.iter().all(|byte| (0x20..0x7f).contains(byte))
                })
        }
        // A coin's contract stands under such names too.
        "token" if text.len() == 42 && text.starts_with("0x") => false,
        _ => looks_generated(bytes, 12) && text.len() >= 16,
    }
}

/// Words of a seed phrase, whatever sum it has (Electrum's is another).
fn seed_words(text: &str) -> bool {
    text.len() < 256
        && text.split_whitespace().count() >= 12
        && text.split_whitespace().all(|word| checks::bip39_word(word.as_bytes()).is_some())
}

/// A public key stands under names that speak of keys without saying which.
pub(super) fn is_public(text: &str, kind: &str) -> bool {
    matches!(kind, "private_key" | "secret" | "api_key")
        && ([
            "ssh-rsa ",
            "ssh-ed25519 ",
            "ecdsa-sha2-",
            "-----BEGIN PUBLIC KEY",
            "-----BEGIN CERTIFICATE",
            "-----BEGIN RSA PUBLIC KEY",
        ]
        .iter()
        .any(|start| text.starts_with(start)))
        && !text.contains("PRIVATE KEY")
}

pub(super) fn is_aws_id(text: &str) -> bool {
    text.len() == 20 && (text.starts_with("AKIA") || text.starts_with("ASIA"))
}

pub(super) fn is_aws_secret(text: &str) -> bool {
    let mix = Mix::of(text.as_bytes());
    text.len() == 40 && mix.lower && mix.upper && mix.digit && checks::all(text.as_bytes(), Alphabet::Base64)
}

/// Whether the second of two strings is the value of the first, and not the next of a list of names.
pub(super) fn pair_value(value: &str, kind: &str) -> bool {
    let bytes = value.as_bytes();
    if value.contains("[redacted:")
        || value.is_empty()
        || values::known_word(bytes)
        || values::name_like(bytes)
        || classify(value) != Key::Plain && !looks_generated(bytes, 16)
    {
        return false;
    }
    matches!(kind, "authorization" | "cookie")
        || values::password_like(bytes)
        || looks_generated(bytes, 8)
        || bytes.len() >= 20
        || kind == "password" && Mix::of(bytes).digit
}
