//! Finds the secrets in one text: looks at it plainly, then through one disguise after another, and gives back what to take out.
//!
//! Always true: the work is linear in the length of the text. All anchors are found in one pass; a stretch is walked once however many
//! anchors stand in it ([`Runs`]); every disguise makes the text shorter, and their number is bounded. What a finding is
//! replaced with, and what its place in the event means, is for `sanitise`.

mod encoded;
mod plain;

use super::anchors::{Anchor, INDEX};
use super::bytes::{Alphabet, Census, Runs, at, find as find_bytes, member, sub};
use super::shapes::{Check, Shape};
use super::view::View;
use super::{context, special};
pub(super) use plain::plain;

/// Something to take out of a text: a range of bytes of the original, and the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: &'static str,
    /// Whether only what stands around it gave it away; of two that overlap, the one told by its own text names the family.
    pub(super) by_context: bool,
}

/// What is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Families told by their own text only: for identifiers, where a context is a name and not a statement.
    Shapes,
    /// Everything.
    Everything,
}

/// How many layers of base64 and hex are looked through.
const LAYERS: usize = 2;

/// How many times percent-encoding and backslash escapes are undone.
const ESCAPES: usize = 3;

/// A stretch of base64 so long is a file; an anchor in the middle of it is chance.
const BLOB: usize = 128;

/// Most anchors that are tried in one stretch without success.
const MOST_REFUSED: usize = 16;

/// Most lines and statements of a text that are looked at as a whole, from an anchor in them.
const MOST_OPTIONS: usize = 512;

/// Most findings of one text that are taken out one by one. What has more is no text with secrets in it but a list of them: from there
/// on it goes as a whole, so that markers cannot make an event many times larger.
const MOST_FINDINGS: usize = 256;

/// All findings in a text, in order, none overlapping another.
pub(super) fn find(text: &str, depth: Depth) -> Vec<Finding> {
    let mut findings = Vec::new();
    layered(text, depth, LAYERS, &mut findings);
    if findings.is_empty() {
        return findings;
    }
    let mut merged = merge(findings);
    // Behind so many there may be more than a scan looks at.
    if merged.len() == MOST_FINDINGS
        && let Some(last) = merged.last_mut()
    {
        last.end = text.len();
    }
    merged
}

fn layered(text: &str, depth: Depth, layers: usize, findings: &mut Vec<Finding>) {
    if !plain(text.as_bytes()) {
        searched(text, depth, layers, findings);
    }
}

fn searched(text: &str, depth: Depth, layers: usize, findings: &mut Vec<Finding>) {
    let mut view = View::of(text);
    for round in 0..=ESCAPES {
        let census = look(&view, depth, layers, &[], findings);
        if round < 2
            && census.line_end
            && let Some((joined, seams)) = view.joined()
        {
            look(&joined, Depth::Shapes, layers, &seams, findings);
        }
        if !census.escape {
            break;
        }
        match view.decoded() {
            Some(decoded) => view = decoded,
            None => break,
        }
    }
}

/// Searches one view, and tells what it is made of. Where `seams` are given, only what lies across one of them is new.
fn look(view: &View<'_>, depth: Depth, layers: usize, seams: &[usize], findings: &mut Vec<Finding>) -> Census {
    let mut scan = Scan::new(view.bytes(), seams);
    let census = Census::of(view.bytes());
    scan.blobs();
    scan.anchors(depth == Depth::Everything);
    if census.digits >= special::FEWEST_DIGITS {
        special::cards(&mut scan);
    }
    if census.words >= special::FEWEST_WORDS {
        special::seed_phrases(&mut scan);
    }
    if census.longest >= special::SHORTEST_STRETCH {
        special::stretches(&mut scan);
    }
    if census.sign && depth == Depth::Everything {
        context::assignments(&mut scan);
    }
    if layers > 0 && census.longest >= encoded::SHORTEST {
        encoded::encoded(&mut scan, layers);
    }
    let markers = if census.bracket { markers(view.bytes()) } else { Vec::new() };
    for hit in scan.hits {
        let inside = seams.partition_point(|&seam| seam <= hit.start)..seams.partition_point(|&seam| seam < hit.end);
        let crossed = seams.get(inside).unwrap_or_default();
        let end = unwrapped_end(view.bytes(), &hit, crossed);
        let crosses = seams.is_empty() || crossed.first().is_some_and(|&seam| seam < end);
        // What was taken out before is not looked into, nor taken for somebody's value.
        let next = markers.partition_point(|&(_, marker_end)| marker_end <= hit.start);
        let marked = hit.by_context && markers.get(next).is_some_and(|&(marker_start, _)| marker_start < end);
        if crosses && !marked {
            let (start, end) = view.original(hit.start, end);
            findings.push(Finding { start, end, ..hit });
        }
    }
    census
}

