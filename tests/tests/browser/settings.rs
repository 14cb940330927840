//! What readers have set for all pages: colours of their own, no motion. And a log that is long.

use activity_feed_tests::browser::Browser;
use activity_feed_tests::{event, wait_for};
use serde_json::{Value, json};

use super::{SHOWN, shown, signed_in};

fn set(browser: &Browser, name: &str, value: &str) {
    browser.cdp("Emulation.setEmulatedMedia", &json!({"features": [{"name": name, "value": value}]}));
    assert_eq!(browser.run(&format!("return matchMedia('({name}: {value})').matches;")), true, "{name}");
}

/// The colours of what tells something by its colour alone: the widget's light, the dot beside the connection's words.
const LIGHTS: &str = "
    const light = getComputedStyle(document.querySelector('activity-feed').shadowRoot.querySelector('.light'));
    const dot = getComputedStyle(document.querySelector('#link .dot'));
    const page = document.body.appendChild(document.createElement('i'));
    page.style.backgroundColor = 'Canvas';
    return [light.borderTopColor, light.borderTopWidth, dot.backgroundColor, getComputedStyle(page).backgroundColor];";

/// The button over the list: what it says, what a finger meets in its middle, its edge.
const PILL: &str = "
    const root = document.querySelector('activity-feed').shadowRoot;
    const pill = root.querySelector('.pill');
    const { x, y, width, height } = pill.getBoundingClientRect();
    const { borderTopWidth, borderTopColor } = getComputedStyle(pill);
    return [pill.textContent, root.elementFromPoint(x + width / 2, y + height / 2)?.part[0], borderTopWidth, borderTopColor];";

/// What stands before a kind, not pressed and pressed.
const CHIP: &str = "
    const chip = document.querySelector('activity-feed').shadowRoot.querySelector('.chip');
    const sign = () => getComputedStyle(chip, '::before').content;
    const before = sign();
    chip.click();
    return [before, sign()];";

#[test]
fn with_colours_of_the_readers_own_the_lights_are_still_seen() {
    let Some((_server, browser, http)) = signed_in("with_colours_of_the_readers_own_the_lights_are_still_seen") else {
        return;
    };
    http.post("/api/events", &event("agent.joined", json!({"name": "Echo"}))).expect(201);
    shown(&browser, "Agent Echo joined", SHOWN);
    set(&browser, "forced-colors", "active");
    let lights = browser.run(LIGHTS);
    let [light, width, dot, behind] = [0, 1, 2, 3].map(|n| lights[n].as_str().unwrap());
    assert_eq!(width, "4px");
    for (what, colour) in [("the widget's light", light), ("the dot", dot)] {
        assert!(colour != behind && !colour.starts_with("rgba"), "{what} is not seen: {lights}");
    }

    browser.run("document.querySelector('activity-feed').pause();");
    http.post("/api/events", &event("agent.joined", json!({"name": "Held"}))).expect(201);
    let pill = wait_for("what waits", SHOWN, || Some(browser.run(PILL)).filter(|pill| pill[0] == "1 new event"));
    assert_eq!(pill[1], "pill", "it is above the rows: {pill}");
    assert_eq!((&pill[2], pill[3] == behind), (&json!("1px"), false), "it has an edge: {pill}");
    let chip = browser.run(CHIP);
    assert!(chip[0] != chip[1] && chip[1] != "none", "a pressed kind is another sign: {chip}");
}

#[test]
fn who_wants_no_motion_gets_none() {
    let Some((_server, browser, http)) = signed_in("who_wants_no_motion_gets_none") else { return };
    http.post("/api/events", &event("agent.joined", json!({"name": "First"}))).expect(201);
    shown(&browser, "Agent First joined", SHOWN);
    // What moves at any time in the second after an event.
    let moving = |name: &str| {
        browser.run(
            "const roots = [document, document.querySelector('activity-feed').shadowRoot];
            const note = () => {
                for (const root of roots) for (const moves of root.getAnimations()) moved.add(moves.animationName ?? moves.transitionProperty);
                requestAnimationFrame(note);
            };
            const begun = window.moved;
            window.moved = new Set();
            if (!begun) note();",
        );
        http.post("/api/events", &event("agent.joined", json!({ "name": name }))).expect(201);
        shown(&browser, &format!("Agent {name} joined"), SHOWN);
        browser.run("return new Promise((done) => setTimeout(done, 1000)).then(() => [...moved]);")
    };
    let usual = moving("Usual");
    assert!(usual.as_array().unwrap().contains(&json!("pulse")), "the light moves without the setting: {usual}");
    set(&browser, "prefers-reduced-motion", "reduce");
    assert_eq!(moving("Calm"), json!([]));
}

#[test]
fn ten_thousand_events_are_paged_through_a_bounded_page() {
    let Some((server, browser, http)) = signed_in("ten_thousand_events_are_paged_through_a_bounded_page") else {
        return;
    };
    for batch in 0..20 {
        let named = |n: i32| event("agent.joined", json!({"name": format!("n{}", batch * 500 + n)}));
        http.post("/api/events", &(0..500).map(named).collect::<Value>()).expect(201);
    }
    browser.go(&format!("{}/swarm/events", server.url()));
    let names = "return [...document.querySelectorAll('.log-line')].map((line) => Number(line.textContent.match(/Agent n(\\d+) joined/)?.[1]));";
    let page = |newest: i32| {
        let wanted = json!((newest - 99..=newest).rev().collect::<Vec<_>>());
        wait_for(&format!("a hundred events from {newest} on"), SHOWN, || (browser.run(names) == wanted).then_some(()));
    };
    let nodes = || browser.run("return document.querySelectorAll('*').length;").as_u64().unwrap();
    page(9_999);
    let at_first = nodes();
    for turn in 1..=12 {
        browser.run("scrollTo(0, document.body.scrollHeight); document.getElementById('older').click();");
        page(9_999 - 100 * turn);
        wait_for("the page's beginning", SHOWN, || (browser.run("return scrollY;") == 0).then_some(()));
    }
    assert!(nodes() <= at_first + 20, "{at_first} elements, then {}", nodes());
}
