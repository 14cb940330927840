//! Takes secrets out of an event before anything keeps it.
use crate::json::Json;
/// What was taken out, and where; never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// Where it was, as `data.user.password` or `data.lines[2]`.
    pub path: String,
    /// The family, as in `[redacted:<kind>]`.
    pub kind: &'static str,
}
/// Cleans the event's data in place.
pub fn data(_value: &mut Json<'_>, _redacted: &mut Vec<Redaction>) {}
/// Cleans a text field; the new text when something was taken out.
pub fn field(_name: &'static str, _text: &str, _redacted: &mut Vec<Redaction>) -> Option<String> {
    None
}
/// The family of a secret in an identifier.
pub fn secret_kind(_text: &str) -> Option<&'static str> {
    None
}
