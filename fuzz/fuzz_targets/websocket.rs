//! The decoder of RFC 6455: bytes mean the same however they are cut, and no more than one message is ever held.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The file alone: the whole server would take minutes to build with a sanitiser, and adds nothing.
#[allow(dead_code, reason = "the writing half is not fuzzed")]
#[path = "../../host/src/hub/websocket.rs"]
mod websocket;

use websocket::{Decoder, Incoming, MAX_MESSAGE, Violation};

fn decode(pieces: impl Iterator<Item = impl AsRef<[u8]>>) -> (Vec<Incoming>, Option<Violation>) {
    let (mut decoder, mut all) = (Decoder::default(), Vec::new());
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
    let whole = decode(std::iter::once(bytes));
    let cut = decode(bytes.chunks(usize::from(*first).max(1)));
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
