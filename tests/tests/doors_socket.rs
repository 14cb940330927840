//! Issue "no secret gets out, and nothing sent in can break it", the subscriber's door: handshakes, frames and messages of
//! all kinds. Each shape has its stated answer, and the server goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, Instant};

use activity_feed_tests::counted::{Counted, reason_of_close, reasons_of};
use activity_feed_tests::http::Wire;
use activity_feed_tests::rawws::{RawWs, UPGRADE};
use activity_feed_tests::{Client, Response, SOON, Server, tokens, wait_for};
use serde_json::{Value, json};

const FIN: u8 = 0x80;
const TEXT: u8 = 1;
const PING: u8 = 9;
const SUBSCRIBE: &[u8] = br#"{"action":"subscribe","channel":"events"}"#;

fn open(server: &Server) -> RawWs {
    RawWs::open(server.addr, &tokens::scoped("subscribe"))
}

/// The answer to a handshake with these headers.
fn shake(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut wire = Wire::connect(server.addr).unwrap();
    let client = Client::new(server.addr, Some(&tokens::scoped("subscribe")));
    wire.write(&client.head(method, path, headers, None)).unwrap();
    wire.read_head(Instant::now() + SOON).unwrap()
}

/// The headers of a good handshake with some changed, or left out where the value is empty, and others added.
fn with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = UPGRADE.into_iter().filter(|(name, _)| !changes.iter().any(|(other, _)| name == other));
    kept.chain(changes.iter().copied().filter(|(_, value)| !value.is_empty())).collect()
}

#[test]
fn a_handshake_that_is_none_is_refused_as_http() {
    let server = Server::start(&[]);
    let mut counted = Counted::new(server.stranger());
    for (what, headers, status) in [
        ("no upgrade", with(&[("Upgrade", "")]), 426),
        ("another upgrade", with(&[("Upgrade", "websockets")]), 426),
        ("no connection", with(&[("Connection", "keep-alive")]), 426),
        ("no version", with(&[("Sec-WebSocket-Version", "")]), 426),
        ("version 8", with(&[("Sec-WebSocket-Version", "8")]), 426),
        ("version 13 and more", with(&[("Sec-WebSocket-Version", "13, 8")]), 426),
        ("two versions", with(&[("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Version", "8")]), 426),
        ("no key", with(&[("Sec-WebSocket-Key", "")]), 400),
        ("a short key", with(&[("Sec-WebSocket-Key", "c2hvcnQ=")]), 400),
        ("a key that is no base64", with(&[("Sec-WebSocket-Key", "!!!!!!!!!!!!!!!!!!!!!!!!")]), 400),
        ("two keys", with(&[("Sec-WebSocket-Key", UPGRADE[3].1), ("Sec-WebSocket-Key", UPGRADE[3].1)]), 400),
        ("a body behind it", with(&[("Content-Length", "5")]), 400),
        ("a body in chunks behind it", with(&[("Transfer-Encoding", "chunked")]), 400),
        ("a foreign origin", with(&[("Origin", "https://evil.example")]), 403),
        ("no origin that is one", with(&[("Origin", "null")]), 403),
        ("two tokens", with(&[("Authorization", "Bearer x")]), 401),
    ] {
        let answer = shake(&server, "GET", "/ws", &headers);
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        counted.expect(what, reasons_of(status));
    }
    assert_eq!(shake(&server, "POST", "/ws", &UPGRADE).status, 405);
    assert_eq!(shake(&server, "HEAD", "/ws", &UPGRADE).status, 400, "it is routed like GET, and is no handshake");
    assert_eq!(shake(&server, "GET", "/api/events", &UPGRADE).status, 200, "no socket is there");
    let mut wire = Wire::connect(server.addr).unwrap();
    let known = Client::new(server.addr, Some(&tokens::scoped("subscribe")));
    let old = String::from_utf8(known.head("GET", "/ws", &UPGRADE, None)).unwrap();
    wire.write(old.replace("HTTP/1.1", "HTTP/1.0").as_bytes()).unwrap();
    let answer = wire.read_head(Instant::now() + SOON).unwrap();
    assert_eq!(answer.status, 426, "HTTP/1.0 knows no upgrade: {answer:?}");

    // What may be written in more than one way is taken.
    for headers in [
        with(&[("Upgrade", "WebSocket"), ("Connection", "keep-alive, Upgrade")]),
        with(&[("Upgrade", "h2c, websocket")]),
        with(&[("Sec-WebSocket-Protocol", "soap, activity-feed.v1")]),
        with(&[("Sec-WebSocket-Protocol", "soap, wamp")]),
    ] {
        let answer = shake(&server, "GET", "/ws", &headers);
        assert_eq!(answer.status, 101, "{answer:?}");
        let protocol = answer.header("sec-websocket-protocol");
        assert!(protocol.is_none_or(|name| name == "activity-feed.v1"), "{answer:?}");
    }
}

