//! The sanitiser against a corpus that is made here: secrets of every known family in every place of an event, and harmless events that a
//! careless redactor would spoil. Secrets are generated from the public descriptions of their families, from a fixed seed.
use super::families::{self, Random};
use super::tools::{clean, compact, data, leaks, remains};
use super::{harmless, places};
use activity_policy::sanitise;
use proptest::prelude::Strategy as _;

/// Families of public scanners (`corpus/scanners`), in the places of this corpus.
const SCANNERS: &str = include_str!("../../corpus/scanners/families.txt");

#[test]
fn no_secret_is_left_in_any_place() {
    let mut random = Random::new(1);
    let (mut tried, mut wrong) = (0, Vec::new());
    let scanners = SCANNERS.lines().filter_map(|line| line.split_once(" | "));
    let of = |round| if round == 0 { scanners.clone().collect() } else { Vec::new() };
    for round in 0..3 {
        for (family, template) in families::FAMILIES.iter().copied().chain(of(round)) {
            let secret = random.fill(template);
            for (place, data) in places::events(&secret) {
                tried += 1;
                let (out, redacted) = clean(&data);
                if leaks(&out, &secret) || redacted.is_empty() {
                    wrong.push(format!("{family} in {place} (round {round}): `{secret}` is left: {data} -> {out}"));
                }
            }
        }
    }
    println!("{tried} events, {} leaks", wrong.len());
    wrong.sort();
    wrong.dedup_by_key(|line| line.split_once(" (round").map(|(place, _)| place.to_owned()));
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong[..wrong.len().min(60)].join("\n"));
}

