//! The sanitiser against a second corpus, written without sight of its tables: what agents, tools and servers really print. The secrets are
//! generated; the lines are in `corpus/wild`.
use super::families::{Random, base64};
use super::tools::{clean, compact, data, hex, leaks, message, percent, quoted};
use activity_policy::sanitise;

const FAMILIES: &str = concat!(
    include_str!("../../corpus/wild/families.txt"),
    "\n",
    include_str!("../../corpus/scanners/families.txt"),
    "\n",
    include_str!("../../corpus/blind/families.txt")
);
const CONTEXTS: &str = concat!(
    include_str!("../../corpus/wild/contexts.txt"),
    "\n",
    include_str!("../../corpus/scanners/contexts.txt"),
    "\n",
    include_str!("../../corpus/blind/contexts.txt")
);
const HARMLESS: &str = concat!(
    include_str!("../../corpus/wild/harmless.txt"),
    "\n",
    include_str!("../../corpus/scanners/harmless.txt"),
    "\n",
    include_str!("../../corpus/blind/harmless.txt")
);

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with("# ") && !line.is_empty())
}

/// Encodes what stands in `⟦…⟧`, the innermost first. Marks pass through.
fn encoded(text: &str) -> String {
    let mut text = text.replace('⏎', if text.starts_with("{\"") { "\\n" } else { "\n" });
    while let Some(start) = text.rfind('⟦') {
        let end = start + text[start..].find('⟧').unwrap();
        let (how, what) = text[start + '⟦'.len_utf8()..end].split_once(':').unwrap();
        let new = match how {
            "b64" => base64(what.as_bytes()),
            "hex" => hex(what),
            "pct" => what
                .split_inclusive(['«', '»'])
                .map(|part| match part.chars().last() {
                    Some(mark @ ('«' | '»')) => percent(part.trim_end_matches(mark)) + &mark.to_string(),
                    _ => percent(part),
                })
                .collect(),
            "json" => quoted(what).trim_matches('"').to_owned(),
            _ => panic!("{how}"),
        };
        text.replace_range(start..end + '⟧'.len_utf8(), &new);
    }
    text
}

/// The text without marks, and what was marked.
fn unmarked(text: &str) -> (String, Vec<String>) {
    let secrets = text.split('«').skip(1).map(|rest| rest.split_once('»').unwrap().0.to_owned()).collect();
    (text.replace(['«', '»'], ""), secrets)
}

