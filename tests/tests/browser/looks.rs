//! How the pages look, as far as a program can tell: nothing is wider than the window, axe finds nothing serious or critical,
//! what a thumb has to hit is large enough; at a desk and on a telephone, in light and in dark. With
//! `ACTIVITY_FEED_SCREENSHOTS` set to a folder the pages are written there as they are seen.

use std::fs;
use std::path::{Path, PathBuf};

use activity_feed_tests::browser::Browser;
use activity_feed_tests::needs::installed;
use activity_feed_tests::{event, wait_for};
use serde_json::{Value, json};

use super::{SHOWN, signed_in};

/// The smallest that a thumb hits on a telephone, in CSS pixels (WCAG 2.2, 2.5.8); and what is pressed most often.
const SMALLEST: u64 = 24;
const THUMB: u64 = 44;

/// axe-core as npm gives it.
fn axe(test: &str) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("axe");
    if !installed(&folder, "axe-core", test) {
        return None;
    }
    let file = folder.join("node_modules/axe-core/axe.min.js");
    Some(fs::read_to_string(file).unwrap())
}

/// A swarm with a little of everything, and texts that are hard to lay out.
fn events() -> Value {
    let hard = [
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft".repeat(2),
        "a".repeat(120),
        "日本語のとても長い文章がここに入りますので折り返しを確認してください。改行なしでどこまで続くのか".to_owned(),
        "مرحبا بالعالم هذا نص طويل من اليمين إلى اليسار مع 123 أرقام".to_owned(),
        "👩‍👩‍👧‍👦🏳️‍🌈🇩🇪👍🏽 emoji ".repeat(4),
        "https://example.org/a/very/long/path/that/never/ends/".repeat(4),
    ];
    let mut out = Vec::new();
    for (n, text) in hard.iter().enumerate() {
        let short: String = text.chars().take(40).collect();
        for kind in ["task.created", "task.bidding", "agent.joined", "auction.opened", "bid.submitted", "tool.called"] {
            let data = json!({"description": text, "name": text, "tool_name": text, "amount": 50 + n, "nested": {"list": [1, {"deep": text}]}});
            let mut one = event(kind, data);
            one["task_id"] = json!(format!("task-{short}"));
            one["agent_id"] = json!(format!("agent-{n}"));
            out.push(one);
        }
    }
    out.push(event("system.error", json!({"message": hard[0]})));
    out.push(event("task.completed", json!({})));
    Value::from(out)
}

/// What is wider than the window, and what is too small for a thumb, as `[what, width, height]`.
const MEASURE: &str = "
    const small = [];
    const roots = [document];
    for (const root of roots) for (const node of root.querySelectorAll('*')) {
        if (node.shadowRoot) roots.push(node.shadowRoot);
        if (!node.matches('a[href], button, input, select, summary') || node.matches('.skip, p a') || node.disabled) continue; // links in a sentence are exempt
        const { width, height } = node.getBoundingClientRect();
        if (!width || !height || getComputedStyle(node).visibility === 'hidden') continue;
        const most = node.matches('button, .tabs a, input, select') && !node.closest('.details') ? THUMB : SMALLEST;
        if (height < most - 0.5 || width < SMALLEST) small.push(`${node.tagName} ${node.className || node.id}: ${width | 0} × ${height | 0}`);
    }
    const { scrollWidth, clientWidth } = document.documentElement;
    return { wide: scrollWidth - clientWidth, small };";

const AXE: &str = "
    return axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ target, any }) => `${target.flat().join(' ')} ${any[0]?.message ?? ''}`).join(' | ')}`));";

fn check(browser: &Browser, axe: &str, place: &str, phone: bool, picture: Option<&Path>) {
    let script = MEASURE.replace("THUMB", &THUMB.to_string()).replace("SMALLEST", &SMALLEST.to_string());
    let measured = browser.run(&script);
    assert!(measured["wide"].as_i64() <= Some(0), "{place} is {} px wider than its window", measured["wide"]);
    if phone {
        assert_eq!(measured["small"], json!([]), "{place}");
    }
    browser.run(axe);
    assert_eq!(browser.run(AXE), json!([]), "{place}");
    if let Some(folder) = picture {
        fs::write(folder.join(format!("{place}.png")), browser.screenshot()).unwrap();
    }
}

#[test]
fn pages_fit_and_can_be_used_by_everybody() {
    let test = "pages_fit_and_can_be_used_by_everybody";
    let Some(axe) = axe(test) else { return };
    let Some((server, browser, http)) = signed_in(test) else { return };
    let pictures = std::env::var_os("ACTIVITY_FEED_SCREENSHOTS").map(PathBuf::from);
    http.post("/api/events", &events()).expect(201);
    for (phone, size) in [(false, "desk"), (true, "phone")] {
        for scheme in ["light", "dark"] {
            browser.look(phone, scheme);
            for (name, page, ready) in [
                (
                    "live",
                    "swarm/live",
                    "document.querySelector('activity-feed')?.shadowRoot.querySelectorAll('.row').length > 30",
                ),
                ("swarm", "swarm/live#swarm", "document.querySelectorAll('#agents .agent').length > 0"),
                ("events", "swarm/events", "document.querySelectorAll('button.log-line').length > 30"),
                ("docs", "docs", "document.querySelectorAll('.entry').length > 10"),
            ] {
                browser.go("about:blank");
                browser.go(&format!("{}/{page}", server.url()));
                wait_for(page, SHOWN, || (browser.run(&format!("return {ready};")) == true).then_some(()));
                let place = format!("{name}-{size}-{scheme}");
                check(&browser, &axe, &place, phone, pictures.as_deref());
                let open = "
                    const line = (document.querySelector('activity-feed')?.shadowRoot ?? document).querySelectorAll('button.line, button.log-line')[3];
                    line?.click();
                    return !!line;";
                // Once at each size: what is open looks alike in both schemes.
                if name != "swarm" && phone == (scheme == "dark") && browser.run(open) == true {
                    check(&browser, &axe, &format!("{place}-open"), phone, pictures.as_deref());
                }
            }
        }
    }
    // Nobody is signed in, then nothing has happened, then the server is gone.
    browser.run("return fetch('../api/session', { method: 'DELETE' }).then(() => 1, () => 1);");
    browser.cdp("Network.clearBrowserCookies", &json!({}));
    for scheme in ["light", "dark"] {
        browser.look(true, scheme);
        browser.go(&format!("{}/swarm/live", server.url()));
        browser.wait_text("Sign in", SHOWN);
        check(&browser, &axe, &format!("sign-in-phone-{scheme}"), true, pictures.as_deref());
    }
}
