//! RFC 6455 by a table: cases in the manner of the well-known suites, against `/echo`, which is served by the server's own
//! handshake, shards and framing. The suite itself is tests/autobahn.rs, and needs a Python that is not to be had everywhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::Instant;

use activity_feed_tests::counted::{Counted, reason_of_close};
use activity_feed_tests::echo::Echo;
use activity_feed_tests::{Client, SOON};

const FIN: u8 = 0x80;
const CONTINUE: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

fn start() -> Echo {
    Echo::start(env!("CARGO_BIN_EXE_echo"), &[])
}

/// A frame as the table writes it: its first byte and its payload.
type Frame<'a> = (u8, &'a [u8]);

/// Sends frames and wants these back, in order, and nothing else before them. A close that is not the client's own is
/// counted by its code.
#[track_caller]
fn case(echo: &Echo, what: &str, sent: &[Frame<'_>], wanted: &[Frame<'_>]) {
    let mut counted = Counted::new(Client::new(echo.addr, None));
    let mut ws = echo.open();
    for (head, payload) in sent {
        ws.send(*head, true, payload);
    }
    let deadline = Instant::now() + SOON;
    for (opcode, payload) in wanted {
        let frame = ws.next(deadline).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(frame.opcode, *opcode, "{what}: {frame:?}");
        // Of a close the code counts; its reason is for people.
        let found = if *opcode == CLOSE { &frame.payload[..frame.payload.len().min(2)] } else { &frame.payload };
        assert_eq!(found, *payload, "{what}");
    }
    if wanted.last().is_some_and(|(opcode, _)| *opcode == CLOSE) {
        assert!(ws.ends_within(SOON), "{what}: the connection ends");
        let code = wanted.last().unwrap().1;
        let own = |(head, payload): &Frame| *head == FIN | CLOSE && (payload.starts_with(code) || payload.is_empty());
        if sent.iter().any(own) {
            counted.expect_none(what);
        } else {
            counted.expect(what, &[reason_of_close(u16::from_be_bytes(*code.first_chunk().unwrap()))]);
        }
    } else {
        ws.send(FIN | CLOSE, true, &1000_u16.to_be_bytes());
        let frame = ws.next(deadline).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(
            (frame.opcode, frame.payload.as_slice()),
            (CLOSE, &1000_u16.to_be_bytes()[..]),
            "{what}: and no more"
        );
    }
}

#[test]
fn messages_come_back_as_they_were() {
    let echo = start();
    for length in [0, 1, 125, 126, 127, 128, 1_000, 65_535, 65_536] {
        let text = vec![b'*'; length];
        case(&echo, "a text", &[(FIN | TEXT, &text)], &[(TEXT, &text)]);
        let bytes = vec![0xfe; length];
        case(&echo, "binary", &[(FIN | BINARY, &bytes)], &[(BINARY, &bytes)]);
    }
    let greek = "κόσμε \u{10ffff}\u{0}\u{fffe}";
    case(&echo, "text of all planes", &[(FIN | TEXT, greek.as_bytes())], &[(TEXT, greek.as_bytes())]);
    let many: Vec<Frame> = (0..20).map(|_| (FIN | TEXT, &b"again"[..])).collect();
    case(&echo, "one after the other", &many, &[(TEXT, &b"again"[..]); 20]);
}

