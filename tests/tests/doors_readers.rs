//! Issue "no secret gets out, and nothing sent in can break it", those who ask and do not listen: answers that nobody reads,
//! connections that ask for nothing, sockets that are silent. What each costs has a bound, and nobody else pays.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use activity_feed_tests::counted::Counted;
use activity_feed_tests::http::Wire;
use activity_feed_tests::rawws::RawWs;
use activity_feed_tests::{SOON, Server, event, tokens, wait_for};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

/// A page that no kernel takes whole: 7 MB.
const PAGE: &str = "/api/events?limit=1000&order=desc";

/// Appends what [`PAGE`] then holds.
fn fill(server: &Server) {
    let text = "all work and no play ".repeat(2_400);
    let events: Vec<Value> = (0..20).map(|n| event("a.b", json!({"n": n, "text": text}))).collect();
    for _ in 0..7 {
        server.publish(&Value::from(events.clone()));
    }
}

/// Asks for [`PAGE`] from this address, by a socket that takes little at a time, and reads nothing.
fn ask(server: &Server, from: [u8; 4]) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::from(from), 0)).into()).unwrap();
    socket.connect(&server.addr.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.write_all(&server.http().head("GET", PAGE, &[], None)).unwrap();
    stream
}

/// The status of the answer on it.
fn status(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(SOON)).unwrap();
    let mut line = [0; 12];
    stream.read_exact(&mut line).unwrap();
    String::from_utf8_lossy(&line[9..]).into_owned()
}

#[test]
fn an_answer_that_nobody_reads_is_given_up_in_time() {
    let server = Server::start(&["--request-timeout", "1s"]);
    fill(&server);
    let mut counted = Counted::new(server.stranger());
    let begun = Instant::now();
    let mut stuck = ask(&server, [127, 0, 0, 1]);
    assert_eq!(status(&mut stuck), "200");
    // Whoever reads is served meanwhile, and afterwards.
    assert!(server.http().get(PAGE).expect(200).body.len() > 7_000_000);
    counted.expect("an answer that is not read", &["answer_timeout"]);
    assert!(begun.elapsed() > Duration::from_millis(900), "not before its time: {:?}", begun.elapsed());
    let mut rest = Vec::new();
    stuck.set_read_timeout(Some(SOON)).unwrap();
    let end = stuck.read_to_end(&mut rest);
    assert!(rest.len() < 7_000_000, "{} bytes came, {end:?}", rest.len());
    server.http().get(PAGE).expect(200);
}

#[test]
fn a_slow_reader_gets_all_of_it() {
    let server = Server::start(&["--request-timeout", "1s"]);
    fill(&server);
    let mut slow = ask(&server, [127, 0, 0, 1]);
    // Never still for as long as a second, and for some seconds in all.
    let (mut read, mut some) = (0, vec![0; 512 * 1024]);
    slow.set_read_timeout(Some(SOON)).unwrap();
    let begun = Instant::now();
    while read < 7_000_000 {
        let length = slow.read(&mut some).unwrap();
        assert!(length > 0, "cut off after {read} bytes and {:?}", begun.elapsed());
        read += length;
        let due = begun + Duration::from_secs_f64(read as f64 / 2_000_000.0);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    assert!(begun.elapsed() > Duration::from_secs(3), "it was slow: {:?}", begun.elapsed());
    assert_eq!(server.refused("answer_timeout"), 0);
}

#[test]
fn answers_that_wait_are_bounded_for_an_address_and_in_all() {
    // Three pages in all, and two of one address.
    let server = Server::start(&["--max-unread-bytes", "60000000", "--request-timeout", "60s"]);
    fill(&server);
    let held: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut stream = ask(&server, [127, 0, 0, 1]);
            assert_eq!(status(&mut stream), "200");
            stream
        })
        .collect();
    let mut counted = Counted::new(server.stranger());
    let refused = server.http().get(PAGE);
    assert_eq!(refused.header("retry-after"), Some("5"), "{}", refused.status);
    refused.problem(429);
    counted.expect("a third page", &["unread_answers"]);
    server.http().get("/api/events?limit=0").problem(422);
    server.http().get("/api/events/summary").expect(200);
    let others: Vec<TcpStream> = (2..=7)
        .map(|last| {
            let mut stream = ask(&server, [127, 0, 0, last]);
            assert_eq!(status(&mut stream), "200", "127.0.0.{last}");
            stream
        })
        .collect();
    assert_eq!(status(&mut ask(&server, [127, 0, 0, 9])), "503");
    assert_eq!(server.refused("unread_answers"), 2);
    // What a publisher is told does not wait for readers.
    server.publish(&event("a.b", json!({})));
    drop((held, others));
    wait_for("the bytes to be given back", SOON, || (server.http().get(PAGE).status == 200).then_some(()));
}

#[test]
fn connections_that_ask_for_nothing_give_way_to_those_that_ask() {
    let server = Server::start(&["--max-connections", "1"]);
    let ask = |wire: &mut Wire| {
        wire.write(&server.stranger().head("GET", "/healthz", &[], None)).unwrap();
        let head = wire.read_head(Instant::now() + SOON).unwrap();
        wire.read_body(head, false, Instant::now() + SOON).unwrap().status
    };
    // Every place that there is, with half a request in each; every other one has asked before.
    let mut held: Vec<Wire> = (0..1_025)
        .map(|n| {
            let mut wire = Wire::connect(server.addr).unwrap();
            if n % 2 == 1 {
                assert_eq!(ask(&mut wire), 200);
            }
            wire.write(b"GET /healthz HTTP/1.1\r\nHo").unwrap();
            wire
        })
        .collect();
    let mut asked = Vec::new();
    // In all more than may be on their way out at once.
    for gone in held.chunks_mut(200).take(2) {
        for n in 0..200 {
            let mut wire = Wire::connect(server.addr).unwrap();
            assert_eq!(ask(&mut wire), 200, "{n}");
            asked.push(wire);
        }
        for wire in gone {
            let rest = wire.read_to_end(Instant::now() + SOON).expect("the oldest are dropped");
            assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
        }
    }
    assert_eq!(server.refused("http_connections"), 400 + 1, "one each, and one for this question");
    // The newest has not been given up, and goes on where it was.
    let last = held.last_mut().unwrap();
    last.write(format!("st: {}\r\n\r\n", server.addr).as_bytes()).unwrap();
    assert_eq!(last.read_head(Instant::now() + SOON).unwrap().status, 200);
}

#[test]
fn a_socket_that_says_nothing_for_a_minute_is_dropped() {
    let server = Server::start(&[]);
    let mut counted = Counted::new(server.stranger());
    let begun = Instant::now();
    let mut talking = server.ws();
    talking.subscribe(&json!({}));
    let mut silent = RawWs::open(server.addr, &tokens::scoped("subscribe"));
    silent.send(0x81, true, br#"{"action":"subscribe","channel":"events"}"#);
    // Its client library answers the pings of the one, and nobody those of the other.
    let (mut pings, deadline) = (0, begun + Duration::from_secs(90));
    while let Ok(frame) = silent.next(deadline) {
        pings += usize::from(frame.opcode == 9);
        talking.expect_alive();
    }
    let lasted = begun.elapsed();
    assert!(pings >= 2 && (58..80).contains(&lasted.as_secs()), "{pings} pings, {lasted:?}");
    counted.expect("silence", &["silent"]);
    talking.expect_alive();
}
