//! Contract section 2: the command line, as a shell sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use activity_feed_tests::events::{ids, split};
use activity_feed_tests::tokens::{SECRET, now, scoped};
use activity_feed_tests::{Client, SOON, Server, binary, event};
use base64::Engine;
use serde_json::{Value, json};

/// The claims of a token.
fn claims(token: &str) -> Value {
    let body = token.split('.').nth(1).unwrap_or_else(|| panic!("no JWT: {token}"));
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

#[test]
fn serve_prints_one_line_within_a_second() {
    // The best of three: other tests share these cores.
    let quickest = (0..3).map(|_| Server::start(&[])).inspect(|server| {
        server.http().get("/api/events").expect(200);
        let line = format!("activity-feed listening on http://{}\n", server.addr);
        assert_eq!(server.stdout(), line, "one line, and all else on stderr");
    });
    let quickest = quickest.map(|server| server.ready_after).min().unwrap();
    assert!(quickest < Duration::from_secs(1), "{quickest:?}");
}

#[test]
fn options_are_environment_variables_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = binary::command(&["serve"])
        .env("ACTIVITY_FEED_LISTEN", "127.0.0.1:0")
        .env("ACTIVITY_FEED_STORE", format!("sqlite:{}", dir.path().join("e.db").display()))
        .env("ACTIVITY_FEED_NO_AUTH", "true")
        .env("ACTIVITY_FEED_BUFFER", "42")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let addr = line.trim_end().strip_prefix("activity-feed listening on http://").map(|addr| addr.parse().unwrap());
    let hello = addr.and_then(|addr| activity_feed_tests::Ws::open(addr, "/ws", &[]).ok()).map(|mut ws| {
        ws.greet();
        ws.hello
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(hello.expect("the server listens")["limits"]["buffer"], 42);
}

#[test]
fn without_a_key_serve_makes_one_and_prints_a_sign_in_url() {
    let server = Server::start_without_key(&[]);
    let url = format!("http://{}/", server.addr);
    // It is said before the line on stdout; what is waited for is only the harness's own reading of it.
    let said =
        activity_feed_tests::wait_for("a sign-in URL", SOON, || Some(server.stderr()).filter(|s| s.contains(&url)));
    let link = said.split_whitespace().find(|word| word.starts_with(&url)).unwrap();
    let (page, fragment) = link.split_once('#').expect("the token is in the fragment");
    assert!(!page.contains('?'), "and nowhere else: {page}");
    let token = fragment.rsplit('=').next().unwrap();
    server.http_as(token).get("/api/events").expect(200);
    let secrets: Vec<_> = fs::read_dir(server.dir())
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with("feed.db-") && entry.file_name() != "feed.db")
        .collect();
    assert_eq!(secrets.len(), 1, "{secrets:?}");
    assert_eq!(secrets[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    server.stranger().get("/api/events").problem(401);

    let token = binary::run(&["token", "--store", &server.store(), "--scope", "publish"]);
    assert!(token.status.success(), "{}", binary::stderr(&token));
    let http = server.http_as(binary::stdout(&token).trim_end());
    http.post("/api/events", &event("a.b", json!({}))).expect(201);
    http.get("/api/events").problem(403);
}

#[test]
fn serve_refuses_to_be_open_to_the_world_without_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", dir.path().join("feed.db").display());
    let open = binary::run(&["serve", "--listen", "0.0.0.0:0", "--store", &store]);
    assert!(matches!(open.status.code(), Some(1 | 2)), "{open:?}");
    assert!(binary::stderr(&open).contains("--secret-file"), "it says how: {}", binary::stderr(&open));
    assert_eq!(binary::stdout(&open), "");
    let open = binary::run(&["serve", "--listen", "0.0.0.0:0", "--store", &store, "--no-auth"]);
    assert!(matches!(open.status.code(), Some(1 | 2)), "{open:?}");

    let short = dir.path().join("short");
    fs::write(&short, "31 bytes and a newline: 8901234\n").unwrap();
    let short = short.display().to_string();
    let refused = binary::run(&["serve", "--listen", "127.0.0.1:0", "--store", &store, "--secret-file", &short]);
    assert!(matches!(refused.status.code(), Some(1 | 2)), "31 bytes are too few: {refused:?}");
    assert!(binary::stderr(&refused).contains("32"), "{}", binary::stderr(&refused));
}

#[test]
fn wrong_usage_exits_with_2_and_failure_with_1() {
    let wrong: [&[&str]; 7] = [
        &["serve", "--no-such-option"],
        &["no-such-command"],
        &["log"],
        &["serve", "--rate", "many"],
        &["serve", "--durability", "some"],
        &["tail", "--since"],
        &["token", "--scope", "everything"],
    ];
    for args in wrong {
        let output = binary::run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", binary::stderr(&output));
        assert_eq!(binary::stdout(&output), "", "{args:?}");
    }
    let token = scoped("admin");
    let nobody = ["log", "a.b", "--source", "s", "--url", "http://127.0.0.1:1", "--token", &token];
    let output = binary::run(&nobody);
    assert_eq!(output.status.code(), Some(1), "{}", binary::stderr(&output));
    assert!(!binary::stderr(&output).is_empty(), "it says why");
    assert_eq!(binary::run(&["--help"]).status.code(), Some(0));
    assert_eq!(binary::run(&["--version"]).status.code(), Some(0));
}

#[test]
fn token_prints_a_token_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    fs::write(&file, SECRET).unwrap();
    let file = file.display().to_string();
    let args = ["token", "--secret-file", &file, "--scope", "publish", "--scope", "subscribe"];
    let more = ["--types", "task.*", "--types", "agent.left", "--ttl", "12h", "--subject", "bob"];
    let output = binary::run(&[&args[..], &more].concat());
    assert!(output.status.success(), "{}", binary::stderr(&output));
    let token = binary::stdout(&output);
    assert_eq!(token.lines().count(), 1, "{token}");
    let claims = claims(token.trim_end());
    assert_eq!((&claims["sub"], &claims["scope"]), (&json!("bob"), &json!("publish subscribe")), "{claims}");
    assert_eq!(claims["types"], json!(["task.*", "agent.left"]), "{claims}");
    let ttl = claims["exp"].as_u64().unwrap() - now();
    assert!((12 * 3600 - 60..=12 * 3600).contains(&ttl), "{claims}");

    let server = Server::start(&[]);
    server.http_as(token.trim_end()).get("/api/events").expect(200);
    let link = binary::run(&["token", "--secret-file", &file, "--scope", "subscribe", "--link"]);
    let link = binary::stdout(&link);
    let (page, fragment) = link.trim_end().split_once('#').expect("the token is in the fragment");
    assert!(page.starts_with("http") && !page.contains('?'), "{link}");
    server.http_as(fragment.rsplit('=').next().unwrap()).get("/api/events").expect(200);
}

#[test]
fn log_appends_one_event() {
    let server = Server::start(&[]);
    let (url, token) = (server.url(), scoped("publish"));
    let client = ["--url", &url, "--token", &token];
    let event = ["log", "task.created", "--source", "shell", "--task", "t1", "--agent", "a1", "--data", r#"{"n":1}"#];
    let output = binary::run(&[&event[..], &client].concat());
    assert_eq!(output.status.code(), Some(0), "{}", binary::stderr(&output));
    let found = server.http().history("")["events"][0].clone();
    let expected =
        json!({"event_type": "task.created", "source": "shell", "task_id": "t1", "agent_id": "a1", "data": {"n": 1}});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&found[field], value, "{found}");
    }
    let bad = binary::run(&[&["log", "Not.Valid", "--source", "s"][..], &client].concat());
    assert!(matches!(bad.status.code(), Some(1 | 2)), "{bad:?}");
    let bad = binary::run(&["log", "a.b", "--source", "s", "--url", &url, "--token", "nonsense"]);
    assert_eq!(bad.status.code(), Some(1), "{bad:?}");
    assert!(!binary::stderr(&bad).contains("nonsense"), "a token is never told");
}

