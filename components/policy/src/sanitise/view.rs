//! The text as a searcher should see it: look-alike letters as the letters they pretend to be, invisible characters and escape
//! sequences gone, one byte a character, with the way back to the text as it stands.
//!
//! Always true: every byte of a view knows which bytes of the original text it came from, so that what is found in any view is
//! taken out of the original, hidden characters and all; the original itself is never changed here. What to look for is for others.

use crate::piece::{Piece, first_marked};
use crate::text::{is_invisible, skip_sequence};
use std::borrow::Cow;

/// Stands in a view for a character that is neither ASCII nor looks like it. It belongs to no token.
pub(super) const OTHER: u8 = 0x80;

/// A text to look at, and where each of its bytes came from.
pub(super) struct View<'a> {
    bytes: Cow<'a, [u8]>,
    /// For each byte the range of the original text; empty where the view is the text itself.
    origin: Vec<(u32, u32)>,
}

impl<'a> View<'a> {
    /// The plain view of a text.
    pub(super) fn of(text: &'a str) -> View<'a> {
        let is_other = |piece: Piece| {
            // Tab and line feed are left out, and carriage return.
            piece.within(0, 0x08) | piece.within(0x0b, 0x0c) | piece.within(0x0e, 0x1f) | piece.within(0x7f, 0xff)
        };
        if first_marked(text.as_bytes(), is_other).is_none() {
            return View { bytes: Cow::Borrowed(text.as_bytes()), origin: Vec::new() };
        }
        let mut view = View::with_capacity(text.len());
        let mut chars = text.char_indices().peekable();
        while let Some((at, ch)) = chars.next() {
            if let Some(word) = foreign(text, at, ch) {
                for ascii in "password".chars() {
                    view.push(ascii, at, at + word.len());
                }
                for _ in word.chars().skip(1) {
                    chars.next();
                }
            } else if matches!(ch, '\u{1b}' | '\u{90}' | '\u{98}' | '\u{9b}' | '\u{9d}'..='\u{9f}') {
                skip_sequence(ch, &mut chars);
            } else {
                view.push(ch, at, at + ch.len_utf8());
            }
        }
        view
    }

    fn with_capacity(capacity: usize) -> View<'a> {
        View { bytes: Cow::Owned(Vec::with_capacity(capacity)), origin: Vec::with_capacity(capacity) }
    }

    fn push(&mut self, ch: char, start: usize, end: usize) {
        if let Some(byte) = look(ch) {
            self.bytes.to_mut().push(byte);
            // Events are far below 4 GiB; beyond that nothing is found rather than something wrong taken out.
            self.origin.push((u32::try_from(start).unwrap_or(0), u32::try_from(end).unwrap_or(0)));
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where a range of the view lies in the original text.
    pub(super) fn original(&self, start: usize, end: usize) -> (usize, usize) {
        if self.origin.is_empty() {
            return (start, end);
        }
        let first = self.origin.get(start).map_or(0, |&(first, _)| first as usize);
        let last = self.origin.get(end.saturating_sub(1)).map_or(first, |&(_, last)| last as usize);
        (first, last)
    }

    /// The view with percent-encoding, backslash escapes and the commonest HTML entities undone once; none when it has none.
    pub(super) fn decoded(&self) -> Option<View<'static>> {
        let bytes = self.bytes();
        if !bytes.iter().any(|byte| matches!(byte, b'%' | b'\\' | b'&')) {
            return None;
        }
        let mut out = View::with_capacity(bytes.len());
        let mut changed = false;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let rest = bytes.get(at..).unwrap_or_default();
            let unit = match byte {
                b'%' => percent(rest),
                b'\\' => backslash(rest),
                b'&' => entity(rest),
                _ => None,
            };
            let (start, _) = self.original(at, at + 1);
            if let Some((ch, length)) = unit {
                let (_, end) = self.original(at, at + length);
                out.push(ch, start, end);
                changed = true;
                at += length;
                // A colour, written out: `\x1b[1m`.
                if ch == '\u{1b}' && bytes.get(at) == Some(&b'[') {
                    let rest = bytes.get(at + 1..).unwrap_or_default();
                    let parameters = rest.iter().take(16).take_while(|byte| (0x20..0x40).contains(*byte)).count();
                    at += 2 + parameters;
                }
            } else {
                let (_, end) = self.original(at, at + 1);
                out.push(if byte == OTHER { '\u{fffd}' } else { char::from(byte) }, start, end);
                at += 1;
            }
        }
        changed.then_some(out)
    }