const AGREED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

#[test]
fn compression_is_agreed_on_without_context_and_only_as_offered() {
    let server = Server::start(&[]);
    for (offer, answer) in [
        ("permessage-deflate", Some(AGREED)),
        ("permessage-deflate; client_max_window_bits", Some(AGREED)),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover, x-webkit-deflate-frame",
            Some(AGREED),
        ),
        ("permessage-deflate; server_max_window_bits=10, permessage-deflate", Some(AGREED)),
        ("permessage-deflate; server_max_window_bits=10", None),
        ("permessage-deflate; unheard_of", None),
        ("permessage-bzip2", None),
    ] {
        let answered = shake(&server, "GET", "/ws", &with(&[("Sec-WebSocket-Extensions", offer)]));
        assert_eq!(answered.status, 101, "{answered:?}");
        assert_eq!(answered.header("sec-websocket-extensions"), answer, "{offer}");
    }
    // Without it a compressed frame is a broken one, and never unpacked.
    let mut ws = open(&server);
    ws.send(FIN | PACKED | TEXT, true, &pack(SUBSCRIBE));
    ws.expect_close(1002);
}

const PACKED: u8 = 0x40;

fn pack(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 1_024);
    flate2::Compress::new(flate2::Compression::best(), false)
        .compress_vec(message, &mut out, flate2::FlushCompress::Sync)
        .unwrap();
    out.strip_suffix(&[0, 0, 0xff, 0xff]).unwrap().to_vec()
}

fn unpack(packed: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 << 20);
    let whole = [packed, &[0, 0, 0xff, 0xff]].concat();
    flate2::Decompress::new(false).decompress_vec(&whole, &mut out, flate2::FlushDecompress::Sync).unwrap();
    out
}

fn open_packed(server: &Server) -> RawWs {
    let mut wire = Wire::connect(server.addr).unwrap();
    let client = Client::new(server.addr, Some(&tokens::scoped("subscribe")));
    wire.write(&client.head("GET", "/ws", &with(&[("Sec-WebSocket-Extensions", "permessage-deflate")]), None)).unwrap();
    assert_eq!(wire.read_head(Instant::now() + SOON).unwrap().header("sec-websocket-extensions"), Some(AGREED));
    RawWs { wire }
}

#[test]
fn compressed_messages_go_both_ways_and_say_the_same() {
    let server = Server::start(&["--rate", "1000"]);
    let (mut plain, mut packed) = (open(&server), open_packed(&server));
    plain.send(FIN | TEXT, true, SUBSCRIBE);
    packed.send(FIN | PACKED | TEXT, true, &pack(SUBSCRIBE));
    for ws in [&mut plain, &mut packed] {
        wait_for("caught_up", SOON, || {
            let frame = ws.next(Instant::now() + SOON).unwrap();
            assert!(!frame.packed, "what is for one client goes as it is");
            String::from_utf8_lossy(&frame.payload).contains("caught_up").then_some(())
        });
    }
    let publisher = Client::new(server.addr, Some(&tokens::scoped("publish")));
    let events: Vec<Value> = (0..200)
        .map(|n| json!({"event_type": "task.created", "source": "s", "data": {"description": format!("task {n} of a list of many tasks, each like the others")}}))
        .collect();
    for batch in events.chunks(20) {
        assert_eq!(publisher.post("/api/events", &json!(batch)).status, 201);
    }
    let read = |ws: &mut RawWs| -> (Vec<Vec<u8>>, usize) {
        let (mut texts, mut smaller) = (Vec::new(), 0);
        while texts.len() < 200 {
            let frame = ws.next(Instant::now() + SOON).unwrap();
            let text = if frame.packed { unpack(&frame.payload) } else { frame.payload.clone() };
            if String::from_utf8_lossy(&text).starts_with("{\"type\":\"event\"") {
                smaller += usize::from(frame.packed && frame.payload.len() * 4 < text.len() * 3);
                texts.push(text);
            }
        }
        (texts, smaller)
    };
    let (as_they_are, none) = read(&mut plain);
    let (unpacked, smaller) = read(&mut packed);
    assert_eq!(as_they_are, unpacked);
    assert_eq!((none, smaller), (0, 200), "each by a quarter at least");
}

