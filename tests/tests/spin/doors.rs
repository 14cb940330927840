//! Who may come in: what the outside tests of access ask over a WebSocket beside HTTP, asked without one.

use std::io::{Read as _, Write as _};

use activity_feed_tests::events::seqs;
use activity_feed_tests::tokens::{scoped, seeing};
use activity_feed_tests::{Client, Response, SOON, Sse};

use super::*;

fn client(spin: &Application, token: Option<&str>) -> Client {
    Client::new(spin.address(), token)
}

#[test]
fn the_types_of_a_token_bound_every_door() {
    let spin = Spin::start(|_| {});
    let receipts = publish(
        &spin,
        &json!([
            {"event_type": "task.created", "source": "s", "task_id": "t1", "data": {"description": "seen"}},
            {"event_type": "agent.joined", "source": "s", "agent_id": "hidden-agent", "data": {"name": "hidden"}},
            {"event_type": "task.created", "source": "s", "task_id": "t2"},
        ]),
    );
    let http = client(&spin, Some(&seeing(&["task.*"])));
    let page = http.history("since=earliest");
    assert_eq!(seqs(page["events"].as_array().unwrap()), [receipts[0].seq, receipts[2].seq]);
    assert_eq!(http.history("since=earliest&q=hidden")["events"], json!([]));
    http.get("/api/events?type=agent.joined").problem(403);
    http.get(&format!("/api/events/{}", receipts[1].id)).problem(404);
    http.get(&format!("/api/events/{}", receipts[0].id)).expect(200);
    let summary = http.get("/api/events/summary").expect(200).json();
    assert_eq!((&summary["total"], &summary["by_type"]), (&json!(2), &json!({"task.created": 2})), "{summary}");
    http.get("/api/state").problem(403);
    Sse::open(&http, "/api/events/stream?type=agent.joined", &[]).unwrap_err().problem(403);
    let mut sse = Sse::open(&http, "/api/events/stream?since=earliest", &[]).unwrap();
    let blocks = sse.until("caught_up");
    assert!(blocks.iter().all(|block| !block.data.as_deref().unwrap_or_default().contains("agent.")), "{blocks:?}");
    publish(&spin, &json!([event("agent.left", json!({})), event("task.failed", json!({}))]));
    assert_eq!(sse.until("").pop().unwrap().json()["event_type"], "task.failed", "live, too");
}

#[test]
fn a_foreign_page_gets_nothing_done_and_an_allowed_one_is_granted_cors() {
    let allowed = vec![("allowed_origins", "https://app.example, https://b.example".to_owned())];
    let spin = Spin::start(|options| options.variables = allowed);
    let body = event("a.b", json!({})).to_string();
    let post = |origin: &str| {
        let headers = [("Content-Type", "application/json"), ("Origin", origin)];
        spin.http().send("POST", "/api/events", &headers, body.as_bytes())
    };
    for foreign in ["https://evil.example", "https://app.example.evil.example", "http://app.example", "null"] {
        post(foreign).problem(403);
    }
    post(&format!("http://{}", spin.address())).expect(201);
    let granted = post("https://b.example").expect(201);
    assert_eq!(granted.header("access-control-allow-origin"), Some("https://b.example"));
    let preflight = |origin: &str| {
        let headers = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
        client(&spin, None).send("OPTIONS", "/api/events", &headers, b"")
    };
    let granted = preflight("https://app.example").expect(204);
    assert_eq!(granted.header("access-control-allow-origin"), Some("https://app.example"));
    assert!(granted.header("access-control-allow-headers").unwrap().contains("authorization"));
    assert_eq!(preflight("https://evil.example").header("access-control-allow-origin"), None);
}

/// The cookie that a session answer sets, as it is sent back, and its attributes.
fn cookie(answer: &Response) -> (String, String) {
    let (pair, attributes) = answer.header("set-cookie").unwrap().split_once(';').unwrap();
    (pair.to_owned(), attributes.to_owned())
}

#[test]
fn a_session_cookie_is_as_good_as_its_token_on_either_host() {
    let spin = Spin::start(|_| {});
    client(&spin, None).send("POST", "/api/session", &[], b"").problem(401);
    let sign_in = |token: &str| client(&spin, Some(token)).send("POST", "/api/session", &[], b"").expect(200);
    let (pair, attributes) = cookie(&sign_in(&scoped("subscribe")));
    for needed in ["HttpOnly", "SameSite=Strict", "Max-Age=900"] {
        assert!(attributes.contains(needed), "{attributes}");
    }
    assert!(!attributes.contains("Secure"), "on loopback there is no TLS: {attributes}");
    let browser = client(&spin, None).with("Cookie", &pair);
    browser.get("/api/events").expect(200);
    browser.post("/api/events", &event("a.b", json!({}))).problem(403);
    browser.send("POST", "/api/session", &[("Origin", "https://evil.example")], b"").problem(403);

    let native = activity_feed_tests::Server::start(&[]);
    native.stranger().with("Cookie", &pair).get("/api/events").expect(200);
    let theirs = native.http().send("POST", "/api/session", &[], b"").expect(200);
    client(&spin, None).with("Cookie", &cookie(&theirs).0).get("/api/events").expect(200);

    let forged = pair.replace('=', "=x");
    client(&spin, None).with("Cookie", &forged).get("/api/events").problem(401);
    let mut sse = Sse::open(&browser, "/api/events/stream", &[]).unwrap();
    let gone = browser.send("DELETE", "/api/session", &[], b"").expect(204);
    assert!(cookie(&gone).1.contains("Max-Age=0"));
    browser.get("/api/events").problem(401);
    sse.expect_end(SOON);
    // Nor does another application on the same log take the cookie.
    client(&on(&spin.file(), |_| {}), None).with("Cookie", &pair).get("/api/events").problem(401);
}

#[test]
fn a_method_that_a_route_has_not_is_405_with_those_it_has() {
    let spin = Spin::start(|_| {});
    for (method, path, allowed) in [
        ("DELETE", "/api/events", "GET,HEAD,POST"),
        ("POST", "/api/events/summary", "GET,HEAD"),
        ("DELETE", "/api/events/some-id", "GET,HEAD"),
        ("GET", "/api/session", "POST,DELETE"),
        ("PUT", "/healthz", "GET,HEAD"),
        ("POST", "/swarm/events", "GET,HEAD"),
    ] {
        let answer = spin.http().send(method, path, &[], b"");
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
        answer.problem(405);
    }
}

#[test]
fn who_sends_too_much_can_send_it_and_reads_why() {
    let spin = Spin::start(|_| {});
    for framing in ["Content-Length: 8388608", "Transfer-Encoding: chunked"] {
        let mut socket = std::net::TcpStream::connect(spin.address()).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let token = scoped("publish");
        let head = format!(
            "POST /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\n{framing}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        let is_chunked = framing.ends_with("chunked");
        for _ in 0..128 {
            let piece = [b' '; 65_536];
            if is_chunked {
                socket.write_all(b"10000\r\n").unwrap();
            }
            socket.write_all(&piece).unwrap();
            if is_chunked {
                socket.write_all(b"\r\n").unwrap();
            }
        }
        if is_chunked {
            socket.write_all(b"0\r\n\r\n").unwrap();
        }
        let mut status = [0; 12];
        socket.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 413", "{framing}");
    }
}
