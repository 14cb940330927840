//! Secrets of Kubernetes written as YAML: what stands under `data:` and `stringData:`, whatever its name.
//!
//! Always true: only lines that are indented deeper than the block's name are taken; one manifest costs one walk over its lines.

use super::super::bytes::{at, sub};
use super::super::scan::Scan;
use super::super::values;

/// How far from its kind a manifest is read, in bytes.
const REACH: usize = 4096;

/// At `kind: Secret`.
pub(super) fn manifest(scan: &mut Scan<'_>, start: usize, after: usize) {
    let bytes = scan.bytes;
    if !matches!(at(bytes, after), b'\n' | b'\r') || start < scan.manifest_read {
        return;
    }
    let from = start.saturating_sub(REACH).max(scan.manifest_read);
    let end = bytes.len().min(after + REACH);
    scan.manifest_read = end;
    let mut block: Option<usize> = None;
    let mut place = from;
    for line in sub(bytes, from, end).split(|&byte| byte == b'\n') {
        let indent = line.iter().take_while(|&&byte| byte == b' ').count();
        let text = line.trim_ascii();
        if matches!(text, b"data:" | b"stringData:") {
            block = Some(indent);
        } else if !text.is_empty() && block.is_some_and(|depth| indent <= depth) {
            block = None;
        } else if block.is_some()
            && let Some(colon) = line.iter().position(|&byte| byte == b':')
            && let Some(value) = values::value_after(bytes, place + colon + 1)
            && value.end <= place + line.len()
            && !values::placeholder(sub(bytes, value.start, value.end))
        {
            scan.context(value.start, value.end, "secret");
        }
        place += line.len() + 1;
    }
}
