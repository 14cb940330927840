//! The pages without scripts: a list that reloads, filters as a form, pages as links, signing in and out by forms; and the
//! same list as what is painted first where there are scripts. What the pages hold is asked without a browser in `pages`.

use activity_feed_tests::browser::Browser;
use activity_feed_tests::{Server, event, tokens, wait_for};
use serde_json::{Value, json};

use super::{SHOWN, signed_in};

/// Fills in a field, and sends its form.
fn submit(browser: &Browser, field: &str, value: &str) {
    let script = format!(
        "const field = document.querySelector({}); field.value = {}; field.form.querySelector('button').click();",
        json!(field),
        json!(value)
    );
    browser.run(&script);
}

fn count(browser: &Browser, selector: &str) -> u64 {
    browser.run(&format!("return document.querySelectorAll({}).length;", json!(selector))).as_u64().unwrap()
}

fn body_text(browser: &Browser) -> String {
    browser.run("return document.body.innerText;").as_str().unwrap().to_owned()
}

#[test]
fn both_pages_work_without_scripts() {
    let Some(browser) = Browser::start("both_pages_work_without_scripts") else { return };
    let server = Server::start(&[]);
    let events: Vec<Value> =
        (0..130).map(|n| event("task.created", json!({"description": format!("<b>Number-{n}</b>")}))).collect();
    server.publish(&Value::from(events));
    server.publish(&event("agent.joined", json!({"name": "Echo"})));
    browser.scripts(false);
    browser.go(&format!("{}/swarm/live", server.url()));
    assert!(
        body_text(&browser).contains("Sign in") && !body_text(&browser).contains("Number-"),
        "nothing for a stranger"
    );
    submit(&browser, "#plain-token", "nonsense");
    wait_for("a word on the token", SHOWN, || body_text(&browser).contains("not valid").then_some(()));
    submit(&browser, "#plain-token", &format!("http://elsewhere/swarm/live#token={}", tokens::scoped("subscribe")));
    wait_for("the list", SHOWN, || (count(&browser, ".plain-row") == 50).then_some(()));
    let page = body_text(&browser);
    assert!(page.contains("Agent Echo joined") && page.contains("New task: <b>Number-129</b>"), "{page}");
    assert_eq!(count(&browser, "meta[http-equiv=refresh]"), 1);
    // The page loads itself again.
    server.publish(&event("agent.joined", json!({"name": "Later"})));
    wait_for("a reload", 2 * SHOWN, || body_text(&browser).contains("Agent Later joined").then_some(()));

    browser.go(&format!("{}/swarm/events", server.url()));
    assert_eq!(count(&browser, ".log-row"), 100);
    submit(&browser, "[name=type]", "task.*, system.error");
    wait_for("the filter", SHOWN, || (!body_text(&browser).contains("Agent Echo")).then_some(()));
    assert_eq!(count(&browser, ".log-row"), 100);
    browser.run("[...document.querySelectorAll('.pager a')].at(-1).click();");
    wait_for("the older page", SHOWN, || (count(&browser, ".log-row") == 30).then_some(()));
    assert!(body_text(&browser).contains("Number-0") && !body_text(&browser).contains("Number-30<"));
    assert_eq!(count(&browser, "meta[http-equiv=refresh]"), 0, "what is read stays");
    browser.run("document.querySelector('.pager a').click();");
    wait_for("the newer page", SHOWN, || body_text(&browser).contains("Number-129").then_some(()));
    browser.run("document.querySelector('.log-line').click();");
    wait_for("one event", SHOWN, || (count(&browser, ".one pre") == 1).then_some(()));
    browser.run("document.querySelector('form.out button').click();");
    wait_for("signed out", SHOWN, || (count(&browser, ".sign-in") == 1).then_some(()));
    assert_eq!(count(&browser, ".log-row"), 0);
}

#[test]
fn the_first_paint_has_the_list_and_nothing_moves_afterwards() {
    let Some((server, browser, http)) = signed_in("the_first_paint_has_the_list_and_nothing_moves_afterwards") else {
        return;
    };
    let events: Vec<Value> = (0..60).map(|n| event("agent.joined", json!({"name": format!("Number-{n}")}))).collect();
    http.post("/api/events", &Value::from(events)).expect(201);
    let shifts = "window.moved = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries()) moved += entry.value; }).observe({ type: 'layout-shift', buffered: true });";
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": shifts }));
    for phone in [false, true] {
        browser.look(phone, "light");
        for page in ["live", "events"] {
            browser.go(&format!("{}/swarm/{page}", server.url()));
            browser.wait_text("Number-59", SHOWN);
            let ready = "
                const widget = document.querySelector('activity-feed');
                return widget ? widget.status?.state === 'live' && widget.shadowRoot.querySelectorAll('.row').length >= 50
                    : document.querySelectorAll('button.log-line').length >= 60;";
            wait_for("the script's list", SHOWN, || (browser.run(ready) == true).then_some(()));
            let moved =
                browser.run("return new Promise((done) => setTimeout(() => done(moved), 500));").as_f64().unwrap();
            // What the Web Vitals call good is 0.1.
            assert!(moved < 0.05, "{page}, phone {phone}: {moved}");
        }
    }
}

/// What a fresh connection may send before it has to wait for an answer: ten segments (RFC 6928).
const FIRST_FLIGHT: usize = 10 * 1_460;

#[test]
fn a_page_is_painted_from_one_answer() {
    let Some((server, browser, http)) = signed_in("a_page_is_painted_from_one_answer") else { return };
    let kinds = ["task.created", "agent.joined", "tool.called", "bid.submitted", "system.info"];
    let events: Vec<Value> = (0..120)
        .map(|n| {
            event(
                kinds[n % 5],
                json!({"description": format!("Summarise report {n}"), "name": format!("echo-{n}"), "amount": n}),
            )
        })
        .collect();
    http.post("/api/events", &Value::from(events)).expect(201);
    for page in ["live", "events"] {
        let packed = http.clone().with("Accept-Encoding", "gzip").get(&format!("/swarm/{page}")).expect(200);
        assert!(packed.body.len() <= FIRST_FLIGHT, "{page}: {} bytes", packed.body.len());
        browser.go(&format!("{}/swarm/{page}", server.url()));
        browser.wait_text("Summarise report 115", SHOWN);
        // Nothing else has to come before the first paint, and no script holds the parser up.
        let waits = browser.run(
            "return [
                ...performance.getEntriesByType('resource').filter((one) => one.renderBlockingStatus === 'blocking').map(({ name }) => name),
                ...[...document.scripts].filter((one) => !one.defer && one.type !== 'module').map(({ outerHTML }) => outerHTML),
            ];",
        );
        assert_eq!(waits, json!([]), "{page}");
        // Rows that nobody sees yet are not laid out.
        let skipped = "return [...document.querySelectorAll('.plain-row, .log-row')].filter((row) => getComputedStyle(row).contentVisibility !== 'auto').length;";
        assert_eq!(browser.run(skipped), 0, "{page}");
    }
}
