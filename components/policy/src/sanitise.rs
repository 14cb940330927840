//! Takes secrets out of an event before anything keeps or shows it (contract, section 6).
//!
//! Always true: what is taken out becomes `[redacted:<kind>]` and nothing else changes; cleaning twice is cleaning once; the work is
//! linear in the size of the event. Where a leak and a spoiled value were to be weighed, `docs/sanitising.md` says how.
//! Refusing events is for `validate`, cleaning text for display for [`crate::text`].
//!
//! The search goes from what is sure to what is likely: the structure around a value ([`walk`]: suspicious names, pairs of name and
//! value, argument lists), then the text itself ([`scan`]: the table of [`shapes`], the families told by a check in [`special`],
//! and what stands around a value in [`context`]), each through the disguises that [`view`] undoes.

mod anchors;
mod bytes;
mod checks;
mod context;
mod keys;
mod scan;
mod shapes;
mod special;
mod values;
mod view;
mod walk;
mod words;

use crate::json::Json;
use scan::{Depth, Finding};

/// What was taken out, and where; never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// A field's name, or a path below `data` like `data.env.AWS_KEY` or `data.lines[3]`. A key that was itself a secret is shown
    /// redacted; what was found within a string of JSON is named by the path of the string.
    pub path: String,
    /// The family, as in `[redacted:<kind>]`.
    pub kind: &'static str,
}

/// Most redactions that are reported of one event. All are made; an answer must not grow larger than the event it is about.
pub const MOST_REPORTED: usize = 256;

/// Cleans an event's `data` in place, and adds what was taken out to `redacted`.
pub fn data(value: &mut Json<'_>, redacted: &mut Vec<Redaction>) {
    walk::walk(value, "data", redacted);
}

/// Cleans the text of a field beside `data`. Gives the new text when something was taken out of it.
pub fn field(name: &'static str, text: &str, redacted: &mut Vec<Redaction>) -> Option<String> {
    walk::text(text, name, redacted)
}

/// The family of the first secret in an identifier, where a secret refuses the event. Names and ids speak of tokens all the time
/// (`token.refreshed`), so only what is a secret by its own text counts here.
pub fn secret_kind(text: &str) -> Option<&'static str> {
    scan::find(text, Depth::Shapes).first().map(|finding| finding.kind)
}

/// How often a text is looked at again after something was taken out. What is left can read differently, though it rarely does.
const PASSES: usize = 4;

/// The text without its secrets, and their kinds; none when there are none.
fn redact(text: &str) -> Option<(String, Vec<&'static str>)> {
    let mut kinds = Vec::new();
    let mut clean: Option<String> = None;
    for _ in 0..PASSES {
        let current = clean.as_deref().unwrap_or(text);
        let findings = scan::find(current, Depth::Everything);
        if findings.is_empty() {
            break;
        }
        clean = Some(replace(current, &findings));
        kinds.extend(findings.iter().map(|finding| finding.kind));
    }
    clean.map(|clean| (clean, kinds))
}

fn replace(text: &str, findings: &[Finding]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for finding in findings {
        out.push_str(text.get(from..finding.start).unwrap_or_default());
        out.push_str(&marker(finding.kind));
        from = finding.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

fn marker(kind: &str) -> String {
    format!("[redacted:{kind}]")
}

/// Whether a whole value is a marker and so is left as it is.
fn is_marker(text: &str) -> bool {
    text.strip_prefix("[redacted:").and_then(|rest| rest.strip_suffix(']')).is_some_and(|kind| {
        kind.len() <= 32 && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
    })
}

#[cfg(test)]
#[path = "../corpus/worst.rs"]
mod worst;

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes looked at, one by one, for each byte of a text.
    #[test]
    fn the_worst_texts_cost_no_square() {
        for length in [4_096, 65_536] {
            for (name, text) in worst::worst(length) {
                bytes::work::take();
                let _ = field("source", &text, &mut Vec::new());
                let looks = bytes::work::take() / text.len() as u64;
                assert!(looks < 400, "{name}: {looks} looks a byte of {length}");
            }
            for (name, document) in worst::structures(length) {
                bytes::work::take();
                if let Ok(mut json) = Json::parse(&document, 64) {
                    data(&mut json, &mut Vec::new());
                }
                let looks = bytes::work::take() / document.len() as u64;
                assert!(looks < 400, "{name}: {looks} looks a byte of {length}");
            }
        }
    }
}
