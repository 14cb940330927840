//! By keyboard alone: where each key leads, that what has the focus can be seen, and that it is not lost when events come.

use activity_feed_tests::browser::Browser;
use activity_feed_tests::{Client, event, wait_for};
use serde_json::{Value, json};

use super::{SHOWN, signed_in};

/// What has the focus, shadow roots included: its words, its part or class, and whether a viewer can see that it has it.
const FOCUS: &str = "
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    const { top, bottom, left, right, width } = at.getBoundingClientRect();
    const { outlineStyle, outlineWidth } = getComputedStyle(at);
    return {
        name: (at.getAttribute('aria-label') ?? at.innerText ?? at.value ?? '').replace(/\\s+/g, ' ').trim() || at.name || at.id,
        place: at.getAttribute('part') ?? at.id,
        expanded: at.getAttribute('aria-expanded'),
        pressed: at.getAttribute('aria-pressed'),
        seen: at.matches(':focus-visible') && outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1
            && width > 0 && bottom > 0 && top < innerHeight && right > 0 && left < innerWidth,
    };";

fn focus(browser: &Browser) -> Value {
    browser.run(FOCUS)
}

/// Presses a key, and gives what has the focus then; it can be seen.
#[track_caller]
fn press(browser: &Browser, key: &str) -> Value {
    browser.press(key);
    let focus = focus(browser);
    assert_eq!(focus["seen"], true, "after {key}: {focus}");
    focus
}

/// Presses Tab until this has the focus, and gives the names of what it came by.
#[track_caller]
fn tab_to(browser: &Browser, place: &str) -> Vec<String> {
    let mut way = Vec::new();
    while way.len() < 60 {
        let at = press(browser, "Tab");
        if at["place"] == place {
            return way;
        }
        way.push(at["name"].as_str().unwrap().to_owned());
    }
    panic!("Tab does not lead to {place}: {way:?}");
}

fn log(http: &Client, name: &str) {
    http.post("/api/events", &event("agent.joined", json!({ "name": name }))).expect(201);
}

#[test]
fn the_live_page_is_used_by_keyboard_alone() {
    let Some((_server, browser, http)) = signed_in("the_live_page_is_used_by_keyboard_alone") else { return };
    browser.look(false, "light");
    for name in ["First", "Second", "Third"] {
        log(&http, name);
    }
    browser.wait_text("Agent Third joined", SHOWN);

    // Past everything that stands above, to the list.
    assert_eq!(press(&browser, "Tab")["name"], "Skip to the live list");
    browser.press("Enter");
    assert_eq!(focus(&browser)["place"], "feed");
    assert_eq!(press(&browser, "Tab")["name"], "Pause");
    assert!(press(&browser, "Tab")["name"].as_str().unwrap().starts_with("agent"), "a chip: {}", focus(&browser));

    // A chip: pressed, and let go of.
    assert_eq!(press(&browser, " ")["pressed"], "true");
    assert_eq!(press(&browser, " ")["pressed"], "false");

    // The list is one stop; arrows go on from there, and not beyond its ends.
    let name = |at: &Value| at["name"].as_str().unwrap().to_owned();
    tab_to(&browser, "line");
    assert!(name(&focus(&browser)).contains("Third"), "the newest: {}", focus(&browser));
    assert!(name(&press(&browser, "ArrowDown")).contains("Second"));
    assert!(name(&press(&browser, "End")).contains("First"));
    assert!(name(&press(&browser, "ArrowDown")).contains("First"), "there is no more");
    assert!(name(&press(&browser, "ArrowUp")).contains("Second"));
    assert!(name(&press(&browser, "Home")).contains("Third"));
    assert!(name(&press(&browser, "ArrowUp")).contains("Third"), "there is no more");

    // What comes meanwhile waits, and takes nothing away.
    log(&http, "Fourth");
    browser.wait_text("1 new event", SHOWN);
    assert!(name(&focus(&browser)).contains("Third"), "still there: {}", focus(&browser));

    // Enter opens, Tab goes in, Escape leads out and closes.
    assert_eq!(press(&browser, "Enter")["expanded"], "true");
    assert_eq!(name(&press(&browser, "Tab")), "agent.joined", "the first link in it");
    let out = press(&browser, "Escape");
    assert!(name(&out).contains("Third") && out["expanded"] == "false", "{out}");

    // The pill, which is above: it stays for as long as it has the focus, and the focus goes on to what it has brought.
    assert_eq!(name(&press(&browser, "Shift+Tab")), "1 new event");
    log(&http, "Fifth");
    browser.wait_text("2 new events", SHOWN);
    let pill = focus(&browser);
    assert!(name(&pill) == "2 new events" && pill["seen"] == true, "still there: {pill}");
    browser.press("Enter");
    wait_for("the new line", SHOWN, || {
        let at = focus(&browser);
        (at["place"] == "line" && name(&at).contains("Fifth") && at["seen"] == true).then_some(())
    });
    assert_eq!(focus(&browser)["expanded"], "false", "the key has opened nothing");

    // Out of the list: what follows it.
    assert_eq!(name(&press(&browser, "Tab")), "Show All Events");
    log(&http, "Sixth");
    browser.wait_text("Agent Sixth joined", SHOWN);
    assert_eq!(focus(&browser)["name"], "Show All Events", "still there, though rows have come");

    // In a list that changes above and below: the focus stays where it was.
    let agents = |name: &str| {
        wait_for(name, SHOWN, || {
            let names = "return [...document.querySelectorAll('#agents a')].map((link) => link.textContent);";
            browser.run(names).as_array().unwrap().iter().any(|one| one == name).then_some(())
        });
    };
    agents("Sixth");
    browser.run("[...document.querySelectorAll('#agents a')].find((link) => link.textContent === 'Second').focus();");
    for name in ["Before them", "Third, younger", "Zuletzt"] {
        log(&http, name);
        agents(name);
        assert_eq!(focus(&browser)["name"], "Second", "after {name}");
    }

    // From the top again: every stop can be seen, and the pages' links are among them.
    browser.run("document.activeElement.blur(); scrollTo(0, 0);");
    browser.run("document.querySelector('.skip').focus();");
    let way = tab_to(&browser, "tool");
    for stop in ["Live", "All events", "API", "Sign out"] {
        assert!(way.iter().any(|name| name == stop), "{stop}: {way:?}");
    }
    assert_eq!(browser.complaints(), [] as [String; 0]);
}

