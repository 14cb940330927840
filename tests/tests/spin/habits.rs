//! Spin's habits with instances, which the application has to live with, and the test host to keep.

use std::time::Duration;

use activity_feed_tests::{SOON, wait_for};

use super::*;

#[test]
fn an_instance_ends_a_second_after_its_last_request() {
    let spin = Spin::start(|_| {});
    publish_many(&spin, "a.b", 1);
    let stream = spin.sse("");
    spin.http().get("/readyz").expect(200);
    assert!(spin.instances().is_none_or(|made| made == 1), "a stream keeps its instance");
    drop(stream);
    // The feed goes on in another instance as if nothing had been.
    wait_for("another instance", Duration::from_secs(60), || {
        std::thread::sleep(Duration::from_millis(1_200));
        spin.http().get("/readyz").expect(200);
        spin.instances().is_none_or(|made| made > 1).then_some(())
    });
    assert_eq!(publish_many(&spin, "a.b", 1)[0].seq, 2);
}

#[test]
fn an_instance_answers_sixteen_requests_at_once() {
    let spin = Spin::start(|_| {});
    let head = spin.http().history("")["head"].as_str().unwrap().to_owned();
    std::thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| spin.http().history(&format!("since={head}&wait=20")));
        }
        wait_for("a third instance", SOON, || spin.instances().is_none_or(|made| made >= 3).then_some(()));
        publish_many(&spin, "a.b", 1);
    });
}

#[test]
fn an_instance_takes_128_requests_in_all() {
    let spin = Spin::start(|_| {});
    // One that waits keeps the first instance from ending meanwhile.
    let _stream = spin.sse("");
    for _ in 0..127 {
        spin.http().get("/healthz").expect(200);
    }
    assert!(spin.instances().is_none_or(|made| made == 1));
    spin.http().get("/healthz").expect(200);
    assert!(spin.instances().is_none_or(|made| made == 2));
}
