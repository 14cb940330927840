//! The widget on a bad network: connections that are cut, or that die without a word, a leading tab that goes, a page that
//! comes back from the browser's cache, a token that ends meanwhile. Whatever happens, each event comes once, in order, or
//! is covered by a `skipped` (promise 1 of the contract, as far as a page can see).

use std::thread;
use std::time::Duration;

use activity_feed_tests::browser::Browser;
use activity_feed_tests::cutter::Cutter;
use activity_feed_tests::{Server, event, tokens, wait_for};
use serde_json::{Value, json};

use super::SHOWN;

/// Longer than the widget takes to find a dead socket by itself: the server's `ping_ms` and ten seconds.
pub(super) const DEAD: Duration = Duration::from_secs(60);

/// Writes down what the page's widget hands out, from now on, in order.
pub(super) const WATCH: &str = "
    const feed = document.querySelector('activity-feed');
    window.seen = [];
    feed.addEventListener('event', ({ detail }) => seen.push([detail.seq, detail.seq]));
    feed.addEventListener('skipped', ({ detail }) => seen.push([detail.prev + 1, Number(detail.to.split(':')[1]), detail.reason]));
    return feed.status.state;";

fn state(browser: &Browser) -> Value {
    browser.run("return document.querySelector('activity-feed')?.status?.state ?? null;")
}

pub(super) fn wait_live(browser: &Browser) {
    wait_for("a live widget", DEAD, || (state(browser) == "live").then_some(()));
}

/// A browser on the live page behind the proxy, signed in.
pub(super) fn behind(test: &str, options: &[&str]) -> Option<(Server, Cutter, Browser)> {
    let browser = Browser::start(test)?;
    let server = Server::start(options);
    let cutter = Cutter::start(server.addr);
    browser.go(&format!("{}/swarm/live#token={}", cutter.url(), tokens::scoped("subscribe")));
    wait_live(&browser);
    Some((server, cutter, browser))
}

/// The seqs that were published must each be told once, in order.
#[track_caller]
pub(super) fn accounted(browser: &Browser, seqs: &[u64]) {
    let last = *seqs.last().unwrap();
    let seen = wait_for("the last event", SHOWN, || {
        let seen = browser.run("return seen;");
        let end = seen.as_array().unwrap().last().map_or(0, |range| range[1].as_u64().unwrap());
        (end >= last).then_some(seen)
    });
    let mut end = 0;
    let ranges: Vec<(u64, u64)> =
        seen.as_array().unwrap().iter().map(|range| (range[0].as_u64().unwrap(), range[1].as_u64().unwrap())).collect();
    for &(from, to) in &ranges {
        assert!(from > end && to >= from, "twice or out of order: {from}–{to} after {end}, in {ranges:?}");
        end = to;
    }
    for seq in seqs {
        assert!(ranges.iter().any(|(from, to)| (from..=to).contains(&seq)), "{seq} was lost: {ranges:?}");
    }
}

pub(super) fn publish(server: &Server, name: &str) -> u64 {
    server.publish(&event("agent.joined", json!({ "name": name })))[0].seq
}

#[test]
fn cuts_at_any_moment_lose_and_repeat_nothing() {
    let Some((server, cutter, browser)) = behind("cuts_at_any_moment_lose_and_repeat_nothing", &["--rate", "50"])
    else {
        return;
    };
    assert_eq!(browser.run(WATCH), "live");
    let mut seqs = Vec::new();
    for n in 0..200 {
        seqs.push(publish(&server, &format!("n{n}")));
        // At no regular moment of the page's: between frames, within reconnects.
        if n % 23 == 7 {
            cutter.cut();
        }
        thread::sleep(Duration::from_millis(20));
    }
    wait_live(&browser);
    accounted(&browser, &seqs);
}

#[test]
fn a_socket_that_dies_without_a_word_is_found_and_replaced() {
    let Some((server, cutter, browser)) = behind("a_socket_that_dies_without_a_word_is_found_and_replaced", &[]) else {
        return;
    };
    browser.run(WATCH);
    let mut seqs = vec![publish(&server, "before")];
    cutter.hold(true);
    seqs.push(publish(&server, "meanwhile"));
    // Nobody looks: the heartbeat alone finds it.
    wait_for("the end of the dead socket", DEAD, || (state(&browser) != "live").then_some(()));
    cutter.cut();
    cutter.hold(false);
    wait_live(&browser);
    seqs.push(publish(&server, "after"));
    accounted(&browser, &seqs);

    // Somebody looks: it is found long before the next heartbeat.
    cutter.hold(true);
    seqs.push(publish(&server, "asleep"));
    browser.run("dispatchEvent(new Event('online'));");
    wait_for("the end of the dead socket", SHOWN, || (state(&browser) != "live").then_some(()));
    cutter.cut();
    cutter.hold(false);
    wait_live(&browser);
    accounted(&browser, &seqs);
}

