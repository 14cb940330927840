//! Reads a name as a person would: does `dbPassword`, `X-Api-Key` or `pаsswоrd` (two letters of it Cyrillic) hold a secret, does
//! `token_count` only speak of one?
//!
//! Always true: the style of a name (snake, kebab, camel, glued, shouted) and characters that only look different do not change
//! the answer. English names end with what they are: `reset_password_token` is a token, `password_reset_requested` a request. So the
//! last secret noun counts, and what follows it may turn it into something harmless. What becomes of the value is for others.

mod gate;
mod name;
mod nouns;

use super::view::View;
use super::words;
use crate::piece::first_marked;
use gate::may_speak;
pub(super) use gate::text_may_speak;
use name::Words;
use nouns::{GLUED, key_of, noun, phrase};

/// What a name says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// Nothing.
    Plain,
    /// The value is a secret of this kind.
    Secret {
        kind: &'static str,
        /// The name is a plural: a number under it counts.
        plural: bool,
    },
    /// The value is a secret of this kind if it looks like one.
    Maybe(&'static str),
}

/// Names of secrets in other languages, as they stand before letters are folded.
const FOREIGN: [&str; 9] =
    ["пароль", "парола", "密码", "密碼", "パスワード", "비밀번호", "кодовое слово", "секрет", "סיסמה"];

/// Names that are in so many events, and begin so much like a secret's, that they are known without being read.
const COMMON: [&str; 16] = [
    "agent",
    "agent_id",
    "agent_name",
    "agents",
    "client",
    "content",
    "context",
    "event",
    "parent",
    "price",
    "priority",
    "reason",
    "response",
    "session",
    "task",
    "version",
];

/// Words after a noun which leave it what it is: `password_confirmation`, `token_value`, `API_KEY_PROD`.
fn keeps(word: &str) -> bool {
    words::KEEPS.contains(word)
}

/// Words after a noun which make it something else: `token_count`, `password_policy`, `secret_name`.
fn turns(word: &str) -> bool {
    words::TURNS.contains(word)
}

