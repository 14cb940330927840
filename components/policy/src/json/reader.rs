//! Reads a document by recursive descent.
//!
//! Values are read into their places: a value that is handed back, and then moved, is written in small parts and read
//! again as a whole at once, for which a processor waits.

use std::borrow::Cow;

use super::{Json, JsonError, JsonErrorKind};
use crate::piece::first_marked;

/// A text, and how far it was read.
pub(super) struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

/// Puts a value where a null was, which needs no look at what is to be dropped.
fn fill<'a>(place: &mut Json<'a>, value: Json<'a>) {
    std::mem::forget(std::mem::replace(place, value));
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0 }
    }

    /// One value that is the whole of the text, white space around it aside.
    pub(super) fn document(mut self, max_depth: usize) -> Result<Json<'a>, JsonError> {
        self.skip_space();
        let mut value = Json::Null;
        self.value(&mut value, max_depth)?;
        self.skip_space();
        if self.at < self.bytes.len() {
            return Err(self.syntax("expected the end of the text"));
        }
        Ok(value)
    }

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
