//! Issue "no secret gets out, and nothing sent in can break it", the HTTP door: what no decent client sends. Each shape
//! has its stated answer, and the server goes on. The table of limits is docs/limits.md.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, Instant};

use activity_feed_tests::counted::{Counted, reasons_of};
use activity_feed_tests::http::Wire;
use activity_feed_tests::{SOON, Server, tokens, wait_for};

/// What came back on one connection.
#[derive(Debug)]
struct Outcome {
    /// The status of each answer, in order.
    statuses: Vec<u16>,
    /// The server has ended the connection.
    closed: bool,
}

/// Sends bytes on a connection of their own and reads to its end, or for a moment of silence.
fn ask(server: &Server, bytes: &[u8]) -> Outcome {
    let mut wire = Wire::connect(server.addr).unwrap();
    // A server that has seen enough may have closed already.
    let _ = wire.write(bytes);
    let deadline = Instant::now() + Duration::from_secs(3);
    let mut statuses = Vec::new();
    loop {
        match wire.read_head(deadline) {
            Ok(head) => {
                statuses.push(head.status);
                if wire.read_body(head, false, deadline).is_err() {
                    return Outcome { statuses, closed: true };
                }
            }
            Err(error) => return Outcome { statuses, closed: error.kind() != std::io::ErrorKind::TimedOut },
        }
    }
}

/// `allowed` are the statuses that may be answered, 0 an end of the connection without an answer. What was refused is
/// counted, as what it was.
#[track_caller]
fn answered(server: &Server, what: &str, bytes: &[u8], allowed: &[u16]) {
    let mut counted = Counted::new(server.stranger());
    let outcome = ask(server, bytes);
    let status = match outcome.statuses.as_slice() {
        [] if outcome.closed => 0,
        [status] => *status,
        _ => panic!("{what}: one answer or an end, not {outcome:?}"),
    };
    assert!(allowed.contains(&status), "{what}: {outcome:?}");
    if status == 0 || status >= 400 {
        counted.expect(what, reasons_of(status));
    } else {
        counted.expect_none(what);
    }
    server.stranger().get("/healthz").expect(200);
}

const EVENT: &str = r#"{"event_type":"a.b","source":"s"}"#;

