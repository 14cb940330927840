//! Goes through an event's data, and decides by structure: what a name says of its value, which value belongs to which name, which
//! strings are one command or one phrase. Hands every text that structure does not settle to `scan`.
//!
//! Always true: nothing but strings, keys and numbers under a suspicious name changes; booleans, null and empty strings stay. The
//! depth is bounded by the reader of the event, that of JSON in strings by [`JSON_LAYERS`].

mod likely;
mod names;

use super::keys::{Key, classify, describes};
use super::scan::{Depth, find, plain};
use super::{MOST_REPORTED, Redaction, checks, is_marker, marker, redact, values};
use crate::cursor::write_number;
use crate::json::Json;
use crate::piece::first_marked;
use likely::{inherit, is_aws_id, is_aws_secret, is_public, maybe, maybe_of, number_kind, pair_value};
use names::{
    Lists, is_arguments, is_command, is_header_list, is_login, is_role, is_role_secret, is_value_name, named_secret,
    speaks_of_names, tells_of_tokens,
};
use std::borrow::Cow;

/// How many times JSON within a string is read as JSON; deeper, it is searched as text.
const JSON_LAYERS: usize = 2;

/// How deep JSON within a string may nest to be read as JSON.
const JSON_DEPTH: usize = 64;

/// Longest path that is reported, in bytes; a longer one is cut at its end.
const LONGEST_PATH: usize = 256;

/// Cleans a document, whose own path is `root`.
pub(super) fn walk(value: &mut Json<'_>, root: &str, redacted: &mut Vec<Redaction>) {
    let mut walk = Walk { path: root.to_owned(), redacted, layers: JSON_LAYERS, changed: false };
    walk.value(value, Key::Plain, false);
}

/// Cleans one text.
pub(super) fn text(text: &str, path: &str, redacted: &mut Vec<Redaction>) -> Option<String> {
    if plain(text.as_bytes()) {
        return None;
    }
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
            _ if plain(text.as_bytes()) => return None,
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
            && looks_like_json(text)
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
        // What was taken out may have been all that kept it from being JSON: it is then read as the next reader would.
        if self.layers > 0 && looks_like_json(&clean) && Json::parse(&clean, JSON_DEPTH).is_ok() {
            return Some(self.text(&clean).unwrap_or(clean));
        }
        Some(clean)
    }

    fn object(&mut self, members: &mut [(Cow<'_, str>, Json<'_>)], inherited: Key) {
        let known = Lists::of(members);
        let named = if known.values() { named_secret(members) } else { Key::Plain };
        let lists = members.iter().any(|(_, value)| matches!(value, Json::Array(_)));
        let command = members
            .iter()
            .filter(|_| lists && known.commands())
            .find_map(|(key, value)| value.as_str().filter(|_| is_command(key)));
        let command = command.filter(|command| command.len() < 64).map(str::to_owned);
        let jwk = members.iter().any(|(key, value)| key == "kty" && value.as_str().is_some());
        let aws = members.iter().any(|(_, value)| value.as_str().is_some_and(is_aws_id));
        let login = known.logins() && members.iter().any(|(key, _)| is_login(key));
        let coin = known.tokens() && members.iter().any(|(key, _)| tells_of_tokens(key));
        let told = speaks_of_names(self.name());
        let role = known.roles() && members.iter().any(|(key, _)| is_role(key));
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
            if role && is_role_secret(key) {
                state = Key::Secret { kind: "secret", plural: false };
            }
            if told || coin && matches!(state, Key::Secret { kind: "token", .. }) {
                state = maybe_of(state);
            }
            if named != Key::Plain && is_value_name(key) {
                state = match named {
                    // `{"name": "token", "value": 42}` counts.
                    Key::Secret { kind, .. } => {
                        Key::Secret { kind, plural: !matches!(kind, "password" | "pin" | "cvv" | "otp") }
                    }
                    maybe if state == Key::Plain => maybe,
                    _ => state,
                };
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
        if first_marked(key.as_bytes(), |piece| piece.within(0, 0x1f) | piece.within(0x7f, 0xff)).is_none() {
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
                Key::Maybe(kind) if name.len() <= 64 && maybe(value, kind, false) => Some(kind),
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
            write_number(index as u64, &mut self.path);
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
                && let Some(kind) = match classify(name) {
                    Key::Secret { kind, .. } => Some(kind),
                    Key::Maybe(kind) => Some(kind).filter(|kind| maybe(value, kind, false)),
                    Key::Plain => None,
                }
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

fn looks_like_json(text: &str) -> bool {
    text.len() >= 8 && matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'[' | b'"'))
}

/// A key's text without secrets.
fn redact_key(key: &str) -> Option<(String, Vec<&'static str>)> {
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let word =
        || key.bytes().all(|byte| byte.is_ascii_alphabetic()) && key.bytes().any(|byte| byte.is_ascii_lowercase());
    if key.len() < 12 || key.len() < 24 && (key.bytes().all(lower) || word()) { None } else { redact(key) }
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
        let assigned = text
            .split_once('=')
            .filter(|(name, value)| name.starts_with("--") && value.contains(' ') && !value.contains("[redacted:"));
        let assigned = assigned.and_then(|(name, _)| match classify(name) {
            Key::Secret { kind, .. } => Some((format!("{name}={}", marker(kind)), kind)),
            _ => None,
        });
        taken.push(assigned.or_else(|| whole.map(|kind| (marker(kind), kind))));
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
