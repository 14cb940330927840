//! The top-level fields of an event's data, as far as the feed reads them: texts and numbers, cleaned. One walk over the
//! text and nothing built, since most of what an event carries is passed on unread.

use std::borrow::Cow;
use std::ops::Range;

use crate::json::Json;
use crate::piece::first_marked;
use crate::{scan, text};

/// Members that are looked at; what an event says in its first ones is what it is about.
const MAX_MEMBERS: usize = 256;

/// Bytes of a number that is taken for an amount of something.
const MAX_NUMBER: usize = 24;

/// Where the members of a data object stand in its text, in order.
pub struct Members(Vec<(Range<usize>, Range<usize>)>);

impl Members {
    /// Walk over a JSON object that was checked before it was stored; anything else has no members.
    #[must_use]
    pub fn of(data: &str) -> Self {
        let mut members = Vec::with_capacity(16);
        scan::members(data, |key, value| {
            members.push((key, value));
            members.len() < MAX_MEMBERS
        });
        Self(members)
    }

    /// The members as fields of the text that they were found in.
    #[must_use]
    pub fn fields<'a>(&'a self, data: &'a str) -> Fields<'a> {
        Fields { data, members: &self.0 }
    }
}

/// The fields, each as it is written.
pub struct Fields<'a> {
    data: &'a str,
    members: &'a [(Range<usize>, Range<usize>)],
}

impl<'a> Fields<'a> {
    /// The first of these fields that says something, as display text: a string that is not blank, or a number.
    #[must_use]
    pub fn text(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        names.iter().find_map(|name| as_text(self.raw(name)?))
    }

    /// The first of these fields that is a number, or a string of one, as JSON writes it.
    #[must_use]
    pub fn number(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        let is_number = |text: &str| text.len() <= MAX_NUMBER && matches!(Json::parse(text, 0), Ok(Json::Number(_)));
        names.iter().filter_map(|name| as_text(self.raw(name)?)).find(|text| is_number(text))
    }

    /// The last of duplicates counts, as in JavaScript.
    fn raw(&self, name: &str) -> Option<&'a str> {
        let is_it = |key: &Range<usize>| {
            key.len() == name.len() && self.data.as_bytes().get(key.clone()) == Some(name.as_bytes())
        };
        let (_, value) = self.members.iter().rev().find(|(key, _)| is_it(key))?;
        self.data.get(value.clone())
    }
}

fn as_text(raw: &str) -> Option<Cow<'_, str>> {
    match raw.as_bytes().first()? {
        b'"' if first_marked(raw.as_bytes(), |piece| piece.equal(b'\\')).is_some() => match Json::parse(raw, 1) {
            Ok(Json::String(text)) => not_blank(Cow::Owned(text::clean(&text).into_owned())),
            _ => None,
        },
        b'"' => not_blank(text::clean(raw.get(1..raw.len() - 1)?)),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(raw)),
        _ => None,
    }
}

fn not_blank(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    match text {
        Cow::Borrowed(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(Cow::Borrowed),
        Cow::Owned(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(|text| Cow::Owned(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers_are_read_and_nothing_else() {
        let data = r#"{"a":"one","b":2.50,"c":"","d":" \t","e":null,"f":true,"g":{"a":"x"},"h":["a"],"i":"\u001b[31mred\"","j":" x ","a":"last"}"#;
        let members = Members::of(data);
        let fields = members.fields(data);
        assert_eq!(fields.text(&["a"]).as_deref(), Some("last"));
        assert_eq!(fields.text(&["b"]).as_deref(), Some("2.50"));
        for name in ["c", "d", "e", "f", "g", "h", "missing"] {
            assert_eq!(fields.text(&[name]), None, "{name}");
        }
        assert_eq!(fields.text(&["i"]).as_deref(), Some("red\""));
        assert_eq!(fields.text(&["c", "missing", "j"]).as_deref(), Some("x"));
        assert_eq!(fields.number(&["a", "b"]).as_deref(), Some("2.50"));
        assert!(Members::of("not json").fields("not json").text(&["a"]).is_none());
    }
}
