//! Goes through an event's data, and decides by structure: what a name says of its value, which value belongs to which name, which
//! strings are one command or one phrase. Hands every text that structure does not settle to `scan`.
//!
//! Always true: nothing but strings, keys and numbers under a suspicious name changes; booleans, null and empty strings stay. The
//! depth is bounded by the reader of the event, that of JSON in strings by [`JSON_LAYERS`].

use super::bytes::{Alphabet, Mix, looks_generated};
use super::keys::{Key, classify, describes};
use super::scan::{Depth, find};
use super::{MOST_REPORTED, Redaction, checks, is_marker, marker, redact, values};
use crate::json::Json;
use std::borrow::Cow;

/// How many times JSON within a string is read as JSON; deeper, it is searched as text.
const JSON_LAYERS: usize = 2;

/// How deep JSON within a string may nest to be read as JSON.
const JSON_DEPTH: usize = 64;

/// Most members of an object in which a name is looked for beside each value: a pair has few, and each costs a look at all.
const MOST_PAIRED: usize = 16;

/// Longest path that is reported, in bytes; a longer one is cut at its end.
const LONGEST_PATH: usize = 256;

/// Cleans a document, whose own path is `root`.
pub(super) fn walk(value: &mut Json<'_>, root: &str, redacted: &mut Vec<Redaction>) {
    let mut walk = Walk { path: root.to_owned(), redacted, layers: JSON_LAYERS, changed: false };
    walk.value(value, Key::Plain, false);
}

/// Cleans one text.
pub(super) fn text(text: &str, path: &str, redacted: &mut Vec<Redaction>) -> Option<String> {
    let mut walk = Walk { path: path.to_owned(), redacted, layers: JSON_LAYERS, changed: false };
    walk.text(text)
}

struct Walk<'r> {
    path: String,
    redacted: &'r mut Vec<Redaction>,
    /// How many more times JSON within a string is read.
    layers: usize,
    changed: bool,
}

