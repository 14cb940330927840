#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::words::{Channel, Cursor};
use proptest::prelude::*;

fn history(query: &str) -> Result<HistoryQuery, ErrorCode> {
    read_history(query, None).map_err(|error| error.code)
}

fn stream(query: &str) -> Result<Subscription, ErrorCode> {
    read_stream(query, None, false, &Settings::default(), None).map_err(|error| error.code)
}

fn at(seq: u64) -> Cursor {
    Cursor { epoch: "e".to_owned(), seq }
}

#[test]
fn a_page_without_parameters() {
    let page = history("").unwrap();
    assert_eq!((page.limit, page.ascending, page.wait_ms), (100, false, 0));
    assert_eq!((page.since, page.until, page.before, page.text), (None, None, None, None));
    assert_eq!(page.filter, Filter::default());
}

#[test]
fn a_page_with_everything() {
    let page = history("since=e%3A5&until=e:9&before=2024-01-15T10:30:00Z&limit=7&order=desc&type=task.*&type=a.b&source=s&task_id=t&agent_id=g&q=hello+world&wait=1.5").unwrap();
    assert_eq!(page.since, Some(Start::After(at(5))));
    assert_eq!(page.until, Some(Mark::Cursor(at(9))));
    assert_eq!(page.before, Some(Mark::Time(1_705_314_600_000)));
    assert_eq!((page.limit, page.ascending, page.wait_ms), (7, false, 1_500));
    assert_eq!(page.filter.types, ["a.b", "task.*"]);
    assert_eq!(page.text.as_deref(), Some("hello world"));
}

#[test]
fn an_order_that_is_not_asked_for_goes_up_from_a_since() {
    assert!(history("since=earliest").unwrap().ascending);
    assert!(history("since=e:0").unwrap().ascending);
    assert!(!history("until=e:5").unwrap().ascending);
    assert!(history("order=asc").unwrap().ascending);
}

#[test]
fn lists_by_either_name() {
    assert_eq!(history("types=a.b,c.d&type=e.f").unwrap().filter.types, ["a.b", "c.d", "e.f"]);
    assert_eq!(history("source=a,b").unwrap().filter.sources, ["a,b"], "a single value may hold a comma");
    assert_eq!(history("task_ids=b,a").unwrap().filter.task_ids, ["a", "b"]);
    assert_eq!(history(&"type=a&".repeat(64)).unwrap().filter.types, ["a"]);
    assert_eq!(history(&"type=a&".repeat(65)), Err(ErrorCode::BadFilter));
}

#[test]
fn an_offset_survives_being_unescaped() {
    let page = history("since=2024-01-15T10:30:00+02:00&until=2024-01-15T10:30:00%2B02:00").unwrap();
    assert_eq!(page.since, Some(Start::AfterTime(1_705_307_400_000)));
    assert_eq!(page.until, Some(Mark::Time(1_705_307_400_000)));
}

#[test]
fn what_cannot_be_had_is_refused_with_its_code() {
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=x",
        "limit=5&limit=5",
        "order=up",
        "wait=31",
        "wait=30.001",
        "wait=x",
        "wait=1.x",
        "type=Bad",
        "colour=red",
        "replay=5",
        "order=asc&order=asc",
    ] {
        assert_eq!(history(query), Err(ErrorCode::BadFilter), "{query}");
    }
    assert_eq!(history(&format!("q={}", "x".repeat(257))), Err(ErrorCode::BadFilter));
    assert!(history(&format!("q={}", "x".repeat(256))).is_ok());
    for query in ["since=x", "since=latest", "until=earliest", "before=1", "until=e:x", "since=2024-01-15"] {
        assert_eq!(history(query), Err(ErrorCode::BadCursor), "{query}");
    }
    assert_eq!(read_history("type=bid.*", Some(&["task.*".to_owned()])).unwrap_err().code, ErrorCode::Forbidden);
    assert_eq!(read_history("", Some(&["task.*".to_owned()])).unwrap().filter.types, ["task.*"]);
}

#[test]
fn an_empty_parameter_is_refused_by_name_instead_of_asking_for_everything() {
    for name in ["since", "until", "q", "type", "limit", "order", "wait"] {
        let error = read_history(&format!("{name}="), None).unwrap_err();
        assert!(error.code == ErrorCode::BadFilter && error.message.contains(name), "{}", error.message);
    }
    assert_eq!(history("_=12345").unwrap(), history("").unwrap());
}

#[test]
fn a_wait_is_in_seconds() {
    let wait = |query| history(query).unwrap().wait_ms;
    assert_eq!((wait("wait=0"), wait("wait=30"), wait("wait=30s"), wait("wait=0.25")), (0, 30_000, 30_000, 250));
}

#[test]
fn a_stream() {
    let plain = stream("").unwrap();
    assert_eq!(
        (plain.lane.channel, plain.lane.format, plain.start),
        (Channel::Events, Format::SseJson, Start::Replay(20))
    );
    let full = stream("channel=events&types=task.*&task_id=t&rate=50&replay=3&format=html&id=main").unwrap();
    assert_eq!((full.lane.rate, full.lane.format, full.start), (10, Format::SseHtml, Start::Replay(3)));
    assert_eq!(full.lane.label.as_deref(), Some("main"));
    assert_eq!(stream("since=latest").unwrap().start, Start::Latest);
    assert_eq!(stream("since=2024-01-15T10:30:00Z").unwrap().start, Start::AfterTime(1_705_314_600_000));
    assert_eq!(stream("channel=state").unwrap().lane.channel, Channel::State);
    for (query, code) in [
        ("channel=x", ErrorCode::UnknownChannel),
        ("format=xml", ErrorCode::BadFilter),
        ("rate=0", ErrorCode::BadFilter),
        ("replay=101", ErrorCode::BadFilter),
        ("since=x", ErrorCode::BadCursor),
        ("token=x", ErrorCode::BadFilter),
        ("limit=5", ErrorCode::BadFilter),
    ] {
        assert_eq!(stream(query).unwrap_err(), code, "{query}");
    }
}

#[test]
fn a_browser_that_comes_back_goes_on_where_it_was() {
    let read = |id| read_stream("since=e:1", Some(id), false, &Settings::default(), None);
    assert_eq!(read("e:7").unwrap().start, Start::After(at(7)));
    assert_eq!(read("").unwrap().start, Start::After(at(1)));
    assert_eq!(read("nonsense").unwrap_err().code, ErrorCode::BadCursor);
}

#[test]
fn a_socket_that_subscribes_by_its_url() {
    let read = |query| read_stream(query, None, true, &Settings::default(), None).unwrap().lane.format;
    assert_eq!((read("channel=events&format=html"), read("channel=events")), (Format::Html, Format::Json));
}

proptest! {
    #[test]
    fn no_query_makes_it_panic(query in "[a-z_=&%0-9:+,*.é-]{0,60}", name in "(since|until|limit|wait|q|type|types|order)", value in ".{0,30}") {
        let _ = history(&query);
        let _ = stream(&query);
        let _ = history(&format!("{name}={value}"));
    }
}
