//! Reads and writes JSON without copying what need not be copied: a document borrows its strings and numbers from the text.
//!
//! Always true: what is read is RFC 8259 to the letter, nothing nests deeper than the caller allows, numbers keep the text they
//! came in (no precision is lost to a float), and members keep their order and their duplicates, so that a reader which takes
//! the first and a reader which takes the last of two equal keys both get what was looked at. What the values mean is for others.

use std::borrow::Cow;
use std::fmt;

use crate::piece::{Piece, first_marked};

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
        let mut reader = Reader { text, bytes: text.as_bytes(), at: 0 };
        reader.skip_space();
        let mut value = Json::Null;
        reader.value(&mut value, max_depth)?;
        reader.skip_space();
        if reader.at < reader.bytes.len() {
            return Err(reader.syntax("expected the end of the text"));
        }
        Ok(value)
    }

    /// Appends the value as compact JSON.
    pub fn write(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Number(text) => out.push_str(text),
            Json::String(text) => write_string(text, out),
            Json::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_string(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
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

/// Appends `text` as a JSON string with its quotes. Beyond what RFC 8259 demands it escapes U+007F–U+009F, U+2028 and U+2029,
/// so that no control character and nothing that JavaScript or a line reader takes for a line end is ever written raw.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    // What is escaped, or begins the UTF-8 of something that is: 0xC2 of U+0080 and on, 0xE2 of U+2028.
    let may_be_escaped = |piece: Piece| {
        let signs = piece.within(0, 0x1f) | piece.equal(b'"') | piece.equal(b'\\') | piece.equal(0x7f);
        signs | piece.equal(0xc2) | piece.equal(0xe2)
    };
    if first_marked(text.as_bytes(), may_be_escaped).is_none() {
        out.push_str(text);
        out.push('"');
        return;
    }
    // Everything up to `start` is written; plain stretches are copied whole.
    let mut start = 0;
    for (at, ch) in text.char_indices() {
        let escape = match ch {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => "",
            _ => continue,
        };
        out.push_str(text.get(start..at).unwrap_or_default());
        if escape.is_empty() {
            out.push_str("\\u");
            for shift in [12, 8, 4, 0] {
                out.push(char::from_digit((u32::from(ch) >> shift) & 0xf, 16).unwrap_or('0'));
            }
        } else {
            out.push_str(escape);
        }
        start = at + ch.len_utf8();
    }
    out.push_str(text.get(start..).unwrap_or_default());
    out.push('"');
}

/// Values are read into their places: a value that is handed back, and then moved, is written in small parts and read again as a
/// whole at once, for which a processor waits.
struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

/// Puts a value where a null was, which needs no look at what is to be dropped.
fn fill<'a>(place: &mut Json<'a>, value: Json<'a>) {
    std::mem::forget(std::mem::replace(place, value));
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn syntax(&self, expected: &'static str) -> JsonError {
        JsonError { at: self.at, kind: JsonErrorKind::Syntax(expected) }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.at += 1;
        }
        there
    }

    fn value(&mut self, place: &mut Json<'a>, depth: usize) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => {
                fill(place, Json::String(Cow::Borrowed("")));
                if let Json::String(text) = place { self.string(text) } else { Ok(()) }
            }
            Some(b'{') => self.object(place, depth),
            Some(b'[') => self.array(place, depth),
            Some(b'-' | b'0'..=b'9') => self.number(place),
            Some(b't') => self.literal("true", Json::Bool(true), place),
            Some(b'f') => self.literal("false", Json::Bool(false), place),
            Some(b'n') => self.literal("null", Json::Null, place),
            _ => Err(self.syntax("expected a value")),
        }
    }

    fn literal(&mut self, word: &'static str, value: Json<'a>, place: &mut Json<'a>) -> Result<(), JsonError> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            fill(place, value);
            Ok(())
        } else {
            Err(self.syntax("expected a value"))
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, JsonError> {
        depth.checked_sub(1).ok_or(JsonError { at: self.at, kind: JsonErrorKind::TooDeep })
    }

    fn array(&mut self, place: &mut Json<'a>, depth: usize) -> Result<(), JsonError> {
        let depth = self.deeper(depth)?;
        self.at += 1;
        fill(place, Json::Array(Vec::new()));
        let Json::Array(items) = place else { return Ok(()) };
        self.skip_space();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.skip_space();
            items.push(Json::Null);
            let Some(item) = items.last_mut() else { return Ok(()) };
            self.value(item, depth)?;
            self.skip_space();
            if self.take(b']') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.syntax("expected `,` or `]`"));
            }
        }
    }

    fn object(&mut self, place: &mut Json<'a>, depth: usize) -> Result<(), JsonError> {
        let depth = self.deeper(depth)?;
        self.at += 1;
        self.skip_space();
        if self.take(b'}') {
            fill(place, Json::Object(Vec::new()));
            return Ok(());
        }
        fill(place, Json::Object(Vec::with_capacity(8)));
        let Json::Object(members) = place else { return Ok(()) };
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.syntax("expected a member name"));
            }
            members.push((Cow::Borrowed(""), Json::Null));
            let Some((key, value)) = members.last_mut() else { return Ok(()) };
            self.string(key)?;
            self.skip_space();
            if !self.take(b':') {
                return Err(self.syntax("expected `:`"));
            }
            self.skip_space();
            self.value(value, depth)?;
            self.skip_space();
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.syntax("expected `,` or `}`"));
            }
        }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.syntax("expected a digit"));
        }
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self, place: &mut Json<'a>) -> Result<(), JsonError> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        let exponent = self.take(b'e') || self.take(b'E');
        if exponent {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        // `01` fails here at the container or at the end of the text: after `0` no digit may follow.
        let number = self.slice(start, self.at);
        // The largest float has 309 digits.
        if (exponent || number.len() > 308) && !number.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(JsonError { at: start, kind: JsonErrorKind::HugeNumber });
        }
        fill(place, Json::Number(number));
        Ok(())
    }

    /// Only ever called on the borders of ASCII bytes, hence always on character borders.
    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    fn string(&mut self, place: &mut Cow<'a, str>) -> Result<(), JsonError> {
        self.at += 1;
        let start = self.at;
        let end = self.plain()?;
        if self.peek() == Some(b'"') {
            self.at += 1;
            *place = Cow::Borrowed(self.slice(start, end));
            return Ok(());
        }
        let mut text = String::with_capacity(end - start + 16);
        text.push_str(self.slice(start, end));
        while !self.take(b'"') {
            text.push(self.escape()?);
            let start = self.at;
            let end = self.plain()?;
            text.push_str(self.slice(start, end));
        }
        *place = Cow::Owned(text);
        Ok(())
    }

    /// Moves to the next quote or backslash and gives its place.
    fn plain(&mut self) -> Result<usize, JsonError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match first_marked(rest, |piece| piece.within(0, 0x1f) | piece.equal(b'"') | piece.equal(b'\\')) {
            Some(length) => {
                self.at += length;
                match self.peek() {
                    Some(b'"' | b'\\') => Ok(self.at),
                    _ => Err(self.syntax("a control character in a string must be escaped")),
                }
            }
            None => {
                self.at = self.bytes.len();
                Err(self.syntax("expected the end of a string"))
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let begin = self.at;
        self.at += 1;
        let byte = self.peek();
        self.at += 1;
        match byte {
            Some(b'"') => Ok('"'),
            Some(b'\\') => Ok('\\'),
            Some(b'/') => Ok('/'),
            Some(b'b') => Ok('\u{8}'),
            Some(b'f') => Ok('\u{c}'),
            Some(b'n') => Ok('\n'),
            Some(b'r') => Ok('\r'),
            Some(b't') => Ok('\t'),
            Some(b'u') => {
                let lone = JsonError { at: begin, kind: JsonErrorKind::LoneSurrogate };
                let first = self.hex4()?;
                let code = match first {
                    0xd800..=0xdbff => {
                        if !(self.take(b'\\') && self.take(b'u')) {
                            return Err(lone);
                        }
                        let second = self.hex4()?;
                        if !(0xdc00..=0xdfff).contains(&second) {
                            return Err(lone);
                        }
                        0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    other => other,
                };
                char::from_u32(code).ok_or(lone)
            }
            _ => {
                self.at = begin;
                Err(self.syntax("expected an escape"))
            }
        }
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.syntax("expected four hexadecimal digits"))?;
            self.at += 1;
        }
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    fn round(text: &str) -> String {
        let mut out = String::new();
        Json::parse(text, 64).unwrap().write(&mut out);
        out
    }

    fn fault(text: &str) -> JsonErrorKind {
        Json::parse(text, 4).unwrap_err().kind
    }

    #[test]
    fn keeps_numbers_order_and_duplicates() {
        let text = r#"{"b":1.50,"a":-0e+7,"b":123456789012345678901234567890,"c":[],"d":{},"e":[null,true,false]}"#;
        assert_eq!(round(text), text);
        let json = Json::parse(text, 2).unwrap();
        assert_eq!(json.get("b").unwrap().as_number(), Some("123456789012345678901234567890"));
    }

    #[test]
    fn borrows_what_has_no_escapes() {
        let json = Json::parse(r#"["plain","esc\u00e9"]"#, 1).unwrap();
        let items = json.as_array().unwrap();
        assert!(matches!(items.first(), Some(Json::String(Cow::Borrowed("plain")))));
        assert!(matches!(items.get(1), Some(Json::String(Cow::Owned(text))) if text == "escé"));
    }

    #[test]
    fn reads_every_escape_and_writes_no_control_character() {
        let json = Json::parse(r#""\"\\\/\b\f\n\r\t\u0000\ud83d\ude00\u2028\u009b""#, 0).unwrap();
        assert_eq!(json.as_str(), Some("\"\\/\u{8}\u{c}\n\r\t\0😀\u{2028}\u{9b}"));
        let mut out = String::new();
        json.write(&mut out);
        assert_eq!(out, r#""\"\\/\b\f\n\r\t\u0000😀\u2028\u009b""#);
    }

    #[test]
    fn refuses_what_is_not_the_grammar() {
        for text in [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "NaN",
            "'a'",
            "\"a",
            "\"\t\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "nul",
            "truex",
            "[1 2]",
            "{\"a\" 1}",
            "1 2",
            "\u{feff}1",
            "[1}",
            "{\"a\":1]",
            "\"\0\"",
        ] {
            assert!(matches!(Json::parse(text, 8), Err(JsonError { kind: JsonErrorKind::Syntax(_), .. })), "{text:?}");
        }
        for text in [r#""\ud800""#, r#""\ud800x""#, r#""\udc00""#, r#""\ud800\ud800""#, r#""\ud800\n""#] {
            assert_eq!(fault(text), JsonErrorKind::LoneSurrogate, "{text}");
        }
    }

    #[test]
    fn stops_at_the_depth_it_is_given() {
        assert!(Json::parse("[[[[1]]]]", 4).is_ok());
        assert_eq!(fault("[[[[[1]]]]]"), JsonErrorKind::TooDeep);
        assert_eq!(fault(&"[".repeat(1_000_000)), JsonErrorKind::TooDeep);
        assert!(Json::parse("1", 0).is_ok());
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_on_strings(text in "\\PC*|[\\x00-\\x7f]*") {
            let mut ours = String::new();
            write_string(&text, &mut ours);
            prop_assert_eq!(&serde_json::from_str::<String>(&ours).expect("our JSON is JSON"), &text);
            let theirs = serde_json::to_string(&text).expect("a string is JSON");
            let read = Json::parse(&theirs, 0).unwrap();
            prop_assert_eq!(read.as_str(), Some(text.as_str()));
        }

        #[test]
        fn agrees_with_serde_json_on_what_is_json(text in "[\\[\\]{}:,\"a\\\\0-9.eE+ -]{0,24}") {
            prop_assert_eq!(Json::parse(&text, 64).is_ok(), serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }
}
