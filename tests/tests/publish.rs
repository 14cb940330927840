//! Contract section 3, `POST /api/events`: every form of body, idempotency, and each way to be refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use activity_feed_tests::events::{ids, seqs, split};
use activity_feed_tests::{Server, event, tokens};
use serde_json::{Value, json};

const NDJSON: &str = "application/x-ndjson";

/// The event of this id as it can be read.
#[track_caller]
fn read(server: &Server, id: &str) -> Value {
    server.http().get(&format!("/api/events/{id}")).expect(200).json()
}

#[test]
fn an_object_is_one_event_and_can_be_read_at_once() {
    let server = Server::start(&[]);
    let body = json!({
        "event_type": "task.assigned", "source": "coordinator", "task_id": "task-123", "agent_id": "agent-456",
        "timestamp": "2024-01-15T10:30:00Z", "data": {"bid_sats": 100}, "id": "given.by-me:1_A",
    });
    let answer = server.http().post("/api/events", &body).expect(201).json();
    let receipts = answer["events"].as_array().unwrap();
    assert_eq!(receipts.len(), 1, "{answer}");
    assert_eq!(receipts[0]["id"], "given.by-me:1_A");
    assert_eq!(receipts[0]["duplicate"], false);
    assert!(receipts[0].get("redacted").is_none_or(|list| list == &json!([])), "nothing was redacted: {answer}");
    let (_, seq) = split(receipts[0]["cursor"].as_str().unwrap());
    assert_eq!(receipts[0]["seq"], seq, "the cursor holds the seq");

    let found = read(&server, "given.by-me:1_A");
    for (field, value) in body.as_object().unwrap() {
        assert_eq!(&found[field], value, "{field} of {found}");
    }
    assert_eq!(found["seq"], seq);
    assert_eq!(found["cursor"], receipts[0]["cursor"]);
    assert!(found.get("prev").is_none(), "prev has no place in history: {found}");
    assert_eq!(
        found["display"],
        json!({"icon": "👤", "label": "Task assigned", "text": "Task assigned to agent-456", "time": "10:30:00"})
    );
}

#[test]
fn what_is_left_out_is_filled_in_or_stays_out() {
    let server = Server::start(&[]);
    let receipt = &server.publish(&json!({"event_type": "task.created", "source": "s"}))[0];
    assert_eq!(receipt.id.len(), 36, "a UUID: {}", receipt.id);
    assert_eq!(receipt.id.as_bytes()[14], b'7', "of version 7: {}", receipt.id);
    let found = read(&server, &receipt.id);
    assert_eq!(found["data"], json!({}));
    assert!(found["timestamp"].as_str().is_some_and(|time| time.contains('T')), "{found}");
    for absent in ["task_id", "agent_id"] {
        assert!(found.get(absent).is_none(), "absent, not null: {found}");
    }
}

#[test]
fn an_array_and_ndjson_are_events_in_order() {
    let server = Server::start(&[]);
    let batch: Vec<Value> = (0..5).map(|n| event("tool.called", json!({ "n": n }))).collect();
    let receipts = server.publish(&Value::from(batch.clone()));
    assert!(receipts.windows(2).all(|pair| pair[0].seq < pair[1].seq), "{receipts:?}");

    let lines: String = batch.iter().map(|event| format!("{event}\n")).collect();
    let answer = server.http().post_bytes("/api/events", NDJSON, format!("\n{lines}\n").as_bytes());
    let answer = answer.expect(201).json();
    assert_eq!(answer["events"].as_array().unwrap().len(), 5, "blank lines are nothing: {answer}");

    let page = server.http().history("since=earliest");
    let numbers: Vec<&Value> = page["events"].as_array().unwrap().iter().map(|event| &event["data"]["n"]).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
}

#[test]
fn cloudevents_single_and_batch() {
    let server = Server::start(&[]);
    let cloud = |id: &str| {
        json!({
            "specversion": "1.0", "type": "task.completed", "source": "/coordinator", "id": id,
            "time": "2024-01-15T10:30:15Z", "datacontenttype": "application/json",
            "taskid": "task-9", "agentid": "agent-9", "data": {"ok": true},
        })
    };
    let one = cloud("cloud-1").to_string();
    server.http().post_bytes("/api/events", "application/cloudevents+json", one.as_bytes()).expect(201);
    let batch = json!([cloud("cloud-2"), cloud("cloud-3")]).to_string();
    let media_type = "application/cloudevents-batch+json; charset=utf-8";
    server.http().post_bytes("/api/events", media_type, batch.as_bytes()).expect(201);
    let page = server.http().history("since=earliest");
    assert_eq!(ids(page["events"].as_array().unwrap()), ["cloud-1", "cloud-2", "cloud-3"]);
    let found = &page["events"][0];
    assert_eq!(found["event_type"], "task.completed");
    assert_eq!(found["source"], "/coordinator");
    assert_eq!(found["timestamp"], "2024-01-15T10:30:15Z");
    assert_eq!((&found["task_id"], &found["agent_id"]), (&json!("task-9"), &json!("agent-9")));
    assert_eq!(found["data"], json!({"ok": true}));
}

