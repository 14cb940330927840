//! Contract section 3, `GET /api/events`: filters, paging both ways, waiting, search, and what cannot be asked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::thread;
use std::time::{Duration, Instant};

use activity_feed_tests::events::{ids, seqs, split};
use activity_feed_tests::{Receipt, SOON, Server, binary, event, tokens, wait_for};
use serde_json::{Value, json};

/// A server with twelve events: types, sources, tasks and agents in turn, ids `e0` to `e11`.
fn filled() -> (Server, Vec<Receipt>) {
    let server = Server::start(&[]);
    let types = ["task.created", "task.sub.started", "agent.joined"];
    let events: Vec<Value> = (0..12)
        .map(|n| {
            json!({
                "id": format!("e{n}"), "event_type": types[n % 3], "source": format!("s{}", n % 2),
                "task_id": format!("t{}", n % 4), "agent_id": format!("a{}", n % 6),
                "data": {"n": n, "note": if n == 7 { "The Needle, here" } else { "hay" }},
            })
        })
        .collect();
    let receipts = server.publish(&Value::from(events));
    (server, receipts)
}

/// The numbers of the events of a page.
#[track_caller]
fn numbers(page: &Value) -> Vec<u64> {
    page["events"].as_array().unwrap().iter().map(|event| event["data"]["n"].as_u64().unwrap()).collect()
}

const NONE: [u64; 0] = [];

#[test]
fn filters_match_any_of_a_list_and_all_lists() {
    let (server, _) = filled();
    let asked = |query: &str| numbers(&server.http().history(&format!("since=earliest&{query}")));
    assert_eq!(asked("type=*"), (0..12).collect::<Vec<_>>());
    assert_eq!(asked("type=agent.joined"), [2, 5, 8, 11]);
    assert_eq!(asked("type=task.*"), [0, 1, 3, 4, 6, 7, 9, 10]);
    assert_eq!(asked("type=task.sub.*"), [1, 4, 7, 10]);
    assert_eq!(asked("type=task"), NONE, "a prefix alone is an exact type");
    assert_eq!(asked("type=task.sub"), NONE);
    assert_eq!(asked("type=task.created&type=agent.*"), [0, 2, 3, 5, 6, 8, 9, 11]);
    assert_eq!(asked("source=s1&task_id=t1&task_id=t3"), [1, 3, 5, 7, 9, 11]);
    assert_eq!(asked("agent_id=a0"), [0, 6]);
    assert_eq!(asked("type=task.*&source=s0&agent_id=a4&agent_id=a0"), [0, 4, 6, 10]);
    assert_eq!(asked("source=nobody"), NONE);
}

#[test]
fn the_order_follows_the_question() {
    let (server, receipts) = filled();
    let http = server.http();
    assert_eq!(numbers(&http.history("limit=3")), [11, 10, 9], "newest first without a since");
    assert_eq!(numbers(&http.history("limit=3&order=asc")), [0, 1, 2]);
    assert_eq!(numbers(&http.history("since=earliest&limit=3")), [0, 1, 2], "oldest first with a since");
    assert_eq!(numbers(&http.history("since=earliest&limit=3&order=desc")), [11, 10, 9]);
    let (since, until) = (&receipts[3].cursor, &receipts[6].cursor);
    assert_eq!(numbers(&http.history(&format!("since={since}&until={until}"))), [4, 5, 6], "(since, until]");
    assert_eq!(numbers(&http.history(&format!("before={until}&limit=2"))), [5, 4], "before is excluded");
    assert_eq!(numbers(&http.history(&format!("until={until}&limit=2"))), [6, 5], "until is included");
}

