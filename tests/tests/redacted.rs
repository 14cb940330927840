//! Contract section 6: the publisher's answer names what was redacted, its path and its kind, wherever in an event it stood, and
//! never the value. One row is one event that holds secrets in one kind of place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use activity_feed_tests::{Server, tokens};
use serde_json::{Value, json};

/// A secret by its own shape, put together here so that no scanner takes this file for a leak.
const STRIPE: &str = concat!("sk_live_", "4eC39HqLyjWDarjtT1zdp7dcQwErTyUi");
const SLACK: &str = concat!("xoxb-", "123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx");
/// Secrets by what stands around them only.
const PASSWORD: &str = "Tr0ub4dor-and-3";
const OTHER: &str = "hunter2-but-longer";
/// The family of the first, and of the second.
const S: &str = "stripe_key";
const X: &str = "slack_token";

/// What an event's answer must tell: paths and kinds, in any order.
type Told = &'static [(&'static str, &'static str)];

fn of(data: Value) -> Value {
    json!({"event_type": "tool.called", "source": "tests", "data": data})
}

/// An event for each place that a secret may stand in.
fn places() -> Vec<(&'static str, Value, Told)> {
    let line = |name: &str, value: &str| format!("{name}={value}");
    let text = |value: &Value| value.to_string();
    vec![
        ("a value in a sentence", of(json!({"text": format!("it is {STRIPE}, I think")})), &[("data.text", S)]),
        ("two in one", of(json!({"text": format!("{STRIPE} and {SLACK}")})), &[("data.text", S), ("data.text", X)]),
        ("deep down", of(json!({"a": {"b": {"c": {"d": STRIPE}}}})), &[("data.a.b.c.d", S)]),
        ("in a list", of(json!({"lines": ["one", STRIPE, "three"]})), &[("data.lines[1]", S)]),
        (
            "in lists of lists",
            of(json!({"a": [[0, [SLACK]], {"b": [STRIPE]}]})),
            &[("data.a[0][1][0]", X), ("data.a[1].b[0]", S)],
        ),
        ("as a key", of(json!({STRIPE: 1})), &[("data.[redacted:stripe_key]", S)]),
        (
            "as a key above another",
            of(json!({STRIPE: {"x": SLACK}})),
            &[("data.[redacted:stripe_key]", S), ("data.[redacted:stripe_key].x", X)],
        ),
        ("under a suspicious name", of(json!({"password": PASSWORD})), &[("data.password", "password")]),
        (
            "under one in camel case",
            of(json!({"env": {"dbPassword": PASSWORD}})),
            &[("data.env.dbPassword", "password")],
        ),
        ("under one in capitals", of(json!({"MY_API_KEY": OTHER})), &[("data.MY_API_KEY", "api_key")]),
        ("a number", of(json!({"password": 12_345_678})), &[("data.password", "password")]),
        (
            "a list under such a name",
            of(json!({"passwords": [PASSWORD, OTHER]})),
            &[("data.passwords[0]", "password"), ("data.passwords[1]", "password")],
        ),
        (
            "a pair of name and value",
            of(json!({"env": [{"name": "DB_PASSWORD", "value": PASSWORD}]})),
            &[("data.env[0].value", "password")],
        ),
        ("a pair of key and value", of(json!({"key": "password", "value": PASSWORD})), &[("data.value", "password")]),
        ("a pair as a list", of(json!({"env": [["PASSWORD", PASSWORD]]})), &[("data.env[0][1]", "password")]),
        (
            "a list of headers",
            of(json!({"headers": [{"name": "Cookie", "value": "session=9f8e7d6c5b4a3f2e"}]})),
            &[("data.headers[0].value", "cookie")],
        ),
        (
            "headers one after the other",
            of(json!({"rawHeaders": ["Host", "example.org", "X-Api-Key", OTHER]})),
            &[("data.rawHeaders[3]", "api_key")],
        ),
        ("headers by name", of(json!({"headers": {"X-Api-Key": OTHER}})), &[("data.headers.X-Api-Key", "api_key")]),
        (
            "lines of KEY=value",
            of(json!({"env": format!("PATH=/bin\n{}\nHOME=/root", line("DB_PASSWORD", PASSWORD))})),
            &[("data.env", "password")],
        ),
        (
            "a list of KEY=value",
            of(json!({"env": ["PATH=/bin", line("DB_PASSWORD", PASSWORD)]})),
            &[("data.env[1]", "password")],
        ),
        (
            "an option of a command",
            of(json!({"cmd": format!("mysql --user ann --password {PASSWORD} db")})),
            &[("data.cmd", "password")],
        ),
        (
            "options as a list",
            of(json!({"argv": ["mysql", "--password", PASSWORD, "db"]})),
            &[("data.argv[2]", "password")],
        ),
        (
            "an address",
            of(json!({"url": format!("postgres://ann:{PASSWORD}@db.example/feed")})),
            &[("data.url", "url_password")],
        ),
        (
            "JSON in a string",
            of(json!({"body": text(&json!({"password": PASSWORD, "n": [STRIPE]}))})),
            &[("data.body", "password"), ("data.body", S)],
        ),
        (
            "JSON in JSON in a string",
            of(json!({"body": text(&json!({"inner": text(&json!({"password": PASSWORD}))}))})),
            &[("data.body", "password")],
        ),
        ("in the source", json!({"event_type": "a.b", "source": format!("agent {STRIPE}")}), &[("source", S)]),
        ("in the task", json!({"event_type": "a.b", "source": "s", "task_id": STRIPE}), &[("task_id", S)]),
        ("in the agent", json!({"event_type": "a.b", "source": "s", "agent_id": SLACK}), &[("agent_id", X)]),
        (
            "in all of them",
            json!({"event_type": "a.b", "source": SLACK, "task_id": STRIPE, "agent_id": SLACK, "data": {"x": STRIPE}}),
            &[("source", X), ("task_id", S), ("agent_id", X), ("data.x", S)],
        ),
        (
            "a name with an invisible character",
            of(json!({"pass\u{200b}word": PASSWORD})),
            &[("data.pass\u{200b}word", "password")],
        ),
        ("nothing", of(json!({"token_count": 7, "password": null, "text": "the password was reset"})), &[]),
    ]
}

