//! The places of an event that a secret can stand in.

use super::tools::{base64, hex, percent, quoted};

fn percent_all(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn escaped(text: &str) -> String {
    text.chars().map(|ch| format!("\\u{:04x}", u32::from(ch))).collect()
}

fn split(text: &str, by: &str) -> String {
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    format!("{}{by}{}", &text[..middle], &text[middle..])
}

fn wide(text: &str) -> String {
    text.chars()
        .map(|ch| match ch {
            '!'..='~' => char::from_u32(u32::from(ch) - 0x21 + 0xff01).unwrap_or(ch),
            ch => ch,
        })
        .collect()
}

/// Events with the secret in one place each.
pub fn events(secret: &str) -> Vec<(&'static str, String)> {
    let json = quoted(secret);
    let string = |text: String| quoted(&text);
    let lines = secret.contains('\n');
    let mut events = vec![
        ("a value", format!(r#"{{"note":{json}}}"#)),
        ("a sentence", format!(r#"{{"message":{}}}"#, string(format!("I used {secret} to log in, then stopped.")))),
        ("a sentence's end", format!(r#"{{"message":{}}}"#, string(format!("the thing I used is {secret}.")))),
        ("quotes", format!(r#"{{"message":{}}}"#, string(format!("got \"{secret}\" back")))),
        ("parentheses", format!(r#"{{"message":{}}}"#, string(format!("Error (value={secret}) at line 3")))),
        ("a key", format!(r#"{{{json}:1}}"#)),
        ("deep", format!(r#"{{"a":[{{"b":{{"c":[1,[{json}]]}}}}]}}"#)),
        ("JSON in a string", format!(r#"{{"body":{}}}"#, string(format!(r#"{{"note":{json},"n":1}}"#)))),
        (
            "JSON in JSON in a string",
            format!(r#"{{"body":{}}}"#, string(format!(r#"{{"b":{}}}"#, string(format!(r#"{{"note":{json}}}"#))))),
        ),
        ("a suspicious key", format!(r#"{{"api_key":{json}}}"#)),
        ("a pair", format!(r#"{{"env":[{{"name":"SERVICE_TOKEN","value":{json}}}]}}"#)),
        ("base64", format!(r#"{{"blob":{}}}"#, string(base64(&format!("value: {secret}\n"))))),
        ("hex", format!(r#"{{"blob":{}}}"#, string(hex(&format!("value: {secret}"))))),
        (
            "percent-encoding",
            format!(r#"{{"url":{}}}"#, string(format!("https://example.org/cb?x=1&state={}&y=2", percent(secret)))),
        ),
        (
            "percent-encoding of all",
            format!(r#"{{"url":{}}}"#, string(format!("https://example.org/cb?v={}", percent_all(secret)))),
        ),
        ("escapes", format!(r#"{{"note":"{}"}}"#, escaped(secret))),
        ("escapes in a string", format!(r#"{{"note":{}}}"#, string(format!("x = \"{}\"", escaped(secret))))),
        (
            "a log line",
            format!(
                r#"{{"line":{}}}"#,
                string(format!("2024-01-15T10:30:00Z INFO client started with {secret} on port 8080"))
            ),
        ),
        ("a duplicate key", format!(r#"{{"note":{json},"note":"x"}}"#)),
        ("an invisible character", format!(r#"{{"note":{}}}"#, string(split(secret, "\u{200b}")))),
        ("a soft hyphen", format!(r#"{{"note":{}}}"#, string(split(secret, "\u{ad}")))),
        ("NUL", format!(r#"{{"note":{}}}"#, string(split(secret, "\0")))),
        ("ANSI", format!(r#"{{"note":{}}}"#, string(format!("\x1b[32m{}\x1b[0m", split(secret, "\x1b[1m"))))),
        ("full width", format!(r#"{{"note":{}}}"#, string(wide(secret)))),
    ];
    if !lines && !secret.contains(' ') {
        events.push((
            "a line end",
            format!(r#"{{"note":{}}}"#, string(format!("value: {}\nnext line", split(secret, "\n")))),
        ));
        events.push(("an indented line end", format!(r#"{{"note":{}}}"#, string(split(secret, "\r\n    ")))));
        events.push((
            "an assignment",
            format!(r#"{{"line":{}}}"#, string(format!("export SERVICE_TOKEN={secret} && ./run"))),
        ));
        events.push(("an option", format!(r#"{{"line":{}}}"#, string(format!("./run --token {secret} --verbose")))));
        events.push((
            "a header",
            format!(
                r#"{{"line":{}}}"#,
                string(format!("curl -H 'Authorization: Bearer {secret}' https://example.org"))
            ),
        ));
    }
    if !lines && !secret.contains([' ', '/']) {
        events.push((
            "an address",
            format!(r#"{{"url":{}}}"#, string(format!("https://user:{secret}@example.org/path?q=1"))),
        ));
    }
    events
}
