//! What the application says to a GRIP proxy, and how it fares with one that does not work. A real one, with sockets, is in
//! `tests/spin_pushpin.rs`.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use activity_feed_tests::{SOON, tokens, wait_for};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

const KEY: &str = "the-key-of-the-proxy";
const EVENTS: &str = "application/websocket-events";

/// A proxy that takes what is published, and answers with this status; none: never.
fn proxy(status: Option<u16>) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (heard, hears) = mpsc::channel();
    thread::spawn(move || {
        let mut kept: Vec<TcpStream> = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            while !is_whole(&request) {
                match stream.read(&mut piece) {
                    Ok(read) if read > 0 => request.extend_from_slice(&piece[..read]),
                    _ => break,
                }
            }
            if heard.send(String::from_utf8_lossy(&request).into_owned()).is_err() {
                return;
            }
            match status {
                Some(status) => {
                    let _ = write!(stream, "HTTP/1.1 {status} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                }
                None => kept.push(stream),
            }
        }
    });
    (url, hears)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}

fn start(url: &str) -> Spin {
    Spin::start(|options| options.variables = vec![("grip_url", url.to_owned()), ("grip_key", KEY.to_owned())])
}

#[test]
fn an_append_wakes_the_channels_of_its_types_signed_and_with_a_length() {
    let (url, hears) = proxy(Some(200));
    let spin = start(&url);
    publish_many(&spin, "task.bid.placed", 3);
    let request = hears.recv_timeout(SOON).unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("post /publish/ http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-length: ") && !head.contains("chunked"), "{head}");
    let token = request.lines().find_map(|line| line.split_once("Bearer ")).unwrap().1.trim();
    let validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    let key = jsonwebtoken::DecodingKey::from_secret(KEY.as_bytes());
    jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap();
    let items: Value = serde_json::from_str(body).unwrap();
    let items = items["items"].as_array().unwrap();
    let channels: Vec<&str> = items.iter().map(|item| item["channel"].as_str().unwrap()).collect();
    let wanted = ["all", "below:task", "below:task.bid", "type:task.bid.placed"];
    assert_eq!(channels, wanted.map(|name| format!("activity-feed:{name}")));
    assert!(items.iter().all(|item| item["formats"]["ws-message"]["type"] == "ping"), "{items:?}");
    assert!(!body.contains("\"n\""), "nothing of an event is published");
}

#[test]
fn a_proxy_that_is_broken_costs_an_append_nothing() {
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let (slow, _heard_slow) = proxy(None);
    let (broken, _heard_broken) = proxy(Some(503));
    for url in [format!("http://{nobody}"), slow, broken] {
        let spin = start(&url);
        let started = Instant::now();
        for _ in 0..5 {
            publish_many(&spin, "a.b", 1);
        }
        // Five that waited for the proxy's patience of 1.5 s each, one after the other, would take longer.
        assert!(started.elapsed() < Duration::from_secs(6), "{url}: {:?}", started.elapsed());
        wait_for("a line on stderr", SOON, || spin.stderr().contains("the GRIP proxy at").then_some(()));
        assert_eq!(spin.http().history("since=earliest")["events"].as_array().unwrap().len(), 5);
    }
}

/// A report of a proxy that signs as it should.
fn report(spin: &Spin, state: Option<&str>, body: &str) -> activity_feed_tests::Response {
    let signature = tokens::sign(&json!({"iss": "pushpin", "exp": tokens::now() + 60}), KEY);
    let mut headers = vec![("Content-Type", EVENTS), ("Connection-Id", "one"), ("Grip-Sig", &signature)];
    headers.extend(state.map(|state| ("Meta-Activity-Feed", state)));
    spin.http().try_send("POST", "/ws", &headers, body.as_bytes()).unwrap()
}

#[test]
fn a_connections_state_is_signed_and_nobody_makes_his_own() {
    let (url, _hears) = proxy(Some(200));
    let spin = start(&url);
    let opened = report(&spin, None, "OPEN\r\n");
    assert_eq!((opened.status, opened.header("content-type")), (200, Some(EVENTS)));
    assert!(opened.text().starts_with("OPEN\r\n"), "{}", opened.text());
    assert_eq!(opened.header("sec-websocket-extensions"), Some("grip; message-prefix=\"\""));
    let state = opened.header("set-meta-activity-feed").unwrap().to_owned();
    let subscribe = r#"{"action":"subscribe","channel":"events","since":"latest"}"#;
    let body = format!("TEXT {:x}\r\n{subscribe}\r\n", subscribe.len());
    let answer = report(&spin, Some(&state), &body);
    assert!(answer.text().contains("\"type\":\"subscribed\""), "{}", answer.text());
    assert!(
        answer.text().contains("c:{\"channel\":\"activity-feed:all\",\"type\":\"subscribe\"}"),
        "{}",
        answer.text()
    );
    // One that was changed, another's cookie, and none: the client is sent away, to come again.
    let (head, rest) = state.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let said = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let changed = URL_SAFE_NO_PAD.encode(said.replace("\"expires\":", "\"expires\":9"));
    for state in [Some(format!("{head}.{changed}.{signature}")), Some(tokens::scoped("admin")), None] {
        let answer = report(&spin, state.as_deref(), &body);
        assert!(answer.body.starts_with(b"CLOSE ") && answer.body.windows(2).any(|code| code == 4201u16.to_be_bytes()));
    }
    // Not of the protocol at all.
    for body in ["TEXT ff\r\nshort\r\n", "WHAT\r\n", "TEXT 2"] {
        assert_eq!(report(&spin, Some(&state), body).status, 400, "{body:?}");
    }
}

#[test]
fn without_a_proxy_there_is_no_socket() {
    let spin = Spin::start(|_| {});
    let headers = [("Content-Type", EVENTS), ("Connection-Id", "one")];
    assert_eq!(spin.http().try_send("POST", "/ws", &headers, b"OPEN\r\n").unwrap().status, 426);
    assert_eq!(spin.http().get("/ws").status, 426);
}