#[test]
fn fragments_are_put_together() {
    let echo = start();
    let whole = [(TEXT, &b"fragment1fragment2"[..])];
    case(&echo, "two", &[(TEXT, b"fragment1"), (FIN, b"fragment2")], &whole);
    case(&echo, "an empty one between", &[(TEXT, b"fragment1"), (0, b""), (FIN, b"fragment2")], &whole);
    case(&echo, "empty ones around", &[(TEXT, b""), (0, b"fragment1fragment2"), (FIN, b"")], &whole);
    case(&echo, "three empty ones", &[(TEXT, b""), (0, b""), (FIN, b"")], &[(TEXT, b"")]);
    case(&echo, "binary", &[(BINARY, b"\xff"), (FIN, b"\x00")], &[(BINARY, b"\xff\x00")]);
    case(
        &echo,
        "a ping between",
        &[(TEXT, b"fragment1"), (FIN | PING, b"ping"), (FIN, b"fragment2")],
        &[(PONG, b"ping"), (TEXT, b"fragment1fragment2")],
    );
    let text = "grüße 😀".as_bytes();
    let bytes: Vec<Frame> =
        text.chunks(1).enumerate().map(|(n, byte)| (if n == 0 { TEXT } else { CONTINUE }, byte)).collect();
    case(&echo, "a byte a fragment", &[bytes.as_slice(), &[(FIN, b"")]].concat(), &[(TEXT, text)]);
    let large = [(BINARY, vec![7_u8; 1_024]), (CONTINUE, vec![7; 64_512 - 1_024]), (FIN, vec![7; 1_024])];
    let sent: Vec<Frame> = large.iter().map(|(head, bytes)| (*head, bytes.as_slice())).collect();
    case(&echo, "up to the limit", &sent, &[(BINARY, &[7; 65_536])]);
    let protocol = &1002_u16.to_be_bytes();
    let broken = |what: &str, sent: &[Frame], before: &[Frame]| {
        let wanted = [before, &[(CLOSE, &protocol[..])]].concat();
        case(&echo, what, sent, &wanted);
    };
    broken("nothing to continue", &[(FIN, b"x")], &[]);
    broken("nothing to continue, and not the last", &[(CONTINUE, b"x")], &[]);
    broken("nothing to continue any more", &[(TEXT, b"a"), (FIN, b"b"), (FIN, b"c")], &[(TEXT, b"ab")]);
    broken("a text within a text", &[(TEXT, b"a"), (FIN | TEXT, b"b")], &[]);
    broken("binary within a text", &[(TEXT, b"a"), (FIN | BINARY, b"b")], &[]);
    broken("a ping in fragments", &[(PING, b"a"), (FIN, b"b")], &[]);
    broken("a pong in fragments", &[(PONG, b"a"), (FIN, b"b")], &[]);
    broken("a close in fragments", &[(CLOSE, b"\x03\xe8"), (FIN, b"")], &[]);
}

#[test]
fn pings_are_answered_and_pongs_are_not() {
    let echo = start();
    for payload in [&b""[..], b"payload", b"\x00\xff\xfe\xfd", &[b'x'; 125]] {
        case(&echo, "a ping", &[(FIN | PING, payload)], &[(PONG, payload)]);
    }
    let ten: Vec<Vec<u8>> = (0..10).map(|n| vec![b'0' + n]).collect();
    let sent: Vec<Frame> = ten.iter().map(|payload| (FIN | PING, payload.as_slice())).collect();
    let wanted: Vec<Frame> = ten.iter().map(|payload| (PONG, payload.as_slice())).collect();
    case(&echo, "ten pings", &sent, &wanted);
    case(&echo, "a pong unasked", &[(FIN | PONG, b"x"), (FIN | PING, b"y")], &[(PONG, b"y")]);
    case(&echo, "a ping too long", &[(FIN | PING, &[b'x'; 126])], &[(CLOSE, &1002_u16.to_be_bytes())]);
}

