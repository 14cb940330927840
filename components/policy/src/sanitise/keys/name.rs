//! Takes a name apart into its words.
//!
//! Always true: the style of the name and characters that only look different leave no trace in the words, and their number is
//! bounded. What the words mean is for `keys`.

use super::super::view::{OTHER, look};

/// Longest name that is read, in bytes; of a longer one its end, where the noun is.
const LONGEST_NAME: usize = 128;

/// Most words of a name that are looked at.
const MOST_WORDS: usize = 12;

/// A name's words in lower case: split at what is no letter or digit, at humps, and before digits that end a word.
pub(super) struct Words {
    text: String,
    ends: [usize; MOST_WORDS],
    pub(super) count: usize,
    pub(super) leading_underscore: bool,
}

impl Words {
    pub(super) fn of(name: &str) -> Words {
        let mut tail = name.len().saturating_sub(LONGEST_NAME);
        while !name.is_char_boundary(tail) {
            tail += 1;
        }
        let name = name.get(tail..).unwrap_or_default();
        let mut words = Words {
            text: String::with_capacity(name.len()),
            ends: [0; MOST_WORDS],
            count: 0,
            leading_underscore: name.starts_with('_'),
        };
        let mut seen = name.chars().filter_map(|ch| look(ch).map(|byte| (byte, ch))).peekable();
        let mut before = b' ';
        while let Some((byte, ch)) = seen.next() {
            let next = seen.peek().map_or(b' ', |&(next, _)| next);
            let letter = byte.is_ascii_alphanumeric() || byte == OTHER && ch.is_alphanumeric();
            let hump = byte.is_ascii_uppercase()
                && (before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && next.is_ascii_lowercase()));
            let figure = byte.is_ascii_digit() && before.is_ascii_alphabetic()
                || byte.is_ascii_lowercase() && before.is_ascii_digit();
            if !letter || hump || figure {
                words.close();
            }
            if letter {
                if byte == OTHER {
                    words.text.extend(ch.to_lowercase());
                } else {
                    words.text.push(char::from(byte.to_ascii_lowercase()));
                }
            }
            before = byte;
        }
        words.close();
        words
    }

    fn close(&mut self) {
        let start = self.count.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0);
        if self.text.len() == start {
            return;
        }
        if self.count == MOST_WORDS {
            // The end of a name says what it is: drop the first word.
            self.ends.rotate_left(1);
            self.count -= 1;
        }
        if let Some(end) = self.ends.get_mut(self.count) {
            *end = self.text.len();
            self.count += 1;
        }
    }

    /// The word, empty beyond the last.
    pub(super) fn get(&self, index: usize) -> &str {
        if index >= self.count {
            return "";
        }
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(index).and_then(|&end| self.text.get(start..end)).unwrap_or("")
    }
}
