//! A JSON object taken apart into its fields and put together again without some of them. What stays keeps its order
//! and its text, digit by digit: an event that is exported and imported has the same content, not almost the same.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object's fields, in order.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(InOrder).map(Fields)
    }
}

/// The object without these fields, on one line if it was on one.
///
/// # Errors
/// When the text is no JSON object.
pub(super) fn without(object: &str, names: &[&str]) -> serde_json::Result<String> {
    let Fields(fields) = serde_json::from_str(object)?;
    let mut out = String::with_capacity(object.len());
    out.push('{');
    for (name, value) in fields.iter().filter(|(name, _)| !names.contains(&name.as_str())) {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&serde_json::to_string(name)?);
        out.push(':');
        out.push_str(value.get());
    }
    out.push('}');
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_stays_keeps_its_text_and_order() {
        let event = r#"{"seq":7,"z":1.10,"a":{"display":12345678901234567890123},"display":{"x":1},"\u0041":"é\n"}"#;
        let left = without(event, &["seq", "display"]).unwrap();
        assert_eq!(left, r#"{"z":1.10,"a":{"display":12345678901234567890123},"A":"é\n"}"#);
        assert_eq!(without("{}", &["seq"]).unwrap(), "{}");
        assert!(without("[1]", &[]).is_err());
    }
}