/// The start of a `POST` that is fine so far, and closes.
fn post(server: &Server) -> String {
    let host = server.addr;
    let token = tokens::scoped("publish");
    format!(
        "POST /api/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    )
}

#[test]
fn no_request_hides_in_the_body_of_another() {
    let server = Server::start(&[]);
    let start = post(&server);
    let hidden = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr);
    let length = EVENT.len();
    let chunk = format!("{length:x}\r\n{EVENT}\r\n0\r\n\r\n");
    // Both a length and a coding: the coding counts (RFC 9112, 6.3), and nothing behind it is a request.
    for (what, headers) in [
        ("a length before the coding", format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", 5)),
        ("a length behind the coding", format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", 5)),
        ("a coding in capitals", "content-length: 5\r\nTRANSFER-ENCODING: CHUNKED\r\n".to_owned()),
    ] {
        let outcome = ask(&server, format!("{start}{headers}\r\n{chunk}{hidden}").as_bytes());
        assert!(matches!(outcome.statuses.as_slice(), [201 | 400]), "{what}: {outcome:?}");
        assert!(outcome.closed, "{what}: {outcome:?}");
    }
    let mut counted = Counted::new(server.stranger());
    for (what, headers) in [
        ("two lengths", format!("Content-Length: {length}\r\nContent-Length: {}\r\n", length + 1)),
        ("a list of lengths", format!("Content-Length: {length}, {length}\r\n")),
        ("a signed length", format!("Content-Length: +{length}\r\n")),
        ("a negative length", "Content-Length: -1\r\n".to_owned()),
        ("a hexadecimal length", format!("Content-Length: {length:#x}\r\n")),
        ("a length with a blank in it", "Content-Length: 3 3\r\n".to_owned()),
        ("a length beyond 64 bits", "Content-Length: 99999999999999999999\r\n".to_owned()),
        ("a coding that is not known", "Transfer-Encoding: gzip\r\n".to_owned()),
        ("a coding behind another", "Transfer-Encoding: gzip, chunked\r\n".to_owned()),
        ("a coding twice", "Transfer-Encoding: chunked, chunked\r\n".to_owned()),
        ("a coding in two headers", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n".to_owned()),
        ("a coding that is not the last", "Transfer-Encoding: chunked, identity\r\n".to_owned()),
        ("a coding with a control character", "Transfer-Encoding: \x0bchunked\r\n".to_owned()),
        ("a coding that only looks like one", "Transfer-Encoding: xchunked\r\n".to_owned()),
        ("a coding with a parameter", "Transfer-Encoding: chunked;q=1\r\n".to_owned()),
        ("a folded header", format!("X-Long: a\r\n b\r\nContent-Length: {length}\r\n")),
        ("a folded length", format!("Content-Length:\r\n {length}\r\n")),
        ("a blank before the colon", format!("Content-Length : {length}\r\n")),
        ("a bare CR in a value", format!("X-Long: a\rContent-Length: 0\r\nContent-Length: {length}\r\n")),
        ("a NUL in a value", format!("X-Long: a\0b\r\nContent-Length: {length}\r\n")),
        ("a name that is none", format!("X(Long): a\r\nContent-Length: {length}\r\n")),
        ("a name of nothing", format!(": a\r\nContent-Length: {length}\r\n")),
        ("a line without a colon", format!("X-Long\r\nContent-Length: {length}\r\n")),
    ] {
        let body = if headers.contains("chunked") { &chunk } else { EVENT };
        let outcome = ask(&server, format!("{start}{headers}\r\n{body}{hidden}").as_bytes());
        assert!(matches!(outcome.statuses.as_slice(), [] | [400]) && outcome.closed, "{what}: {outcome:?}");
        counted.expect(what, reasons_of(400));
        server.stranger().get("/healthz").expect(200);
    }
    // A line may end in a bare LF (RFC 9112, 2.2), in the head; it is then the same request.
    let bare = format!("GET /healthz HTTP/1.1\nHost: {}\nConnection: close\n\n", server.addr);
    answered(&server, "bare LF", bare.as_bytes(), &[200, 400]);
    let count = server.http().history("since=earliest")["events"].as_array().unwrap().len();
    assert!(count <= 3, "only the bodies of the coding were ever events: {count}");
}

#[test]
fn chunks_that_are_none_end_the_request() {
    let server = Server::start(&[]);
    let start = post(&server) + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    let event = format!("{:x}\r\n{EVENT}\r\n", EVENT.len());
    for (what, body) in [
        ("no size", "zz\r\n".to_owned()),
        ("a negative size", "-1\r\n\r\n".to_owned()),
        ("a size beyond 64 bits", "FFFFFFFFFFFFFFFFF\r\n".to_owned()),
        ("a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("a chunk longer than its size", format!("5\r\n{EVENT}\r\n0\r\n\r\n")),
        ("a bare LF behind the size", "5\nhello\r\n0\r\n\r\n".to_owned()),
        ("an extension without an end", format!("5;{}", "x".repeat(40_000))),
        ("trailers without an end", format!("{event}0\r\n{}\r\n", "X-Trailer: 1\r\n".repeat(20_000))),
    ] {
        answered(&server, what, format!("{start}{body}").as_bytes(), &[0, 400, 413]);
    }
    let many: String = EVENT.chars().map(|c| format!("1\r\n{c}\r\n")).collect();
    answered(&server, "a chunk a byte", format!("{start}{many}0\r\n\r\n").as_bytes(), &[201]);
    answered(&server, "a trailer", format!("{start}{event}0\r\nX-Trailer: 1\r\n\r\n").as_bytes(), &[201]);
}

#[test]
fn heads_that_are_too_large_are_431_or_414() {
    let server = Server::start(&[]);
    let host = format!("Host: {}\r\nConnection: close\r\n", server.addr);
    let many: String = (0..100).map(|n| format!("X-Header-{n}: {n}\r\n")).collect();
    let flood: String = (0..20_000).map(|n| format!("X-Header-{n}: {n}\r\n")).collect();
    let long = "a".repeat(40_000);
    answered(&server, "100 headers", format!("GET /healthz HTTP/1.1\r\n{host}{many}\r\n").as_bytes(), &[431]);
    answered(&server, "20,000 headers", format!("GET /healthz HTTP/1.1\r\n{host}{flood}\r\n").as_bytes(), &[0, 431]);
    let value = format!("GET /healthz HTTP/1.1\r\n{host}X-Long: {long}\r\n\r\n");
    answered(&server, "a long value", value.as_bytes(), &[431]);
    let name = format!("GET /healthz HTTP/1.1\r\n{host}{long}: x\r\n\r\n");
    answered(&server, "a long name", name.as_bytes(), &[400, 431]);
    answered(&server, "a long path", format!("GET /{long} HTTP/1.1\r\n{host}\r\n").as_bytes(), &[414, 431]);
    answered(&server, "a long method", format!("{long} / HTTP/1.1\r\n{host}\r\n").as_bytes(), &[400, 405, 431]);
    let endless = "x".repeat(1_000_000);
    answered(&server, "a line without an end", endless.as_bytes(), &[0, 400, 414, 431]);
    assert!(server.refused("header_bytes") >= 3, "it is counted");

    let small = Server::start(&["--max-header-bytes", "4096"]);
    let value = format!("GET /healthz HTTP/1.1\r\n{host}X-Long: {}\r\n\r\n", "a".repeat(5_000));
    answered(&small, "the limit is an option", value.as_bytes(), &[431]);
}

#[test]
fn other_protocols_are_turned_away() {
    let server = Server::start(&[]);
    let host = format!("Host: {}\r\nConnection: close\r\n", server.addr);
    answered(&server, "HTTP/1.0 without a Host", b"GET /healthz HTTP/1.0\r\n\r\n", &[200]);
    answered(
        &server,
        "HTTP/1.0, a coding",
        b"POST /api/events HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        &[0, 400],
    );
    answered(&server, "HTTP/0.9", b"GET /\r\n\r\n", &[0, 400]);
    answered(&server, "HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", &[0, 400, 505]);
    answered(&server, "HTTP/9.9", format!("GET / HTTP/9.9\r\n{host}\r\n").as_bytes(), &[0, 400, 505]);
    answered(&server, "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", &[0, 400]);
    answered(&server, "SSH", b"SSH-2.0-OpenSSH_9.9\r\n\r\n", &[0, 400]);
    answered(&server, "zeros", &[0; 4_096], &[0, 400]);
    answered(&server, "h2c", format!("GET /healthz HTTP/1.1\r\n{host}Upgrade: h2c\r\n\r\n").as_bytes(), &[200]);
    let line = |method: &str, target: &str| format!("{method} {target} HTTP/1.1\r\n{host}\r\n");
    answered(&server, "CONNECT", line("CONNECT", "localhost:80").as_bytes(), &[400, 403, 404, 405]);
    answered(&server, "TRACE", line("TRACE", "/healthz").as_bytes(), &[404, 405]);
    answered(&server, "a method of nobody's", line("BREW", "/api/events").as_bytes(), &[405]);
    answered(&server, "an asterisk", line("OPTIONS", "*").as_bytes(), &[400, 404, 405]);
    answered(&server, "another host's target", line("GET", "http://evil.example/healthz").as_bytes(), &[403]);
    let expect = format!("GET /healthz HTTP/1.1\r\n{host}Expect: the-unexpected\r\n\r\n");
    answered(&server, "an expectation", expect.as_bytes(), &[200, 417]);
}

#[test]
fn a_host_that_is_none_is_400() {
    let server = Server::start(&[]);
    let port = server.addr.port();
    let line = "GET /healthz HTTP/1.1\r\nConnection: close\r\n";
    for host in
        ["", " ", "user@localhost", "localhost:99999", "localhost:+80", "[::1", "local host", "localhost/x", "a,b"]
    {
        answered(&server, host, format!("{line}Host: {host}\r\n\r\n").as_bytes(), &[400]);
    }
    let twice = format!("{line}Host: localhost:{port}\r\nHost: evil.example\r\n\r\n");
    answered(&server, "two hosts", twice.as_bytes(), &[400]);
    let origins = format!("{line}Host: localhost:{port}\r\nOrigin: http://localhost:{port}\r\nOrigin: null\r\n\r\n");
    answered(&server, "two origins", origins.as_bytes(), &[400]);
    assert!(server.refused("bad_request") >= 10, "it is counted");
}

#[test]
fn paths_and_queries_of_all_kinds_are_problems() {
    let server = Server::start(&[]);
    let http = server.http();
    let mut counted = Counted::new(server.stranger());
    for path in [
        "/../../etc/passwd",
        "/assets/../../Cargo.toml",
        "/assets/%2e%2e/%2e%2e/Cargo.toml",
        "/assets/..%2f..%2fCargo.toml",
        "/api/events/%00",
        "/api/events/%ff%fe",
        "/api/events/..",
        "/api/events/a/b",
        "//",
        "/%",
    ] {
        http.get(path).problem(404);
        counted.expect(path, reasons_of(404));
    }
    let many = "type=a.b&".repeat(3_000);
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=99999999999999999999",
        "limit=1e3",
        "wait=31",
        "wait=-1",
        "since=x",
        "since=%00",
        "since=a:18446744073709551616",
        "since=a:-1",
        "until=yesterday",
        "order=sideways",
        "type=%ff",
        "type=Task",
        "nobody=knows",
        many.as_str(),
    ] {
        let answer = http.get(&format!("/api/events?{query}"));
        assert_eq!(answer.status, 422, "{:.40}: {}", query, answer.text());
        answer.problem(422);
        counted.expect(query, reasons_of(422));
    }
    for query in ["q=%00", "q=%ff", "q=%27%3B%20DROP%20TABLE%20events", "q=%25_%5C", "source=%00", "task_id=%E2%80%AE"]
    {
        let answer = http.get(&format!("/api/events?{query}"));
        assert!(matches!(answer.status, 200 | 422), "{query}: {}", answer.text());
    }
    http.get("/api/events/summary?minutes=1441").problem(422);
    http.get("/api/events/summary?minutes=0").problem(422);
    http.get("/api/events").expect(200);
}

#[test]
fn what_comes_too_slowly_is_408_or_dropped() {
    let server = Server::start(&["--request-timeout", "1s"]);
    let begun = Instant::now();
    let mut silent = Wire::connect(server.addr).unwrap();
    let mut head = Wire::connect(server.addr).unwrap();
    head.write(b"GET /healthz HTTP/1.1\r\nHost: loc").unwrap();
    let mut body = Wire::connect(server.addr).unwrap();
    body.write(format!("{}Content-Length: 100\r\n\r\n{{\"event", post(&server)).as_bytes()).unwrap();
    let mut chunks = Wire::connect(server.addr).unwrap();
    chunks.write(format!("{}Transfer-Encoding: chunked\r\n\r\n5\r\nhe", post(&server)).as_bytes()).unwrap();
    // Drop by drop is no faster: the time is that of the whole.
    let mut drops = Wire::connect(server.addr).unwrap();
    let dripping = std::thread::spawn(move || {
        let alive = |wire: &mut Wire| wire.write(b"x").is_ok() && begun.elapsed() < SOON;
        drops.write(b"GET /healthz HTTP/1.1\r\nX-Slow: ").unwrap();
        while alive(&mut drops) {
            std::thread::sleep(Duration::from_millis(50));
        }
        begun.elapsed()
    });
    let deadline = begun + SOON;
    for wire in [&mut body, &mut chunks] {
        let answer = wire.read_head(deadline).expect("408");
        assert_eq!(answer.status, 408);
    }
    for wire in [&mut silent, &mut head] {
        match wire.read_head(deadline) {
            Ok(answer) => assert_eq!(answer.status, 408),
            Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::TimedOut, "neither answered nor dropped"),
        }
    }
    assert!(begun.elapsed() > Duration::from_millis(900), "not before: {:?}", begun.elapsed());
    assert!(dripping.join().unwrap() < SOON, "the drip is cut off");
    assert_eq!(server.refused("timeout"), 2);
    wait_for("the slow heads to be counted", SOON, || (server.refused("header_timeout") >= 2).then_some(()));
    server.stranger().get("/healthz").expect(200);
}

#[test]
fn many_requests_on_one_connection_are_answered_in_order() {
    let server = Server::start(&[]);
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr);
    let last = format!("GET /nowhere HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.addr);
    let outcome = ask(&server, format!("{}{last}", request.repeat(200)).as_bytes());
    assert_eq!(outcome.statuses.len(), 201, "{outcome:?}");
    assert!(outcome.statuses.iter().take(200).all(|status| *status == 200), "{outcome:?}");
    assert_eq!(outcome.statuses.last(), Some(&404));
}

#[test]
fn connections_that_say_nothing_do_not_keep_others_out() {
    let server = Server::start(&[]);
    let held: Vec<Wire> = (0..300).map(|_| Wire::connect(server.addr).unwrap()).collect();
    server.stranger().get("/healthz").expect(200);
    let mut ws = server.ws();
    ws.subscribe(&serde_json::json!({}));
    ws.expect_alive();
    drop(held);
}
