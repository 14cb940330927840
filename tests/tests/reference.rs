//! `/openapi.json`, `/asyncapi.json` and `/docs`: the documents are whole, and the server does what they say: what it
//! answers is held against their schemas.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use activity_feed_tests::browser::Browser;
use activity_feed_tests::needs::has;
use activity_feed_tests::tokens::scoped;
use activity_feed_tests::{SOON, Server, event, wait_for};
use serde_json::{Value, json};

/// What a value has against a schema: the few words of JSON Schema that the documents use, and an error for any other.
fn against(document: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = target(document, reference);
        return against(document, target, value, at, faults);
    }
    let mut fault = |what: String| faults.push(format!("{at}: {what}, but it is {value}"));
    for (word, rule) in schema.as_object().unwrap() {
        let fine = match word.as_str() {
            "type" => match rule {
                Value::Array(types) => types.iter().any(|one| is_a(one, value)),
                one => is_a(one, value),
            },
            "const" => rule == value,
            "enum" => rule.as_array().unwrap().contains(value),
            "required" => value
                .as_object()
                .is_none_or(|o| rule.as_array().unwrap().iter().all(|k| o.contains_key(k.as_str().unwrap()))),
            "minimum" => value.as_f64().is_none_or(|n| n >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|n| n <= rule.as_f64().unwrap()),
            "minLength" => value.as_str().is_none_or(|s| s.len() as u64 >= rule.as_u64().unwrap()),
            "maxLength" => value.as_str().is_none_or(|s| s.len() as u64 <= rule.as_u64().unwrap()),
            "minItems" => value.as_array().is_none_or(|a| a.len() as u64 >= rule.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|a| a.len() as u64 <= rule.as_u64().unwrap()),
            "format"
            | "pattern"
            | "description"
            | "examples"
            | "default"
            | "properties"
            | "items"
            | "additionalProperties"
            | "oneOf" => true,
            other => panic!("{at}: the test does not know `{other}`"),
        };
        if !fine {
            fault(format!("{word} is {rule}"));
        }
    }
    if let (Some(fields), Some(value)) = (schema["properties"].as_object(), value.as_object()) {
        for (name, schema) in fields {
            if let Some(value) = value.get(name) {
                against(document, schema, value, &format!("{at}.{name}"), faults);
            }
        }
    }
    if let Some(fields) = value.as_object() {
        for (name, value) in fields.iter().filter(|(name, _)| schema["properties"].get(name).is_none()) {
            match &schema["additionalProperties"] {
                Value::Bool(false) => faults.push(format!("{at}: no such field as {name}")),
                Value::Object(_) => {
                    against(document, &schema["additionalProperties"], value, &format!("{at}.{name}"), faults);
                }
                _ => {}
            }
        }
    }
    for (n, value) in value.as_array().into_iter().flatten().enumerate().filter(|_| schema["items"].is_object()) {
        against(document, &schema["items"], value, &format!("{at}[{n}]"), faults);
    }
    if let Some(several) = schema["oneOf"].as_array() {
        let fits = several.iter().filter(|schema| complaints(document, schema, value).is_empty()).count();
        assert_eq!(fits, 1, "{at}: one of {several:?} for {value}");
    }
}

/// What a reference within a document leads to.
fn target<'a>(document: &'a Value, reference: &str) -> &'a Value {
    let pointer = reference.strip_prefix('#').expect("a reference within the document");
    document.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

fn is_a(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}

fn complaints(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    against(document, schema, value, "", &mut faults);
    faults
}

#[track_caller]
fn fits(document: &Value, schema: &Value, value: &Value) {
    assert_eq!(complaints(document, schema, value), [] as [String; 0], "{value}");
}

/// A document, which nobody needs a token for.
#[track_caller]
fn document(server: &Server, path: &str) -> Value {
    let answer = server.stranger().get(path).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()
}

fn follow<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value["$ref"].as_str().map_or(value, |reference| target(document, reference))
}

#[test]
fn the_validator_tells_right_from_wrong() {
    let schema = json!({"type": "object", "required": ["a"], "additionalProperties": false,
        "properties": {"a": {"type": ["integer", "null"], "minimum": 1}, "b": {"type": "array", "items": {"enum": ["x"]}}}});
    let wrong = |value: Value| !complaints(&schema, &schema, &value).is_empty();
    assert!(!wrong(json!({"a": 1, "b": ["x"]})) && !wrong(json!({"a": null})));
    for value in
        [json!([]), json!({}), json!({"a": 0}), json!({"a": "1"}), json!({"a": 1, "b": ["y"]}), json!({"a": 1, "c": 1})]
    {
        assert!(wrong(value.clone()), "{value}");
    }
}