impl Walk<'_> {
    fn report(&mut self, kind: &'static str) {
        self.changed = true;
        let path: String = if self.path.len() <= LONGEST_PATH {
            self.path.clone()
        } else {
            self.path.chars().take(LONGEST_PATH / 4).chain("…".chars()).collect()
        };
        let said = self.redacted.iter().rev().take(8).any(|known| known.kind == kind && known.path == path);
        if !said && self.redacted.len() < MOST_REPORTED {
            self.redacted.push(Redaction { path, kind });
        }
    }

    /// `login` says whether a name of a user stands beside the value.
    fn value(&mut self, value: &mut Json<'_>, key: Key, login: bool) {
        match value {
            Json::Null | Json::Bool(_) => {}
            Json::Number(number) => {
                if let Some(kind) = number_kind(number, key) {
                    *value = Json::String(Cow::Owned(marker(kind)));
                    self.report(kind);
                }
            }
            Json::String(text) => {
                if let Some(clean) = self.string(text, key, login) {
                    *text = Cow::Owned(clean);
                }
            }
            Json::Array(items) => self.array(items, key, ""),
            Json::Object(members) => self.object(members, key),
        }
    }

    fn string(&mut self, text: &str, key: Key, login: bool) -> Option<String> {
        let kind = match key {
            Key::Secret { kind, .. } if !text.trim().is_empty() && !is_marker(text) && !is_public(text, kind) => kind,
            Key::Maybe(kind) if !text.contains("[redacted:") && maybe(text, kind, login) => kind,
            Key::Secret { .. } if is_marker(text) => return None,
            _ => return self.text(text),
        };
        let found = find(text, Depth::Everything);
        let kind = match found.as_slice() {
            [only] => only.kind,
            _ => kind,
        };
        self.report(kind);
        Some(marker(kind))
    }

    /// A text that no name speaks of.
    fn text(&mut self, text: &str) -> Option<String> {
        if self.layers > 0
            && text.len() >= 8
            && matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'[' | b'"'))
            && let Ok(mut inner) = Json::parse(text, JSON_DEPTH)
        {
            let outer = std::mem::replace(&mut self.changed, false);
            self.layers -= 1;
            // The path stays that of the string.
            let mut nested =
                Walk { path: String::new(), redacted: &mut Vec::new(), layers: self.layers, changed: false };
            nested.value(&mut inner, Key::Plain, false);
            let kinds: Vec<&'static str> = nested.redacted.iter().map(|redaction| redaction.kind).collect();
            let changed = nested.changed;
            self.layers += 1;
            for kind in kinds {
                self.report(kind);
            }
            self.changed = outer || changed;
            return changed.then(|| {
                let mut out = String::with_capacity(text.len());
                inner.write(&mut out);
                out
            });
        }
        let (clean, kinds) = redact(text)?;
        for kind in kinds {
            self.report(kind);
        }
        Some(clean)
    }

    fn object(&mut self, members: &mut [(Cow<'_, str>, Json<'_>)], inherited: Key) {
        let named = named_secret(members);
        let lists = members.iter().any(|(_, value)| matches!(value, Json::Array(_)));
        let command =
            members.iter().filter(|_| lists).find_map(|(key, value)| value.as_str().filter(|_| is_command(key)));
        let command = command.filter(|command| command.len() < 64).map(str::to_owned);
        let jwk = members.iter().any(|(key, value)| key == "kty" && value.as_str().is_some());
        let aws = members.iter().any(|(_, value)| value.as_str().is_some_and(is_aws_id));
        let login = members.iter().any(|(key, _)| is_login(key));
        let coin = members.iter().any(|(key, _)| tells_of_tokens(key));
        let told = speaks_of_names(self.name());
        let role = members.iter().any(|(key, _)| one_of(key, &["role_id", "accessorid", "secret_id_accessor"]));
        for (key, value) in members {
            let mut state = classify(key);
            if state == Key::Plain && inherited != Key::Plain {
                if key.eq_ignore_ascii_case("refresh") {
                    // A setting as often as one of two tokens.
                    state = maybe_of(inherited);
                } else if !describes(key) {
                    state = inherit(inherited);
                }
            } else if state == Key::Plain && key.eq_ignore_ascii_case("key") && value.as_str().is_some() {
                // `{"openai": {"key": "…"}}`
                state = maybe_of(classify(&format!("{}_key", self.name())));
            }
            if role && one_of(key, &["secretid", "secret_id"]) {
                state = Key::Secret { kind: "secret", plural: false };
            }
            if told || coin && matches!(state, Key::Secret { kind: "token", .. }) {
                state = maybe_of(state);
            }
            if let Some(kind) = named
                && is_value_name(key)
            {
                // `{"name": "token", "value": 42}` counts.
                state = Key::Secret { kind, plural: !matches!(kind, "password" | "pin" | "cvv" | "otp") };
            }
            // The shell's working directory.
            if key.eq_ignore_ascii_case("pwd") && value.as_str().is_some_and(|path| path.starts_with(['/', '~'])) {
                state = Key::Plain;
            }
            if jwk && matches!(&**key, "d" | "p" | "q" | "dp" | "dq" | "qi" | "k") {
                state = Key::Secret { kind: "private_key", plural: false };
            }
            if aws && value.as_str().is_some_and(is_aws_secret) {
                state = Key::Secret { kind: "aws_secret_key", plural: false };
            }
            let length = self.path.len();
            if let Some((clean, kinds)) = redact_key(key) {
                *key = Cow::Owned(clean);
                self.enter(key);
                for kind in kinds {
                    self.report(kind);
                }
            } else {
                self.enter(key);
            }
            match (value, &command) {
                (Json::Array(items), Some(command)) if is_arguments(key) => self.array(items, state, command),
                (value, _) => {
                    if let Json::Array(items) = value
                        && is_header_list(key)
                    {
                        self.flat_headers(items);
                    }
                    self.value(value, state, login);
                }
            }
            self.path.truncate(length);
        }
    }

    /// The name of the member that is being looked at; empty within an array.
    fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }

    fn enter(&mut self, key: &str) {
        self.path.push('.');
        // Paths go into answers and logs: no control characters.
        if key.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            self.path.push_str(key);
        } else {
            self.path.extend(key.chars().filter(|ch| !ch.is_control()));
        }
    }

    /// `command` is what the array holds the arguments of, where another member says so.
    fn array(&mut self, items: &mut [Json<'_>], key: Key, command: &str) {
        let taken = joined_findings(items, command);
        let pair = match &*items {
            [Json::String(name), Json::String(value)] => match classify(name) {
                Key::Secret { kind, .. } if name.len() <= 64 && pair_value(value, kind) => Some(kind),
                // `"auth": ["ann", "…"]`, as libraries for HTTP take it.
                _ if matches!(key, Key::Maybe("authorization")) && values::password_like(value.as_bytes()) => {
                    Some("password")
                }
                _ => None,
            },
            _ => None,
        };
        for (index, item) in items.iter_mut().enumerate() {
            let length = self.path.len();
            self.path.push('[');
            self.path.push_str(&index.to_string());
            self.path.push(']');
            let state = match pair {
                Some(kind) if index == 1 => Key::Secret { kind, plural: false },
                _ => key,
            };
            match taken.get(index).and_then(Option::as_ref) {
                Some((clean, kind)) => {
                    *item = Json::String(Cow::Owned(clean.clone()));
                    self.report(kind);
                }
                None => self.value(item, state, false),
            }
            self.path.truncate(length);
        }
    }

    /// `["Host", "example.org", "Authorization", "Bearer …"]`, as Node and WSGI hand headers on.
    fn flat_headers(&mut self, items: &mut [Json<'_>]) {
        for (index, pair) in items.chunks_exact_mut(2).enumerate() {
            if let [Json::String(name), Json::String(value)] = pair
                && let Key::Secret { kind, .. } = classify(name)
                && !value.is_empty()
                && !is_marker(value)
            {
                *value = Cow::Owned(marker(kind));
                let length = self.path.len();
                self.path.push_str(&format!("[{}]", index * 2 + 1));
                self.report(kind);
                self.path.truncate(length);
            }
        }
    }
}

/// The same, but only for a value that looks like a secret.
fn maybe_of(key: Key) -> Key {
    match key {
        Key::Secret { kind, .. } | Key::Maybe(kind) => Key::Maybe(kind),
        Key::Plain => Key::Plain,
    }
}

/// Whether an object under this name says something of the names in it, as rights, messages of errors and descriptions do.
fn speaks_of_names(name: &str) -> bool {
    one_of(
        name,
        &[
            "permissions",
            "scopes",
            "errors",
            "violations",
            "validation",
            "validations",
            "labels",
            "translations",
            "descriptions",
            "placeholders",
            "hints",
            "columns",
            "types",
            "features",
            "capabilities",
            "constraints",
        ],
    )
}

/// Names beside which a token is a coin, or a piece of a model's text.
fn tells_of_tokens(name: &str) -> bool {
    one_of(
        name,
        &[
            "logprob",
            "logprobs",
            "top_logprobs",
            "token_address",
            "token_symbol",
            "token_decimals",
            "tokenAddress",
            "tokenSymbol",
            "contract_address",
            "chain_id",
            "decimals",
        ],
    )
}

/// What a member of an object under a suspicious name is, if its own name says nothing.
fn inherit(key: Key) -> Key {
    match key {
        // A number in such an object is a setting more often than a secret.
        Key::Secret { kind, plural } => {
            Key::Secret { kind, plural: plural || !matches!(kind, "password" | "pin" | "cvv" | "otp") }
        }
        other => other,
    }
}

fn number_kind(number: &str, key: Key) -> Option<&'static str> {
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
fn maybe(text: &str, kind: &str, login: bool) -> bool {
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
fn is_public(text: &str, kind: &str) -> bool {
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

/// A key's text without secrets.
fn redact_key(key: &str) -> Option<(String, Vec<&'static str>)> {
    let lower = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let word = key.bytes().all(|byte| byte.is_ascii_alphabetic()) && key.bytes().any(|byte| byte.is_ascii_lowercase());
    if key.len() < 24 && (lower || word || key.len() < 12) { None } else { redact(key) }
}

/// Members that give another member's name: `{"name": "PASSWORD", "value": "…"}`.
fn named_secret(members: &[(Cow<'_, str>, Json<'_>)]) -> Option<&'static str> {
    if !members.iter().any(|(key, _)| is_value_name(key)) {
        return None;
    }
    members.iter().find_map(|(key, value)| {
        let name = value.as_str().filter(|name| name.len() <= 64 && name.split_whitespace().count() <= 4)?;
        let lower = key.to_ascii_lowercase();
        let kind = match lower.as_str() {
            "name" | "key" | "header" | "field" | "param" | "parameter" | "variable" | "var" | "env" | "option"
            | "flag" | "attribute" | "attr" | "property" | "prop" | "setting" | "arg" | "argument" | "k" | "n"
            | "header_name" | "headername" | "fieldname" | "field_name" | "column" | "path" | "env_var"
            | "secret_name" => true,
            "type" | "kind" | "label" | "title" | "id" | "input" | "placeholder" | "selector" | "element"
            | "target" => false,
            // `ParameterKey` beside `ParameterValue`
            _ if members.len() <= MOST_PAIRED
                && lower.len() < 24
                && (lower.ends_with("key") || lower.ends_with("name")) =>
            {
                let stem = lower.strip_suffix("key").or_else(|| lower.strip_suffix("name"))?;
                let beside = |other: &str| {
                    other.to_ascii_lowercase().strip_prefix(stem).is_some_and(|rest| matches!(rest, "value" | "val"))
                        || other.eq_ignore_ascii_case("value") && lower.ends_with("name") && stem != "display"
                };
                members.iter().any(|(other, _)| beside(other)).then_some(true)?
            }
            _ => return None,
        };
        match classify(name) {
            Key::Secret { kind: "token", .. } if !kind => None,
            Key::Secret { kind, .. } => Some(kind),
            _ => None,
        }
    })
}

fn is_value_name(key: &str) -> bool {
    const NAMES: &[&str] = &[
        "value",
        "val",
        "v",
        "values",
        "old",
        "new",
        "before",
        "after",
        "from",
        "to",
        "current",
        "previous",
        "old_value",
        "new_value",
        "oldvalue",
        "newvalue",
        "default",
        "content",
        "data",
        "text",
        "string",
        "stringvalue",
        "string_value",
        "raw",
        "input",
        "header_value",
        "headervalue",
    ];
    let ends = key.len() < 24 && key.as_bytes().last_chunk::<5>().is_some_and(|end| end.eq_ignore_ascii_case(b"value"));
    ends || one_of(key, NAMES)
}

/// Whether a name is one of some, in any case.
fn one_of(key: &str, names: &[&str]) -> bool {
    names.iter().any(|name| key.eq_ignore_ascii_case(name))
}

/// Whether a member names the program whose arguments stand in another.
fn is_command(key: &str) -> bool {
    one_of(key, &["command", "cmd", "program", "executable", "exe", "binary", "bin", "entrypoint"])
}

fn is_arguments(key: &str) -> bool {
    one_of(key, &["args", "argv", "arguments", "params", "parameters", "options"])
}

fn is_login(key: &str) -> bool {
    one_of(key, &["user", "username", "login", "email", "user_name", "account", "host", "hostname"])
}

fn is_header_list(key: &str) -> bool {
    let ends = |end: &str| {
        key.len()
            .checked_sub(end.len())
            .and_then(|from| key.get(from..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    ends("headers") || ends("header") || key.eq_ignore_ascii_case("environ")
}

fn is_aws_id(text: &str) -> bool {
    text.len() == 20 && (text.starts_with("AKIA") || text.starts_with("ASIA"))
}

fn is_aws_secret(text: &str) -> bool {
    let mix = Mix::of(text.as_bytes());
    text.len() == 40 && mix.lower && mix.upper && mix.digit && checks::all(text.as_bytes(), Alphabet::Base64)
}

/// Whether the second of two strings is the value of the first, and not the next of a list of names.
fn pair_value(value: &str, kind: &str) -> bool {
    let bytes = value.as_bytes();
    if value.contains("[redacted:")
        || value.is_empty()
        || values::known_word(bytes)
        || values::name_like(bytes)
        || classify(value) != Key::Plain
    {
        return false;
    }
    matches!(kind, "authorization" | "cookie")
        || values::password_like(bytes)
        || looks_generated(bytes, 8)
        || bytes.len() >= 20
        || kind == "password" && Mix::of(bytes).digit
}

/// What the strings of an array are when read as one text: a command's arguments, or the words of a phrase. For each item the
/// clean text and the kind, where something is taken out.
fn joined_findings(items: &[Json<'_>], command: &str) -> Vec<Option<(String, &'static str)>> {
    let words = items.len() >= 12
        && items
            .iter()
            .all(|item| item.as_str().is_some_and(|word| checks::bip39_word(word.trim().as_bytes()).is_some()));
    let arguments = items.len() >= 2
        && items.iter().any(|item| item.as_str().is_some_and(|text| text.starts_with('-') && text.len() < 64));
    if !words && !arguments {
        return Vec::new();
    }
    let mut line = command.to_owned();
    line.push(' ');
    let mut ranges = Vec::with_capacity(items.len());
    let mut option = None;
    let mut taken: Vec<Option<(String, &'static str)>> = Vec::with_capacity(items.len());
    for item in items {
        let text = item.as_str().filter(|text| text.len() <= 256).unwrap_or_default();
        let start = line.len();
        line.push_str(text);
        ranges.push((start, line.len()));
        line.push(' ');
        let whole = option.filter(|_| !text.is_empty() && !text.starts_with('-') && !is_marker(text));
        taken.push(whole.map(|kind| (marker(kind), kind)));
        option = match classify(text) {
            Key::Secret { kind, .. } if text.starts_with('-') && !text.contains(['=', ' ']) => Some(kind),
            _ => None,
        };
    }
    for finding in find(&line, Depth::Everything) {
        for (slot, &(start, end)) in taken.iter_mut().zip(&ranges) {
            if slot.is_some() || finding.end <= start || end <= finding.start {
                continue;
            }
            let text = line.get(start..end).unwrap_or_default();
            let from = finding.start.max(start) - start;
            let to = finding.end.min(end) - start;
            if is_marker(text) {
                continue;
            }
            let clean = format!(
                "{}{}{}",
                text.get(..from).unwrap_or_default(),
                marker(finding.kind),
                text.get(to..).unwrap_or_default()
            );
            *slot = Some((clean, finding.kind));
        }
    }
    taken
}
