//! Makes text that came from outside fit to be shown: cleans it of what a terminal, a log line or a reader's eye would act on,
//! cuts it where a reader would, and escapes it for HTML.
//!
//! Always true: cleaned text holds no control, ANSI, bidi-override or invisible character, and cutting never splits what a
//! reader takes for one character. Which text is shown, and where, is for others.

use crate::piece::first_marked;
use std::borrow::Cow;
use std::iter::Peekable;
use std::str::CharIndices;
use unicode_segmentation::UnicodeSegmentation;

/// Removes control characters, ANSI sequences, bidirectional overrides and isolates and invisible characters; a line end or tab
/// becomes a space. Joiners and variation selectors stay where they hold an emoji together.
pub fn clean(text: &str) -> Cow<'_, str> {
    let is_plain = first_marked(text.as_bytes(), |piece| piece.within(0, 0x1f) | piece.within(0x7f, 0xff)).is_none();
    if is_plain || !text.chars().any(is_acted_on) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.char_indices().peekable();
    while let Some((_, ch)) = chars.next() {
        match ch {
            '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                // A CR LF is one line end.
                if ch == '\r' && chars.peek().is_some_and(|&(_, next)| next == '\n') {
                    continue;
                }
                out.push(' ');
            }
            '\u{1b}' | '\u{90}' | '\u{98}' | '\u{9b}' | '\u{9d}'..='\u{9f}' => skip_sequence(ch, &mut chars),
            '\u{fe0e}' | '\u{fe0f}' if out.chars().next_back().is_some_and(takes_variation) => out.push(ch),
            '\u{200d}'
                if out.chars().next_back().is_some_and(|prev| is_emoji(prev) || prev == '\u{fe0f}')
                    && chars.peek().is_some_and(|&(_, next)| is_emoji(next)) =>
            {
                out.push(ch);
            }
            _ if is_acted_on(ch) => {}
            _ => out.push(ch),
        }
    }
    Cow::Owned(out)
}

/// Whether a character must not reach a reader as it is.
fn is_acted_on(ch: char) -> bool {
    ch.is_control() || matches!(ch, '\u{2028}' | '\u{2029}') || is_invisible(ch)
}

