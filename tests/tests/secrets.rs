//! Promise 6 of contract section 4 and contract section 6, seen from outside: a handful of secrets in every place, and
//! none of them on disk, in an answer, in a frame or in a log line; and what only looks like one stays.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;

use activity_feed_tests::{SOON, Server, event};
use base64::Engine;
use serde_json::{Value, json};

/// Secrets of well-known shapes, put together here so that no scanner takes this file for a leak.
fn secrets() -> Vec<String> {
    let jwt_part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    vec![
        format!("AKIA{}", "IOSFODNN7QWERTYZ"),
        format!("xoxb-{}-{}", "123456789012", "1234567890123-AbCdEfGhIjKlMnOpQrStUvWx"),
        format!("sk_live_{}", "4eC39HqLyjWDarjtT1zdp7dcQwErTyUi"),
        format!("AIza{}", "SyD4k9Lm2Qw8Er5Ty1Ui7Op3As6Df0GhJkZ"),
        format!(
            "{}.{}.{}",
            jwt_part(r#"{"alg":"HS256","typ":"JWT"}"#),
            jwt_part(r#"{"sub":"1234567890","name":"Somebody"}"#),
            "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
        ),
    ]
}

#[test]
fn promise_6_no_secret_is_stored_sent_or_logged() {
    let server = Server::start(&[]);
    let mut ws = server.ws();
    ws.subscribe(&json!({}));
    ws.replay();
    let mut sent: Vec<String> = secrets();
    let plain = ["Tr0ub4dor-and-3", "hunter2-but-longer", "cookie-value-9f8e7d6c5b4a", "url-pass-Zq8x"];
    sent.extend(plain.map(str::to_owned));
    let mut events: Vec<Value> = Vec::new();
    for secret in &secrets() {
        events.extend([
            event("tool.called", json!({ "output": format!("the key is {secret}, as it seems") })),
            event("tool.called", json!({"deep": [{"er": [secret]}]})),
            event("tool.called", json!({"json": format!("{{\"inner\": \"{secret}\"}}")})),
            event("tool.called", json!({ secret.clone(): 1 })),
        ]);
    }
    events.extend([
        event("tool.called", json!({"password": plain[0]})),
        event("tool.called", json!({"env": {"MY_API_KEY": plain[1], "PATH": "/usr/bin"}})),
        event("tool.called", json!({"headers": {"Cookie": format!("session={}", plain[2])}})),
        event("tool.called", json!({"url": format!("postgres://admin:{}@db.example/feed", plain[3])})),
        json!({"event_type": "a.b", "source": secrets()[0], "task_id": secrets()[2]}),
    ]);
    let answer = server.http().post("/api/events", &json!(events)).expect(201);
    let receipts = answer.json();
    for (receipt, sent) in receipts["events"].as_array().unwrap().iter().zip(&events) {
        assert!(receipt["redacted"].as_array().is_some_and(|list| !list.is_empty()), "{receipt} for {sent}");
    }
    let refused = json!({"event_type": "a.b", "source": "s", "id": secrets()[0]});
    let refused = server.http().post("/api/events", &refused).expect(422);

    let page = server.http().get("/api/events?since=earliest&limit=1000").expect(200);
    assert!(page.text().contains("[redacted:"), "replaced by its kind");
    assert_eq!(page.json()["events"][0]["data"]["output"].as_str().unwrap().matches("as it seems").count(), 1);
    let frames = ws.until("the newest or a report of it", SOON, |frame| {
        frame["payload"]["seq"] == receipts["events"].as_array().unwrap().last().unwrap()["seq"]
    });
    let mut seen = vec![
        ("the publisher's answer".to_owned(), answer.body),
        ("the refusal".to_owned(), refused.body),
        ("history".to_owned(), page.body),
        ("the socket".to_owned(), json!(frames).to_string().into_bytes()),
        ("state".to_owned(), server.http().get("/api/state").expect(200).body),
        ("metrics".to_owned(), server.http().get("/metrics").expect(200).body),
        ("stderr".to_owned(), server.stderr().into_bytes()),
    ];
    let dir = server.dir();
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        seen.push((path.display().to_string(), fs::read(&path).unwrap()));
    }
    assert!(seen.len() >= 9, "the store's files are looked at: {:?}", seen.iter().map(|s| &s.0).collect::<Vec<_>>());
    for (place, bytes) in &seen {
        for secret in &sent {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {place}");
        }
    }
}

#[test]
fn promise_6_what_only_looks_like_a_secret_stays() {
    let server = Server::start(&[]);
    let harmless = json!({
        "token_count": 1234, "max_tokens": 4096, "password_reset_requested": true, "password": null, "token": "",
        "commit": "9fceb02d0ae598e95dc970b74767f19372d61af8", "uuid": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "passwordless": "yes",
        "author": "Somebody", "message": "the tokens were counted and the secret santa was a success",
        "url": "https://example.org/path?page=2", "has_api_key": false, "keyboard": "qwerty",
    });
    let answer = server.http().post("/api/events", &event("tool.called", harmless.clone())).expect(201).json();
    assert!(answer["events"][0].get("redacted").is_none_or(|list| list == &json!([])), "{answer}");
    assert_eq!(server.http().history("")["events"][0]["data"], harmless);
}
