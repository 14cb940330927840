//! What of the widget can be styled from outside: the list in docs/embedding.md is the list there is, and a rule for each
//! part reaches it through the shadow root.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use activity_feed_tests::{event, wait_for};
use serde_json::{Value, json};

use super::{SHOWN, signed_in_with};

/// The names after `Parts:` in the document.
fn documented() -> BTreeSet<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/embedding.md");
    let text = fs::read_to_string(file).unwrap();
    let list = text.split("\nParts: ").nth(1).unwrap().split("\n\n").next().unwrap();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The parts there are now.
const PARTS: &str = "
    const root = document.querySelector('activity-feed').shadowRoot;
    return [...new Set([...root.querySelectorAll('[part]')].flatMap(({ part }) => [...part]))];";

#[test]
fn every_part_that_is_documented_is_there_and_can_be_styled() {
    let test = "every_part_that_is_documented_is_there_and_can_be_styled";
    let Some((_server, browser, http)) = signed_in_with(test, &["--rate", "2"]) else { return };
    let mut old = event("agent.joined", json!({"name": "Yesterday"}));
    old["timestamp"] = json!("2024-01-15T10:30:00Z");
    http.post("/api/events", &old).expect(201);
    browser.wait_text("Agent Yesterday joined", SHOWN);
    http.post("/api/events", &event("system.error", json!({"message": "Broken", "deep": {"er": [1]}}))).expect(201);
    // More than two a second: the rest is a line that says so.
    let many: Vec<Value> = (0..20).map(|n| event("task.created", json!({"description": format!("n{n}")}))).collect();
    http.post("/api/events", &Value::from(many)).expect(201);
    browser.wait_text("more", SHOWN);
    browser.wait_text("n19", SHOWN);
    browser.run(
        "const lines = document.querySelector('activity-feed').shadowRoot.querySelectorAll('.row:not(.gap) > .line');
        for (const line of lines) line.click();
        return lines.length;",
    );
    let documented = documented();
    let parts = wait_for("all parts", SHOWN, || {
        let found = browser.run(PARTS);
        let found: BTreeSet<String> =
            found.as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned()).collect();
        (found.len() >= documented.len()).then_some(found)
    });
    assert_eq!(parts, documented, "what there is, and what docs/embedding.md says there is");
    let style = "
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(NAMES.map((name) => `activity-feed::part(${name}) { --reached-${name}: yes; outline-color: rgb(1, 2, 3) }`).join(''));
        document.adoptedStyleSheets = [sheet];
        const root = document.querySelector('activity-feed').shadowRoot;
        return NAMES.filter((name) => {
            const style = getComputedStyle(root.querySelector(`[part~=${name}]`));
            return style.getPropertyValue(`--reached-${name}`) !== 'yes' || style.outlineColor !== 'rgb(1, 2, 3)';
        });";
    assert_eq!(browser.run(&style.replace("NAMES", &json!(documented).to_string())), json!([]), "not reached");
    // Every property that is documented by name has an effect: the panel's colours and measures are the page's own.
    let taken = browser.run(
        "const feed = document.querySelector('activity-feed');
        const look = (part, property) => getComputedStyle(feed.shadowRoot.querySelector(`[part~=${part}]`))[property];
        const set = { '--af-fg': 'rgb(1, 1, 1)', '--af-muted': 'rgb(2, 2, 2)', '--af-bg': 'rgb(3, 3, 3)', '--af-line': 'rgb(4, 4, 4)',
            '--af-accent': 'rgb(6, 6, 6)', '--af-error': 'rgb(7, 7, 7)', '--af-font': 'monospace', '--af-radius': '3px', '--af-row': '19px', '--af-max-height': '77px' };
        for (const [name, value] of Object.entries(set)) feed.style.setProperty(name, value);
        return [look('list', 'color'), look('time', 'color'), look('panel', 'backgroundColor'), look('scroll', 'borderTopColor'), look('all', 'color'),
            getComputedStyle(feed.shadowRoot.querySelector('.bad .text')).color, look('list', 'fontFamily'), look('panel', 'borderTopLeftRadius'),
            look('line', 'paddingTop'), look('scroll', 'maxHeight')];",
    );
    let wanted = [
        "rgb(1, 1, 1)",
        "rgb(2, 2, 2)",
        "rgb(3, 3, 3)",
        "rgb(4, 4, 4)",
        "rgb(6, 6, 6)",
        "rgb(7, 7, 7)",
        "monospace",
        "3px",
        "19px",
        "77px",
    ];
    assert_eq!(taken, json!(wanted));
    assert_eq!(browser.complaints(), [] as [String; 0]);
}
