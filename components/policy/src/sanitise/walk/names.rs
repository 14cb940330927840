//! Names by which an object says what its members are: pairs of name and value, commands and their arguments, lists of headers, rights,
//! coins.
//!
//! Always true: a name here is no secret's and no value's; what it changes is decided in `walk`.

use super::super::keys::{Key, classify};
use crate::json::Json;
use std::borrow::Cow;

/// Some names, in any case, and by which first letters and lengths most other names are told from them.
struct Names {
    names: &'static [&'static str],
    /// A bit for the last five bits of each first letter, which both its cases share.
    firsts: u32,
    /// A bit for each length.
    lengths: u32,
}

impl Names {
    #[expect(clippy::indexing_slicing, reason = "for constants: out of bounds would not compile")]
    const fn of(names: &'static [&'static str]) -> Names {
        let (mut firsts, mut lengths, mut index) = (0, 0, 0);
        while index < names.len() {
            let name = names[index].as_bytes();
            firsts |= 1 << (name[0] & 31);
            lengths |= Self::length(name.len());
            index += 1;
        }
        Names { names, firsts, lengths }
    }

    /// The longest names share a bit.
    const fn length(bytes: usize) -> u32 {
        1 << if bytes < 31 { bytes } else { 31 }
    }

    fn has(&self, name: &str) -> bool {
        name.as_bytes().first().is_some_and(|first| self.firsts >> (first & 31) & 1 == 1)
            && self.lengths & Self::length(name.len()) != 0
            && self.names.iter().any(|known| name.eq_ignore_ascii_case(known))
    }
}

/// In which of the lists that all members of an object are looked for one of them may be, told by first letter, last letter and
/// length alone: for most objects in none.
#[derive(Clone, Copy, Default)]
pub(super) struct Lists {
    bits: u8,
}

impl Lists {
    const VALUES: u8 = 1;
    const TOKENS: u8 = 1 << 1;
    const COMMANDS: u8 = 1 << 2;
    const LOGINS: u8 = 1 << 3;
    const ROLES: u8 = 1 << 4;

    pub(super) fn of(members: &[(Cow<'_, str>, Json<'_>)]) -> Lists {
        Lists { bits: members.iter().fold(0, |bits, (key, _)| bits | Self::may_have(key.as_bytes())) }
    }

    fn may_have(key: &[u8]) -> u8 {
        let (Some(first), Some(last)) = (key.first(), key.last()) else { return 0 };
        let ends = key.last_chunk::<4>().is_some_and(|end| u32::from_le_bytes(*end) | 0x2020_2020 == ALUE);
        LISTS.get(slot(*first, *last, key.len())).copied().unwrap_or(0) | if ends { Self::VALUES } else { 0 }
    }

    pub(super) fn values(self) -> bool {
        self.bits & Self::VALUES != 0
    }

    pub(super) fn tokens(self) -> bool {
        self.bits & Self::TOKENS != 0
    }

    pub(super) fn commands(self) -> bool {
        self.bits & Self::COMMANDS != 0
    }

    pub(super) fn logins(self) -> bool {
        self.bits & Self::LOGINS != 0
    }

    pub(super) fn roles(self) -> bool {
        self.bits & Self::ROLES != 0
    }
}

/// What names of values end with, see [`is_value_name`].
const ALUE: u32 = u32::from_le_bytes(*b"alue");

/// Where a name has its bits in [`LISTS`], whatever its case.
const fn slot(first: u8, last: u8, length: usize) -> usize {
    (((first & 31) as usize * 37) ^ ((last & 31) as usize * 5) ^ (length * 97)) % SLOTS
}

const SLOTS: usize = 512;

/// For each slot the lists that have a name there.
#[expect(clippy::indexing_slicing, reason = "a constant: out of bounds would not compile")]
static LISTS: [u8; SLOTS] = {
    let lists = [
        (&VALUES, Lists::VALUES),
        (&TOKENS, Lists::TOKENS),
        (&COMMANDS, Lists::COMMANDS),
        (&LOGINS, Lists::LOGINS),
        (&ROLES, Lists::ROLES),
    ];
    let (mut table, mut list) = ([0; SLOTS], 0);
    while list < lists.len() {
        let (names, mut index) = (lists[list].0.names, 0);
        while index < names.len() {
            let name = names[index].as_bytes();
            table[slot(name[0], name[name.len() - 1], name.len())] |= lists[list].1;
            index += 1;
        }
        list += 1;
    }
    table
};

/// Whether an object under this name says something of the names in it, as rights, messages of errors and descriptions do.
pub(super) fn speaks_of_names(name: &str) -> bool {
    static NAMES: Names = Names::of(&[
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
    ]);
    NAMES.has(name)
}

static TOKENS: Names = Names::of(&[
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
]);

/// Names beside which a token is a coin, or a piece of a model's text.
pub(super) fn tells_of_tokens(name: &str) -> bool {
    TOKENS.has(name)
}

/// Most members of an object in which a name is looked for beside each value: a pair has few, and each costs a look at all.
const MOST_PAIRED: usize = 16;

/// Members that give another member's name: `{"name": "PASSWORD", "value": "…"}`.
pub(super) fn named_secret(members: &[(Cow<'_, str>, Json<'_>)]) -> Key {
    if !members.iter().any(|(key, _)| is_value_name(key)) {
        return Key::Plain;
    }
    let mut names = members.iter().filter_map(|(key, value)| {
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
            Key::Secret { kind: "token", .. } if !kind => Some(Key::Maybe("token")),
            Key::Plain => None,
            key => Some(key),
        }
    });
    let first = names.next().unwrap_or(Key::Plain);
    if matches!(first, Key::Maybe(_)) {
        names.find(|key| matches!(key, Key::Secret { .. })).unwrap_or(first)
    } else {
        first
    }
}

static VALUES: Names = Names::of(&[
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
]);

pub(super) fn is_value_name(key: &str) -> bool {
    let ends = key.len() < 24 && key.as_bytes().last_chunk::<5>().is_some_and(|end| end.eq_ignore_ascii_case(b"value"));
    ends || VALUES.has(key)
}

static COMMANDS: Names = Names::of(&["command", "cmd", "program", "executable", "exe", "binary", "bin", "entrypoint"]);

/// Whether a member names the program whose arguments stand in another.
pub(super) fn is_command(key: &str) -> bool {
    COMMANDS.has(key)
}

pub(super) fn is_arguments(key: &str) -> bool {
    static NAMES: Names = Names::of(&["args", "argv", "arguments", "params", "parameters", "options"]);
    NAMES.has(key)
}

static LOGINS: Names = Names::of(&["user", "username", "login", "email", "user_name", "account", "host", "hostname"]);

pub(super) fn is_login(key: &str) -> bool {
    LOGINS.has(key)
}

static ROLES: Names = Names::of(&["role_id", "accessorid", "secret_id_accessor"]);

/// Whether a member names who logs in by a secret that stands beside it (Vault's logins of programs).
pub(super) fn is_role(key: &str) -> bool {
    ROLES.has(key)
}

/// That secret, whose name is an id's elsewhere.
pub(super) fn is_role_secret(key: &str) -> bool {
    static NAMES: Names = Names::of(&["secretid", "secret_id"]);
    NAMES.has(key)
}

pub(super) fn is_header_list(key: &str) -> bool {
    let ends = |end: &str| {
        key.len()
            .checked_sub(end.len())
            .and_then(|from| key.get(from..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    ends("headers") || ends("header") || key.eq_ignore_ascii_case("environ")
}