#[test]
fn the_same_id_again_is_a_duplicate_and_with_other_content_a_conflict() {
    let server = Server::start(&[]);
    let mut body = json!({"id": "once", "event_type": "task.created", "source": "s", "data": {"a": 1, "b": [2]}});
    let first = server.publish(&body)[0].clone();
    assert!(!first.duplicate);

    body["data"] = json!({"b": [2], "a": 1});
    let again = server.publish(&body)[0].clone();
    assert!(again.duplicate, "the order of keys is no content: {again:?}");
    assert_eq!((again.seq, again.cursor), (first.seq, first.cursor));

    let other = event("task.created", json!({}));
    let mixed = server.publish(&json!([other, body, other]));
    assert_eq!(mixed.iter().map(|receipt| receipt.duplicate).collect::<Vec<_>>(), [false, true, false]);

    let changes = [
        ("data", json!({"a": 2})),
        ("source", json!("t")),
        ("event_type", json!("task.failed")),
        ("task_id", json!("t")),
    ];
    for (field, value) in changes {
        let mut changed = body.clone();
        changed[field] = value;
        let problem = server.http().post("/api/events", &json!([other, changed])).problem(409);
        assert_eq!(problem["index"], 1, "{field}: {problem}");
        let problem = server.http().post("/api/events", &changed).problem(409);
        assert!(problem.get("index").is_none(), "of one event there is none: {problem}");
    }
    let twin = json!({"id": "x", "event_type": "a.b", "source": "s"});
    let twins = server.publish(&json!([twin, twin]));
    assert_eq!(twins[0].seq, twins[1].seq, "one event: {twins:?}");
    assert_eq!((twins[0].duplicate, twins[1].duplicate), (false, true));

    let all = server.http().history("since=earliest&limit=1000");
    assert_eq!(all["events"].as_array().unwrap().len(), 4, "conflicts append nothing: {all}");
}

#[test]
fn a_secret_that_comes_again_is_still_the_same_content() {
    let server = Server::start(&[]);
    let body = json!({"id": "s", "event_type": "tool.called", "source": "s", "data": {"password": "correct-horse-1"}});
    let answer = server.http().post("/api/events", &body).expect(201).json();
    let redacted = &answer["events"][0]["redacted"];
    assert_eq!(redacted[0]["path"], "data.password", "the publisher is told where: {answer}");
    assert!(redacted[0]["kind"].as_str().is_some_and(|kind| !kind.is_empty()), "and what: {answer}");
    assert!(!answer.to_string().contains("correct-horse-1"), "but never the value: {answer}");
    assert!(server.publish(&body)[0].duplicate);
}

#[test]
fn not_json_is_400() {
    let server = Server::start(&[]);
    let http = server.http();
    for bad in ["", "{", "nope", "{\"event_type\":\"a\",}", "[1,", "{\"a\":1} trailing"] {
        let answer = http.post_bytes("/api/events", "application/json", bad.as_bytes());
        assert_eq!(answer.status, 400, "{bad:?}: {}", answer.text());
        answer.problem(400);
    }
    http.post_bytes("/api/events", "application/json", b"{\"event_type\":\"a.b\",\"source\":\"\xff\"}").problem(400);
    let lines = b"{\"event_type\":\"a.b\",\"source\":\"s\"}\nnope\n";
    let problem = http.post_bytes("/api/events", NDJSON, lines).problem(400);
    assert_eq!(problem["index"], 1, "{problem}");
    assert_eq!(http.history("")["events"], json!([]), "a refused batch appends nothing");
}

#[test]
fn an_invalid_event_is_422_and_its_batch_appends_nothing() {
    let server = Server::start(&[]);
    let http = server.http();
    let valid = event("task.created", json!({}));
    let with = |field: &str, value: Value| {
        let mut changed = valid.clone();
        changed[field] = value;
        changed
    };
    let without = |field: &str| {
        let mut changed = valid.clone();
        changed.as_object_mut().unwrap().remove(field);
        changed
    };
    let mut deep = json!({});
    for _ in 0..80 {
        deep = json!({ "d": deep });
    }
    let bad = [
        json!(1),
        json!("text"),
        json!(null),
        without("event_type"),
        without("source"),
        with("event_type", json!("")),
        with("event_type", json!("Task.Created")),
        with("event_type", json!("task created")),
        with("event_type", json!("task..created")),
        with("event_type", json!(".task")),
        with("event_type", json!("a".repeat(65))),
        with("event_type", json!(7)),
        with("source", json!("")),
        with("source", json!("s".repeat(129))),
        with("source", json!(null)),
        with("task_id", json!("t".repeat(129))),
        with("task_id", json!(5)),
        with("agent_id", json!("é".repeat(65))),
        with("data", json!([])),
        with("data", json!("text")),
        with("data", deep),
        with("id", json!("")),
        with("id", json!("with space")),
        with("id", json!("i".repeat(129))),
        with("id", json!(1)),
        with("timestamp", json!("yesterday")),
        with("timestamp", json!("2024-13-01T00:00:00Z")),
        with("timestamp", json!("2024-01-15 10:30")),
        with("timestamp", json!(1_705_314_600)),
    ];
    for bad in bad {
        let answer = http.post("/api/events", &json!([valid, valid, bad]));
        assert_eq!(answer.status, 422, "for {bad}: {}", answer.text());
        let problem = answer.problem(422);
        assert_eq!(problem["index"], 2, "for {bad}: {problem}");
    }
    let problem = http.post("/api/events", &with("eventType", json!("x"))).problem(422);
    assert!(problem["detail"].as_str().unwrap().contains("eventType"), "refused by name: {problem}");
    http.post("/api/events", &json!([])).problem(422);
    http.post_bytes("/api/events", NDJSON, b"\n\n").problem(422);
    assert_eq!(http.history("")["events"], json!([]), "a refused batch appends nothing");
}

