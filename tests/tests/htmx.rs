//! `examples/htmx` and `examples/embed` in a real Chromium: pages of another origin, made with the real packages from
//! npm. Left out where Chromium, node or npm is missing, unless `ACTIVITY_FEED_REQUIRE_BROWSER=1`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use activity_feed_tests::browser::Browser;
use activity_feed_tests::corpus::marked_up;
use activity_feed_tests::needs::{has, installed};
use activity_feed_tests::{Client, SOON, Server, binary, event, wait_for};
use serde_json::json;

/// How long a page may take to show what was just posted, on two busy cores.
const SHOWN: Duration = Duration::from_secs(15);

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

/// The example's own server; ends with the test.
struct Page(Child);

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Page {
    fn serve(name: &str, port: u16, feed: &str, more: &[(&str, &str)]) -> Self {
        let mut child = Command::new("node")
            .arg("serve.mjs")
            .current_dir(example(name))
            .env("PORT", port.to_string())
            .env("FEED", feed)
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node can be started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // The origin that its README allows, as it stands there.
        let host = if name == "embed" { "localhost" } else { "127.0.0.1" };
        assert_eq!(line, format!("page on http://{host}:{port}\n"));
        assert!(
            fs::read_to_string(example(name).join("README.md"))
                .unwrap()
                .contains(&format!("--allowed-origin http://{host}:"))
        );
        Self(child)
    }
}

/// A port that is free now. The feed has to know the page's origin before the page is there.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A feed that allows the page's origin, its page, and a browser that has signed in to the feed.
fn signed_in(test: &str) -> Option<(Server, Page, Browser, Client, String)> {
    if !has("node", test) || !installed(&example("htmx"), "htmx.org", test) {
        return None;
    }
    let browser = Browser::start(test)?;
    let port = free_port();
    let origin = format!("http://127.0.0.1:{port}");
    let server = Server::start_without_key(&["--allowed-origin", &origin]);
    let page = Page::serve("htmx", port, &server.url(), &[]);
    let token = binary::run(&["token", "--store", &server.store(), "--scope", "publish", "--scope", "subscribe"]);
    let token = binary::stdout(&token).trim_end().to_owned();
    browser.go(&format!("{}/swarm/live#token={token}", server.url()));
    wait_for("a session", SOON, || {
        let ask = "return fetch('/api/state').then((answer) => answer.status);";
        (browser.run(ask) == 200).then_some(())
    });
    browser.complaints();
    let http = server.http_as(&token);
    Some((server, page, browser, http, origin))
}

fn join(http: &Client, name: &str) {
    http.post("/api/events", &event("agent.joined", json!({ "name": name }))).expect(201);
}

/// How many events the list shows, and whether the newest is on top.
fn listed(browser: &Browser) -> Vec<u64> {
    let script =
        "return [...document.querySelectorAll('#activity-feed > .af-event')].map((e) => Number(e.dataset.seq));";
    browser.run(script).as_array().unwrap().iter().map(|seq| seq.as_u64().unwrap()).collect()
}

#[test]
fn htmx_shows_events_by_websocket_and_comes_back_after_a_restart() {
    let test = "htmx_shows_events_by_websocket_and_comes_back_after_a_restart";
    let Some((mut server, _page, browser, http, origin)) = signed_in(test) else { return };
    join(&http, "Early");
    browser.go(&format!("{origin}/"));
    browser.wait_text("Agent Early joined", SHOWN);
    join(&http, "<b>Live</b>");
    browser.wait_text("Agent <b>Live</b> joined", SHOWN);
    let seqs = listed(&browser);
    assert!(seqs.len() == 2 && seqs[0] > seqs[1], "newest first: {seqs:?}");
    browser
        .run("document.querySelector('#chat input').value = 'hello'; document.querySelector('#chat').requestSubmit();");
    join(&http, "After");
    browser.wait_text("Agent After joined", SHOWN);
    assert_eq!(browser.complaints(), [] as [String; 0], "what the page sent did no harm");

    server.kill();
    server.start_again();
    join(&http, "Between");
    browser.wait_text("Agent Between joined", Duration::from_secs(40));
    join(&http, "Later");
    browser.wait_text("Agent Later joined", SHOWN);
    assert_eq!(listed(&browser).len(), 5, "nothing twice");

    browser.go(&format!("{origin}/sse.html"));
    browser.wait_text("Agent Later joined", SHOWN);
    browser.complaints();
    join(&http, "Streamed");
    browser.wait_text("Agent Streamed joined", SHOWN);
    let seqs = listed(&browser);
    assert!(seqs.len() == 6 && seqs.is_sorted_by(|newer, older| newer > older), "newest first: {seqs:?}");
    assert_eq!(browser.complaints(), [] as [String; 0]);
}

#[test]
fn fragments_that_htmx_swaps_in_hold_no_markup_of_an_event() {
    let test = "fragments_that_htmx_swaps_in_hold_no_markup_of_an_event";
    let Some((_server, _page, browser, http, origin)) = signed_in(test) else { return };
    let events = marked_up();
    // As many at a time as are replayed to a page.
    for (n, some) in events.chunks(16).enumerate() {
        http.post("/api/events", &json!(some)).expect(201);
        join(&http, &format!("Harmless-{n}"));
        for page in ["", "sse.html"] {
            browser.go(&format!("{origin}/{page}"));
            let shown = browser.wait_text(&format!("Agent Harmless-{n} joined"), SHOWN);
            assert!(shown.contains("hacked=1"), "shown as it is: {shown}");
            assert_eq!(browser.run("return window.hacked ?? null;"), json!(null), "{page:?}, part {n}");
            let made = "return document.querySelectorAll('#activity-feed :is(script, img, svg, iframe, form, style, link, template, [hx-get], [onload], [onfocus])').length;";
            assert_eq!(browser.run(made), 0, "{page:?}, part {n}");
        }
        assert_eq!(browser.complaints(), [] as [String; 0], "part {n}");
    }
}

#[test]
fn the_widget_works_in_a_page_of_another_origin_with_a_token_of_its_own() {
    let test = "the_widget_works_in_a_page_of_another_origin_with_a_token_of_its_own";
    if !has("node", test) {
        return;
    }
    let Some(browser) = Browser::start(test) else { return };
    let port = free_port();
    // Another host than the feed's: no cookie would be sent.
    let origin = format!("http://localhost:{port}");
    let server = Server::start(&["--allowed-origin", &origin]);
    let secret = server.dir().join("secret").display().to_string();
    let _page = Page::serve("embed", port, &server.url(), &[("SECRET_FILE", &secret)]);
    browser.go(&format!("{origin}/"));
    join(&server.http(), "Guest");
    server.publish(&event("system.error", json!({"message": "not for visitors"})));
    join(&server.http(), "Second");
    let page = browser.wait_text("Agent Second joined", SHOWN);
    assert!(page.contains("Agent Guest joined") && !page.contains("not for visitors"), "{page}");
    let transport = "return document.querySelector('activity-feed').getAttribute('transport');";
    assert_eq!(browser.run(transport), "websocket");
    // The widget brings its own styles: a strict page gets by without `unsafe-inline`.
    assert_eq!(browser.complaints(), [] as [String; 0]);
}
