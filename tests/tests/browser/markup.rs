//! Whatever stands in an event stays text: a corpus of markup through every field that takes text, on both pages, with
//! rows opened, in the widget, and in addresses. Nothing runs, no element comes of it, the policy is not even asked.

use activity_feed_tests::corpus::{MARKUP, marked_up};
use activity_feed_tests::guests::guest;
use activity_feed_tests::{event, wait_for};
use serde_json::{Value, json};

use super::{SHOWN, signed_in, signed_in_with};

/// How many elements there are that nobody here makes.
const INJECTED: &str = "
    const roots = [document];
    for (const root of roots) for (const node of root.querySelectorAll('*')) if (node.shadowRoot) roots.push(node.shadowRoot);
    const made = 'img[onerror], svg[onload], iframe, object, embed, a[href^=javascript], base, marquee, video, audio, math, [onfocus], [ontoggle], [hx-get]';
    return roots.flatMap((root) => [...root.querySelectorAll(made)]).length;";

#[test]
fn what_is_sent_in_stays_text() {
    let Some((server, browser, http)) = signed_in("what_is_sent_in_stays_text") else { return };
    let sent = marked_up();
    http.post("/api/events", &Value::from(sent)).expect(201);
    http.post("/api/events", &event("agent.joined", json!({"name": "Harmless"}))).expect(201);
    for page in ["/swarm/live", "/swarm/live#swarm", "/swarm/events"] {
        browser.go("about:blank");
        browser.go(&format!("{}{page}", server.url()));
        let shown = browser.wait_text("Agent Harmless joined", SHOWN);
        assert!(shown.contains("<svg onload") || page.ends_with("swarm"), "shown as it is, on {page}: {shown}");
        // Every row's details, and every branch in them.
        let open = "
            const root = document.querySelector('activity-feed')?.shadowRoot ?? document;
            for (const line of root.querySelectorAll('button.line, button.log-line')) if (line.getAttribute('aria-expanded') !== 'true') line.click();
            for (const branch of root.querySelectorAll('details:not([open])')) branch.open = true;
            return root.querySelectorAll('.details').length;";
        wait_for("all rows open", SHOWN, || (browser.run(open).as_u64() >= Some(MARKUP.len() as u64)).then_some(()));
        browser.run(open);
        assert_eq!(browser.run("return window.hacked ?? null;"), json!(null), "on {page}");
        assert_eq!(browser.run(INJECTED), 0, "on {page}");
        assert_eq!(browser.complaints(), [] as [String; 0], "on {page}");
    }
    for text in MARKUP.iter().step_by(3) {
        let encoded: String = text.bytes().map(|b| format!("%{b:02X}")).collect();
        let address = format!("{}/swarm/events?q={encoded}&source={encoded}&task_id={encoded}", server.url());
        browser.go(&address);
        // What the server wrote into the page for this address, and what the page's script made of it.
        wait_for("the form", SHOWN, || {
            let value = browser.run("return document.querySelector('#form')?.elements.q.value ?? null;");
            // A field of one line keeps no tab.
            (value.as_str().map(|v| v.replace('\t', "")) == Some(text.replace('\t', ""))).then_some(())
        });
        assert_eq!(browser.run("return window.hacked ?? null;"), json!(null), "{text}");
        assert_eq!(browser.run(INJECTED), 0, "{text}");
    }
    browser.go(&format!("{}/docs#%3Cimg%20src=x%20onerror=window.hacked=1%3E", server.url()));
    browser.wait_text("Log events", SHOWN);
    assert_eq!(browser.run("return window.hacked ?? null;"), json!(null));
    assert_eq!(browser.complaints(), [] as [String; 0]);
}

#[test]
fn what_a_rules_component_shows_stays_text() {
    let rules = guest("repeats").display().to_string();
    let Some((server, browser, http)) = signed_in_with("what_a_rules_component_shows_stays_text", &["--rules", &rules])
    else {
        return;
    };
    // The guest makes icon, label and text of it.
    let mut sent: Vec<Value> = MARKUP.iter().map(|_| event("odd.kind", json!({}))).collect();
    for (one, text) in sent.iter_mut().zip(MARKUP) {
        one["source"] = json!(text);
    }
    http.post("/api/events", &Value::from(sent)).expect(201);
    for page in ["/swarm/live", "/swarm/events"] {
        for scripts in [true, false] {
            browser.scripts(scripts);
            browser.go("about:blank");
            browser.go(&format!("{}{page}", server.url()));
            // The list that the server painted gives way to the widget's own, which is the one that is meant.
            let rows = format!(
                "const feed = document.querySelector('activity-feed');
                if (feed && {scripts} && !feed.shadowRoot) return 0;
                const root = feed?.shadowRoot ?? document;
                const markup = (part) => [...root.querySelectorAll(part)].filter((one) => one.textContent.includes('<')).length;
                return Math.min(markup('.text'), markup('.icon'));"
            );
            // An icon is cut to its first signs.
            let opening = MARKUP.iter().filter(|text| text.starts_with('<')).count() as u64;
            wait_for("icons and texts are the guest's", SHOWN, || {
                (browser.run(&rows).as_u64() >= Some(opening)).then_some(())
            });
            assert_eq!(browser.run("return window.hacked ?? null;"), json!(null), "on {page}");
            assert_eq!(browser.run(INJECTED), 0, "on {page}");
            assert_eq!(browser.complaints(), [] as [String; 0], "on {page}");
        }
    }
    browser.scripts(true);
}
