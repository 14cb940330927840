//! Values and strings as compact JSON.

use super::Json;
use crate::piece::{Piece, first_marked};

impl Json<'_> {
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
