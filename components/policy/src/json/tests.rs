#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use super::*;
use proptest::prelude::*;

fn round(text: &str) -> String {
    let mut out = String::new();
    Json::parse(text, 64).unwrap().write(&mut out);
    out
}

fn fault(text: &str) -> JsonErrorKind {
    Json::parse(text, 4).unwrap_err().kind
}

#[test]
fn keeps_numbers_order_and_duplicates() {
    let text = r#"{"b":1.50,"a":-0e+7,"b":123456789012345678901234567890,"c":[],"d":{},"e":[null,true,false]}"#;
    assert_eq!(round(text), text);
    let json = Json::parse(text, 2).unwrap();
    assert_eq!(json.get("b").unwrap().as_number(), Some("123456789012345678901234567890"));
}

#[test]
fn borrows_what_has_no_escapes() {
    let json = Json::parse(r#"["plain","esc\u00e9"]"#, 1).unwrap();
    let items = json.as_array().unwrap();
    assert!(matches!(items.first(), Some(Json::String(Cow::Borrowed("plain")))));
    assert!(matches!(items.get(1), Some(Json::String(Cow::Owned(text))) if text == "escé"));
}

#[test]
fn reads_every_escape_and_writes_no_control_character() {
    let json = Json::parse(r#""\"\\\/\b\f\n\r\t\u0000\ud83d\ude00\u2028\u009b""#, 0).unwrap();
    assert_eq!(json.as_str(), Some("\"\\/\u{8}\u{c}\n\r\t\0😀\u{2028}\u{9b}"));
    let mut out = String::new();
    json.write(&mut out);
    assert_eq!(out, r#""\"\\/\b\f\n\r\t\u0000😀\u2028\u009b""#);
}

#[test]
fn refuses_what_is_not_the_grammar() {
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "-",
        "NaN",
        "'a'",
        "\"a",
        "\"\t\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "nul",
        "truex",
        "[1 2]",
        "{\"a\" 1}",
        "1 2",
        "\u{feff}1",
        "[1}",
        "{\"a\":1]",
        "\"\0\"",
    ] {
        assert!(matches!(Json::parse(text, 8), Err(JsonError { kind: JsonErrorKind::Syntax(_), .. })), "{text:?}");
    }
    for text in [r#""\ud800""#, r#""\ud800x""#, r#""\udc00""#, r#""\ud800\ud800""#, r#""\ud800\n""#] {
        assert_eq!(fault(text), JsonErrorKind::LoneSurrogate, "{text}");
    }
}

#[test]
fn stops_at_the_depth_it_is_given() {
    assert!(Json::parse("[[[[1]]]]", 4).is_ok());
    assert_eq!(fault("[[[[[1]]]]]"), JsonErrorKind::TooDeep);
    assert_eq!(fault(&"[".repeat(1_000_000)), JsonErrorKind::TooDeep);
    assert!(Json::parse("1", 0).is_ok());
}

proptest! {
    #[test]
    fn agrees_with_serde_json_on_strings(text in "\\PC*|[\\x00-\\x7f]*") {
        let mut ours = String::new();
        write_string(&text, &mut ours);
        prop_assert_eq!(&serde_json::from_str::<String>(&ours).expect("our JSON is JSON"), &text);
        let theirs = serde_json::to_string(&text).expect("a string is JSON");
        let read = Json::parse(&theirs, 0).unwrap();
        prop_assert_eq!(read.as_str(), Some(text.as_str()));
    }

    #[test]
    fn agrees_with_serde_json_on_what_is_json(text in "[\\[\\]{}:,\"a\\\\0-9.eE+ -]{0,24}") {
        prop_assert_eq!(Json::parse(&text, 64).is_ok(), serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}
