//! Reads and writes JSON without copying what need not be copied: a document borrows its strings and numbers from the text.
//!
//! Always true: what is read is RFC 8259 to the letter, nothing nests deeper than the caller allows, numbers keep the text they
//! came in (no precision is lost to a float), and members keep their order and their duplicates, so that a reader which takes
//! the first and a reader which takes the last of two equal keys both get what was looked at. What the values mean is for others.

mod reader;
mod writer;

use std::borrow::Cow;
use std::fmt;

use reader::Reader;
pub use writer::write_string;

/// A JSON value that borrows from the text it was read from.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it was written.
    Number(&'a str),
    /// A string without its quotes and escapes; borrowed when it had no escapes.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object's members in order, duplicates included.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why a text is not a JSON document, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonError {
    /// Offset into the text, in bytes.
    pub at: usize,
    /// What is wrong there.
    pub kind: JsonErrorKind,
}

/// What is wrong with a text that is not a JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// Not the grammar; the text says what was expected.
    Syntax(&'static str),
    /// More containers within each other than the caller allows.
    TooDeep,
    /// A `\uD800`–`\uDFFF` escape without its other half: no Unicode text can hold it.
    LoneSurrogate,
    /// A number beyond every float. RFC 8259 leaves the range open, but many readers refuse such a text whole: one event
    /// with `1e999` in it would take a page of history, or a subscriber, from them.
    HugeNumber,
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(expected) => f.write_str(expected),
            Self::TooDeep => f.write_str("nested too deep"),
            Self::LoneSurrogate => f.write_str("half of a surrogate pair"),
            Self::HugeNumber => f.write_str("a number out of range"),
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.at)
    }
}

impl std::error::Error for JsonError {}

impl<'a> Json<'a> {
    /// Reads one value that is the whole of `text`, white space around it aside. A scalar has depth 0, every array or object
    /// around it adds one.
    ///
    /// # Errors
    /// [`JsonError`] with the place of the first fault, when the text is not RFC 8259 or nests deeper than `max_depth`.
    pub fn parse(text: &'a str, max_depth: usize) -> Result<Json<'a>, JsonError> {
        Reader::new(text).document(max_depth)
    }

    /// The member of an object by name: the last of duplicates, as `JSON.parse` does.
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        self.as_object()?.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// The members of an object, in order.
    pub fn as_object(&self) -> Option<&[(Cow<'a, str>, Json<'a>)]> {
        match self {
            Json::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The items of an array.
    pub fn as_array(&self) -> Option<&[Json<'a>]> {
        match self {
            Json::Array(items) => Some(items),
            _ => None,
        }
    }

    /// A truth value.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Json::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// A number's own text.
    pub fn as_number(&self) -> Option<&'a str> {
        match self {
            Json::Number(text) => Some(text),
            _ => None,
        }
    }

    /// A number that is a whole one from 0 to 2^64-1, written without fraction and exponent.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.parse().ok()
    }

    /// A number as the nearest float; infinite when it is beyond all of them.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number()?.parse().ok()
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Json::Null)
    }
}

#[cfg(test)]
mod tests;