#[test]
fn openapi_is_what_the_server_answers() {
    let server = Server::start(&[]);
    let openapi = document(&server, "/openapi.json");
    assert!(openapi["openapi"].as_str().unwrap().starts_with("3.1"));
    let schema = |name: &str| &openapi["components"]["schemas"][name];

    let draft = json!({"event_type": "task.created", "source": "me", "task_id": "t", "agent_id": "a", "id": "x:1",
        "timestamp": "2024-01-15T10:30:00Z", "data": {"password": "hunter22hunter22"}});
    fits(&openapi, schema("Draft"), &draft);
    let answer = server.http().post("/api/events", &draft).expect(201).json();
    fits(
        &openapi,
        &openapi["paths"]["/api/events"]["post"]["responses"]["201"]["content"]["application/json"]["schema"],
        &answer,
    );
    assert!(answer["events"][0]["redacted"].is_array(), "the example has all fields: {answer}");
    server.publish_many("a.b", 5);
    let page = server.http().history("limit=3");
    fits(&openapi, schema("Page"), &page);
    fits(&openapi, schema("Page"), &server.http().history("since=other:1"));
    assert!(server.http().history("since=other:1")["skipped"].is_object());
    fits(&openapi, schema("Event"), &server.http().get("/api/events/x:1").expect(200).json());
    fits(&openapi, schema("Summary"), &server.http().get("/api/events/summary").expect(200).json());
    fits(&openapi, schema("State"), &server.http().get("/api/state").expect(200).json());
    fits(&openapi, schema("Session"), &server.http().send("POST", "/api/session", &[], b"").expect(200).json());
    let cloud = json!({"specversion": "1.0", "type": "a.b", "source": "s", "id": "c1", "taskid": "t", "data": {}});
    fits(&openapi, schema("CloudEvent"), &cloud);
    server.http().post_bytes("/api/events", "application/cloudevents+json", cloud.to_string().as_bytes()).expect(201);
}

#[test]
fn openapi_names_every_status_that_is_met() {
    let server = Server::start(&[]);
    let openapi = document(&server, "/openapi.json");
    let named = |path: &str, verb: &str, status: u16| {
        let answer = follow(&openapi, &openapi["paths"][path][verb]["responses"][status.to_string()]);
        assert!(answer.is_object(), "{verb} {path} has no {status}");
        &answer["content"]["application/problem+json"]["schema"]
    };
    server.publish(&json!({"id": "taken", "event_type": "a.b", "source": "s"}));
    let http = server.http();
    let bad = [
        (400, http.post_bytes("/api/events", "application/json", b"{")),
        (401, server.stranger().post("/api/events", &json!({}))),
        (403, server.http_as(&scoped("subscribe")).post("/api/events", &json!({}))),
        (409, http.post("/api/events", &json!({"id": "taken", "event_type": "a.c", "source": "s"}))),
        (413, http.post("/api/events", &event("a.b", json!({"text": "x".repeat(70_000)})))),
        (415, http.post_bytes("/api/events", "text/plain", b"{}")),
        (422, http.post("/api/events", &json!({}))),
    ];
    for (status, answer) in bad {
        let problem = answer.problem(status);
        fits(&openapi, named("/api/events", "post", status), &problem);
    }
    for (path, real, status) in [
        ("/api/events", "/api/events?limit=0", 422),
        ("/api/events/{id}", "/api/events/none", 404),
        ("/api/events/summary", "/api/events/summary?minutes=0", 422),
        ("/api/events/stream", "/api/events/stream?channel=none", 422),
        ("/ws", "/ws", 426),
    ] {
        fits(&openapi, named(path, "get", status), &http.get(real).problem(status));
    }

    // Every route that is named is there, with its security; and no parameter is named that is not taken.
    for (path, verbs) in openapi["paths"].as_object().unwrap() {
        for (verb, operation) in verbs.as_object().unwrap() {
            let open = operation["security"].as_array().unwrap().iter().any(|way| way == &json!({}))
                || operation["security"] == json!([]);
            let real = path.replace("{id}", "taken");
            let answer = server.stranger().send(&verb.to_uppercase(), &real, &[], b"");
            let expected = match (open, path.as_str()) {
                (true, _) => answer.status < 300,
                // A WebSocket's handshake is asked for before anything else.
                (false, "/ws") => answer.status == 426,
                (false, _) => answer.status == 401,
            };
            assert!(expected, "{verb} {path} without a token: {}", answer.status);
            let query = operation["parameters"].as_array().into_iter().flatten().map(|one| follow(&openapi, one));
            for name in query.filter(|one| one["in"] == "query").map(|one| one["name"].as_str().unwrap()) {
                // A stream that starts would not end: no channel, no stream.
                let refused = if path.ends_with("/stream") { "&channel=none" } else { "" };
                let known = server.http().get(&format!("{real}?{name}=%00{refused}")).text();
                assert!(!known.contains("unknown parameter"), "{path}: {name}");
            }
        }
    }
}