#[test]
fn log_stdin_is_safe_to_repeat() {
    let server = Server::start(&[]);
    let file = server.dir().join("token");
    fs::write(&file, scoped("publish")).unwrap();
    let lines: String = (0..1500)
        .map(|n| json!({"id": format!("line-{n}"), "event_type": "a.b", "source": "s", "data": {"n": n}}))
        .map(|event| format!("{event}\n"))
        .collect();
    for _ in 0..2 {
        let mut child = binary::command(&["log", "--stdin", "--url", &server.url(), "--token-file"])
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", binary::stderr(&output));
        let page = server.http().history("since=earliest&limit=1000");
        assert_eq!((page["events"].as_array().unwrap().len(), &page["more"]), (1000, &json!(true)));
        let rest = server.http().history(&format!("limit=1000&since={}", page["cursor"].as_str().unwrap()));
        assert_eq!(rest["events"].as_array().unwrap().len(), 500, "each once, in order");
        assert_eq!(ids(rest["events"].as_array().unwrap())[0], "line-1000");
    }
}

#[test]
fn tail_follows_and_resumes_by_itself() {
    let mut server = Server::start(&[]);
    let receipts = server.publish_many("task.created", 3);
    server.publish_many("agent.left", 3);
    let (url, token) = (server.url(), scoped("subscribe"));
    let args = ["tail", "--json", "--type", "task.*", "--since", &receipts[0].cursor, "--url", &url, "--token", &token];
    let mut child = binary::command(&args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let (line, lines) = mpsc::channel();
    thread::spawn(move || {
        for text in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = line.send(text);
        }
    });
    let event = || -> Value {
        loop {
            let text = lines.recv_timeout(Duration::from_secs(30)).expect("a line");
            let value: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"));
            let payload = if value["payload"].is_object() { &value["payload"] } else { &value };
            if payload["id"].is_string() {
                return payload.clone();
            }
        }
    };
    assert_eq!((&event()["id"], &event()["id"]), (&json!(receipts[1].id), &json!(receipts[2].id)));
    let live = server.publish_many("task.failed", 1)[0].clone();
    assert_eq!(event()["id"], live.id);
    server.kill();
    server.start_again();
    let missed = server.publish_many("task.failed", 2);
    assert_eq!((&event()["id"], &event()["id"]), (&json!(missed[0].id), &json!(missed[1].id)), "nothing twice or lost");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn demo_shows_a_swarm_at_work_on_one_url() {
    let mut child = binary::command(&["demo", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (line, lines) = mpsc::channel();
    for pipe in [
        Box::new(child.stdout.take().unwrap()) as Box<dyn std::io::Read + Send>,
        Box::new(child.stderr.take().unwrap()),
    ] {
        let line = line.clone();
        thread::spawn(move || {
            for text in BufReader::new(pipe).lines().map_while(Result::ok) {
                let _ = line.send(text);
            }
        });
    }
    let link = loop {
        let Ok(text) = lines.recv_timeout(SOON) else { break None };
        let link = text.split_whitespace().find(|word| word.starts_with("http://") && word.contains('#'));
        if let Some(link) = link {
            break Some(link.to_owned());
        }
    };
    let events = link.as_deref().map(|link| {
        let (page, fragment) = link.split_once('#').unwrap();
        let addr = page.trim_start_matches("http://").split('/').next().unwrap().parse().unwrap();
        let client = Client::new(addr, Some(fragment.rsplit('=').next().unwrap()));
        activity_feed_tests::wait_for("a swarm at work", SOON, || {
            let page = client.history("limit=1");
            page["head"].as_str().map(|head| split(head).1).filter(|seq| *seq > 5)
        })
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(events.is_some(), "a URL with a ready-made token: {link:?}");
}
