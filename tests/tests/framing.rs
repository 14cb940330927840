//! RFC 6455 below contract section 4: frames as no decent client sends them, and the close code for each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::Instant;

use activity_feed_tests::http::Wire;
use activity_feed_tests::rawws::{RawWs, UPGRADE};
use activity_feed_tests::{Client, SOON, Server, tokens, wait_for};

const SUBSCRIBE: &[u8] = br#"{"action":"subscribe","channel":"events"}"#;
const FIN: u8 = 0x80;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

fn open(server: &Server) -> RawWs {
    RawWs::open(server.addr, &tokens::scoped("subscribe"))
}

/// What a server must answer to these frames (first byte, masked, payload).
#[track_caller]
fn closes(server: &Server, frames: &[(u8, bool, &[u8])], code: u16) {
    let mut ws = open(server);
    for &(head, masked, payload) in frames {
        ws.send(head, masked, payload);
    }
    ws.expect_close(code);
    assert!(ws.ends_within(SOON), "and the connection ends");
}

#[test]
fn broken_framing_closes_with_1002() {
    let server = Server::start(&[]);
    closes(&server, &[(FIN | TEXT, false, SUBSCRIBE)], 1002);
    closes(&server, &[(FIN | 0x40 | TEXT, true, SUBSCRIBE)], 1002);
    closes(&server, &[(FIN | 0x10 | TEXT, true, SUBSCRIBE)], 1002);
    closes(&server, &[(FIN | 3, true, b"")], 1002);
    closes(&server, &[(FIN | 11, true, b"")], 1002);
    closes(&server, &[(FIN, true, SUBSCRIBE)], 1002);
    closes(&server, &[(TEXT, true, b"{"), (FIN | TEXT, true, b"}")], 1002);
    closes(&server, &[(PING, true, b"fragmented")], 1002);
    closes(&server, &[(FIN | PING, true, &[b'x'; 126])], 1002);
    for illegal in [0u16, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
        closes(&server, &[(FIN | CLOSE, true, &illegal.to_be_bytes())], 1002);
    }
    closes(&server, &[(FIN | CLOSE, true, &[3])], 1002);
}

#[test]
fn invalid_utf8_closes_with_1007() {
    let server = Server::start(&[]);
    closes(&server, &[(FIN | TEXT, true, b"\xff\xfe")], 1007);
    closes(&server, &[(FIN | TEXT, true, b"\xed\xa0\x80")], 1007);
    closes(&server, &[(TEXT, true, b"\xf0\x9f"), (FIN, true, b"x")], 1007);
    closes(&server, &[(FIN | CLOSE, true, b"\x03\xe8\xff")], 1007);
}

#[test]
fn a_frame_over_64_kib_closes_with_1009() {
    let server = Server::start(&[]);
    let large = vec![b' '; 65 * 1024];
    closes(&server, &[(FIN | TEXT, true, &large)], 1009);
    let half = vec![b' '; 33 * 1024];
    closes(&server, &[(TEXT, true, &half), (FIN, true, &half)], 1009);
    // Only its length is known yet: a server does not wait for what it will not take.
    let mut ws = open(&server);
    ws.wire.write(&[FIN | TEXT, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4]).unwrap();
    ws.expect_close(1009);
}

#[test]
fn fragments_control_frames_between_them_and_a_clean_close() {
    let server = Server::start(&[]);
    let mut ws = open(&server);
    ws.send(TEXT, true, &SUBSCRIBE[..10]);
    ws.send(FIN | PING, true, b"between");
    ws.send(0, true, &SUBSCRIBE[10..20]);
    ws.send(0, true, b"");
    ws.send(FIN | PONG, true, b"unasked");
    ws.send(FIN, true, &SUBSCRIBE[20..]);
    assert_eq!(ws.expect(PONG).payload, b"between");
    let deadline = Instant::now() + SOON;
    loop {
        let frame = ws.next(deadline).expect("the subscribe is understood");
        if frame.payload.windows(10).any(|window| window == b"subscribed") {
            break;
        }
    }
    ws.send(FIN | CLOSE, true, &[3, 232, b'b', b'y', b'e']);
    ws.expect_close(1000);
    assert!(ws.ends_within(SOON));
}

#[test]
fn bytes_that_come_one_at_a_time_are_the_same_frame() {
    let server = Server::start(&[]);
    let mut ws = open(&server);
    let mut frame = vec![FIN | TEXT, 0x80 | u8::try_from(SUBSCRIBE.len()).unwrap(), 0, 0, 0, 0];
    frame.extend(SUBSCRIBE);
    for byte in frame {
        ws.wire.write(&[byte]).unwrap();
    }
    let deadline = Instant::now() + SOON;
    loop {
        let frame = ws.next(deadline).expect("the subscribe is understood");
        if frame.payload.windows(10).any(|window| window == b"subscribed") {
            break;
        }
    }
}

#[test]
fn compression_is_never_agreed_on_unasked() {
    let server = Server::start(&[]);
    let mut wire = Wire::connect(server.addr).unwrap();
    let client = Client::new(server.addr, Some(&tokens::scoped("subscribe")));
    wire.write(&client.head("GET", "/ws", &UPGRADE, None)).unwrap();
    let answer = wire.read_head(Instant::now() + SOON).unwrap();
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("sec-websocket-extensions"), None);
}

#[test]
fn a_wrong_upgrade_is_refused_as_http() {
    let server = Server::start(&[]);
    let client = Client::new(server.addr, Some(&tokens::scoped("subscribe")));
    let changed = [
        (2, ("Sec-WebSocket-Version", "12")),
        (3, ("Sec-WebSocket-Key", "short")),
        (3, ("X-No-Key", "")),
        (1, ("Upgrade", "h2c")),
    ];
    for (at, header) in changed {
        let mut headers = UPGRADE;
        headers[at] = header;
        let mut wire = Wire::connect(server.addr).unwrap();
        wire.write(&client.head("GET", "/ws", &headers, None)).unwrap();
        let answer = wire.read_head(Instant::now() + SOON).unwrap();
        assert!((400..500).contains(&answer.status), "{header:?}: {answer:?}");
        if header.1 == "12" {
            assert_eq!(answer.header("sec-websocket-version"), Some("13"), "RFC 6455, 4.2.2: {answer:?}");
        }
    }
    let plain = client.get("/ws").status;
    assert!((400..500).contains(&plain), "without an upgrade: {plain}");
    assert_eq!(server.http().get("/healthz").status, 200, "and the server goes on");
}

#[test]
fn a_peer_that_vanishes_costs_nothing() {
    let server = Server::start(&[]);
    for _ in 0..20 {
        let mut ws = open(&server);
        ws.send(FIN | TEXT, true, SUBSCRIBE);
        ws.send(TEXT, true, b"half a mess");
    }
    let open_now = || {
        let metrics = server.stranger().get("/metrics").expect(200).text();
        let values = metrics.lines().filter(|line| line.starts_with("activity_feed_connections"));
        values.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum::<f64>()
    };
    assert!(server.stranger().get("/metrics").text().contains("activity_feed_connections"), "connections are counted");
    wait_for("no connection being open", SOON, || (open_now() == 0.0).then_some(()));
}
