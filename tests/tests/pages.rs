//! Contract section 7 as far as it is HTTP: the pages with their newest events in them, signing in and out by forms, and
//! the files that pages are made of. What a browser makes of them is asked in `browser`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use activity_feed_tests::{Client, Response, SOON, Server, event, tokens, wait_for};
use serde_json::{Value, json};

const PAGES: [&str; 2] = ["/swarm/live", "/swarm/events"];

/// Two events; the second has markup in its text.
fn with_events(server: &Server, base: &str) -> Client {
    let http = server.http();
    let events = json!([
        event("agent.joined", json!({"name": "Echo"})),
        event("task.created", json!({"description": "Secret<plan>"})),
    ]);
    http.post(&format!("{base}/api/events"), &events).expect(201);
    http
}

fn count(page: &Response, what: &str) -> usize {
    page.text().matches(what).count()
}

#[test]
fn a_page_holds_events_for_a_session_alone() {
    let server = Server::start(&[]);
    let http = with_events(&server, "");
    for page in PAGES {
        let stranger = server.stranger().get(page).expect(200);
        assert!(!stranger.text().contains("Secret"), "{page}");
        assert!(stranger.text().contains("action=\"../api/session\""), "{page}");
        let signed = http.get(page).expect(200);
        assert!(signed.text().contains("New task: Secret&lt;plan&gt;") && !signed.text().contains("<plan>"), "{page}");
        assert!(
            !signed.text().contains("<!--{") && !stranger.text().contains("<!--{"),
            "every marker is taken: {page}"
        );
        assert_eq!(signed.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(signed.header("cache-control").unwrap().contains("private"), "{page}");
        let vary = signed.header("vary").unwrap().to_ascii_lowercase();
        assert!(["authorization", "cookie"].iter().all(|name| vary.contains(name)), "{page}: {vary}");
        let policy = signed.header("content-security-policy").unwrap();
        assert!(policy.contains("style-src 'self' 'sha256-") && !policy.contains("unsafe"), "{page}: {policy}");
        let etag = signed.header("etag").unwrap().to_owned();
        assert_ne!(stranger.header("etag"), Some(etag.as_str()), "{page}");
        let known = http.clone().with("If-None-Match", &etag).get(page).expect(304);
        assert!(known.body.is_empty() && known.header("etag") == Some(etag.as_str()), "{page}");
    }
    let types = server.http_as(&tokens::seeing(&["agent.*"])).get(PAGES[1]).expect(200);
    assert!(
        types.text().contains("Agent Echo joined") && !types.text().contains("Secret"),
        "a token's types hold here"
    );
    let publisher = server.http_as(&tokens::scoped("publish")).get(PAGES[0]).expect(200);
    assert!(publisher.text().contains("scope subscribe") && !publisher.text().contains("Secret"), "it may not read");
}

#[test]
fn the_log_page_filters_turns_its_pages_and_shows_one_event() {
    let server = Server::start(&[]);
    let http = server.http();
    let events: Vec<Value> =
        (0..130).map(|n| event("task.created", json!({"description": format!("Number-{n}.")}))).collect();
    let told = http.post("/api/events", &Value::from(events)).expect(201).json();
    http.post("/api/events", &event("agent.joined", json!({"name": "Echo"}))).expect(201);
    let live = http.get("/swarm/live").expect(200);
    assert_eq!((count(&live, "class=\"plain-row "), count(&live, "Agent Echo joined")), (50, 1));
    assert_eq!(count(&live, "http-equiv=\"refresh\""), 1, "it loads itself again");
    let newest = http.get("/swarm/events?q=&type=task.*%2C+system.error&source=").expect(200);
    assert_eq!((count(&newest, "class=\"log-row "), count(&newest, "Agent Echo")), (100, 0));
    assert!(newest.text().contains("name=\"type\" value=\"task.*, system.error\""), "the form says what is shown");
    let older = link(&newest, "Older →").expect("there are older ones");
    let older = http.get(&format!("/swarm/events{older}")).expect(200);
    assert_eq!((count(&older, "class=\"log-row "), count(&older, "Number-0.")), (30, 1));
    assert_eq!((count(&older, "http-equiv=\"refresh\""), link(&older, "Older →")), (0, None), "what is read stays");
    let newer = http.get(&format!("/swarm/events{}", link(&older, "← Newer").unwrap())).expect(200);
    assert_eq!((count(&newer, "Number-129."), count(&newer, "Number-29.")), (1, 0));
    let id = told["events"][7]["id"].as_str().unwrap();
    let one = http.get(&format!("/swarm/events?event={id}")).expect(200);
    assert!(one.text().contains("&quot;description&quot;: &quot;Number-7.&quot;"), "its data");
    assert_eq!(count(&one, "class=\"log-row "), 8, "the list beside it ends with it");
    let gone = http.get("/swarm/events?event=never").expect(200);
    assert!(gone.text().contains("is not kept any more"));
    let wrong = http.get("/swarm/events?before=nonsense").expect(200);
    assert!(wrong.text().contains("The events could not be read: "), "{}", wrong.text());
}

/// Where the link with this word leads, as a browser reads it.
fn link(page: &Response, word: &str) -> Option<String> {
    let text = page.text();
    let (before, _) = text.split_once(&format!(">{word}</a>"))?;
    let (_, to) = before.rsplit_once("href=\"")?;
    Some(to.trim_end_matches('"').replace("&amp;", "&"))
}

/// The same content, in less than half the bytes, for who unpacks gzip.
fn is_packed(http: &Client, path: &str) {
    let plain = http.get(path).expect(200);
    assert_eq!(plain.header("content-encoding"), None, "{path}");
    assert!(plain.header("vary").unwrap().to_ascii_lowercase().contains("accept-encoding"), "{path}");
    let packed = http.clone().with("Accept-Encoding", "br, gzip;q=0.8").get(path).expect(200);
    assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}");
    assert!(packed.body.len() * 2 < plain.body.len(), "{path}");
    let mut unpacked = Vec::new();
    std::io::copy(&mut flate2::read::GzDecoder::new(packed.body.as_slice()), &mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body, "{path}");
    let refused = http.clone().with("Accept-Encoding", "gzip;q=0").get(path).expect(200);
    assert_eq!(refused.header("content-encoding"), None, "{path}");
}