    /// The view with its line ends taken out, and where they stood: what a terminal or a mail program has wrapped. A line end
    /// takes the white space around it and a backslash before it along.
    pub(super) fn joined(&self) -> Option<(View<'static>, Vec<usize>)> {
        let bytes = self.bytes();
        if !bytes.contains(&b'\n') && !bytes.contains(&b'\r') {
            return None;
        }
        let mut out = View::with_capacity(bytes.len());
        let mut seams = Vec::new();
        let (mut filled, mut goes_on) = (false, false);
        for line in bytes.split(|byte| matches!(byte, b'\n' | b'\r')) {
            // `split` gives slices of `bytes`: how far this one is into it.
            let base = line.as_ptr().addr() - bytes.as_ptr().addr();
            let lead = line.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let whole = line.get(lead..).unwrap_or_default().trim_ascii_end();
            let body = whole.strip_suffix(b"\\").unwrap_or(whole).trim_ascii_end();
            if body.is_empty() {
                continue;
            }
            let continued = std::mem::replace(&mut goes_on, body.len() < whole.len());
            if filled {
                if ends_with_word(out.bytes()) && !continued {
                    // A label on a line of its own is no part of the token below it.
                    let (start, end) = self.original(base, base + 1);
                    out.push(' ', start, end);
                } else {
                    seams.push(out.bytes.len());
                }
            }
            filled = true;
            for (offset, &byte) in body.iter().enumerate() {
                let (start, end) = self.original(base + lead + offset, base + lead + offset + 1);
                out.push(if byte == OTHER { '\u{fffd}' } else { char::from(byte) }, start, end);
            }
        }
        Some((out, seams))
    }
}

/// Whether a text ends with what reads as a word of a language, and not as the first part of a token.
fn ends_with_word(bytes: &[u8]) -> bool {
    const LONGEST: usize = 12;
    let tail = bytes.iter().rev().take(LONGEST + 1);
    let letters = tail.take_while(|byte| byte.is_ascii_alphabetic()).count();
    let start = bytes.len() - letters;
    let word = bytes.get(start..).unwrap_or_default();
    let before = start.checked_sub(1).and_then(|index| bytes.get(index));
    (1..=LONGEST).contains(&letters)
        && word.iter().skip(1).all(u8::is_ascii_lowercase)
        && before.is_none_or(u8::is_ascii_whitespace)
}

/// Words for a password in scripts that a view has no letters of. They are seen as the English one, so that what follows is read as
/// what follows that.
const FOREIGN: [&str; 8] = ["пароль", "парола", "密码", "密碼", "パスワード", "비밀번호", "סיסמה", "סיסמא"];

fn foreign(text: &str, at: usize, ch: char) -> Option<&'static str> {
    if !matches!(ch, 'п' | 'П' | '密' | 'パ' | '비' | 'ס') {
        return None;
    }
    let rest = text.get(at..)?;
    FOREIGN.into_iter().find(|word| {
        rest.get(..word.len()).is_some_and(|found| found == *word || ch == 'П' && found.to_lowercase() == *word)
    })
}

