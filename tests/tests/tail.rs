//! Contract section 2, `tail --since`: the past comes whole, whatever happens to the connection in the middle of it, and
//! as the server wrote it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use activity_feed_tests::tokens::scoped;
use activity_feed_tests::{SOON, Server, binary};
use serde_json::json;

/// A `tail --json` that ends with the test.
struct Tail(Child);

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn lines_of(input: impl Read + Send + 'static) -> Receiver<String> {
    let (line, lines) = mpsc::channel();
    thread::spawn(move || BufReader::new(input).lines().map_while(Result::ok).try_for_each(|text| line.send(text)));
    lines
}

fn tail(url: &str) -> (Tail, Receiver<String>) {
    let token = scoped("subscribe");
    let args = ["tail", "--json", "--since", "earliest", "--url", url, "--token", &token];
    let mut child = binary::command(&args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = lines_of(child.stdout.take().unwrap());
    (Tail(child), lines)
}

#[test]
fn the_past_and_the_present_have_the_same_digits() {
    let server = Server::start(&[]);
    let data = r#"{"z":1.10,"a":12345678901234567890123}"#;
    let event = format!(r#"{{"id":"past","event_type":"a.b","source":"q","data":{data}}}"#);
    server.http().post_bytes("/api/events", "application/json", event.as_bytes()).expect(201);
    let (_tail, lines) = tail(&server.url());
    let past = lines.recv_timeout(SOON).expect("the past");
    assert!(past.contains("\"past\"") && past.contains(data), "{past}");
    let status =
        binary::command(&["log", "a.b", "--data", data, "--url", &server.url(), "--token", &scoped("publish")])
            .stdout(Stdio::null())
            .status();
    assert!(status.unwrap().success());
    let present = lines.recv_timeout(SOON).expect("the present");
    assert!(present.contains("\"cli\"") && present.contains(data), "also as `log` sends it: {present}");
}

/// A feed of two pages, whose second one is away for a moment. Tells what it was asked for.
fn interrupted_feed() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, requests) = mpsc::channel();
    thread::spawn(move || {
        let page = |seq: u64, more: bool| {
            let event = json!({"id": format!("e-{seq}"), "seq": seq, "event_type": "a.b", "source": "q"});
            json!({"events": [event], "cursor": format!("e:{seq}"), "head": "e:2", "more": more}).to_string()
        };
        let answers = [(200, page(1, true)), (503, "{}".to_owned()), (200, page(2, false)), (200, String::new())];
        for (status, body) in answers.into_iter().cycle() {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
            if asked.send(first).is_err() {
                return;
            }
        }
    });
    (url, requests)
}

#[test]
fn a_break_in_the_middle_of_the_past_leaves_nothing_of_it_out() {
    let (url, requests) = interrupted_feed();
    let (_tail, lines) = tail(&url);
    let asked: Vec<String> = (0..4).map(|_| requests.recv_timeout(SOON).expect("a request")).collect();
    let path = |at: usize| asked[at].split(' ').nth(1).unwrap_or_default();
    assert_eq!(path(0), "/api/events?since=earliest&limit=500");
    assert_eq!(path(1), "/api/events?since=e%3A1&limit=500");
    assert_eq!(path(2), path(1), "the page that did not come is asked for again");
    assert_eq!(path(3), "/api/events/stream?", "and the stream once there is no more of the past");
    let shown: Vec<String> = (0..2).map(|_| lines.recv_timeout(SOON).expect("an event")).collect();
    assert!(shown[0].contains("\"e-1\"") && shown[1].contains("\"e-2\""), "{shown:?}");
}
