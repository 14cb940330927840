//! Walking over JSON text without building anything: where the elements of an array, or the fields of an object, begin
//! and end. It never recurses, never looks at a byte twice, and does not judge what is inside a value: what matters is
//! parsed with [`crate::json`] afterwards.

use std::ops::Range;

use crate::piece::{PIECE, Piece, first_marked, pieces};

/// The text is not what it should be at this byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanError {
    /// Offset in bytes.
    pub at: usize,
}

/// A walk over the elements of an array, or the members of an object.
struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.byte() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn error(&self) -> ScanError {
        ScanError { at: self.at }
    }

    /// Past a string whose quote is here.
    fn string(&mut self) -> Result<&'a str, ScanError> {
        let start = self.at;
        self.at += 1;
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            match first_marked(rest, |piece| piece.equal(b'"') | piece.equal(b'\\')) {
                Some(plain) => self.at += plain,
                None => return Err(ScanError { at: self.text.len() }),
            }
            if self.byte() == Some(b'"') {
                break;
            }
            self.at += 2;
        }
        self.at += 1;
        self.text.get(start..self.at).ok_or_else(|| self.error())
    }

    /// Past one value of any kind; brackets are only counted.
    fn value(&mut self) -> Result<&'a str, ScanError> {
        self.space();
        let start = self.at;
        let mut open = 0_usize;
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(b'{' | b'[') => {
                    open += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') if open > 0 => {
                    open -= 1;
                    self.at += 1;
                }
                Some(b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r') if open == 0 => break,
                Some(_) => {
                    self.at += 1;
                    continue;
                }
                None => break,
            }
            if open == 0 {
                break;
            }
        }
        if open > 0 || self.at == start {
            return Err(self.error());
        }
        self.text.get(start..self.at).ok_or_else(|| self.error())
    }
}

/// The elements of the array that the text is, each as it is written; `visit` stops the walk by answering false.
///
/// # Errors
/// The text is not one array; what the elements are is not looked at.
pub fn elements<'a>(text: &'a str, mut visit: impl FnMut(&'a str) -> bool) -> Result<(), ScanError> {
    let mut walk = Walk { text, at: 0 };
    if !walk.eat(b'[') {
        return Err(walk.error());
    }
    if !walk.eat(b']') {
        loop {
            if !visit(walk.value()?) {
                return Ok(());
            }
            if walk.eat(b']') {
                break;
            }
            if !walk.eat(b',') {
                return Err(walk.error());
            }
        }
    }
    walk.space();
    if walk.at == text.len() { Ok(()) } else { Err(walk.error()) }
}

/// Where the members of the object that the text is stand: each key without its quotes as it is written (escapes and all), and
/// each value as it is written; `visit` stops the walk by answering false. Stops in silence where the text is not JSON: for text
/// that was checked before.
pub fn members(text: &str, mut visit: impl FnMut(Range<usize>, Range<usize>) -> bool) {
    let bytes = text.as_bytes();
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return;
    }
    let mut strings = Strings::default();
    // Open brackets, the start of the member that is being read, and its colon.
    let (mut open, mut start, mut colon) = (0_usize, 0, None);
    for (index, (piece, _)) in pieces(bytes).enumerate() {
        let outside = !strings.within(piece);
        let opening = piece.folded().equal(b'{').bits() & outside;
        let closing = piece.folded().equal(b'}').bits() & outside;
        let commas = piece.equal(b',').bits() & outside;
        let mut signs = opening | closing | commas | piece.equal(b':').bits() & outside;
        while signs != 0 {
            let at = index * PIECE + signs.trailing_zeros() as usize;
            let sign = signs & signs.wrapping_neg();
            signs ^= sign;
            if sign & opening != 0 {
                open += 1;
                if open == 1 {
                    start = at + 1;
                }
                continue;
            }
            if open != 1 {
                open = open.saturating_sub(usize::from(sign & closing != 0));
                continue;
            }
            if sign & (closing | commas) == 0 {
                colon = colon.or(Some(at));
                continue;
            }
            // The end of a member.
            let Some(colon) = colon.take() else { return };
            let (key, value) = (trimmed(bytes, start..colon), trimmed(bytes, colon + 1..at));
            let is_quoted =
                key.len() > 1 && bytes.get(key.start) == Some(&b'"') && bytes.get(key.end - 1) == Some(&b'"');
            let goes_on = is_quoted && !value.is_empty() && visit(key.start + 1..key.end - 1, value);
            if !goes_on || sign & commas == 0 {
                return;
            }
            start = at + 1;
        }
    }
}