/// A network that changes cuts the connection there is, and often the first attempt at another one.
#[test]
fn one_attempt_that_fails_does_not_make_it_leave_websocket() {
    let test = "one_attempt_that_fails_does_not_make_it_leave_websocket";
    let Some((server, cutter, browser)) = behind(test, &[]) else { return };
    browser.run(WATCH);
    let mut seqs = vec![publish(&server, "before")];
    accounted(&browser, &seqs);
    browser.run(
        "const Socket = WebSocket;
        window.tried = 0;
        window.WebSocket = class extends Socket {
            constructor(...how) { super(...how); window.tried += 1; }
        };",
    );
    // A connection that ends sooner counts as a failed attempt itself.
    thread::sleep(Duration::from_millis(1_100));
    cutter.hold(true);
    cutter.cut();
    wait_for("an attempt", SHOWN, || (browser.run("return window.tried;") == 1).then_some(()));
    cutter.cut();
    cutter.hold(false);
    wait_live(&browser);
    assert_eq!(browser.run("return document.querySelector('activity-feed').status.transport;"), "websocket");
    seqs.push(publish(&server, "after"));
    accounted(&browser, &seqs);
}

#[test]
fn another_tab_takes_over_when_the_leading_one_closes() {
    let Some((server, cutter, browser)) = behind("another_tab_takes_over_when_the_leading_one_closes", &[]) else {
        return;
    };
    let shared = "return document.querySelector('activity-feed')?.status?.shared ?? null;";
    assert_eq!(browser.run(shared), false, "the first tab leads");
    let second = browser.open_tab();
    browser.switch(&second);
    browser.go(&format!("{}/swarm/live", cutter.url()));
    wait_live(&browser);
    assert_eq!(browser.run(shared), true, "one socket for both");
    browser.run(WATCH);
    let mut seqs: Vec<u64> = (0..5).map(|n| publish(&server, &format!("one{n}"))).collect();
    accounted(&browser, &seqs);
    let first = browser.tabs().into_iter().find(|tab| *tab != second).unwrap();
    browser.switch(&first);
    browser.close_tab();
    seqs.push(publish(&server, "nobody leads"));
    browser.switch(&second);
    wait_for("the lead", DEAD, || (browser.run(shared) == false && state(&browser) == "live").then_some(()));
    seqs.push(publish(&server, "the second leads"));
    accounted(&browser, &seqs);
}

#[test]
fn a_page_out_of_the_cache_goes_on_where_it_was() {
    let Some((server, _cutter, browser)) = behind("a_page_out_of_the_cache_goes_on_where_it_was", &[]) else { return };
    browser.run(WATCH);
    let mut seqs = vec![publish(&server, "before")];
    accounted(&browser, &seqs);
    let sockets = || server.sockets();
    browser.run("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }));");
    wait_for("no socket", SHOWN, || (sockets() == 0).then_some(()));
    seqs.extend((0..3).map(|n| publish(&server, &format!("hidden{n}"))));
    browser.run("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));");
    wait_for("one socket", SHOWN, || (sockets() == 1).then_some(()));
    seqs.push(publish(&server, "after"));
    accounted(&browser, &seqs);
}

#[test]
fn a_token_that_ends_while_the_tab_sleeps_is_renewed_and_nothing_is_lost() {
    let test = "a_token_that_ends_while_the_tab_sleeps_is_renewed_and_nothing_is_lost";
    let Some(browser) = Browser::start(test) else { return };
    let server = Server::start(&[]);
    let cutter = Cutter::start(server.addr);
    // No cookie: the widget's own token is all it has.
    browser.go(&format!("{}/docs", cutter.url()));
    browser.run("window.asked = 0; window.given = []; return import('./assets/activity-feed.js').then(() => 1);");
    browser.run(&format!("window.given = {};", json!([tokens::ending_in(4), tokens::ending_in(600)])));
    browser.run(
        "const feed = document.createElement('activity-feed');
        feed.setAttribute('src', '/ws');
        feed.token = async () => window.given[Math.min(window.asked++ ? (window.late ? 1 : 0) : 0, 1)];
        document.body.prepend(feed);",
    );
    wait_live(&browser);
    browser.run(WATCH);
    let mut seqs = vec![publish(&server, "before")];
    accounted(&browser, &seqs);
    // The tab sleeps: nothing comes through, and the token ends.
    cutter.hold(true);
    seqs.push(publish(&server, "asleep"));
    browser.run("window.late = true;");
    wait_for("the server to close the socket", SHOWN, || (server.sockets() == 0).then_some(()));
    seqs.push(publish(&server, "after the token's end"));
    cutter.hold(false);
    browser.run("dispatchEvent(new Event('online'));");
    wait_live(&browser);
    seqs.push(publish(&server, "awake"));
    accounted(&browser, &seqs);
    assert!(browser.run("return window.asked;").as_u64() >= Some(2), "it asked for a fresh one");
}
