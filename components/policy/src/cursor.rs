//! The text form of a cursor, `<epoch>:<seq>`: exactly one text for each cursor, and nothing else parses.

use crate::words::{Cursor, Seq};

/// The longest epoch in bytes.
const MAX_EPOCH: usize = 64;

/// Read a cursor; none when the text is not one.
#[must_use]
pub fn parse(text: &str) -> Option<Cursor> {
    let (epoch, seq) = text.split_once(':')?;
    if epoch.is_empty() || epoch.len() > MAX_EPOCH {
        return None;
    }
    if !epoch.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        return None;
    }
    // A leading zero or sign would give one place two names, and a client that compares texts would be wrong.
    if !seq.bytes().all(|b| b.is_ascii_digit()) || (seq.len() > 1 && seq.starts_with('0')) {
        return None;
    }
    Some(Cursor { epoch: epoch.to_owned(), seq: seq.parse().ok()? })
}

/// Write the cursor of `seq` in the history `epoch`.
pub fn write(epoch: &str, seq: Seq, out: &mut String) {
    out.push_str(epoch);
    out.push(':');
    write_number(seq, out);
}

/// Write a whole number in decimal, without the machinery of `format!`, which weighs more than the digits.
pub fn write_number(number: u64, out: &mut String) {
    let mut digits = [0_u8; 20];
    let mut rest = number;
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        used += 1;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    for digit in digits.iter().skip(digits.len() - used) {
        out.push(char::from(*digit));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(epoch in "[A-Za-z0-9_-]{1,64}", seq: u64) {
            let mut text = String::new();
            write(&epoch, seq, &mut text);
            prop_assert_eq!(&text, &format!("{epoch}:{seq}"));
            prop_assert_eq!(parse(&text).unwrap(), Cursor { epoch, seq });
        }

        #[test]
        fn whatever_parses_is_written_the_same(text in "[a-z0-9:+ -]{0,12}") {
            if let Some(cursor) = parse(&text) {
                let mut again = String::new();
                write(&cursor.epoch, cursor.seq, &mut again);
                prop_assert_eq!(again, text);
            }
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let long = format!("{}:1", "a".repeat(65));
        for text in [
            "",
            ":",
            "a:",
            ":1",
            "a:01",
            "a:+1",
            "a:-1",
            "a:1 ",
            " a:1",
            "a:1:2",
            "a b:1",
            "é:1",
            "a:18446744073709551616",
            "a:1e3",
            &long,
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
