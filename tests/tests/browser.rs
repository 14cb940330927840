//! Contract section 7 in a real Chromium: the page and the widget, live, through a restart, under attack. Left out where
//! Chromium or chromedriver is missing, unless `ACTIVITY_FEED_REQUIRE_BROWSER=1`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "browser/awake.rs"]
mod awake;
#[path = "browser/cuts.rs"]
mod cuts;
#[path = "browser/fallback.rs"]
mod fallback;
#[path = "browser/hands.rs"]
mod hands;
#[path = "browser/looks.rs"]
mod looks;
#[path = "browser/markup.rs"]
mod markup;
#[path = "browser/pace.rs"]
mod pace;
#[path = "browser/parts.rs"]
mod parts;
#[path = "browser/plain.rs"]
mod plain;
#[path = "browser/settings.rs"]
mod settings;

use std::time::Duration;

use activity_feed_tests::browser::Browser;
use activity_feed_tests::{SOON, Server, binary, event, wait_for};
use serde_json::json;

/// How long a page may take to show what was just posted, on two busy cores.
const SHOWN: Duration = Duration::from_secs(10);

/// A server that made its own key, a browser that signed in by the link that it printed, and a client that publishes.
fn signed_in(test: &str) -> Option<(Server, Browser, activity_feed_tests::Client)> {
    signed_in_with(test, &[])
}

/// The same with these options of the server's.
fn signed_in_with(test: &str, options: &[&str]) -> Option<(Server, Browser, activity_feed_tests::Client)> {
    let browser = Browser::start(test)?;
    let server = Server::start_without_key(options);
    let base = format!("{}/", server.url());
    let link = wait_for("a sign-in URL", SOON, || {
        let said = server.stderr();
        said.split_whitespace().find(|word| word.starts_with(&base) && word.contains('#')).map(str::to_owned)
    });
    let token = binary::run(&["token", "--store", &server.store(), "--scope", "publish", "--scope", "subscribe"]);
    let http = server.http_as(binary::stdout(&token).trim_end());
    browser.go(&link);
    wait_for("a session", SHOWN, || {
        let script =
            "return fetch('/api/events?limit=1', {credentials: 'same-origin'}).then((answer) => answer.status);";
        (browser.run(script) == 200).then_some(())
    });
    // What was refused before the session was there is no complaint about the page.
    browser.complaints();
    browser.go(&format!("{}/swarm/live", server.url()));
    Some((server, browser, http))
}

/// The lines of the page's first widget that show an event, from top to bottom.
fn rows(browser: &Browser) -> Vec<String> {
    let script = "
        const widget = document.querySelector('activity-feed');
        const lines = [...(widget?.shadowRoot ?? widget ?? document.body).querySelectorAll('li')];
        return lines.filter((line) => line.querySelector('time')).map((line) => line.innerText.replace(/\\s+/g, ' '));";
    let lines = browser.run(script);
    lines.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

/// Which lines hold this text.
fn places(browser: &Browser, text: &str) -> Vec<usize> {
    let rows = rows(browser);
    (0..rows.len()).filter(|at| rows[*at].contains(text)).collect()
}

/// Waits until a line holds this text, and gives the only one that does.
#[track_caller]
fn shown(browser: &Browser, text: &str, limit: Duration) -> usize {
    let found = wait_for(text, limit, || Some(places(browser, text)).filter(|found| !found.is_empty()));
    assert_eq!(found.len(), 1, "{text} once: {:?}", rows(browser));
    found[0]
}

#[test]
fn the_live_page_shows_an_event_soon_after_it_was_posted() {
    let Some((_server, browser, http)) = signed_in("the_live_page_shows_an_event_soon_after_it_was_posted") else {
        return;
    };
    let page = browser.wait_text("LIVE ACTIVITY", SHOWN);
    assert!(page.contains("Show All Events"), "{page}");
    http.post("/api/events", &event("agent.joined", json!({"name": "Echo-1"}))).expect(201);
    shown(&browser, "Agent Echo-1 joined", SHOWN);
    http.post("/api/events", &event("agent.joined", json!({"name": "Echo-2"}))).expect(201);
    let newer = shown(&browser, "Agent Echo-2 joined", SHOWN);
    assert!(newer < shown(&browser, "Agent Echo-1 joined", SHOWN), "newest first: {:?}", rows(&browser));
    let row = &rows(&browser)[newer];
    assert!(row.contains("🟢"), "icon, text and time: {row}");
    assert_eq!(browser.complaints(), [] as [String; 0], "no failed script, no violation of the policy");
}

#[test]
fn the_widget_survives_a_restart_and_shows_nothing_twice() {
    let Some((mut server, browser, http)) = signed_in("the_widget_survives_a_restart_and_shows_nothing_twice") else {
        return;
    };
    let post = |name: &str| {
        http.post("/api/events", &event("agent.joined", json!({ "name": name }))).expect(201);
    };
    post("Before");
    shown(&browser, "Agent Before joined", SHOWN);
    server.kill();
    server.start_again();
    // Nobody is there to see it live: it comes by the cursor.
    post("Between");
    shown(&browser, "Agent Between joined", Duration::from_secs(30));
    post("After");
    shown(&browser, "Agent After joined", SHOWN);
    let order = ["After", "Between", "Before"].map(|name| shown(&browser, &format!("Agent {name} joined"), SHOWN));
    assert!(order.is_sorted(), "each once, newest first: {:?}", rows(&browser));
}

#[test]
fn the_widget_is_two_lines_in_any_page_of_the_server() {
    let Some((_server, browser, http)) = signed_in("the_widget_is_two_lines_in_any_page_of_the_server") else {
        return;
    };
    browser.wait_text("LIVE ACTIVITY", SHOWN);
    let embed = "
        const widget = document.createElement('activity-feed');
        widget.setAttribute('src', '/ws');
        widget.setAttribute('types', 'task.*');
        widget.setAttribute('limit', '3');
        document.body.prepend(widget);
        return document.querySelector('activity-feed') === widget;";
    assert_eq!(browser.run(embed), true);
    for n in 0..6 {
        let events = json!([
            event("task.created", json!({"description": format!("Number-{n}")})),
            event("agent.joined", json!({"name": "Filtered"}))
        ]);
        http.post("/api/events", &events).expect(201);
    }
    shown(&browser, "New task: Number-5", SHOWN);
    let three = wait_for("a list of three", SHOWN, || Some(rows(&browser)).filter(|rows| rows.len() == 3));
    for (row, n) in three.iter().zip([5, 4, 3]) {
        assert!(row.contains(&format!("New task: Number-{n}")), "the newest three that match: {three:?}");
    }
    assert_eq!(browser.complaints(), [] as [String; 0]);
}