#[test]
fn the_log_page_is_used_by_keyboard_alone() {
    let Some((server, browser, http)) = signed_in("the_log_page_is_used_by_keyboard_alone") else { return };
    browser.look(false, "light");
    for name in ["First", "Second", "Third"] {
        log(&http, name);
    }
    browser.go(&format!("{}/swarm/events", server.url()));
    let rows = "return document.querySelectorAll('button.log-line').length;";
    wait_for("the script's list", SHOWN, || (browser.run(rows).as_u64() >= Some(3)).then_some(()));

    // The search, from anywhere; typed there, the same key is a letter.
    assert_eq!(press(&browser, "/")["name"], "q");
    browser.press("/");
    assert_eq!(browser.run("return document.querySelector('#form').elements.q.value;"), "/");
    browser.run("document.querySelector('#form').elements.q.value = 'Second';");
    browser.press("Enter");
    wait_for("one row", SHOWN, || (browser.run(rows) == 1).then_some(()));
    assert_eq!(focus(&browser)["name"], "q", "the field keeps the focus");
    browser.run("document.querySelector('#form').elements.q.value = '';");
    browser.press("Enter");
    wait_for("all rows", SHOWN, || (browser.run(rows).as_u64() >= Some(3)).then_some(()));

    // An address that cannot be read: the way on is not the same once more, and there is nothing to export.
    browser.go(&format!("{}/swarm/events?since=yesterday", server.url()));
    let way_on = "return document.querySelector('#message button')?.textContent ?? null;";
    wait_for("the way on", SHOWN, || (browser.run(way_on) == "Clear the filters").then_some(()));
    browser.run("document.querySelector('#message button').focus();");
    assert_eq!(browser.run("return document.querySelector('#export').disabled;"), true);
    browser.press("Enter");
    wait_for("all rows", SHOWN, || (browser.run(rows).as_u64() >= Some(3)).then_some(()));
    let complaints = browser.complaints();
    assert!(complaints.iter().all(|one| one.contains("422")), "{complaints:?}");

    // The rows: arrows, Enter.
    browser.run("document.querySelector('button.log-line').focus();");
    let name = |at: &Value| at["name"].as_str().unwrap().to_owned();
    assert!(name(&press(&browser, "ArrowDown")).contains("Second"));
    assert!(name(&press(&browser, "ArrowUp")).contains("Third"));
    assert_eq!(press(&browser, "Enter")["expanded"], "true");
    // What comes meanwhile is announced, and moves nothing.
    log(&http, "Fourth");
    browser.wait_text("1 new event", SHOWN);
    assert!(name(&focus(&browser)).contains("Third"), "still there: {}", focus(&browser));
    assert_eq!(press(&browser, "Escape")["expanded"], "false");
    assert_eq!(browser.complaints(), [] as [String; 0]);
}
