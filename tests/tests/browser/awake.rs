//! Tabs that sleep, as a browser really does it: the page in the browser's cache while another one is looked at, a tab
//! that is frozen, a token that ends meanwhile, a leading tab that hangs. What came in between is there afterwards,
//! each event once and in order.

use activity_feed_tests::browser::Browser;
use activity_feed_tests::{tokens, wait_for};
use serde_json::json;

use super::SHOWN;
use super::cuts::{DEAD, WATCH, accounted, behind, publish, wait_live};

#[test]
fn back_and_forward_the_page_goes_on_where_it_was() {
    let Some((server, _cutter, browser)) = behind("back_and_forward_the_page_goes_on_where_it_was", &[]) else {
        return;
    };
    browser.run(WATCH);
    browser.run("window.kept = 0; addEventListener('pageshow', ({ persisted }) => (kept += persisted));");
    let mut seqs = vec![publish(&server, "before")];
    accounted(&browser, &seqs);
    let docs = browser.run("return new URL('../docs', location).href;");
    for round in 1..=2 {
        browser.go(docs.as_str().unwrap());
        wait_for("no socket", SHOWN, || (server.sockets() == 0).then_some(()));
        seqs.extend((0..3).map(|n| publish(&server, &format!("away{n}"))));
        if round == 1 {
            browser.travel("back");
        } else {
            browser.travel("forward");
            browser.travel("back");
        }
        assert_eq!(
            browser.run("return window.kept ?? JSON.stringify(performance.getEntriesByType('navigation')[0].notRestoredReasons);"),
            round, "the page itself comes back, not another one like it"
        );
        wait_for("one socket", SHOWN, || (server.sockets() == 1).then_some(()));
        seqs.push(publish(&server, "after"));
        accounted(&browser, &seqs);
    }
    assert_eq!(browser.complaints(), [] as [String; 0]);
}

#[test]
fn a_frozen_tab_wakes_and_has_missed_nothing() {
    let test = "a_frozen_tab_wakes_and_has_missed_nothing";
    let Some((server, cutter, browser)) = behind(test, &["--rate", "50"]) else { return };
    browser.run(WATCH);
    browser.run("window.slept = 0; document.addEventListener('freeze', () => (slept += 1));");
    let mut seqs = vec![publish(&server, "before")];
    accounted(&browser, &seqs);
    // Short: the socket has outlived it. Long: it is gone.
    for long in [false, true] {
        browser.freeze(true);
        seqs.extend((0..5).map(|n| publish(&server, &format!("asleep{n}"))));
        if long {
            cutter.cut();
            wait_for("no socket", SHOWN, || (server.sockets() == 0).then_some(()));
            seqs.push(publish(&server, "without a socket"));
        }
        browser.freeze(false);
        wait_live(&browser);
        seqs.push(publish(&server, "awake"));
        accounted(&browser, &seqs);
    }
    assert_eq!(browser.run("return slept;"), 2, "it was frozen indeed");
}

#[test]
fn a_token_that_ends_in_a_frozen_tab_is_renewed() {
    let Some(browser) = Browser::start("a_token_that_ends_in_a_frozen_tab_is_renewed") else { return };
    let server = activity_feed_tests::Server::start(&[]);
    browser.go(&format!("{}/docs", server.url()));
    browser.run("return import('./assets/activity-feed.js').then(() => 1);");
    browser.run(&format!("window.given = {};", json!([tokens::ending_in(4), tokens::ending_in(600)])));
    browser.run(
        "window.asked = 0;
        const feed = document.createElement('activity-feed');
        feed.setAttribute('src', '/ws');
        feed.token = async () => (window.asked++, given[window.late ? 1 : 0]);
        document.body.prepend(feed);",
    );
    wait_live(&browser);
    browser.run(WATCH);
    let mut seqs = vec![publish(&server, "before")];
    accounted(&browser, &seqs);
    browser.run("window.late = true;");
    browser.freeze(true);
    wait_for("the server to close the socket", SHOWN, || (server.sockets() == 0).then_some(()));
    seqs.push(publish(&server, "after the token's end"));
    browser.freeze(false);
    wait_live(&browser);
    seqs.push(publish(&server, "awake"));
    accounted(&browser, &seqs);
    assert!(browser.run("return window.asked;").as_u64() >= Some(2), "it asked for a fresh one");
}

#[test]
fn a_leader_that_hangs_is_replaced_when_somebody_looks_at_another_tab() {
    let test = "a_leader_that_hangs_is_replaced_when_somebody_looks_at_another_tab";
    let Some((server, cutter, browser)) = behind(test, &[]) else { return };
    let shared = "return document.querySelector('activity-feed')?.status?.shared ?? null;";
    let first = browser.tab();
    let second = browser.open_tab();
    browser.switch(&second);
    browser.go(&format!("{}/swarm/live", cutter.url()));
    wait_live(&browser);
    assert_eq!(browser.run(shared), true, "one socket for both");
    browser.run(WATCH);
    let mut seqs = vec![publish(&server, "one leads")];
    accounted(&browser, &seqs);
    browser.switch(&first);
    browser.run("setTimeout(() => { const end = Date.now() + 7_000; while (Date.now() < end); }, 50);");
    browser.switch(&second);
    seqs.push(publish(&server, "nobody listens"));
    browser.run("setTimeout(() => dispatchEvent(new Event('online')), 200);");
    wait_for("the lead", DEAD, || (browser.run(shared) == false).then_some(()));
    wait_live(&browser);
    seqs.push(publish(&server, "the second leads"));
    accounted(&browser, &seqs);
    // The first one comes to: it follows, and has everything.
    browser.switch(&first);
    wait_for("the first to follow", DEAD, || (browser.run(shared) == true).then_some(()));
    wait_for("what it has missed", SHOWN, || browser.text().contains("the second leads").then_some(()));
    wait_for("one socket", SHOWN, || (server.sockets() == 1).then_some(()));
}
