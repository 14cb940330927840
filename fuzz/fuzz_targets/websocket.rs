//! The decoder of RFC 6455: bytes mean the same however they are cut, and no more than one message is ever held.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The file alone: the whole server would take minutes to build with a sanitiser, and adds nothing.
#[allow(dead_code, reason = "the writing half is not fuzzed")]
#[path = "../../host/src/hub"]
mod hub {
    pub mod websocket;
}

use hub::websocket::decoder::{Decoder, Incoming, Violation};

/// Small, so that it is met.
const MAX_MESSAGE: usize = 300;

fn decode(deflate: bool, pieces: impl Iterator<Item = impl AsRef<[u8]>>) -> (Vec<Incoming>, Option<Violation>) {
    let (mut decoder, mut all) = (Decoder::new(deflate, MAX_MESSAGE), Vec::new());
    for piece in pieces {
        decoder.push(piece.as_ref());
        loop {
            match decoder.decode() {
                Ok(Some(incoming)) => all.push(incoming),
                Ok(None) => break,
                Err(violation) => return (all, Some(violation)),
            }
        }
    }
    (all, None)
}

fuzz_target!(|input: &[u8]| {
    let Some((first, bytes)) = input.split_first() else { return };
    let (deflate, size) = (first & 0x80 != 0, usize::from(first & 0x7f).max(1));
    let whole = decode(deflate, std::iter::once(bytes));
    let cut = decode(deflate, bytes.chunks(size));
    assert_eq!(whole, cut);
    for incoming in whole.0 {
        match incoming {
            Incoming::Text(text) => assert!(text.len() <= MAX_MESSAGE),
            Incoming::Binary(bytes) => assert!(bytes.len() <= MAX_MESSAGE),
            Incoming::Ping(payload) => assert!(payload.len() <= 125),
            Incoming::Close(code) => assert!(code.is_none_or(|code| (1000..5000).contains(&code))),
            Incoming::Pong | Incoming::Fragment => {}
        }
    }
});