#[test]
fn reserved_bits_and_opcodes_are_1002() {
    let echo = start();
    let wanted = [(TEXT, &b"before"[..]), (CLOSE, &1002_u16.to_be_bytes()[..])];
    for bits in 1..8_u8 {
        for opcode in [TEXT, BINARY, CLOSE, PING, PONG] {
            let sent = [(FIN | TEXT, &b"before"[..]), (FIN | bits << 4 | opcode, b"x"), (FIN | PING, b"")];
            case(&echo, "a reserved bit", &sent, &wanted);
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for payload in [&b""[..], b"x"] {
            let sent = [(FIN | TEXT, &b"before"[..]), (FIN | opcode, payload), (FIN | PING, b"")];
            case(&echo, "a reserved opcode", &sent, &wanted);
        }
    }
}

#[test]
fn a_close_is_answered_in_kind_or_with_what_is_wrong_with_it() {
    let echo = start();
    for code in [1000_u16, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
        let code = code.to_be_bytes();
        case(&echo, "a code", &[(FIN | CLOSE, &code)], &[(CLOSE, &code)]);
        let told = [&code[..], "für immer".as_bytes()].concat();
        case(&echo, "a code and a reason", &[(FIN | CLOSE, &told)], &[(CLOSE, &code)]);
    }
    case(&echo, "no code", &[(FIN | CLOSE, b"")], &[(CLOSE, &1000_u16.to_be_bytes())]);
    let longest = [&1000_u16.to_be_bytes()[..], &[b'*'; 123]].concat();
    case(&echo, "the longest reason", &[(FIN | CLOSE, &longest)], &[(CLOSE, &1000_u16.to_be_bytes())]);
    let protocol = 1002_u16.to_be_bytes();
    let longer = [&longest[..], b"*"].concat();
    case(&echo, "a reason too long", &[(FIN | CLOSE, &longer)], &[(CLOSE, &protocol)]);
    case(&echo, "half a code", &[(FIN | CLOSE, &[3])], &[(CLOSE, &protocol)]);
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        case(&echo, "a code that may not be sent", &[(FIN | CLOSE, &code.to_be_bytes())], &[(CLOSE, &protocol)]);
    }
    let garbled = [&1000_u16.to_be_bytes()[..], b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80"].concat();
    case(&echo, "a reason that is no UTF-8", &[(FIN | CLOSE, &garbled)], &[(CLOSE, &1007_u16.to_be_bytes())]);
    let normal = 1000_u16.to_be_bytes();
    case(&echo, "nothing counts behind it", &[(FIN | CLOSE, &normal), (FIN | TEXT, b"late")], &[(CLOSE, &normal)]);
    case(
        &echo,
        "not even the rest of a message",
        &[(TEXT, b"a"), (FIN | CLOSE, &normal), (FIN, b"b")],
        &[(CLOSE, &normal)],
    );
}

#[test]
fn text_is_utf8() {
    let echo = start();
    let not_utf8 = &1007_u16.to_be_bytes()[..];
    for (what, text) in [
        ("a lone continuation", &b"a\x80b"[..]),
        ("a start and no more", b"\xc3"),
        ("an overlong slash", b"\xc0\xaf"),
        ("an overlong slash of three", b"\xe0\x80\xaf"),
        ("an overlong slash of four", b"\xf0\x80\x80\xaf"),
        ("an overlong NUL", b"\xc0\x80"),
        ("half a surrogate pair", b"\xed\xa0\x80"),
        ("a surrogate pair", b"\xed\xa0\x80\xed\xb0\x80"),
        ("beyond Unicode", b"\xf4\x90\x80\x80"),
        ("five bytes", b"\xf8\x88\x80\x80\x80"),
        ("bytes that never occur", b"\xfe\xff"),
    ] {
        case(&echo, what, &[(FIN | TEXT, text)], &[(CLOSE, not_utf8)]);
        case(&echo, what, &[(TEXT, b"before"), (FIN, text)], &[(CLOSE, not_utf8)]);
        case(&echo, what, &[(FIN | BINARY, text)], &[(BINARY, text)]);
    }
    // What is wrong already is not waited for; what may still become a character is.
    case(&echo, "fails fast", &[(TEXT, b"\xce\xba\xed\xa0\x80"), (CONTINUE, b"x")], &[(CLOSE, not_utf8)]);
    case(&echo, "a cut character", &[(TEXT, b"\xf0\x9f"), (0, b"\x98"), (FIN, b"\x80")], &[(TEXT, "😀".as_bytes())]);
    case(&echo, "a cut character at the end", &[(TEXT, b"\xf0\x9f"), (FIN, b"")], &[(CLOSE, not_utf8)]);
}

#[test]
fn a_message_over_64_kib_is_1009() {
    let echo = start();
    let too_big = &1009_u16.to_be_bytes()[..];
    case(&echo, "a text", &[(FIN | TEXT, &[b'*'; 65_537])], &[(CLOSE, too_big)]);
    case(&echo, "fragments", &[(BINARY, &[0; 65_536]), (FIN, &[0])], &[(CLOSE, too_big)]);
}