#[test]
fn asyncapi_is_what_is_said_on_a_socket() {
    let server = Server::start(&["--rate", "2"]);
    let asyncapi = document(&server, "/asyncapi.json");
    assert_eq!(asyncapi["asyncapi"], "3.0.0");
    let payload = |name: &str| &asyncapi["components"]["messages"][name]["payload"];
    for message in asyncapi["components"]["messages"].as_object().unwrap().values() {
        for example in message["examples"].as_array().unwrap() {
            fits(&asyncapi, &message["payload"], &example["payload"]);
        }
    }

    let mut ws = server.ws();
    fits(&asyncapi, payload("hello"), &json!({"type": "hello", "payload": ws.hello}));
    let mut met = BTreeSet::from(["hello".to_owned()]);
    for said in [
        json!({"action": "subscribe", "channel": "events", "id": "main", "types": ["a.*"], "replay": 5}),
        json!({"action": "subscribe", "channel": "events", "id": "none", "types": ["never.*"], "since": "latest"}),
        json!({"action": "subscribe", "channel": "state"}),
        json!({"action": "unsubscribe", "id": "other"}),
        json!({"action": "ping"}),
    ] {
        fits(&asyncapi, payload(said["action"].as_str().unwrap()), &said);
        ws.send(&said);
    }
    ws.send(&json!({"action": "subscribe", "channel": "none"}));
    server.publish_many("a.b", 50);
    let kinds = ["hello", "subscribed", "event", "skipped", "caught_up", "state", "error", "pong"];
    wait_for("every kind of message", SOON, || {
        let frame = ws.frame_within(Duration::from_secs(2))?;
        let kind = frame["type"].as_str().unwrap().to_owned();
        fits(&asyncapi, payload(&kind), &frame);
        met.insert(kind);
        kinds.iter().all(|kind| met.contains(*kind)).then_some(())
    });
}

/// The code blocks of the protocol's description in one language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    include_str!("../../docs/protocol.md").split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_frames_in_the_description_are_of_the_protocol() {
    let server = Server::start(&[]);
    let asyncapi = document(&server, "/asyncapi.json");
    let mut met = BTreeSet::new();
    for block in blocks("json") {
        for value in serde_json::Deserializer::from_str(block).into_iter::<Value>().map_while(Result::ok) {
            let Some(kind) = value["type"].as_str().or(value["action"].as_str()) else { continue };
            fits(&asyncapi, &asyncapi["components"]["messages"][kind]["payload"], &value);
            met.insert(kind.to_owned());
        }
    }
    assert_eq!(Vec::from_iter(met), ["event", "ping", "refresh", "skipped", "subscribe", "unsubscribe"]);
}

#[test]
fn the_examples_in_the_description_run() {
    if !has("curl", "the_examples_in_the_description_run") {
        return;
    }
    let server = Server::start(&[]);
    let run = |script: &str| {
        let output = Command::new("timeout")
            .args(["--kill-after=1", "5", "bash", "-euo", "pipefail", "-c", script])
            .env("FEED", server.url())
            .env("TOKEN", scoped("publish subscribe"))
            .output()
            .unwrap();
        // Those that follow the feed are ended by the time-out.
        assert!(matches!(output.status.code(), Some(0 | 124)), "{script}\n{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let examples = blocks("sh");
    // The long-poll's needs `jq`, which few machines have.
    let scripts = examples.iter().filter(|script| script.contains("curl ") && !script.contains("jq "));
    let answers: Vec<String> = scripts.map(|script| run(script)).collect();
    assert!(answers[0].contains("\"duplicate\":false"), "published: {}", answers[0]);
    assert_eq!(answers[1].matches("\"head\"").count(), 2, "two pages: {}", answers[1]);
    assert!(answers[2].contains("event: caught_up") && answers[2].contains("build-77"), "a stream: {}", answers[2]);
    assert_eq!(answers.len(), 3);
}

#[test]
fn the_page_shows_both_documents() {
    let Some(browser) = Browser::start("the_page_shows_both_documents") else { return };
    let server = Server::start(&[]);
    browser.go(&format!("{}/docs", server.url()));
    let page = browser.wait_text("unsubscribe", SOON);
    for text in ["/api/events/summary", "Long-poll", "Draft", "recovered", "4101", "Scope: publish", "UnreachableCode"]
    {
        assert_eq!(page.contains(text), text != "UnreachableCode", "{text}");
    }
    let script = "return document.querySelectorAll('.entry').length;";
    assert!(browser.run(script).as_u64().unwrap() > 30);
    assert_eq!(browser.complaints(), [] as [String; 0], "nothing that the policy would stop");
}