#[test]
fn a_compressed_message_is_held_to_the_limits_of_any_other() {
    let server = Server::start(&[]);
    let mut counted = Counted::new(server.stranger());
    let bomb = pack(&vec![b' '; 20_000_000]);
    assert!(bomb.len() < 64 * 1024, "it comes in as a small one");
    for (what, frames, code) in [
        ("a bomb", vec![(FIN | PACKED | TEXT, bomb)], 1009),
        ("no deflated data", vec![(FIN | PACKED | TEXT, vec![0xff; 64])], 1007),
        ("no UTF-8 within", vec![(FIN | PACKED | TEXT, pack(&[0xc0, 0x80]))], 1007),
        ("no JSON within", vec![(FIN | PACKED | TEXT, pack(b"hello"))], 4000),
        ("a packed control frame", vec![(FIN | PACKED | PING, Vec::new())], 1002),
        ("a bit on a later fragment", vec![(TEXT, b"{".to_vec()), (FIN | PACKED, b"}".to_vec())], 1002),
        ("another reserved bit", vec![(FIN | 0x20 | TEXT, b"{}".to_vec())], 1002),
    ] {
        let mut ws = open_packed(&server);
        for (head, payload) in frames {
            ws.send(head, true, &payload);
        }
        eprintln!("{what}");
        ws.expect_close(code);
        counted.expect(what, &[reason_of_close(code)]);
    }
    // In fragments, cut anywhere.
    let whole = pack(SUBSCRIBE);
    let (first, rest) = whole.split_at(5);
    let mut ws = open_packed(&server);
    ws.send(PACKED | TEXT, true, first);
    ws.send(FIN | PING, true, b"between");
    ws.send(FIN, true, rest);
    wait_for("subscribed", SOON, || {
        let frame = ws.next(Instant::now() + SOON).unwrap();
        String::from_utf8_lossy(&frame.payload).contains("subscribed").then_some(())
    });
}

#[test]
fn frames_in_the_handshakes_own_packet_are_heard() {
    let server = Server::start(&[]);
    let mut wire = Wire::connect(server.addr).unwrap();
    let mut bytes = Client::new(server.addr, Some(&tokens::scoped("subscribe"))).head("GET", "/ws", &UPGRADE, None);
    bytes.extend([FIN | TEXT, 0x80 | u8::try_from(SUBSCRIBE.len()).unwrap(), 0, 0, 0, 0]);
    bytes.extend(SUBSCRIBE);
    wire.write(&bytes).unwrap();
    assert_eq!(wire.read_head(Instant::now() + SOON).unwrap().status, 101);
    let mut ws = RawWs { wire };
    wait_for("subscribed", SOON, || {
        let frame = ws.next(Instant::now() + SOON).unwrap();
        String::from_utf8_lossy(&frame.payload).contains("subscribed").then_some(())
    });
}

fn error_of(server: &Server, message: &str) -> String {
    let mut counted = Counted::new(server.stranger());
    let mut ws = server.ws();
    ws.send_text(message);
    let frame = ws.frame();
    assert_eq!(frame["type"], "error", "{message:.80}: {frame}");
    let code = frame["payload"]["code"].as_str().unwrap();
    counted.expect(message, &[code]);
    // The socket stays.
    ws.subscribe(&json!({}));
    code.to_owned()
}

