//! Names by which an object says what its members are: pairs of name and value, commands and their arguments, lists of headers, rights,
//! coins.
//!
//! Always true: a name here is no secret's and no value's; what it changes is decided in `walk`.

use super::super::keys::{Key, classify};
use crate::json::Json;
use std::borrow::Cow;

/// Whether an object under this name says something of the names in it, as rights, messages of errors and descriptions do.
pub(super) fn speaks_of_names(name: &str) -> bool {
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
pub(super) fn tells_of_tokens(name: &str) -> bool {
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

pub(super) fn is_value_name(key: &str) -> bool {
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
pub(super) fn one_of(key: &str, names: &[&str]) -> bool {
    names.iter().any(|name| key.eq_ignore_ascii_case(name))
}

/// Whether a member names the program whose arguments stand in another.
pub(super) fn is_command(key: &str) -> bool {
    one_of(key, &["command", "cmd", "program", "executable", "exe", "binary", "bin", "entrypoint"])
}

pub(super) fn is_arguments(key: &str) -> bool {
    one_of(key, &["args", "argv", "arguments", "params", "parameters", "options"])
}

pub(super) fn is_login(key: &str) -> bool {
    one_of(key, &["user", "username", "login", "email", "user_name", "account", "host", "hostname"])
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