#[test]
fn the_bounds_themselves_are_allowed() {
    let server = Server::start(&[]);
    let mut deep = json!({});
    for _ in 0..60 {
        deep = json!({ "d": deep });
    }
    server.publish(&json!({
        "event_type": format!("{}._-9", "a".repeat(60)), "source": "s".repeat(128), "task_id": "t".repeat(128),
        "agent_id": "ü".repeat(64), "id": format!("{}._:-Z", "i".repeat(123)), "data": deep,
        "timestamp": "2024-01-15T10:30:00.123456+05:30",
    }));
    let many: Vec<Value> = (0..1000).map(|n| event("a.b", json!({ "n": n }))).collect();
    assert_eq!(server.publish(&Value::from(many)).len(), 1000);
}

#[test]
fn too_large_is_413() {
    let server = Server::start(&[]);
    let http = server.http();
    http.post("/api/events", &event("a.b", json!({"text": "x ".repeat(40_000)}))).problem(413);
    let many: Vec<Value> = (0..1001).map(|_| event("a.b", json!({}))).collect();
    http.post("/api/events", &Value::from(many)).problem(413);
    let large: Vec<Value> = (0..30).map(|_| event("a.b", json!({"text": "x ".repeat(20_000)}))).collect();
    http.post("/api/events", &Value::from(large)).problem(413);
    assert_eq!(http.history("")["events"], json!([]));
    http.post("/api/events", &event("a.b", json!({"text": "x ".repeat(30_000)}))).expect(201);
}

#[test]
fn another_media_type_is_415() {
    let server = Server::start(&[]);
    let body = event("a.b", json!({})).to_string();
    for other in ["text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data"] {
        server.http().post_bytes("/api/events", other, body.as_bytes()).problem(415);
    }
    server.http().post_bytes("/api/events", "application/json; charset=utf-8", body.as_bytes()).expect(201);
}

#[test]
fn no_token_is_401_and_the_wrong_scope_403() {
    let server = Server::start(&[]);
    let body = event("a.b", json!({}));
    server.stranger().post("/api/events", &body).problem(401);
    server.http_as(&tokens::scoped("subscribe")).post("/api/events", &body).problem(403);
    server.http_as(&tokens::scoped("publish")).post("/api/events", &body).expect(201);
    server.http_as(&tokens::scoped("publish")).get("/api/events").problem(403);
    server.http_as(&tokens::scoped("publish subscribe")).get("/api/events").expect(200);
    server.http_as(&tokens::scoped("admin")).post("/api/events", &body).expect(201);
}

#[test]
fn an_unknown_event_or_route_is_404() {
    let server = Server::start(&[]);
    server.http().get("/api/events/never-logged").problem(404);
    server.http().get("/api/nothing-here").problem(404);
    assert_eq!(server.http().send("DELETE", "/api/events", &[], b"").status, 405);
}

#[test]
fn publishers_at_once_each_get_their_own_seqs() {
    let server = Server::start(&[]);
    let receipts: Vec<Vec<u64>> = std::thread::scope(|scope| {
        let publish = || (0..10).flat_map(|_| server.publish_many("a.b", 3)).map(|receipt| receipt.seq).collect();
        let publishers: Vec<_> = (0..8).map(|_| scope.spawn(publish)).collect();
        publishers.into_iter().map(|publisher| publisher.join().unwrap()).collect()
    });
    for own in &receipts {
        assert!(own.is_sorted_by(|a, b| a < b), "in order for each publisher: {own:?}");
    }
    let mut all = receipts.concat();
    all.sort_unstable();
    let page = server.http().history("since=earliest&limit=1000");
    assert_eq!(seqs(page["events"].as_array().unwrap()), all, "each seq once, and nothing else");
}

#[test]
fn the_index_is_of_a_list_also_of_one() {
    let server = Server::start(&[]);
    let http = server.http();
    assert_eq!(http.post("/api/events", &json!({"source": "s"})).problem(422).get("index"), None);
    assert_eq!(http.post("/api/events", &json!([{"source": "s"}])).problem(422)["index"], 0);
    let line = http.post_bytes("/api/events", "application/x-ndjson", b"{\"source\":\"s\"}\n");
    assert_eq!(line.problem(422)["index"], 0);
}