#[test]
fn pages_go_on_by_their_cursor_both_ways() {
    let (server, receipts) = filled();
    let http = server.http();
    let mut found = Vec::new();
    let mut since = "earliest".to_owned();
    loop {
        let page = http.history(&format!("since={since}&limit=5"));
        assert_eq!(page["head"], receipts[11].cursor.as_str());
        found.extend(numbers(&page));
        page["cursor"].as_str().unwrap().clone_into(&mut since);
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(found, (0..12).collect::<Vec<_>>());
    let empty = http.history(&format!("since={since}"));
    assert_eq!((&empty["events"], &empty["more"]), (&json!([]), &json!(false)), "nothing after the last page");
    assert_eq!(empty["cursor"], receipts[11].cursor.as_str());

    let mut page = http.history("limit=5&type=task.*");
    let mut found = numbers(&page);
    while page["more"] == true {
        page = http.history(&format!("limit=5&type=task.*&before={}", page["cursor"].as_str().unwrap()));
        found.extend(numbers(&page));
    }
    assert_eq!(found, [10, 9, 7, 6, 4, 3, 1, 0]);
}

#[test]
fn no_cursor_of_an_empty_log_lies_beyond_its_head() {
    let server = Server::start(&[]);
    for _ in 0..2 {
        for query in ["", "order=asc", "type=a.b&limit=1", "until=2020-01-01T00:00:00Z"] {
            let page = server.http().history(query);
            assert_eq!((&page["events"], &page["cursor"]), (&json!([]), &page["head"]), "{query}");
        }
        let cursor = server.http().history("")["cursor"].as_str().unwrap().to_owned();
        server.ws().subscribe(&json!({"since": cursor}));
        for goes_on in ["since", "before", "until"] {
            assert_eq!(server.http().history(&format!("{goes_on}={cursor}"))["events"], json!([]));
        }
        // The same once all of it is pruned.
        server.publish_many("a.b", 3);
        assert!(binary::run(&["prune", "--store", &server.store(), "--keep", "0"]).status.success());
    }
}

#[test]
fn times_bound_a_page_by_when_it_was_logged() {
    let server = Server::start(&[]);
    server.publish(&json!({"event_type": "a.b", "source": "s", "timestamp": "2001-01-01T00:00:00Z", "data": {"n": 0}}));
    let logged = tokens::now();
    wait_for("a second that begins after the first event", SOON, || (tokens::now() > logged).then_some(()));
    let middle = rfc3339(logged + 1);
    wait_for("the second after it", SOON, || (tokens::now() > logged + 1).then_some(()));
    server.publish(&event("a.b", json!({"n": 1})));
    let http = server.http();
    assert_eq!(numbers(&http.history(&format!("since={middle}"))), [1]);
    assert_eq!(numbers(&http.history(&format!("until={middle}"))), [0]);
    assert_eq!(numbers(&http.history(&format!("before={middle}"))), [0]);
    assert_eq!(numbers(&http.history("since=2001-06-01T00:00:00Z")), [0, 1], "the publisher's time orders nothing");
    assert_eq!(numbers(&http.history("since=2001-06-01T00:00:00%2B02:00")), [0, 1]);
}

/// Seconds since the Unix epoch as RFC 3339, by way of the civil calendar that begins in March.
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    let year = year + era * 400;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[test]
fn q_finds_text_of_either_case() {
    let (server, _) = filled();
    let asked = |query: &str| numbers(&server.http().history(&format!("since=earliest&{query}")));
    assert_eq!(asked("q=needle"), [7]);
    assert_eq!(asked("q=the+needle%2C"), [7]);
    assert_eq!(asked("q=hay&type=agent.*"), [2, 5, 8, 11]);
    assert_eq!(asked("q=joined"), [2, 5, 8, 11], "types are searched as well");
    assert_eq!(asked("q=100%25"), NONE, "no wildcard of any database");
    assert_eq!(asked("q=_____"), NONE);
}

#[test]
fn wait_is_answered_by_the_next_matching_event() {
    let (server, _) = filled();
    let head = server.head();
    let http = server.http_as(&tokens::scoped("subscribe"));
    let poll = thread::spawn({
        let (http, head) = (http.clone(), head.clone());
        move || (http.history(&format!("since={head}&type=task.done&wait=30")), Instant::now())
    });
    // The poll is under way before anything is published, or answered by what was: both are right.
    server.publish(&event("agent.left", json!({"n": 98})));
    let published = Instant::now();
    server.publish(&event("task.done", json!({"n": 99})));
    let (page, answered) = poll.join().unwrap();
    assert_eq!(numbers(&page), [99], "the other event does not match");
    assert!(answered.saturating_duration_since(published) < Duration::from_secs(3), "answered when it came");

    let asked = Instant::now();
    let page = http.history(&format!("since={}&wait=1", server.head()));
    assert_eq!(numbers(&page), NONE);
    assert_eq!(page["more"], false);
    assert!((900..5000).contains(&asked.elapsed().as_millis()), "empty after a second, not {:?}", asked.elapsed());
    let asked = Instant::now();
    http.history("since=earliest&wait=20");
    assert!(asked.elapsed() < Duration::from_secs(3), "what is there is not waited for");
}

#[test]
fn what_cannot_be_asked_is_422() {
    let (server, receipts) = filled();
    let http = server.http();
    let many: Vec<String> = (0..65).map(|n| format!("task_id=t{n}")).collect();
    let many = many.join("&");
    let bad = [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=ten",
        "order=sideways",
        "since=nonsense",
        "since=abc:xyz",
        "until=nonsense",
        "before=earliest",
        "until=2024-99-01T00:00:00Z",
        "wait=31",
        "wait=-1",
        "wait=soon",
        "type=Task.*",
        "type=*.created",
        "type=a*",
        "unknown=1",
        "typ=task.*",
        &many,
    ];
    for query in bad {
        let answer = http.get(&format!("/api/events?{query}"));
        assert_eq!(answer.status, 422, "{query}: {}", answer.text());
        answer.problem(422);
    }
    let (epoch, seq) = split(&receipts[11].cursor);
    let asked = Instant::now();
    let problem = http.get(&format!("/api/events?since={epoch}:{}", seq + 1000)).problem(422);
    assert!(problem.to_string().contains("future_cursor"), "{problem}");
    assert!((1800..6000).contains(&asked.elapsed().as_millis()), "after 2 s, not {:?}", asked.elapsed());
}

#[test]
fn a_cursor_just_ahead_of_the_head_is_waited_for() {
    let (server, receipts) = filled();
    let (epoch, seq) = split(&receipts[11].cursor);
    let ahead = format!("/api/events?since={epoch}:{}", seq + 1);
    let http = server.http();
    let poll = thread::spawn(move || http.get(&ahead));
    server.publish(&json!([event("a.b", json!({"n": 12})), event("a.b", json!({"n": 13}))]));
    let page = poll.join().unwrap().expect(200).json();
    // Answered as soon as the cursor is not ahead any more, which may be before the second event is in.
    assert!(numbers(&page) == [13] || numbers(&page) == NONE, "{page}");
}

#[test]
fn a_cursor_of_another_epoch_is_answered_with_a_skipped() {
    let (server, receipts) = filled();
    let page = server.http().history("since=another-epoch:4");
    assert_eq!(numbers(&page), (0..12).collect::<Vec<_>>(), "everything that is kept");
    let (epoch, _) = split(&receipts[0].cursor);
    let skipped = &page["skipped"];
    assert_eq!(skipped["reason"], "pruned", "{skipped}");
    assert_eq!(skipped["from"], format!("{epoch}:0"), "{skipped}");
    assert!(skipped["count"].is_null() && skipped["by_type"].is_null(), "nobody knows: {skipped}");
    assert!(server.http().history("since=earliest").get("skipped").is_none(), "earliest asks for what is kept");
}

#[test]
fn a_pruned_cursor_is_answered_with_a_skipped() {
    let (mut server, receipts) = filled();
    server.keep(5);
    let page = server.http().history(&format!("since={}", receipts[2].cursor));
    assert_eq!(numbers(&page), [7, 8, 9, 10, 11]);
    let skipped = &page["skipped"];
    assert_eq!((&skipped["reason"], &skipped["from"]), (&json!("pruned"), &json!(receipts[2].cursor)), "{skipped}");
    assert_eq!(skipped["prev"], receipts[2].seq);
    let to = split(skipped["to"].as_str().unwrap()).1;
    assert_eq!(to, receipts[6].seq, "up to the oldest kept: {skipped}");
    assert!(skipped["count"].is_null() && skipped["by_type"].is_null(), "{skipped}");
    let kept = server.http().history(&format!("since={}", receipts[6].cursor));
    assert!(kept.get("skipped").is_none(), "nothing was missed from there: {kept}");
    server.http().get("/api/events/e2").problem(404);
}

#[test]
fn one_event_is_the_same_object_as_on_a_page() {
    let (server, receipts) = filled();
    let page = server.http().history("since=earliest&limit=1000");
    let events = page["events"].as_array().unwrap();
    assert_eq!(ids(events), receipts.iter().map(|receipt| receipt.id.clone()).collect::<Vec<_>>());
    assert_eq!(seqs(events), receipts.iter().map(|receipt| receipt.seq).collect::<Vec<_>>());
    let one = server.http().get("/api/events/e4").expect(200).json();
    assert_eq!(one, page["events"][4]);
}

#[test]
fn summary_counts_by_type_and_by_minute() {
    let (server, _) = filled();
    let summary = server.http().get("/api/events/summary?minutes=5").expect(200).json();
    assert_eq!((&summary["minutes"], &summary["total"]), (&json!(5), &json!(12)), "{summary}");
    assert_eq!(summary["by_type"], json!({"task.created": 4, "task.sub.started": 4, "agent.joined": 4}));
    assert_eq!(summary["per_minute"].as_array().unwrap().len(), 5, "one entry a minute: {summary}");
    assert_eq!(server.http().get("/api/events/summary").expect(200).json()["minutes"], 60);
    for bad in ["minutes=0", "minutes=1441", "minutes=x"] {
        server.http().get(&format!("/api/events/summary?{bad}")).problem(422);
    }
}

#[test]
fn a_page_is_bounded_by_its_bytes_as_well_and_its_cursor_goes_on() {
    let server = Server::start(&[]);
    let text = "all work and no play ".repeat(2_800);
    let batch = Value::from((0..16).map(|n| event("a.large", json!({"n": n, "text": text}))).collect::<Vec<_>>());
    let published: Vec<u64> = (0..12).flat_map(|_| server.publish(&batch)).map(|receipt| receipt.seq).collect();
    for (order, on) in [("asc", "since"), ("desc", "before")] {
        let mut found = Vec::new();
        let mut pages = 0;
        let mut from = String::new();
        loop {
            let answer = server.http().get(&format!("/api/events?limit=1000&order={order}{from}")).expect(200);
            assert!(answer.body.len() < 10 << 20, "{} bytes on a page", answer.body.len());
            let page = answer.json();
            found.extend(seqs(page["events"].as_array().unwrap()));
            pages += 1;
            if page["more"] == false {
                break;
            }
            from = format!("&{on}={}", page["cursor"].as_str().unwrap());
        }
        assert!(pages > 1, "twelve megabytes are more than one page");
        if order == "desc" {
            found.reverse();
        }
        assert_eq!(found, published, "{order}: each once, and none is missing");
    }
}
