//! The widget where a proxy lets no WebSocket through, or no event stream either: it falls back to the next transport, says
//! which one it is on, and returns. Each event is shown once and in order on every transport and over every change.

use activity_feed_tests::browser::Browser;
use activity_feed_tests::{Server, wait_for};

use super::cuts::{DEAD, WATCH, accounted, behind, publish};
use super::{SHOWN, rows};

/// What the widget, the attribute for CSS and the page's own line say.
const SAYS: &str = "
    const feed = document.querySelector('activity-feed');
    return [feed.status.state, feed.status.transport, feed.getAttribute('transport'),
        feed.shadowRoot.querySelector('.word').textContent, document.getElementById('link-word').textContent].join(' | ');";

/// Waits until the widget says that it is live on this transport, and all that it says agrees.
#[track_caller]
fn wait_transport(browser: &Browser, transport: &str, word: &str) {
    let wanted = format!("live | {transport} | {transport} | live · {transport} | {word}");
    wait_for(&wanted, DEAD, || (browser.run(SAYS) == wanted.as_str()).then_some(()));
}

/// Publishes a few, one by one, and adds what they are called and where they are in the log.
fn publish_some(server: &Server, told: &mut Vec<(String, u64)>, when: &str) {
    for n in 0..4 {
        let name = format!("{when}-{n}");
        let seq = publish(server, &name);
        told.push((name, seq));
    }
}

/// Every one was handed out once and in order, and is a row, the newest first; nothing was left out.
#[track_caller]
fn all_shown(browser: &Browser, told: &[(String, u64)]) {
    let seqs: Vec<u64> = told.iter().map(|&(_, seq)| seq).collect();
    accounted(browser, &seqs);
    let skipped = browser.run("return seen.filter(([, , reason]) => reason);");
    assert_eq!(skipped.as_array().map(Vec::len), Some(0), "left out: {skipped}");
    let wanted: Vec<String> = told.iter().rev().map(|(name, _)| format!("Agent {name} joined")).collect();
    let shown = wait_for("as many rows", SHOWN, || Some(rows(browser)).filter(|rows| rows.len() >= wanted.len()));
    assert_eq!(shown.len(), wanted.len(), "{shown:?}");
    assert!(shown.iter().zip(&wanted).all(|(row, text)| row.contains(text)), "{shown:?} is not {wanted:?}");
}

#[test]
fn it_falls_back_to_a_stream_then_to_polling_says_so_and_loses_nothing() {
    let test = "it_falls_back_to_a_stream_then_to_polling_says_so_and_loses_nothing";
    let Some((server, cutter, browser)) = behind(test, &[]) else { return };
    wait_transport(&browser, "websocket", "Live over WebSocket");
    browser.run(WATCH);
    let mut told = Vec::new();
    publish_some(&server, &mut told, "websocket");
    all_shown(&browser, &told);
    assert_eq!(server.transports(), ["websocket"]);

    for (refused, transport, word, open) in [
        (&["/ws"] as &[_], "sse", "Live over an event stream", &["sse"] as &[&str]),
        (&["/ws", "/api/events/stream"], "polling", "Live by polling", &[]),
    ] {
        // One second makes a connection one that was good.
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        cutter.refuse(refused);
        publish_some(&server, &mut told, &format!("before-{transport}"));
        wait_transport(&browser, transport, word);
        wait_for("no other connection", SHOWN, || (server.transports() == open).then_some(()));
        all_shown(&browser, &told);
        publish_some(&server, &mut told, transport);
        all_shown(&browser, &told);
        // A cut of the transport that is left leads to itself.
        cutter.cut();
        publish_some(&server, &mut told, &format!("cut-{transport}"));
        all_shown(&browser, &told);
        wait_transport(&browser, transport, word);
    }

    // WebSocket is tried again when five minutes have passed, here by the page's clock alone.
    cutter.refuse(&[]);
    browser.run("const now = Date.now; Date.now = () => now() + 300_000;");
    publish_some(&server, &mut told, "returns");
    wait_transport(&browser, "websocket", "Live over WebSocket");
    publish_some(&server, &mut told, "again");
    all_shown(&browser, &told);
    assert_eq!(server.transports(), ["websocket"]);
}