/// Across a line end an open-ended token must not take the next line's first word along: a last part that reads as a word and
/// not as more of the token is given back.
fn unwrapped_end(bytes: &[u8], hit: &Finding, crossed: &[usize]) -> usize {
    let mut end = hit.end;
    for &seam in crossed.iter().rev() {
        let part = sub(bytes, seam, end);
        let word = part.iter().all(u8::is_ascii_alphabetic)
            && part.len() < 16
            && part.iter().skip(1).all(u8::is_ascii_lowercase);
        if !word || seam < hit.start + 12 {
            break;
        }
        end = seam;
    }
    end
}

/// Where `[redacted:<kind>]` stands already.
fn markers(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut markers = Vec::new();
    let mut from = 0;
    while let Some(offset) = find_bytes(sub(bytes, from, bytes.len()), b"[redacted:") {
        let start = from + offset;
        let length =
            sub(bytes, start + 10, start + 48).iter().take_while(|&&byte| member(byte, Alphabet::Word)).count();
        from = start + 10 + length;
        if at(bytes, from) == b']' {
            markers.push((start, from + 1));
        }
    }
    markers
}

/// One view being searched.
pub(super) struct Scan<'v> {
    pub(super) bytes: &'v [u8],
    /// Where line ends were taken out, in order: a token of a known length may end there.
    seams: &'v [usize],
    pub(super) runs: Runs,
    pub(super) hits: Vec<Finding>,
    /// Whether an AWS key id was found: its secret, which has no shape of its own, is then looked for.
    pub(super) aws: bool,
    /// Where the end marker of an armoured key was last found; `usize::MAX` when there is none further on.
    pub(super) armour_end: Option<usize>,
    /// End of the last segment that was tried as a JWT's header.
    pub(super) jwt_tried: usize,
    /// How far key files of PuTTY were looked for.
    pub(super) putty_tried: usize,
    /// How far manifests of Kubernetes were read.
    pub(super) manifest_read: usize,
    /// Looks at lines and statements so far.
    options: usize,
    /// The end of the stretch in which anchors were refused last, and how many.
    refused: (usize, usize),
    blobs: Vec<(usize, usize)>,
}

impl<'v> Scan<'v> {
    fn new(bytes: &'v [u8], seams: &'v [usize]) -> Scan<'v> {
        Scan {
            bytes,
            seams,
            runs: Runs::default(),
            hits: Vec::new(),
            aws: false,
            armour_end: None,
            jwt_tried: 0,
            putty_tried: 0,
            manifest_read: 0,
            options: 0,
            refused: (0, 0),
            blobs: Vec::new(),
        }
    }

    pub(super) fn hit(&mut self, start: usize, end: usize, kind: &'static str) {
        if start < end {
            self.hits.push(Finding { start, end, kind, by_context: false });
        }
    }

    pub(super) fn context(&mut self, start: usize, end: usize, kind: &'static str) {
        if start < end {
            self.hits.push(Finding { start, end, kind, by_context: true });
        }
    }

    /// Marks stretches of base64 that are files.
    fn blobs(&mut self) {
        if self.bytes.len() < BLOB {
            return;
        }
        let mut start = 0;
        for (index, byte) in self.bytes.iter().chain(b" ").enumerate() {
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')) {
                // A sign before it is that of a list or of a patch.
                start += usize::from(matches!(at(self.bytes, start), b'+' | b'/'));
                if index >= start + BLOB {
                    self.blobs.push((start, index));
                }
                start = index + 1;
            }
        }
    }

    fn in_blob(&self, place: usize, end: usize) -> bool {
        // The last part of an address: base64 has a slash in it too, but hardly an anchor behind one.
        if end >= place + 3 && place > 0 && at(self.bytes, place - 1) == b'/' {
            return false;
        }
        let after = self.blobs.partition_point(|&(start, _)| start < place);
        after.checked_sub(1).and_then(|index| self.blobs.get(index)).is_some_and(|&(_, end)| place < end)
    }

    fn anchors(&mut self, everything: bool) {
        INDEX.each(self.bytes, |anchor, start, end| match anchor {
            Anchor::Shape(shape) => {
                if sub(self.bytes, start, end) == shape.anchor.as_bytes() && !self.in_blob(start, end) {
                    self.shape(shape, start, end);
                }
            }
            Anchor::Special(search) => search(self, start, end),
            Anchor::Context(search) if everything => search(self, start, end),
            Anchor::Context(_) => {}
        });
    }

    fn shape(&mut self, shape: &Shape, anchor: usize, after: usize) {
        let mut start = anchor;
        if let Some((alphabet, least, most)) = shape.before {
            let length = (0..=most).take_while(|&back| {
                anchor.checked_sub(back + 1).is_some_and(|index| {
                    let byte = at(self.bytes, index);
                    // Padding ends a value; what follows it begins another.
                    member(byte, alphabet) && byte != b'='
                })
            });
            let length = length.count();
            if length < least || length > most {
                return;
            }
            start = anchor - length;
        } else if !shape.glued() && self.in_token(anchor, shape) {
            return;
        }
        let mut end = self.runs.end(self.bytes, shape.alphabet, after);
        // A sentence goes on behind the token.
        let closing = |byte| matches!(byte, b'.' | b'-' | b':' | b'~' | b',' | b';' | b')' | b']' | b'}' | b'\\');
        let sentence = (1..=6).take_while(|back| end >= after + back && closing(at(self.bytes, end - back))).count();
        end -= sentence;
        if end - after > shape.most
            && let Some(seam) = self.seam(after + shape.least, after + shape.most)
        {
            end = seam;
        }
        if end - after < shape.least || end - after > shape.most {
            return;
        }
        // `__…__` is set in bold.
        let goes_on = member(at(self.bytes, end), Alphabet::Word) && sub(self.bytes, end, end + 2) != b"__";
        if shape.most != usize::MAX && goes_on && self.seam(end, end).is_none() {
            return;
        }
        // Anchor after anchor in one stretch: it was found already, or has been refused often enough.
        if self.hits.last().is_some_and(|last| !last.by_context && last.start <= start && end <= last.end)
            || self.refused == (end, MOST_REFUSED)
        {
            return;
        }
        if !shape.accepts(sub(self.bytes, after, end), sub(self.bytes, start, end)) {
            self.refused = if self.refused.0 == end { (end, self.refused.1 + 1) } else { (end, 1) };
            return;
        }
        self.aws |= shape.kind == "aws_access_key_id";
        self.hit(start, end, shape.kind);
    }

    /// Counts a look at a whole line or statement; false when there were so many that the text is made of nothing else.
    pub(super) fn spend(&mut self) -> bool {
        self.options += 1;
        self.options <= MOST_OPTIONS
    }

    /// A place between two others, both included, where a line end was taken out.
    pub(super) fn seam(&self, from: usize, to: usize) -> Option<usize> {
        self.seams.get(self.seams.partition_point(|&seam| seam < from)).copied().filter(|&seam| seam <= to)
    }

    /// Whether a place is in the middle of a word, where an anchor is chance.
    fn in_token(&self, place: usize, shape: &Shape) -> bool {
        let Some(before) = place.checked_sub(1).map(|index| at(self.bytes, index)) else { return false };
        before.is_ascii_alphanumeric() || shape.check == Check::Alone && matches!(before, b'-' | b'_' | b'.')
    }
}