/// What an answer tells of one event, sorted.
fn told(receipt: &Value) -> Vec<(String, String)> {
    let list = receipt.get("redacted").map_or(&[][..], |list| list.as_array().unwrap());
    let word = |redaction: &Value, name: &str| redaction[name].as_str().unwrap().to_owned();
    for redaction in list {
        assert_eq!(redaction.as_object().unwrap().len(), 2, "path and kind, and nothing else: {redaction}");
    }
    let mut told: Vec<_> = list.iter().map(|redaction| (word(redaction, "path"), word(redaction, "kind"))).collect();
    told.sort();
    told
}

#[track_caller]
fn is_silent_on_values(answer: &str) {
    for secret in [STRIPE, SLACK, PASSWORD, OTHER, "9f8e7d6c5b4a3f2e", "12345678"] {
        assert!(!answer.contains(secret), "{secret} is in {answer}");
    }
}

#[test]
fn the_answer_names_each_place_and_kind_and_no_value() {
    let server = Server::start(&[]);
    let places = places();
    let mut wrong = Vec::new();
    for (what, event, wanted) in &places {
        let answer = server.http().post("/api/events", event).expect(201);
        is_silent_on_values(&answer.text());
        let mut wanted: Vec<_> = wanted.iter().map(|(path, kind)| ((*path).to_owned(), (*kind).to_owned())).collect();
        wanted.sort();
        let told = told(&answer.json()["events"][0]);
        if told != wanted {
            wrong.push(format!("{what}: {told:?}, not {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What is kept says the same as what was told: each kind stands in it.
    let page = server.http().history("since=earliest&limit=1000");
    is_silent_on_values(&page.to_string());
    for ((what, _, wanted), event) in places.iter().zip(page["events"].as_array().unwrap()) {
        for (_, kind) in *wanted {
            assert!(event.to_string().contains(&format!("[redacted:{kind}]")), "{what}: {event}");
        }
    }
    // And each redaction that was told is counted by its kind.
    let metrics = server.http().get("/metrics").expect(200).text();
    let stripe = places.iter().flat_map(|(_, _, told)| *told).filter(|(_, kind)| *kind == S).count();
    assert!(metrics.contains(&format!("activity_feed_redactions_total{{kind=\"{S}\"}} {stripe}\n")), "{metrics}");
}

#[test]
fn of_a_batch_each_event_has_its_own_in_every_form() {
    let server = Server::start(&[]);
    let publisher = server.http_as(&tokens::scoped("publish"));
    let (clean, bad) = (of(json!({"n": 1})), of(json!({"list": [{"password": PASSWORD}]})));
    let cloud = json!([
        {"specversion": "1.0", "id": "c1", "type": "a.b", "source": "s", "data": {"n": 1}},
        {"specversion": "1.0", "id": "c2", "type": "a.b", "source": STRIPE, "taskid": SLACK, "data": {"password": PASSWORD}},
    ]);
    for (media, body, wanted) in [
        ("application/json", json!([clean, bad]).to_string(), vec![("data.list[0].password", "password")]),
        ("application/x-ndjson", format!("{clean}\n{bad}\n"), vec![("data.list[0].password", "password")]),
        (
            "application/cloudevents-batch+json",
            cloud.to_string(),
            vec![("data.password", "password"), ("source", S), ("task_id", X)],
        ),
    ] {
        let answer = publisher.post_bytes("/api/events", media, body.as_bytes()).expect(201);
        is_silent_on_values(&answer.text());
        let events = answer.json()["events"].as_array().unwrap().clone();
        assert_eq!(told(&events[0]), [], "{media}");
        let wanted: Vec<_> = wanted.iter().map(|(path, kind)| ((*path).to_owned(), (*kind).to_owned())).collect();
        assert_eq!(told(&events[1]), wanted, "{media}");
    }
}

#[test]
fn in_an_id_or_a_type_the_event_is_refused_without_its_value() {
    let server = Server::start(&[]);
    let shaped = STRIPE.to_lowercase();
    for event in [
        json!({"event_type": "a.b", "source": "s", "id": STRIPE}),
        json!({"event_type": format!("a.{shaped}"), "source": "s"}),
        json!([{"event_type": "a.b", "source": "s"}, {"event_type": "a.b", "source": "s", "id": SLACK}]),
    ] {
        let answer = server.http().post("/api/events", &event).expect(422);
        is_silent_on_values(&answer.text());
        assert!(!answer.text().contains(&shaped), "{}", answer.text());
    }
    // Fields that there are not are refused by name, and a name may be a secret itself.
    let unknown = json!({"event_type": "a.b", "source": "s", STRIPE: 1});
    is_silent_on_values(&server.http().post("/api/events", &unknown).expect(422).text());
    assert_eq!(server.http().history("since=earliest")["events"], json!([]));
    is_silent_on_values(&server.stderr());
}

#[test]
fn a_long_list_of_them_is_cut_and_all_are_taken_out() {
    let server = Server::start(&[]);
    let many: Vec<String> = (0..400).map(|_| STRIPE.to_owned()).collect();
    let answer = server.http().post("/api/events", &of(json!({"many": many}))).expect(201);
    is_silent_on_values(&answer.text());
    assert_eq!(told(&answer.json()["events"][0]).len(), 256, "an answer does not outgrow its event");
    is_silent_on_values(&server.http().get("/api/events").expect(200).text());
}