#[test]
fn a_subscribe_that_cannot_be_had_is_an_error_and_the_socket_stays() {
    let server = Server::start(&[]);
    let many = |count: usize| (0..count).map(|n| format!("t{n}")).collect::<Vec<_>>();
    let asked = |field: &str, value: Value| {
        let mut message = json!({"action": "subscribe", "channel": "events"});
        message[field] = value;
        message.to_string()
    };
    for message in [
        asked("types", json!(many(65))),
        asked("sources", json!(many(5_000))),
        asked("task_ids", json!([1])),
        asked("agent_ids", json!("a")),
        asked("types", json!(["a".repeat(129)])),
        asked("types", json!([""])),
        asked("types", json!(["Task.*"])),
        asked("types", json!(["a\u{0}"])),
        asked("replay", json!(101)),
        asked("replay", json!(-1)),
        asked("replay", json!("5")),
        asked("replay", json!(1.5)),
        asked("rate", json!(0)),
        asked("rate", json!(-5)),
        asked("id", json!("")),
        asked("id", json!("x".repeat(129))),
        asked("id", json!({})),
        asked("filter", json!("all")),
    ] {
        assert_eq!(error_of(&server, &message), "bad_filter", "{message:.80}");
    }
    for since in
        [json!("x"), json!(":"), json!("a:b"), json!("a:-1"), json!("a:99999999999999999999"), json!(7), json!("é:1")]
    {
        assert_eq!(error_of(&server, &asked("since", since.clone())), "bad_cursor", "{since}");
    }
    for channel in [json!("all"), json!(null), json!(1), json!("events\u{0}")] {
        assert_eq!(error_of(&server, &asked("channel", channel.clone())), "unknown_channel", "{channel}");
    }
    // The longest that is allowed, and a rate without a bound, which is lowered.
    let mut ws = server.ws();
    let got = ws.subscribe(&json!({"sources": many(64), "rate": 4_000_000_000_u64, "id": "\u{0}\u{202e}é"}));
    assert_eq!(got["rate"], 10);
}