/// What a character looks like; none for one that cannot be seen.
pub(super) fn look(ch: char) -> Option<u8> {
    if let Ok(byte) = u8::try_from(ch)
        && byte.is_ascii()
    {
        return (!byte.is_ascii_control() || matches!(byte, b'\n' | b'\r' | b'\t')).then_some(byte);
    }
    // An accent that stands for itself is read as none.
    if ch.is_control() || is_invisible(ch) || matches!(ch, '\u{300}'..='\u{36f}') {
        return None;
    }
    let code = u32::from(ch);
    let letter = |base: u8, offset: u32| u8::try_from(u32::from(base) + offset).unwrap_or(OTHER);
    Some(match ch {
        '\u{ff01}'..='\u{ff5e}' => letter(b'!', code - 0xff01),
        // Mathematical alphabets: thirteen styles of 52 letters, then five of ten digits.
        '\u{1d400}'..='\u{1d6a3}' => match (code - 0x1d400) % 52 {
            upper @ 0..26 => letter(b'A', upper),
            lower => letter(b'a', lower - 26),
        },
        '\u{1d7ce}'..='\u{1d7ff}' => letter(b'0', (code - 0x1d7ce) % 10),
        '\u{24b6}'..='\u{24cf}' => letter(b'A', code - 0x24b6),
        '\u{24d0}'..='\u{24e9}' => letter(b'a', code - 0x24d0),
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => b' ',
        '\u{2028}' | '\u{2029}' | '\u{85}' => b'\n',
        '‘' | '’' | '‚' | '‛' | '′' => b'\'',
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' => b'"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => b'-',
        '⁄' | '∕' => b'/',
        '∶' | '꞉' => b':',
        'а' | 'α' | 'ɑ' => b'a',
        'в' => b'b',
        'с' | 'ϲ' | 'ⅽ' => b'c',
        'ԁ' | 'ⅾ' => b'd',
        'е' | 'ё' | 'ε' | 'ҽ' => b'e',
        'ɡ' | 'ց' => b'g',
        'һ' | 'н' | 'հ' => b'h',
        'і' | 'ι' | 'ı' | 'ⅰ' | 'ӏ' => b'i',
        'ј' | 'ϳ' => b'j',
        'к' | 'κ' => b'k',
        'ⅼ' | 'ا' => b'l',
        'м' | 'ⅿ' => b'm',
        'ո' | 'η' => b'n',
        'о' | 'ο' | 'օ' | 'σ' => b'o',
        'р' | 'ρ' => b'p',
        'ԛ' => b'q',
        'ѕ' | 'ꜱ' => b's',
        'т' | 'τ' => b't',
        'υ' | 'ս' => b'u',
        'ν' | 'ⅴ' => b'v',
        'ԝ' | 'ω' | 'ѡ' => b'w',
        'х' | 'χ' | 'ⅹ' => b'x',
        'у' | 'γ' | 'ү' => b'y',
        'А' | 'Α' => b'A',
        'В' | 'Β' => b'B',
        'С' | 'Ϲ' => b'C',
        'Е' | 'Ε' => b'E',
        'Н' | 'Η' => b'H',
        'І' | 'Ι' | 'Ӏ' => b'I',
        'Ј' => b'J',
        'К' | 'Κ' | '\u{212a}' => b'K',
        'М' | 'Μ' => b'M',
        'Ν' => b'N',
        'О' | 'Ο' => b'O',
        'Р' | 'Ρ' => b'P',
        'Ѕ' => b'S',
        'Т' | 'Τ' => b'T',
        'Ԝ' => b'W',
        'Х' | 'Χ' => b'X',
        'У' | 'Υ' => b'Y',
        'Ζ' => b'Z',
        'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' | 'ā' | 'ą' => b'a',
        'é' | 'è' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => b'e',
        'í' | 'ì' | 'î' | 'ï' | 'ī' => b'i',
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'ō' | 'ø' | 'ő' => b'o',
        'ú' | 'ù' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => b'u',
        'ñ' | 'ń' | 'ň' => b'n',
        'ç' | 'ć' | 'č' => b'c',
        'ş' | 'ș' | 'š' | 'ś' => b's',
        'ł' => b'l',
        'đ' | 'ď' => b'd',
        'ğ' => b'g',
        'ř' => b'r',
        'ť' | 'ț' => b't',
        'ý' => b'y',
        'ž' | 'ź' | 'ż' => b'z',
        _ => OTHER,
    })
}

fn hex(byte: Option<&u8>) -> Option<u32> {
    char::from(*byte?).to_digit(16)
}

