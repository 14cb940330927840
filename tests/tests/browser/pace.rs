//! Fifty events a second on a slow processor: the page stays as large as it was. What it weighs is held to bounds; how long
//! anything takes is not, since that is the machine's.

use std::thread;
use std::time::{Duration, Instant};

use activity_feed_tests::{event, wait_for};
use serde_json::{Value, json};

use super::{SHOWN, signed_in_with};

/// Between two batches of five.
const PACE: Duration = Duration::from_millis(100);

/// Counts the elements that are made from now on.
const COUNT: &str = "
    const make = Document.prototype.createElement;
    window.made = 0;
    Document.prototype.createElement = function (...tag) { made += 1; return make.apply(this, tag); };";

#[test]
fn fifty_events_a_second_leave_the_page_as_large_as_it_was() {
    let test = "fifty_events_a_second_leave_the_page_as_large_as_it_was";
    let Some((_server, browser, http)) = signed_in_with(test, &["--rate", "60"]) else { return };
    browser.wait_text("LIVE ACTIVITY", SHOWN);
    browser.cdp("Emulation.setCPUThrottlingRate", &json!({"rate": 6}));
    browser.cdp("Performance.enable", &json!({}));
    let weight = || {
        browser.cdp("HeapProfiler.collectGarbage", &json!({}));
        let metrics = browser.cdp("Performance.getMetrics", &json!({}));
        let value = |name: &str| {
            let all = metrics["metrics"].as_array().unwrap();
            all.iter().find(|one| one["name"] == name).unwrap()["value"].as_f64().unwrap()
        };
        (value("JSHeapUsedSize"), value("Nodes"))
    };
    let mut sent = 0;
    let mut run = |seconds: u64| {
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            let batch: Vec<Value> = (0..5)
                .map(|n| {
                    let kind = ["task.created", "agent.joined", "tool.called", "bid.submitted", "system.info"][n];
                    event(kind, json!({"description": format!("Task {sent}-{n}"), "name": format!("n{sent}-{n}"), "amount": sent}))
                })
                .collect();
            http.post("/api/events", &Value::from(batch)).expect(201);
            sent += 5;
            thread::sleep(PACE);
        }
        http.post("/api/events", &event("agent.joined", json!({"name": format!("End-{sent}")}))).expect(201);
        browser.wait_text(&format!("Agent End-{sent} joined"), 2 * SHOWN);
        sent
    };
    let before = run(6);
    let (heap, nodes) = weight();
    browser.run(COUNT);
    let shown = run(20) - before;
    let made = browser.run("return window.made;").as_u64().unwrap();
    let (heap_after, nodes_after) = weight();
    let rows = browser.run("return document.querySelector('activity-feed').shadowRoot.querySelectorAll('li').length;");
    assert!(rows.as_u64() <= Some(110), "the list keeps its limit: {rows}");
    // A new row is five elements: they are the old rows', or the collector has thousands a minute to clear away.
    assert!(made < shown, "{made} elements made for {shown} events");
    assert!(nodes_after < nodes * 1.3 + 500.0, "{nodes} elements, then {nodes_after}");
    assert!(heap_after < heap * 1.3 + 2e6, "{heap} bytes, then {heap_after}");
    // Later than everything else: nothing went wrong on the way.
    wait_for("a live widget", SHOWN, || {
        (browser.run("return document.querySelector('activity-feed').status.state;") == "live").then_some(())
    });
    assert_eq!(browser.complaints(), [] as [String; 0]);
}