#[test]
fn a_message_that_is_none_closes_with_4000() {
    let server = Server::start(&[]);
    let mut counted = Counted::new(server.stranger());
    let deep = format!(r#"{{"action":"ping","x":{}{}}}"#, "[".repeat(64), "]".repeat(64));
    let deeper = format!(r#"{{"action":"ping","x":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
    for message in [
        "",
        " ",
        "null",
        "[]",
        "\"subscribe\"",
        "{",
        "{}",
        r#"{"action":1}"#,
        r#"{"action":"SUBSCRIBE"}"#,
        r#"{"action":"subscribe ","channel":"events"}"#,
        r#"{"action":"publish"}"#,
        r#"{"action":"\ud800"}"#,
        r#"{"action":"ping\u0000"}"#,
        r#"{"action":"refresh"}"#,
        r#"{"action":"refresh","token":7}"#,
        r#"{"action":"ping","n":1e999}"#,
        r#"{"action":"ping"} {"action":"ping"}"#,
        deep.as_str(),
        deeper.as_str(),
    ] {
        let mut ws = server.ws();
        ws.subscribe(&json!({}));
        ws.send_text(message);
        ws.expect_close(4000, SOON);
        counted.expect(message, &["bad_message"]);
    }
    // Of equal keys the last counts.
    let mut ws = server.ws();
    ws.send_text(r#"{"action":"dance","action":"subscribe","channel":"none","channel":"events"}"#);
    assert_eq!(ws.expect("subscribed")["payload"]["channel"], "events");
    server.stranger().get("/healthz").expect(200);
}

#[test]
fn a_fresh_token_that_does_not_hold_is_refused_and_the_socket_stays() {
    let server = Server::start(&[]);
    let mut ws = server.ws();
    ws.subscribe(&json!({}));
    ws.replay();
    let later = tokens::sign(
        &json!({"scope": "subscribe", "exp": tokens::now() + 60, "nbf": tokens::now() + 30}),
        tokens::SECRET,
    );
    let over = tokens::sign(&json!({"scope": "subscribe", "exp": tokens::now() - 1}), tokens::SECRET);
    let huge = "x".repeat(20_000);
    let mut counted = Counted::new(server.stranger());
    for token in [later.as_str(), over.as_str(), &tokens::scoped("publish"), "", "a.b.c", &huge] {
        ws.send(&json!({"action": "refresh", "token": token}));
        ws.expect_error("forbidden");
        counted.expect("a token that does not hold", &["forbidden"]);
    }
    ws.expect_alive();
    // One that allows less than is subscribed to ends it.
    ws.send(&json!({"action": "refresh", "token": tokens::seeing(&["task.*"])}));
    ws.expect_close(4003, SOON);
    counted.expect("a narrower token", &["not_allowed"]);
}

/// Sends until the server closes with this code.
#[track_caller]
fn floods(server: &Server, what: &str, code: u16, bytes: &[u8]) {
    let mut counted = Counted::new(server.stranger());
    let mut ws = open(server);
    ws.send(FIN | TEXT, true, SUBSCRIBE);
    for _ in 0..3_000 {
        if ws.wire.write(bytes).is_err() {
            break;
        }
    }
    let deadline = Instant::now() + SOON;
    loop {
        match ws.next(deadline) {
            Ok(frame) if frame.opcode == 8 => {
                assert_eq!(frame.payload.first_chunk().map(|code| u16::from_be_bytes(*code)), Some(code), "{what}");
                break;
            }
            Ok(_) => {}
            Err(error) => panic!("{what}: no close frame: {error}"),
        }
    }
    counted.expect(what, &[reason_of_close(code)]);
    server.stranger().get("/healthz").expect(200);
}

#[test]
fn floods_of_small_frames_close_with_4103() {
    let server = Server::start(&[]);
    let mask = [0_u8; 4];
    let frame =
        |head: u8, payload: &[u8]| [&[head, 0x80 | u8::try_from(payload.len()).unwrap()][..], &mask, payload].concat();
    floods(&server, "pings", 4103, &frame(FIN | PING, b""));
    floods(&server, "pongs", 4103, &frame(FIN | 10, b""));
    floods(&server, "messages", 4103, &frame(FIN | TEXT, br#"{"action":"ping"}"#));
    let mut counted = Counted::new(server.stranger());
    let mut ws = open(&server);
    ws.send(FIN | TEXT, true, SUBSCRIBE);
    // Fragments without end and without content never add up to a message.
    ws.send(TEXT, true, b"");
    for _ in 0..3_000 {
        if ws.wire.write(&frame(0, b"")).is_err() {
            break;
        }
    }
    ws.expect_close(4103);
    counted.expect("empty fragments", &["too_many_messages"]);
    // Those with content do, and are too long.
    let mut ws = open(&server);
    ws.send(FIN | TEXT, true, SUBSCRIBE);
    ws.send(TEXT, true, b"{");
    for _ in 0..100 {
        ws.send(0, true, &[b' '; 1_000]);
    }
    ws.expect_close(1009);
    counted.expect("long fragments", &["message_too_big"]);
}

#[test]
fn text_that_cannot_become_utf8_is_not_waited_for() {
    let server = Server::start(&[]);
    let mut counted = Counted::new(server.stranger());
    // Not even to the end of its frame, of which 90 bytes never come.
    let mut ws = open(&server);
    ws.wire.write(&[&[FIN | TEXT, 0x80 | 100, 0, 0, 0, 0][..], b"{\"action\":\xc0"].concat()).unwrap();
    ws.expect_close(1007);
    counted.expect("within a frame", &["not_utf8"]);
    let mut ws = open(&server);
    ws.send(TEXT, true, b"{\"action\":\"\xff");
    ws.expect_close(1007);
    // A character that is cut in two by a fragment's end may still become one.
    let mut ws = open(&server);
    ws.send(TEXT, true, b"{\"action\":\"\xf0\x9f");
    ws.send(0, true, b"\x98");
    ws.send(FIN, true, b"\x80\"}");
    ws.expect_close(4000);
}

#[test]
fn sockets_that_are_left_half_way_are_let_go() {
    let server = Server::start(&["--request-timeout", "1s"]);
    // A handshake that does not end, one that is reset, a frame that does not end, a close that is not answered.
    let mut slow = Wire::connect(server.addr).unwrap();
    slow.write(b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnec").unwrap();
    assert!(slow.read_to_end(Instant::now() + SOON).is_ok(), "it is dropped");
    for _ in 0..50 {
        let mut ws = open(&server);
        let _ = ws.wire.write(&[FIN | TEXT, 0xfe, 0xff]);
    }
    let mut deaf = open(&server);
    deaf.send(FIN | 3, true, b"");
    assert!(deaf.ends_within(Duration::from_secs(6)), "without its answer");
    let open_now = || {
        let metrics = server.stranger().get("/metrics").expect(200).text();
        let lines = metrics.lines().filter(|line| line.starts_with("activity_feed_connections{"));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum::<f64>()
    };
    wait_for("no connection being open", SOON, || (open_now() == 0.0).then_some(()));
}