#[test]
fn no_secret_is_left_that_only_its_context_tells() {
    let mut random = Random::new(2);
    let mut wrong = Vec::new();
    for template in families::CONTEXTS {
        let filled = random.fill(template);
        // The part between the marks is the secret; what is outside must stay.
        let (before, rest) = filled.split_once('«').unwrap();
        let (secret, after) = rest.split_once('»').unwrap();
        let plain = format!("{before}{secret}{after}");
        let data = data(&plain);
        let (out, redacted) = clean(&data);
        if redacted.is_empty() || remains(&out, secret) > (secret.len() / 3).max(3) {
            wrong.push(format!("{data} -> {out}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), families::CONTEXTS.len(), wrong.join("\n"));
}

#[test]
fn nothing_harmless_is_spoiled() {
    let mut random = Random::new(3);
    let mut spoiled = Vec::new();
    let mut tried = 0;
    for _ in 0..5 {
        for template in harmless::EVENTS {
            tried += 1;
            let data = data(&random.fill(template));
            let (out, redacted) = clean(&data);
            if out != compact(&data) {
                let kinds: Vec<_> = redacted.iter().map(|redaction| redaction.kind).collect();
                spoiled.push(format!("{kinds:?} {data} -> {out}"));
            }
        }
    }
    spoiled.sort();
    spoiled.dedup_by_key(|line| line.get(..40).map(str::to_owned));
    assert!(spoiled.is_empty(), "{} of {tried}:\n{}", spoiled.len(), spoiled[..spoiled.len().min(80)].join("\n"));
}

#[test]
fn a_second_pass_changes_nothing() {
    let mut random = Random::new(4);
    let mut changed = Vec::new();
    for (_, template) in families::FAMILIES {
        for (_, data) in places::events(&random.fill(template)) {
            let (once, _) = clean(&data);
            let (twice, _) = clean(&once);
            if once != twice {
                changed.push(format!("{data}\n  -> {once}\n  -> {twice}"));
            }
        }
    }
    for template in families::CONTEXTS {
        let data = random.fill(template).replace(['«', '»'], "");
        if let Some(once) = sanitise::field("source", &data, &mut Vec::new())
            && let Some(twice) = sanitise::field("source", &once, &mut Vec::new())
        {
            changed.push(format!("{data}\n  -> {once}\n  -> {twice}"));
        }
    }
    assert!(changed.is_empty(), "{}:\n{}", changed.len(), changed[..changed.len().min(20)].join("\n"));
}

#[test]
fn identifiers_with_a_secret_are_known() {
    let mut random = Random::new(5);
    for (family, template) in families::FAMILIES {
        let secret = random.fill(template);
        if secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte)) && secret.len() <= 110 {
            let digits = secret.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
            for id in [secret.clone(), format!("run-{secret}"), format!("run:{secret}:1")] {
                // `cache-key-` and a hash is no key of Mailgun's, digits in a longer number are no card's.
                let other = id.starts_with("run-key-") || id.starts_with("run-") && digits;
                assert!(sanitise::secret_kind(&id).is_some() || other, "{family}: {id}");
            }
        }
    }
    for id in [
        "task.created",
        "password.reset_requested",
        "token.refreshed",
        "auth.login",
        "secret-santa",
        "0192f0c1-2d3e-7a4b-8c5d-6e7f8a9b0c1d",
        "3f786850e387550fdab836ed7e6dc881de23001b",
        "job:2024-01-15T10:30:00Z:42",
        "agent-forge",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "task-password-rotation",
        "token_count",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "evt_1MtwBwLkdIwHu7ix28a3tqPa",
        "1705312200000000000",
    ] {
        assert_eq!(sanitise::secret_kind(id), None, "{id}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    /// Texts from the pieces that decide anything, in any order.
    #[test]
    fn cleaning_twice_is_cleaning_once(pieces in proptest::collection::vec(proptest::prop_oneof![
        proptest::sample::select(vec![
            "password", "=", ": ", " ", "\n", "\"", "'", ",", ";", "token", "Bearer ", "Basic ", "https://", "user:", "@", "host", "/", "[redacted:token]",
            "[redacted:", "]", "ghp_", "sk-", "AKIA", "eyJ", ".", "--password ", "-p", "mysql ", "curl -u ", "Cookie: ", "a=b", "{", "}", "[", "<password>",
            "</password>", "%20", "%3D", "\\", "\\n", "\\\"", "\u{200b}", "4242 4242 4242 4242", "4242", "abandon ", "about ", "preimage ", "is ", "hunter2",
            "|", " | ", "\u{2192}", "(", "[", "b'", "map[", ":[", "api_key", "stripe_key", "key is ", "seed_phrase=", "\"\"\"", " on >", "-D", "--sec ",
            "Authorization: ", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "sig=", "&", "nsec1", "secret", "key", "value", "name=", "(", ")",
        ]).prop_map(str::to_owned),
        "[a-zA-Z0-9]{1,40}",
        "[A-Z2-7]{16}",
        "[a-z0-9_-]{20,40}",
        "\\PC{0,3}",
    ], 0..24)) {
        let text = pieces.concat();
        if let Some(once) = sanitise::field("source", &text, &mut Vec::new()) {
            let twice = sanitise::field("source", &once, &mut Vec::new());
            proptest::prop_assert_eq!(twice, None, "{} -> {}", text, once);
        }
    }

    #[test]
    fn any_json_is_cleaned_once(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "password", "token", "name", "value", "note", "pin", "tokens", "auth", "headers", "hunter2", "ghp_0123456789abcdefghijABCDEFGHIJ012345", "512", "Bearer abcdef012345",
    ]), 1..12)) {
        let mut data = "{\"a\":[".to_owned();
        for (index, piece) in pieces.iter().enumerate() {
            let next = pieces[(index + 1) % pieces.len()];
            data.push_str(&format!("{{\"{piece}\":\"{next}\",\"x\":[\"{piece}\",\"{next}\"],\"y\":{{\"{next}\":4821}}}},"));
        }
        data.push_str("1]}");
        let (once, _) = clean(&data);
        let (twice, _) = clean(&once);
        proptest::prop_assert_eq!(once, twice);
    }
}

/// Found by fuzzing: a text that only becomes JSON when a secret is taken out of it was read as text first, and as JSON the next time.
#[test]
fn what_becomes_json_is_read_as_json_at_once() {
    let text = r#"{"headers":{"Private-Token":"\u{A20}»"}}"#;
    let once = sanitise::field("source", text, &mut Vec::new()).unwrap();
    assert_eq!(once, r#"{"headers":{"Private-Token":"[redacted:token]"}}"#);
    assert_eq!(sanitise::field("source", &once, &mut Vec::new()), None);
}