fn numeral(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// First words that make a question or a command of a name: `has_password`, `require_token`.
fn asks(word: &str) -> bool {
    words::ASKS.contains(word)
}

/// Words before `token` that make it something other than a proof: a place in a list, a word of a language model, a coin.
fn other_token(word: &str) -> bool {
    words::OTHER_TOKENS.contains(word)
}

/// Reads a name.
pub(super) fn classify(name: &str) -> Key {
    if let Some(joined) = spelled(name) {
        return classify(&joined);
    }
    // A name that was a secret itself names nothing any more.
    if name.len() < 2
        || !may_speak(name.as_bytes())
        || COMMON.contains(&name)
        || name.contains('[') && name.contains("[redacted:")
    {
        return Key::Plain;
    }
    if !name.is_ascii() && FOREIGN.iter().any(|word| name.to_lowercase().contains(word)) {
        return Key::Secret { kind: "password", plural: false };
    }
    let words = Words::of(name);
    let read = match read(&words) {
        Key::Plain if variable_of_key(name, &words) => Key::Maybe("api_key"),
        read => read,
    };
    if read != Key::Plain || !name.bytes().any(|byte| matches!(byte, b'0' | b'1' | b'3' | b'4' | b'5' | b'@' | b'$')) {
        return read;
    }
    // Digits that stand for letters. Only in words long enough that nothing else is meant.
    let straight: String = name
        .chars()
        .map(|ch| match ch {
            '0' => 'o',
            '1' => 'i',
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            ch => ch,
        })
        .collect();
    match straight.to_ascii_lowercase().as_str() {
        lower
            if ["password", "passwd", "secret", "token", "apikey", "api_key"]
                .iter()
                .any(|noun| lower.contains(noun)) =>
        {
            match self::read(&Words::of(&straight)) {
                Key::Secret { kind, plural } => Key::Secret { kind, plural },
                _ => Key::Plain,
            }
        }
        _ => Key::Plain,
    }
}

/// A name whose letters stand apart (`p a s s w o r d`), whose letters are escaped (`pass%77ord`) or coloured, as it is meant.
fn spelled(name: &str) -> Option<String> {
    let bytes = name.as_bytes();
    if let [first, sign, second, sign2, ..] = bytes
        && sign == sign2
        && !sign.is_ascii_alphanumeric()
        && first.is_ascii_alphabetic()
        && second.is_ascii_alphabetic()
        && (7..=64).contains(&bytes.len())
        && bytes.iter().skip(1).step_by(2).all(|byte| byte == sign)
    {
        return Some(bytes.iter().step_by(2).copied().map(char::from).collect());
    }
    first_marked(bytes, |piece| piece.equal(0x1b) | piece.equal(b'%') | piece.equal(b'\\'))?;
    let coloured = bytes.contains(&0x1b);
    let escaped = bytes.len() <= 256
        && bytes.windows(3).any(|three| {
            matches!(three, [b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()) || three.starts_with(b"\\u")
        });
    if !escaped && !coloured {
        return None;
    }
    let seen = View::of(name);
    let decoded = if coloured { seen } else { seen.decoded()? };
    let text: String = decoded.bytes().iter().filter(|byte| byte.is_ascii()).copied().map(char::from).collect();
    // Each round makes it shorter.
    (text.len() < name.len()).then_some(text)
}

/// Whether a member of an object that holds a secret only describes it: its `name`, `type`, `expires_at`, `user`.
pub(super) fn describes(name: &str) -> bool {
    let words = Words::of(name);
    // `last4`: a figure behind a word says nothing of its own.
    let last = (0..words.count).rev().map(|index| words.get(index)).find(|word| !numeral(word));
    last.is_some_and(turns) || words.count > 0 && asks(words.get(0))
}

/// Whether a name is that of a variable of the environment which holds some key: `ACME_KEY`. Keys that find something, of caches
/// and tables, are none.
fn variable_of_key(name: &str, words: &Words) -> bool {
    words.count > 1
        && words.get(words.count - 1) == "key"
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        && !(0..words.count - 1).any(|index| words::LOOKUP_KEYS.contains(words.get(index)))
}

fn read(words: &Words) -> Key {
    let count = words.count;
    // From the end, the first noun that is found is the one that counts.
    for last in (0..count).rev() {
        let word = words.get(last);
        if !words::STEMS.contains(word) && glued(word, last).is_none() {
            continue;
        }
        let plain = |from: usize| (from..count).all(|index| keeps(words.get(index)) || numeral(words.get(index)));
        let before = |steps: usize| last.checked_sub(steps).map_or("", |index| words.get(index));
        let found = phrase(words, last).or_else(|| noun(word).map(|kind| (kind, last))).or_else(|| glued(word, last));
        let Some((kind, first)) = found else {
            match (word, weak(words, last)) {
                (_, Some(key)) if plain(last + 1) => return key,
                ("key" | "keys", _) if last + 1 == count || words.get(last + 1) != "id" => {
                    let qualified = key_of(before(1)).filter(|_| last > 0 && before(2) != "public");
                    if let Some(kind) = qualified {
                        return after(words, last + 1, Key::Secret { kind, plural: word == "keys" }, kind);
                    }
                    if plain(last + 1)
                        && matches!(
                            before(1),
                            "app"
                                | "application"
                                | "user"
                                | "license"
                                | "licence"
                                | "activation"
                                | "data"
                                | "bot"
                                | "hash"
                                | "read"
                                | "write"
                                | "ingestion"
                        )
                    {
                        return Key::Maybe("api_key");
                    }
                }
                _ => {}
            }
            continue;
        };
        let qualifier = first.checked_sub(1).map_or("", |index| words.get(index));
        if matches!(qualifier, "public" | "publishable" | "pub") {
            return Key::Plain;
        }
        if first > 0 && asks(words.get(0)) {
            return Key::Plain;
        }
        if matches!(word, "token" | "tokens") && other_token(qualifier) {
            return Key::Plain;
        }
        // `tv_nsec`, `mtime_nsec`: nanoseconds.
        if word == "nsec" && (qualifier == "tv" || qualifier.ends_with("time") || words::COUNTED.contains(&qualifier)) {
            return Key::Plain;
        }
        if kind == "password" && matches!(qualifier, "reset" | "forgot" | "forgotten" | "change") && last + 1 == count {
            return Key::Maybe(kind);
        }
        // Language models count tokens and return them: `tokens` alone says little.
        let plain_plural = word == "tokens" && first == last;
        let key = if plain_plural || (word == "cred") {
            Key::Maybe(kind)
        } else {
            Key::Secret { kind, plural: word.ends_with('s') }
        };
        return after(words, last + 1, key, kind);
    }
    Key::Plain
}

/// What the words after the noun leave of it.
fn after(words: &Words, from: usize, key: Key, kind: &'static str) -> Key {
    let mut key = key;
    for index in from..words.count {
        let word = words.get(index);
        if matches!(word, "for" | "of" | "from") {
            return key;
        }
        if kind == "password"
            && matches!(
                word,
                "hash" | "digest" | "bcrypt" | "argon" | "crypt" | "md5" | "md" | "sha" | "hashes" | "hashed"
            )
        {
            continue;
        }
        if numeral(word) || keeps(word) {
            continue;
        }
        if turns(word) {
            return Key::Plain;
        }
        if !matches!(key, Key::Plain) {
            key = Key::Maybe(kind);
        }
    }
    key
}

/// Names that are secrets only if their value looks like one.
fn weak(words: &Words, last: usize) -> Option<Key> {
    let alone = last == 0;
    Some(match words.get(last) {
        "pin" if alone => Key::Maybe("pin"),
        "pincode" if alone => Key::Maybe("pin"),
        "pass" if alone => Key::Maybe("password"),
        "auth" if alone && words.leading_underscore => Key::Secret { kind: "authorization", plural: false },
        "auth" | "authentication" => Key::Maybe("authorization"),
        "oauth" if !alone => Key::Maybe("token"),
        "seed" | "entropy" | "sas" => Key::Maybe("secret"),
        "sk" if alone => Key::Maybe("secret"),
        "rune" => Key::Maybe("rune"),
        "pepper" => Key::Maybe("secret"),
        "pat" if !alone => Key::Maybe("token"),
        "nwc" => Key::Maybe("secret"),
        "priv" | "private" if alone => Key::Maybe("private_key"),
        "code" if last > 0 && words.get(last - 1) == "device" => Key::Maybe("token"),
        _ => return None,
    })
}

/// A noun at either end of a word that was written without a break.
fn glued(word: &str, at: usize) -> Option<(&'static str, usize)> {
    if let Some(kind) = word.strip_suffix("key").and_then(key_of) {
        return Some((kind, at));
    }
    if word.len() < 7 {
        return None;
    }
    if let Some(stem) = word.strip_suffix("hex")
        && let Some(kind) = noun(stem)
    {
        return Some((kind, at));
    }
    if ["pass", "pwd", "pw"]
        .iter()
        .any(|noun| word.strip_suffix(noun).is_some_and(|owner| words::OWNERS.contains(owner)))
    {
        return Some(("password", at));
    }
    if let Some(owner) = word.strip_suffix("token")
        && !words::OTHER_TOKENS
            .iter()
            .any(|other| other.len() > 2 && owner.ends_with(other) && !words::OWNERS.contains(owner))
    {
        return Some(("token", at));
    }
    GLUED.iter().find_map(|&(noun, kind)| {
        if word.ends_with(noun) {
            return Some((kind, at));
        }
        let rest = word.strip_prefix(noun)?;
        (keeps(rest) || rest == "hash" && kind == "password" || rest.bytes().all(|byte| byte.is_ascii_digit()))
            .then_some((kind, at))
    })
}

#[cfg(test)]
mod tests;
