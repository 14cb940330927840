//! Compression of single messages (RFC 7692, permessage-deflate), without context take-over in either direction: a frame is packed
//! once for all who get it, and nothing is kept between two messages.
//!
//! Always true: what a client sends unpacks to at most the size of a message, checked while it is unpacked; an offer that asks for
//! what is not kept here is passed over. Which messages are worth packing is for the shards.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// What a sync flush ends with, and what the RFC leaves out on the wire (section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The answer to the first offer that can be met, for `Sec-WebSocket-Extensions`. `offers` are that header's lines.
pub fn accept<'a>(offers: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    offers.into_iter().flat_map(|line| line.split(',')).find_map(answer)
}

/// The answer to one offer (section 7.1): none for another extension, an unknown or repeated parameter, or a smaller window, which the
/// compressor does not have.
fn answer(offer: &str) -> Option<&'static str> {
    let mut parts = offer.split(';').map(str::trim);
    if parts.next() != Some("permessage-deflate") {
        return None;
    }
    let mut seen = Vec::new();
    let mut window = false;
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (part, None),
        };
        let bits = |value: Option<&str>| {
            value.and_then(|value| value.parse::<u8>().ok()).filter(|bits| (8..=15).contains(bits))
        };
        let fits = match (name, value) {
            ("server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits", None) => true,
            ("client_max_window_bits", value) => bits(value).is_some(),
            ("server_max_window_bits", value) => {
                window = true;
                bits(value) == Some(15)
            }
            _ => false,
        };
        if !fits || seen.contains(&name) {
            return None;
        }
        seen.push(name);
    }
    Some(if window {
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15"
    } else {
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    })
}

/// Why a message cannot be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It is no deflated data.
    Data,
    /// It holds more than `most`.
    TooBig,
}

/// A client's message as it was before it was packed: at most `most` bytes.
///
/// # Errors
/// See [`Broken`].
pub fn unpack(packed: &[u8], most: usize) -> Result<Vec<u8>, Broken> {
    let mut inflate = Decompress::new(false);
    let mut out = Vec::with_capacity(packed.len().saturating_mul(4).max(256).min(most));
    for part in [packed, &TAIL] {
        let mut rest = part;
        loop {
            let (read, written) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress_vec(rest, &mut out, FlushDecompress::Sync).map_err(|_| Broken::Data)?;
            let read = usize::try_from(inflate.total_in() - read).unwrap_or(usize::MAX);
            rest = rest.get(read..).unwrap_or_default();
            if out.len() > most {
                return Err(Broken::TooBig);
            }
            if status == Status::StreamEnd {
                // A last block may be marked as such; nothing follows it.
                return Ok(out);
            }
            if out.len() == out.capacity() {
                // One byte more than is allowed, so that too much is noticed.
                out.reserve((out.capacity()).min(most + 1 - out.len()));
            } else if rest.is_empty() || read == 0 && inflate.total_out() == written {
                break;
            }
        }
    }
    Ok(out)
}

/// Packs messages. Some hundred kilobytes, used again for each.
pub struct Packer {
    deflate: Compress,
}

impl Default for Packer {
    fn default() -> Self {
        Self { deflate: Compress::new(Compression::fast(), false) }
    }
}

impl Packer {
    /// A message without what the RFC leaves out; none where that saves nothing.
    pub fn pack(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        self.deflate.reset();
        let mut out = Vec::with_capacity(message.len());
        self.deflate.compress_vec(message, &mut out, FlushCompress::Sync).ok()?;
        // A full buffer is no whole message: it did not get smaller.
        let whole = usize::try_from(self.deflate.total_in()) == Ok(message.len()) && out.len() < out.capacity();
        out.strip_suffix(&TAIL).filter(|_| whole).map(<[u8]>::to_vec)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const PLAIN: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    #[test]
    fn an_offer_is_taken_or_passed_over_as_a_whole() {
        for offer in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=10; server_no_context_takeover",
            "x-webkit-deflate-frame, permessage-deflate;client_no_context_takeover",
            "permessage-deflate; server_max_window_bits=10, permessage-deflate",
            "permessage-deflate; new_thing=1, permessage-deflate",
        ] {
            assert_eq!(accept([offer]), Some(PLAIN), "{offer}");
        }
        assert_eq!(
            accept(["permessage-deflate; server_max_window_bits=\"15\""]),
            Some(
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15"
            )
        );
        for offer in [
            "",
            "permessage-bzip2",
            "permessage-deflate; server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        ] {
            assert_eq!(accept([offer]), None, "{offer}");
        }
    }

    #[test]
    fn what_was_packed_unpacks() {
        let mut packer = Packer::default();
        for message in
            ["a".repeat(70_000), r#"{"type":"event","payload":{"id":"a","seq":1,"type":"event"}}"#.to_owned()]
        {
            for _ in 0..2 {
                let packed = packer.pack(message.as_bytes()).unwrap();
                assert!(packed.len() < message.len());
                assert_eq!(unpack(&packed, 70_000).unwrap(), message.as_bytes());
            }
        }
        assert_eq!(packer.pack(b"x"), None, "nothing is saved");
    }

    #[test]
    fn the_examples_of_the_rfc_unpack() {
        // Section 7.2.3: one block, no compression, a last block, two blocks.
        for packed in [
            [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00].as_slice(),
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        ] {
            assert_eq!(unpack(packed, 100), Ok(b"Hello".to_vec()), "{packed:x?}");
        }
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let bomb = Packer::default().pack(&vec![0; 50_000_000]).unwrap();
        assert!(bomb.len() < 300_000);
        assert_eq!(unpack(&bomb, 65_536), Err(Broken::TooBig));
        let just = Packer::default().pack(&vec![0; 65_536]).unwrap();
        assert_eq!(unpack(&just, 65_536).unwrap().len(), 65_536);
        assert_eq!(unpack(&just, 65_535), Err(Broken::TooBig));
        assert_eq!(unpack(b"\xff\xff\xff\xff", 65_536), Err(Broken::Data));
    }
}
