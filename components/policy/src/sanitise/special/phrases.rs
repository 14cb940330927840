//! Seed phrases: words of BIP-39 in a row.
//!
//! Always true: one walk over the words; sums are computed for a bounded number of candidates.

use super::super::bytes::{at, letters, sub};
use super::super::checks;
use super::super::scan::Scan;

/// Most candidates for a seed phrase whose checksum is computed in one text. Beyond it, a text is a list of such words.
const MOST_PHRASES: usize = 600;

/// The fewest words of a phrase.
pub(in super::super) const FEWEST_WORDS: usize = 12;

/// Seed phrases: 12 to 24 BIP-39 words in a row whose checksum holds, however they are separated or numbered.
pub(in super::super) fn seed_phrases(scan: &mut Scan<'_>) {
    let bytes = scan.bytes;
    if bytes.len() < 12 * 4 {
        return;
    }
    // Words as long as those of the list, in a row. They are looked up once there are enough: in prose there seldom are.
    let mut words: Vec<(usize, usize)> = Vec::new();
    let mut tried = 0;
    let mut place = 0;
    while place <= bytes.len() {
        let length = letters(sub(bytes, place, bytes.len()));
        if length > 0 {
            let end = place + length;
            match length {
                3..=8 => words.push((place, end)),
                _ => settle_words(scan, &mut words, &mut tried),
            }
            place = end;
            continue;
        }
        // Between words: white space, list signs, numbers of a list, quotes.
        let byte = at(bytes, place);
        let between = byte.is_ascii_whitespace()
            || byte.is_ascii_digit()
            || matches!(
                byte,
                b',' | b'.'
                    | b')'
                    | b'-'
                    | b'"'
                    | b'\''
                    | b'_'
                    | b'+'
                    | b':'
                    | b'|'
                    | b'#'
                    | b'*'
                    | b';'
                    | b'['
                    | b']'
                    | b'/'
            );
        if !between {
            settle_words(scan, &mut words, &mut tried);
        }
        place += 1;
    }
    settle_words(scan, &mut words, &mut tried);
}

/// Looks for phrases among words that stand in a row.
fn settle_words(scan: &mut Scan<'_>, words: &mut Vec<(usize, usize)>, tried: &mut usize) {
    if words.len() >= FEWEST_WORDS {
        let mut run = Vec::new();
        for &(start, end) in words.iter() {
            match checks::bip39_word(sub(scan.bytes, start, end)) {
                Some(number) => run.push((number, start, end)),
                None => settle_phrases(scan, &mut run, tried),
            }
        }
        settle_phrases(scan, &mut run, tried);
    }
    words.clear();
}

/// Longest run of words in which a phrase may begin anywhere; in a longer one, a list, it begins a line.
const LONGEST_RUN: usize = 96;

fn settle_phrases(scan: &mut Scan<'_>, run: &mut Vec<(u16, usize, usize)>, tried: &mut usize) {
    let mut from = 0;
    while run.len() >= from + FEWEST_WORDS {
        let begin = run.get(from).map_or(0, |&(_, start, _)| start);
        if run.len() > LONGEST_RUN && !sub(scan.bytes, begin.saturating_sub(8), begin).contains(&b'\n') && from > 0 {
            from += 1;
            continue;
        }
        for length in [24, 21, 18, 15, 12] {
            let Some(window) = run.get(from..from + length) else { continue };
            // Prose and counters repeat themselves; the phrase of all zeros is `abandon` with one other word.
            let seen = window.iter().fold(0_u128, |seen, (number, _, _)| seen | 1 << (number % 128)).count_ones();
            if *tried >= MOST_PHRASES || (seen != 2 && (seen as usize) * 2 <= length) {
                continue;
            }
            let numbers: Vec<u16> = window.iter().map(|&(number, _, _)| number).collect();
            *tried += 1;
            if checks::bip39_checksum(&numbers) {
                if let (Some(&(_, start, _)), Some(&(_, _, end))) = (window.first(), window.last()) {
                    scan.hit(start, end, "seed_phrase");
                }
                break;
            }
        }
        // A sum of few bits holds by chance, over the words before a phrase too: what overlaps goes all together.
        from += 1;
    }
    run.clear();
}