#[test]
fn files_are_packed_for_who_unpacks_them() {
    let server = Server::start(&[]);
    for path in ["/assets/activity-feed.js", "/assets/style.css", "/openapi.json"] {
        is_packed(&server.stranger(), path);
    }
}

#[test]
fn pages_are_packed_for_who_unpacks_them() {
    let server = Server::start(&[]);
    let http = with_events(&server, "");
    for page in PAGES {
        is_packed(&http, page);
    }
}

#[test]
fn pages_stand_below_a_base_path() {
    let server = Server::start(&["--base-path", "/feed"]);
    let http = with_events(&server, "/feed");
    for page in PAGES {
        assert!(http.get(&format!("/feed{page}")).expect(200).text().contains("Agent Echo joined"), "{page}");
    }
    for path in ["/feed", "/feed/"] {
        let answer = server.stranger().get(path).expect(307);
        assert_eq!(answer.header("location"), Some("/feed/swarm/live"), "{path}");
    }
}

#[test]
fn a_form_of_another_page_signs_nobody_in() {
    let server = Server::start(&["--allowed-origin", "https://app.example"]);
    let body = format!("token={}&page=events", tokens::scoped("subscribe"));
    let send = |headers: &[(&str, &str)], body: &str| {
        let mut all = vec![("Content-Type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(headers);
        server.stranger().send("POST", "/api/session", &all, body.as_bytes())
    };
    let own = server.url();
    for foreign in [
        &[][..],
        &[("Origin", "https://evil.example")],
        &[("Origin", "null")],
        &[("Origin", "https://app.example")],
        &[("Origin", &own), ("Sec-Fetch-Site", "cross-site")],
    ] {
        let answer = send(foreign, &body);
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{foreign:?}");
    }
    let wrong = send(&[("Origin", &own)], "token=nonsense&page=live").expect(303);
    assert_eq!((wrong.header("location"), wrong.header("set-cookie")), (Some("/swarm/live?problem=token"), None));
    let said = server.stranger().get("/swarm/live?problem=token").expect(200);
    assert!(said.text().contains("This token is not valid"));
    let answer = send(&[("Origin", &own)], &body).expect(303);
    assert_eq!(answer.header("location"), Some("/swarm/events"));
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    server.stranger().with("Cookie", &cookie).get("/api/events").expect(200);
    let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", own.as_str())];
    let out =
        server.stranger().with("Cookie", &cookie).send("POST", "/api/session", &form, b"end=1&page=//evil.example");
    assert_eq!(out.expect(303).header("location"), Some("/swarm/live"), "only to a page of ours");
    wait_for("the session's end", SOON, || {
        (server.stranger().with("Cookie", &cookie).get("/api/events").status == 401).then_some(())
    });
}

#[test]
fn every_file_is_named_by_its_content_and_guarded() {
    let server = Server::start(&[]);
    let files = [
        "activity-feed.js",
        "common.js",
        "live.js",
        "events.js",
        "style.css",
        "icon.svg",
        "icon-maskable.svg",
        "manifest.webmanifest",
        "docs.js",
        "docs.css",
    ];
    let files: Vec<String> = files.iter().map(|name| format!("/assets/{name}")).collect();
    let all = files.iter().map(String::as_str).chain(["/favicon.ico", "/openapi.json", "/asyncapi.json", "/docs"]);
    for path in all {
        let file = server.stranger().get(path).expect(200);
        assert!(!file.body.is_empty(), "{path}");
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(file.header("referrer-policy"), Some("same-origin"), "{path}");
        let policy = file.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        let cross_origin = path.starts_with("/assets/").then_some("cross-origin");
        assert_eq!(file.header("cross-origin-resource-policy"), cross_origin, "{path}");
        let etag = file.header("etag").unwrap();
        let known = server.stranger().with("If-None-Match", &format!("\"x\", W/{etag}")).get(path).expect(304);
        assert!(known.body.is_empty(), "{path}");
        assert_eq!(server.stranger().send("HEAD", path, &[], b"").expect(200).body.len(), 0, "{path}");
        server.stranger().send("POST", path, &[], b"").problem(405);
    }
    assert_eq!(server.stranger().get("/").expect(307).header("location"), Some("/swarm/live"));
    server.stranger().get("/assets/none.js").problem(404);
}

/// Under 12 KB on the wire, and readable: no line is longer than a screen is wide, save a few.
#[test]
fn the_widget_is_small_and_readable_as_it_is_served() {
    let server = Server::start(&[]);
    let plain = server.stranger().get("/assets/activity-feed.js").expect(200);
    let packed = server.stranger().with("Accept-Encoding", "gzip").get("/assets/activity-feed.js").expect(200);
    assert!(packed.body.len() <= 12_000, "{} bytes packed", packed.body.len());
    let text = plain.text();
    let (lines, long) = (text.lines().count(), text.lines().filter(|line| line.chars().count() > 180).count());
    assert!(lines > 600 && long < 12, "{lines} lines, {long} of them long");
    assert!(text.contains("@typedef"), "typed with JSDoc");
}