/// One character of percent-encoding, UTF-8 sequences taken together.
fn percent(bytes: &[u8]) -> Option<(char, usize)> {
    let byte_at = |index: usize| {
        if bytes.get(index * 3) != Some(&b'%') {
            return None;
        }
        u8::try_from(hex(bytes.get(index * 3 + 1))? * 16 + hex(bytes.get(index * 3 + 2))?).ok()
    };
    let first = byte_at(0)?;
    let length = match first {
        0..=0x7f => return Some((char::from(first), 3)),
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some(('\u{fffd}', 3)),
    };
    let whole: Option<Vec<u8>> = (0..length).map(byte_at).collect();
    let ch = whole.and_then(|whole| std::str::from_utf8(&whole).ok().and_then(|text| text.chars().next()));
    Some(ch.map_or(('\u{fffd}', 3), |ch| (ch, length * 3)))
}

/// One backslash escape as JSON, C, JavaScript and Python write them.
fn backslash(bytes: &[u8]) -> Option<(char, usize)> {
    let digits = |from: usize, count: usize| {
        (from..from + count).try_fold(0, |code, index| Some(code * 16 + hex(bytes.get(index))?))
    };
    match bytes.get(1)? {
        b'n' => Some(('\n', 2)),
        b'r' => Some(('\r', 2)),
        b't' => Some(('\t', 2)),
        quoted @ (b'"' | b'\'' | b'\\' | b'/' | b'&' | b'=' | b':') => Some((char::from(*quoted), 2)),
        b'x' => Some((char::from_u32(digits(2, 2)?)?, 4)),
        b'u' if bytes.get(2) == Some(&b'{') => {
            let end = bytes.iter().take(10).position(|&byte| byte == b'}')?;
            let code = digits(3, end.checked_sub(3)?)?;
            Some((char::from_u32(code)?, end + 1))
        }
        b'u' => {
            let code = digits(2, 4)?;
            Some((char::from_u32(code).unwrap_or('\u{fffd}'), 6))
        }
        b'0' => Some(('\0', 2)),
        _ => None,
    }
}

fn entity(bytes: &[u8]) -> Option<(char, usize)> {
    let end = bytes.iter().take(9).position(|&byte| byte == b';')?;
    let name = std::str::from_utf8(bytes.get(1..end)?).ok()?;
    let ch = match name {
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        "lt" => '<',
        "gt" => '>',
        "nbsp" => ' ',
        "shy" | "zwnj" | "zwj" => '\u{ad}',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((ch, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(view: &View<'_>) -> String {
        String::from_utf8_lossy(view.bytes()).into_owned()
    }

    #[test]
    fn sees_through_letters_that_pretend() {
        assert_eq!(seen(&View::of("раѕѕwоrd")), "password");
        assert_eq!(seen(&View::of("ｐａｓｓ：１")), "pass:1");
        assert_eq!(seen(&View::of("𝐩𝗮𝘀𝙨")), "pass");
        assert_eq!(seen(&View::of("to\u{200b}k\u{ad}e\0n\x1b[0m!")), "token!");
    }

    #[test]
    fn knows_the_way_back() {
        let text = "é gh\u{200b}p_x";
        let view = View::of(text);
        let at = view.bytes().windows(4).position(|window| window == b"ghp_").unwrap_or(99);
        let (start, end) = view.original(at, at + 5);
        assert_eq!(text.get(start..end), Some("gh\u{200b}p_x"));
    }

    #[test]
    fn undoes_one_layer() {
        let view = View::of("a%3Db\\u0063\\\"&quot;%25%E2%80%8Bz%zz\\");
        assert_eq!(view.decoded().map(|view| seen(&view)).as_deref(), Some("a=bc\"\"%z%zz\\"));
        assert!(View::of("plain").decoded().is_none());
    }

    #[test]
    fn joins_lines() {
        let view = View::of("a1 \\\n   c2\r\ne3");
        let joined = view.joined();
        assert!(joined.is_some());
        let Some((joined, seams)) = joined else { return };
        assert_eq!(seen(&joined), "a1c2e3".to_owned());
        assert_eq!(seams, [2, 4]);
        assert_eq!(joined.original(2, 6), (8, 14));
    }
}