/// Makes one of findings that overlap or touch within one token, named by the most telling.
fn merge(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| (finding.start, std::cmp::Reverse(finding.end)));
    let mut merged: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        match merged.last_mut() {
            Some(last) if finding.start < last.end => {
                if last.by_context && !finding.by_context {
                    last.kind = finding.kind;
                    last.by_context = false;
                }
                last.end = last.end.max(finding.end);
            }
            _ => merged.push(finding),
        }
    }
    if let (Some(&first), Some(&last)) = (merged.get(MOST_FINDINGS - 1), merged.last()) {
        merged.truncate(MOST_FINDINGS - 1);
        merged.push(Finding { end: last.end, ..first });
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whatever announces a secret, and values of the forms that secrets have.
    #[test]
    fn what_is_not_searched_holds_nothing() {
        let values = [
            "hunter2",
            "letmein",
            "4821",
            "483920",
            "dTpwYXNzMQ",
            "a1B2c3D4e5F6g",
            "x",
            "bAicUieqiuUi",
            "ann:s3cretpw",
            "a-b_c.d9",
            "word word",
        ];
        let mut let_go = 0;
        for (anchor, _) in context::ANCHORS.iter().map(|(anchor, _)| (*anchor, ())) {
            for value in values {
                for text in [
                    format!("{anchor} {value}"),
                    format!("{anchor}{value}"),
                    format!("the {anchor} is {value} now"),
                    format!("{anchor} a {value}"),
                    format!("x {anchor} a b {value}"),
                    format!("{value} {anchor} a1 {value}"),
                ] {
                    if plain(text.as_bytes()) {
                        let mut findings = Vec::new();
                        searched(&text, Depth::Everything, LAYERS, &mut findings);
                        assert_eq!(findings, [], "{text}");
                        let_go += 1;
                    }
                }
            }
        }
        assert!(let_go > 50, "the gate lets nothing go: {let_go}");
    }

    proptest! {
        #[test]
        fn a_moment_holds_nothing(text in "[12][0-9]{3}-[01][0-9]-[0-3][0-9][Tt][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?([Zz]|[+-][0-2][0-9]:[0-5][0-9])") {
            let mut findings = Vec::new();
            searched(&text, Depth::Everything, LAYERS, &mut findings);
            prop_assert_eq!(findings, []);
        }
    }
}
