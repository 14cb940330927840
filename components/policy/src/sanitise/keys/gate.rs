//! Tells by three letters which names and short texts need no reading: nearly all of them.
//!
//! Always true: what is let go says nothing of a secret to the reader either; tests of `keys` and `scan` hold it to that. What the others
//! say is for `keys`.

/// The first three letters of every noun that may be a secret's, and of their parts.
const ROOTS: &[u8] =
    b"pas psw pss pwo pwd psk ken sen con mot wac has par sec tok jwt bea key cre aut coo ses pri nse xpr wif \
    mne see phr mac pre cvv cvc otp ssn rpc cod ans wor ent sas run nwc pin ver \
    hes los sif sal jel loz adg son dev uns sam pep snm doc eca ";

/// The same of words by which a text says that a secret follows.
const TEXT_ROOTS: &[u8] = b"bas ide obs net log env ";

/// One bit for every three letters, five bits each.
#[expect(clippy::indexing_slicing, reason = "for constants: out of bounds would not compile")]
const fn root_bits(mut bits: [u64; 512], roots: &[u8]) -> [u64; 512] {
    let mut index = 0;
    while index + 3 < roots.len() {
        if roots[index + 3] == b' ' && roots[index] != b' ' {
            let three = (roots[index] as usize & 31) << 10
                | (roots[index + 1] as usize & 31) << 5
                | roots[index + 2] as usize & 31;
            bits[three / 64] |= 1 << (three % 64);
        }
        index += 1;
    }
    bits
}

static ROOT_BITS: [u64; 512] = root_bits([0; 512], ROOTS);
static TEXT_ROOT_BITS: [u64; 512] = root_bits(ROOT_BITS, TEXT_ROOTS);

/// Whether a short text may speak of a secret: three letters in it begin a noun of one, or a word that announces one.
pub(in super::super) fn text_may_speak(text: &[u8]) -> bool {
    let mut three = 0;
    text.iter().enumerate().any(|(index, byte)| {
        three = (three << 5 | usize::from(byte & 31)) & 0x7fff;
        index >= 2 && TEXT_ROOT_BITS.get(three / 64).is_some_and(|bits| bits >> (three % 64) & 1 == 1)
    }) || text.windows(2).any(|two| two.eq_ignore_ascii_case(b"pw"))
}

/// Whether three letters of a name begin a noun that may be a secret's: most names are settled by this alone. Characters that may
/// pretend to be a letter, or hide between two, are left to the reader of words.
pub(super) fn may_speak(name: &[u8]) -> bool {
    let mut three = 0;
    let mut before = b' ';
    if name.last_chunk::<3>().is_some_and(|end| end.eq_ignore_ascii_case(b"pat")) {
        return true;
    }
    for (index, &byte) in name.iter().enumerate() {
        if !(0x20..0x7f).contains(&byte) || matches!(byte, b'0' | b'1' | b'3' | b'4' | b'5' | b'@' | b'$') {
            return true;
        }
        three = (three << 5 | usize::from(byte & 31)) & 0x7fff;
        if index >= 2 && ROOT_BITS.get(three / 64).is_some_and(|bits| bits >> (three % 64) & 1 == 1) {
            return true;
        }
        // Two letters are a noun at a word's beginning only: `task` ends with those of a secret key.
        let two = (before | 0x20, byte | 0x20);
        let begins = || {
            index < 2
                || before.is_ascii_uppercase()
                || index + 1 == name.len()
                || name.get(index - 2).is_some_and(|byte| !byte.is_ascii_alphabetic())
        };
        if two == (b'p', b'w') || two == (b's', b'k') && begins() {
            return true;
        }
        before = byte;
    }
    false
}
