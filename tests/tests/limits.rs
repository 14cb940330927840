//! Contract sections 2 and 3: how many may come, from where, how large and how slow.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, Instant};

use activity_feed_tests::http::Wire;
use activity_feed_tests::{Response, SOON, Server, Ws, event, tokens, wait_for};
use serde_json::json;

/// A socket that a proxy opens for somebody.
fn open(server: &Server, forwarded_for: Option<&str>) -> Result<Ws, Response> {
    let bearer = format!("Bearer {}", tokens::scoped("subscribe"));
    let mut headers = vec![("Authorization", bearer.as_str())];
    headers.extend(forwarded_for.map(|list| ("X-Forwarded-For", list)));
    Ws::open(server.addr, "/ws", &headers)
}

#[track_caller]
fn refused(result: Result<Ws, Response>) {
    let answer = result.map(|_| ()).expect_err("over the limit");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    answer.problem(429);
}

#[test]
fn connections_of_one_address_are_limited_and_given_back() {
    let server = Server::start(&["--max-connections-per-ip", "3"]);
    let mut held = vec![open(&server, None).unwrap(), open(&server, None).unwrap()];
    let sse = server.sse("");
    refused(open(&server, None));
    for _ in 0..5 {
        server.http().get("/api/events").expect(200);
    }
    drop(sse);
    held.push(wait_for("the stream's place", SOON, || open(&server, None).ok()));
    refused(open(&server, None));
    held.pop().unwrap().close();
    held.push(wait_for("the socket's place", SOON, || open(&server, None).ok()));
    refused(open(&server, None));
}

#[test]
fn connections_in_all_are_limited() {
    let server = Server::start(&["--max-connections", "3"]);
    let held: Vec<Ws> = (0..3).map(|_| open(&server, None).unwrap()).collect();
    let answer = open(&server, None).map(|_| ()).expect_err("over the limit");
    assert!(matches!(answer.status, 429 | 503), "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    drop(held);
    wait_for("a place", SOON, || open(&server, None).ok());
}

#[test]
fn connections_a_second_are_limited_beyond_a_burst() {
    let server = Server::start(&["--connect-rate-per-ip", "1"]);
    let mut opened = 0;
    let answer = loop {
        match open(&server, None) {
            Ok(_) => opened += 1,
            Err(answer) => break answer,
        }
        assert!(opened < 60, "no limit");
    };
    assert!(opened >= 30, "a burst of 30 is let in, not {opened}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    answer.problem(429);
    server.http().get("/api/events").expect(200);
}

#[test]
fn an_address_behind_a_trusted_proxy_is_the_last_one_it_added() {
    let server = Server::start(&["--trusted-proxy", "127.0.0.0/8", "--max-connections-per-ip", "1"]);
    let _first = open(&server, Some("198.51.100.1")).unwrap();
    let _second = open(&server, Some("198.51.100.2")).unwrap();
    refused(open(&server, Some("198.51.100.1")));
    refused(open(&server, Some("203.0.113.9, 198.51.100.1")));
    let _third = open(&server, Some("198.51.100.1, 203.0.113.9")).unwrap();
    let _sixth = open(&server, Some("2001:db8:1:2::1")).unwrap();
    refused(open(&server, Some("2001:db8:1:2:ffff::9")));
    let _other = open(&server, Some("2001:db8:1:3::1")).unwrap();
}

#[test]
fn a_header_from_elsewhere_is_not_believed() {
    let server = Server::start(&["--max-connections-per-ip", "1"]);
    let _first = open(&server, Some("198.51.100.1")).unwrap();
    refused(open(&server, Some("198.51.100.2")));
}

#[test]
fn the_limits_on_size_are_options() {
    let server = Server::start(&["--max-event-bytes", "500", "--max-body-bytes", "2000"]);
    let sized = |bytes: usize| event("a.b", json!({"text": "x ".repeat(bytes / 2)}));
    server.http().post("/api/events", &sized(300)).expect(201);
    server.http().post("/api/events", &sized(600)).problem(413);
    server.http().post("/api/events", &json!([sized(300), sized(300), sized(300)])).expect(201);
    let six = json!([sized(300), sized(300), sized(300), sized(300), sized(300), sized(300)]);
    server.http().post("/api/events", &six).problem(413);
}

#[test]
fn a_body_without_an_end_is_refused_as_it_grows() {
    let server = Server::start(&[]);
    let mut wire = Wire::connect(server.addr).unwrap();
    let headers = [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")];
    wire.write(&server.http().head("POST", "/api/events", &headers, None)).unwrap();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(65_536));
    // The server may close as soon as it has seen enough.
    let sent = (0..64).take_while(|_| wire.write(chunk.as_bytes()).is_ok()).count();
    match wire.read_head(Instant::now() + SOON) {
        Ok(answer) => assert_eq!(answer.status, 413),
        Err(_) => assert!(sent < 64, "it was all taken without an answer"),
    }
    server.http().get("/healthz").expect(200);
}

#[test]
fn headers_and_bodies_that_do_not_come_end_after_thirty_seconds() {
    let server = Server::start(&[]);
    let mut head = Wire::connect(server.addr).unwrap();
    head.write(b"GET /healthz HTTP/1.1\r\nHost: loc").unwrap();
    let mut body = Wire::connect(server.addr).unwrap();
    body.write(&server.http().head(
        "POST",
        "/api/events",
        &[("Content-Type", "application/json"), ("Content-Length", "100")],
        None,
    ))
    .unwrap();
    body.write(b"{\"event_type\"").unwrap();
    let asked = Instant::now();
    let deadline = asked + Duration::from_secs(36);
    for wire in [&mut head, &mut body] {
        match wire.read_head(deadline) {
            Ok(answer) => assert_eq!(answer.status, 408),
            Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::TimedOut, "neither answered nor dropped"),
        }
    }
    assert!(asked.elapsed() > Duration::from_secs(20), "not before: {:?}", asked.elapsed());
}

#[test]
fn nonsense_is_answered_and_the_server_goes_on() {
    let server = Server::start(&[]);
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(200_000));
    let many: String = (0..2000).map(|n| format!("X-Header-{n}: {n}\r\n")).collect();
    let many = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{many}\r\n");
    let host = format!("Host: {}\r\n", server.addr);
    let requests = [
        "\r\n\r\n\r\n".to_owned(),
        "hello\r\n\r\n".to_owned(),
        long,
        many,
        format!("POST /api/events HTTP/1.1\r\n{host}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
        format!("POST /api/events HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n"),
        format!("POST /api/events HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        format!("GET /healthz HTTP/9.9\r\n{host}\r\n"),
        format!("GET /healthz HTTP/1.1\r\n{host}Bad Header: x\r\n\r\n"),
    ];
    for request in requests {
        let mut wire = Wire::connect(server.addr).unwrap();
        let _ = wire.write(request.as_bytes());
        match wire.read_head(Instant::now() + Duration::from_secs(5)) {
            Ok(answer) => {
                assert!((400..506).contains(&answer.status), "{} for {:.60}", answer.status, request);
            }
            // Dropped, or waiting for the rest of what it takes for a request: both are bounded.
            Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::Other, "{error} for {request:.60}"),
        }
        server.http().get("/healthz").expect(200);
    }
}