/// Events with the secret in one place each.
fn places(secret: &str) -> Vec<(&'static str, String)> {
    let middle = secret.char_indices().nth(secret.chars().count() / 2).map_or(0, |(at, _)| at);
    let (head, tail) = secret.split_at(middle);
    let json = quoted(secret);
    let mut places = vec![
        ("chat", message(&format!("hey, here you go: {secret} — tell me when it works"))),
        ("code", message(&format!("let client = Client::new(\"{secret}\");"))),
        ("list", format!(r#"{{"items":["a",{json},"b"],"n":3}}"#)),
        ("key", format!(r#"{{"seen":{{{json}:true}}}}"#)),
        ("nested", format!(r#"{{"a":{{"b":[{{"result":{{"output":{json}}}}}]}}}}"#)),
        ("json", format!(r#"{{"stdout":{}}}"#, quoted(&format!("{{\"ok\":true,\"result\":{json}}}")))),
        ("json twice", format!(r#"{{"stdout":{}}}"#, quoted(&format!("{{\"r\":{}}}", quoted(&format!("[{json}]")))))),
        ("base64", format!(r#"{{"blob":"{}"}}"#, base64(secret.as_bytes()))),
        ("hex", format!(r#"{{"blob":"{}"}}"#, hex(secret))),
        ("percent", format!(r#"{{"url":"https://x.org/?v={}&z=1"}}"#, percent(secret))),
        ("zero width", message(&format!("{head}\u{200d}{tail}"))),
        ("bidi", message(&format!("{head}\u{202e}{tail}"))),
        ("colour", message(&format!("\x1b[1;31m{head}\x1b[0m\x1b[32m{tail}\x1b[0m"))),
        ("backquotes", message(&format!("ran with `{secret}`"))),
        ("tag", message(&format!("<value>{secret}</value>"))),
        ("yaml", message(&format!("kind: x\nitems:\n  - {secret}\n"))),
        ("duplicate", format!(r#"{{"x":"{}","x":{json}}}"#, "ok")),
        ("angle", message(&format!("got <{secret}>, hm"))),
        ("comma", message(&format!("a,{secret},b"))),
        ("traceback", message(&format!("ValueError: bad value {secret}\n    at f (a.py:3)"))),
    ];
    if !secret.contains(char::is_whitespace) {
        places.push(("wrapped", message(&format!("{head}\n{tail}"))));
        places.push(("continued", message(&format!("use {head}\\\n{tail} now"))));
        places.push(("env", message(&format!("SOME_THING={secret}\nOTHER=1"))));
        places.push(("query", format!(r#"{{"url":{}}}"#, quoted(&format!("https://x.org/a?v={secret}&b=1")))));
    }
    places
}

#[test]
fn no_secret_of_the_wild_is_left() {
    let mut random = Random::new(11);
    let (mut tried, mut wrong) = (0, Vec::new());
    for line in lines(FAMILIES) {
        let (family, template) = line.split_once(" | ").unwrap();
        for _ in 0..2 {
            let secret = random.fill(template);
            for (place, data) in places(&secret) {
                tried += 1;
                let (out, redacted) = clean(&data);
                if redacted.is_empty() || leaks(&out, &secret) {
                    wrong.push(format!("{family} in {place}: {data} -> {out}"));
                }
                let (twice, _) = clean(&out);
                if out != twice {
                    wrong.push(format!("{family} in {place} twice: {out} -> {twice}"));
                }
            }
            if let Some(again) = sanitise::field("source", &secret, &mut Vec::new()) {
                if leaks(&again, &secret) {
                    wrong.push(format!("{family} in a field: {secret} -> {again}"));
                }
            } else {
                wrong.push(format!("{family} in a field: {secret}"));
            }
        }
    }
    wrong.sort();
    wrong.dedup_by_key(|line| line.split_once(": ").map(|(place, _)| place.to_owned()));
    println!("{tried} events, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_secret_of_a_context_is_left_and_the_context_stays() {
    let mut random = Random::new(12);
    let (mut tried, mut wrong) = (0, Vec::new());
    for template in lines(CONTEXTS) {
        for _ in 0..3 {
            let (text, secrets) = unmarked(&encoded(&random.fill(template)));
            let data = data(&text);
            tried += 1;
            let (out, redacted) = clean(&data);
            if redacted.is_empty() || secrets.iter().any(|secret| leaks(&out, secret)) {
                wrong.push(format!("{template}: {data} -> {out}"));
                break;
            }
            let words = |text: &str| text.split(|ch: char| !ch.is_alphanumeric()).filter(|word| word.len() > 2).count();
            let hidden: usize = secrets.iter().map(|secret| words(secret)).sum();
            if words(&out) * 2 < words(&data).saturating_sub(hidden) {
                wrong.push(format!("too much, {template}: {data} -> {out}"));
            }
            let (twice, _) = clean(&out);
            if out != twice {
                wrong.push(format!("twice, {template}: {out} -> {twice}"));
                break;
            }
        }
    }
    println!("{tried} events, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn nothing_of_the_wild_is_spoiled() {
    let mut random = Random::new(13);
    let (mut tried, mut wrong) = (0, Vec::new());
    for template in lines(HARMLESS) {
        for _ in 0..4 {
            let data = data(&encoded(&random.fill(template)));
            tried += 1;
            let (out, redacted) = clean(&data);
            if out != compact(&data) {
                let kinds: Vec<_> = redacted.iter().map(|redaction| redaction.kind).collect();
                wrong.push(format!("{kinds:?} {data} -> {out}"));
                break;
            }
        }
    }
    println!("{tried} events, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn identifiers_of_the_wild_are_known_or_let_be() {
    let mut random = Random::new(14);
    let mut wrong = Vec::new();
    for line in lines(FAMILIES) {
        let (family, template) = line.split_once(" | ").unwrap();
        let secret = random.fill(template);
        let id = secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte));
        // Digits in a row are a card in a sentence; within an identifier they count something.
        if id && secret.len() <= 120 && !secret.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            for id in [secret.clone(), format!("job:{secret}"), format!("{secret}:7")] {
                if sanitise::secret_kind(&id).is_none() && !(id.starts_with("job:") && family == "telegram bot") {
                    wrong.push(format!("{family}: {id}"));
                }
            }
        }
    }
    let mut random = Random::new(15);
    // What generators of identifiers make, often enough that a chance of one in a few thousand shows.
    for template in [
        "{uuid}",
        "{h24}",
        "{h32}",
        "{h40}",
        "{h64}",
        "{u21}",
        "{A22}",
        "{A27}",
        "01HM{U22}",
        "17{d17}",
        "1{d17}",
        "17{d11}",
        "{a26}",
        "{u43}",
        "evt_{A24}",
        "toolu_{A24}",
        "call_{A24}",
        "run-{h8}",
        "task-{d6}",
        "agent-{h12}",
        "job.{a8}.{d4}",
        "{h8}:{h8}",
        "msg_{A24}",
        "c{a24}",
        "trace-{h32}",
        "2024-01-15T10:30:00Z-{h8}",
        "ORD-{d10}",
        "{a5}-{a5}-{d4}",
        "sess.{h16}",
        "order_{A14}",
        "{U8}-{U4}",
        "b{d12}",
        "v1:{h16}",
    ] {
        for _ in 0..3000 {
            let id = random.fill(template);
            if let Some(kind) = sanitise::secret_kind(&id) {
                wrong.push(format!("{kind}: {id}"));
            }
            let data = format!("{{\"id\":\"{id}\",\"note\":\"see {id} for more\"}}");
            let (out, _) = clean(&data);
            if out != data {
                wrong.push(format!("{data} -> {out}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}