/// Characters without a picture of their own: Unicode's default-ignorable code points, bidirectional controls among them.
pub(crate) fn is_invisible(ch: char) -> bool {
    matches!(ch,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Characters that emoji sequences are joined from; a generous range is enough, since a joiner beside any of these is harmless.
fn is_emoji(ch: char) -> bool {
    matches!(ch, '\u{1f000}'..='\u{1faff}' | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{27bf}' | '\u{2900}'..='\u{2bff}')
}

fn takes_variation(ch: char) -> bool {
    is_emoji(ch) || matches!(ch, '0'..='9' | '#' | '*' | '©' | '®' | '‼' | '⁉' | '™' | 'ℹ' | '〰' | '〽' | '㊗' | '㊙')
}

/// Longest ANSI sequence that is taken for one. A string sequence that never ends must not swallow the text behind it.
const LONGEST_SEQUENCE: usize = 512;

/// Moves past the ANSI (ECMA-48) sequence that `first` opened. One that does not end is left where it stands: only its opening
/// character is lost, which leaves the rest as harmless text.
pub(crate) fn skip_sequence(first: char, chars: &mut Peekable<CharIndices<'_>>) {
    let mut ahead = chars.clone();
    let opener = match first {
        '\u{1b}' => match ahead.next() {
            Some((_, ch)) => ch,
            None => return,
        },
        // A C1 control stands for ESC and the character 0x40 below.
        c1 => char::from_u32(u32::from(c1) - 0x40).unwrap_or('\\'),
    };
    match opener {
        '[' => {
            for (_, ch) in ahead.by_ref().take(LONGEST_SEQUENCE) {
                match ch {
                    '\u{20}'..='\u{3f}' => {}
                    '\u{40}'..='\u{7e}' => {
                        *chars = ahead;
                        return;
                    }
                    _ => return,
                }
            }
        }
        // Strings: device control, start of string, operating system command, privacy message, application command. They end
        // with BEL or the string terminator.
        'P' | 'X' | ']' | '^' | '_' => {
            let mut length = 0;
            while let Some((_, ch)) = ahead.next() {
                match ch {
                    '\u{7}' | '\u{9c}' => {
                        *chars = ahead;
                        return;
                    }
                    '\u{1b}' => {
                        if ahead.next().is_some_and(|(_, ch)| ch == '\\') {
                            *chars = ahead;
                        }
                        return;
                    }
                    '\n' | '\r' => return,
                    _ => {}
                }
                // Looked at again when the next sequence opens: without a bound that would be the square of the text.
                length += 1;
                if length == LONGEST_SEQUENCE {
                    return;
                }
            }
        }
        ' '..='/' => {
            ahead.next();
            *chars = ahead;
        }
        '0'..='~' => *chars = ahead,
        _ => {}
    }
}

/// Characters of one grapheme: a base and the 30 marks that Unicode's Stream-Safe Text Format allows it, more than any script
/// or emoji has. A heap of thousands of marks is one grapheme as well, and would be a text of any length.
const TALLEST: usize = 31;

/// A grapheme, or the beginning of one that is too tall.
fn lowered(grapheme: &str) -> &str {
    let end = if grapheme.len() > TALLEST { grapheme.char_indices().nth(TALLEST).map(|(at, _)| at) } else { None };
    end.and_then(|end| grapheme.get(..end)).unwrap_or(grapheme)
}

/// At most `graphemes` grapheme clusters of the text, each of at most [`TALLEST`] characters; where a grapheme is left out, the
/// last of them is `…`.
pub fn cut(text: &str, graphemes: usize) -> Cow<'_, str> {
    // A grapheme is at least a byte long.
    if text.len() <= graphemes {
        return Cow::Borrowed(text);
    }
    let mut last = 0;
    for (count, (at, grapheme)) in text.grapheme_indices(true).enumerate() {
        if lowered(grapheme).len() < grapheme.len() {
            // One more than is kept: by it, the text is still seen to be too long.
            let lower: String = text.graphemes(true).take(graphemes.saturating_add(1)).map(lowered).collect();
            return Cow::Owned(cut(&lower, graphemes).into_owned());
        }
        if count + 1 == graphemes {
            last = at;
        }
        if count == graphemes {
            let mut out = text.get(..last).unwrap_or_default().to_owned();
            if graphemes > 0 {
                out.push('…');
            }
            return Cow::Owned(out);
        }
    }
    Cow::Borrowed(text)
}

/// Appends the text with the five characters escaped that could end an HTML text or a quoted attribute.
pub fn escape_html(text: &str, out: &mut String) {
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        let entity = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&#39;",
            _ => continue,
        };
        out.push_str(text.get(start..at).unwrap_or_default());
        out.push_str(entity);
        start = at + 1;
    }
    out.push_str(text.get(start..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cleans_what_a_terminal_or_an_eye_would_act_on() {
        for (from, to) in [
            ("plain text", "plain text"),
            ("naïve 漢字 👩‍👩‍👧 ⚠️ 1️⃣", "naïve 漢字 👩‍👩‍👧 ⚠️ 1️⃣"),
            ("\x1b[31mred\x1b[0m", "red"),
            ("\u{9b}31mred", "red"),
            ("\x1b]0;title\x07after", "after"),
            ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1b", ""),
            ("\x1b[", "["),
            ("a\nb\tc\r\nd", "a b c d"),
            ("a\u{2028}b\u{85}c", "a b c"),
            ("pay\u{202e}load\u{2066}x\u{2069}", "payloadx"),
            ("to\u{200b}k\u{200d}e\u{feff}n\u{ad}", "token"),
            ("nul\0bel\x07", "nulbel"),
            ("\u{e0041}tag", "tag"),
        ] {
            assert_eq!(clean(from), to, "{from:?}");
        }
    }

    #[test]
    fn an_unended_string_sequence_swallows_nothing() {
        assert!(clean(&format!("\x1b]{}", "x".repeat(2000))).ends_with("xxx"));
    }

    #[test]
    fn cuts_between_graphemes() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
        assert_eq!(cut("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 3), "👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧");
        assert_eq!(cut("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 2), "👩‍👩‍👧…");
        assert_eq!(cut("ab", 1), "…");
        assert_eq!(cut("ab", 0), "");
    }

    #[test]
    fn a_heap_of_marks_does_not_make_a_text_of_any_length() {
        let marks = |count: usize| "\u{301}".repeat(count);
        assert_eq!(cut(&format!("e{}", marks(20_000)), 120), format!("e{}", marks(30)));
        assert_eq!(cut(&format!("e{}", marks(30)), 120), format!("e{}", marks(30)));
        assert_eq!(cut(&format!("ab{}cd", marks(99)), 3), format!("ab{}…", marks(30)));
        let tall = format!("👩{}\u{200d}", marks(29)).repeat(2_000);
        assert!(cut(&tall, 120).chars().count() <= 120 * TALLEST);
    }

    #[test]
    fn escapes_html() {
        let mut out = String::new();
        escape_html("<a href=\"x\">Tom & 'Jerry'</a>", &mut out);
        assert_eq!(out, "&lt;a href=&quot;x&quot;&gt;Tom &amp; &#39;Jerry&#39;&lt;/a&gt;");
    }

    proptest! {
        #[test]
        fn cleaned_text_is_clean(text in "(\\PC|[\\x00-\\x1f\u{1b}\u{9b}\\[0-9;m\u{200d}\u{fe0f}😀])*") {
            let cleaned = clean(&text).into_owned();
            let joiner = |ch| matches!(ch, '\u{200d}' | '\u{fe0e}' | '\u{fe0f}');
            let left = cleaned.chars().find(|&ch| is_acted_on(ch) && !joiner(ch));
            prop_assert_eq!(left, None);
            prop_assert_eq!(&clean(&cleaned), &cleaned);
        }

        #[test]
        fn cut_text_is_short(text in "\\PC*", graphemes in 0_usize..20) {
            prop_assert!(cut(&text, graphemes).graphemes(true).count() <= graphemes);
        }
    }
}