/// A range without the white space at its ends.
fn trimmed(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    let (mut start, mut end) = (range.start, range.end);
    while start < end && bytes.get(start).is_some_and(u8::is_ascii_whitespace) {
        start += 1;
    }
    while start < end && bytes.get(end - 1).is_some_and(u8::is_ascii_whitespace) {
        end -= 1;
    }
    start..end
}

/// Tells piece by piece which bytes of a JSON text are within strings.
#[derive(Default)]
struct Strings {
    /// All bits while the next piece begins within a string.
    inside: u32,
    /// 1 while the next piece begins with a byte that is escaped.
    escaped: u32,
}

impl Strings {
    /// A bit for each byte from a string's first quote to the last before its second.
    fn within(&mut self, piece: Piece) -> u32 {
        let mut quotes = piece.equal(b'"').bits();
        let mut backslashes = piece.equal(b'\\').bits();
        if backslashes | self.escaped != 0 {
            let mut escaped = self.escaped;
            backslashes &= !escaped;
            while backslashes != 0 {
                let first = backslashes & backslashes.wrapping_neg();
                escaped |= first << 1;
                backslashes &= !(first | first << 1);
            }
            quotes &= !escaped;
            self.escaped = escaped >> PIECE & 1;
        }
        // Whether the number of quotes up to each byte is odd.
        let mut odd = quotes ^ quotes << 1;
        odd ^= odd << 2;
        odd ^= odd << 4;
        odd ^= odd << 8;
        let within = odd ^ self.inside;
        self.inside = if within >> (PIECE - 1) & 1 == 1 { u32::MAX } else { 0 };
        within
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(text: &str) -> Result<Vec<&str>, ScanError> {
        let mut found = Vec::new();
        elements(text, |element| {
            found.push(element);
            true
        })?;
        Ok(found)
    }

    #[test]
    fn elements_are_given_as_they_are_written() {
        assert_eq!(list("[]"), Ok(vec![]));
        assert_eq!(list(" [ 1 , {\"a\":[1,\"]\"]} ,\"x\\\"]\"] "), Ok(vec!["1", "{\"a\":[1,\"]\"]}", "\"x\\\"]\""]));
        for text in ["", "{}", "[", "[1", "[1,", "[1,]", "[,]", "[1]]", "[1] 2", "[\"a]", "[{]", "[1 2]", "[\"\\"] {
            assert!(list(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_escape_may_stand_across_two_pieces() {
        for length in 0..40 {
            let text = format!(r#"{{"{}\"":"\\","b":["}}\\\"]"],"c":1}}"#, "x".repeat(length));
            let mut found = Vec::new();
            members(&text, |_, value| {
                found.push(text.get(value).unwrap_or_default());
                true
            });
            assert_eq!(found, [r#""\\""#, r#"["}\\\"]"]"#, "1"], "{text}");
        }
    }

    #[test]
    fn a_deep_text_is_no_deep_call() {
        let text = format!("[{}{}]", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(list(&text).map(|l| l.len()), Ok(1));
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "[\\\\\"a-c\\[\\]{},: é\n]{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map("[a-z\"\\\\]{0,3}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_parser(values in prop::collection::vec(value(), 0..5), pretty: bool) {
            let array = serde_json::Value::from(values.clone());
            let text = if pretty { format!("{array:#}") } else { array.to_string() };
            let parsed: Vec<serde_json::Value> =
                list(&text).unwrap_or_default().into_iter().filter_map(|e| serde_json::from_str(e).ok()).collect();
            prop_assert_eq!(&parsed, &values);

            let object: serde_json::Map<_, _> = values.into_iter().enumerate().map(|(i, v)| (format!("k{i}\""), v)).collect();
            let text = serde_json::Value::from(object.clone()).to_string();
            let mut found = serde_json::Map::new();
            members(&text, |key, value| {
                let (key, value) = (text.get(key).unwrap_or_default(), text.get(value).unwrap_or_default());
                if let (Ok(key), Ok(value)) = (serde_json::from_str(&format!("\"{key}\"")), serde_json::from_str(value)) {
                    found.insert(key, value);
                }
                true
            });
            prop_assert_eq!(found, object);
        }

        #[test]
        fn no_text_makes_it_fail(text in "[\\[\\]{}\",:\\\\ a1é]{0,40}") {
            let _ = list(&text);
            members(&text, |key, value| text.get(key).is_some() && text.get(value).is_some());
        }
    }
}
