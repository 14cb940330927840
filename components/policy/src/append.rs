//! Several submissions into the log by one call of the store: who is judged how, and who is told what afterwards. Each
//! submission is accepted or refused as a whole, and one's refusal is nothing to the others.

use crate::draft::PlainDraft;
use crate::sanitise::Redaction;
use crate::stamp::Stamp;
use crate::submission::{self, Accepted, BodyFormat, Limits, Refusal, RefusalCode};
use crate::words::{NewEvent, Seq};

/// One request's events.
pub enum Submission {
    /// As they came.
    Body(BodyFormat, Vec<u8>),
    /// As a user's rules left them.
    Drafts(Vec<PlainDraft>),
}

/// Where the store put an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its place.
    pub seq: Seq,
    /// It was there before.
    pub duplicate: bool,
}

/// What the store says of one group: the places of its events, or which of them has an id that is kept with another
/// content.
pub type GroupAnswer = Result<Vec<Appended>, u32>;

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the WIT record")]
pub struct Receipt {
    pub id: String,
    pub seq: Seq,
    pub duplicate: bool,
    pub redacted: Vec<Redaction>,
}

/// Judge the submissions and append what is accepted. `store` is called at most once, with a group for each accepted
/// submission, in order; it answers each group in the same order, or nothing at all when it is busy or away.
pub fn append(
    submissions: Vec<Submission>,
    limits: Limits,
    stamp: &mut Stamp,
    store: impl FnOnce(Vec<Vec<NewEvent>>) -> Option<Vec<GroupAnswer>>,
) -> Vec<Result<Vec<Receipt>, Refusal>> {
    let mut groups = Vec::with_capacity(submissions.len());
    let mut judged = Vec::with_capacity(submissions.len());
    for submission in submissions {
        let accepted = match submission {
            Submission::Body(format, bytes) => submission::accept_body(format, &bytes, limits, stamp),
            Submission::Drafts(drafts) => submission::accept_drafts(&drafts, limits, stamp),
        };
        judged.push(accepted.map(|accepted| {
            let (group, receipts) = accepted.into_iter().map(apart).unzip();
            groups.push(group);
            receipts
        }));
    }
    let mut answers = if groups.is_empty() { Vec::new() } else { store(groups).unwrap_or_default() }.into_iter();
    let mut settle = |receipts: Vec<Receipt>| match answers.next() {
        Some(Ok(places)) if places.len() == receipts.len() => {
            let both = receipts.into_iter().zip(places);
            Ok(both.map(|(receipt, at)| Receipt { seq: at.seq, duplicate: at.duplicate, ..receipt }).collect())
        }
        Some(Err(index)) => Err(conflict(index)),
        // It is away; or it answers less than it was asked, and then nothing that it says can be told on.
        Some(Ok(_)) | None => Err(unavailable()),
    };
    judged.into_iter().map(|submission| submission.and_then(&mut settle)).collect()
}

/// What the store takes, and what is told of it once it has a place.
fn apart(accepted: Accepted) -> (NewEvent, Receipt) {
    let Accepted { event, redacted } = accepted;
    let receipt = Receipt { id: event.id.clone(), seq: 0, duplicate: false, redacted };
    (event, receipt)
}

fn conflict(index: u32) -> Refusal {
    let detail = "this id is kept with another content; an event never changes, so give the new one an id of its own";
    Refusal { code: RefusalCode::Conflict, detail: detail.to_owned(), index: Some(index) }
}

fn unavailable() -> Refusal {
    let detail = "the log cannot take events at the moment; try again: with ids of your own nothing comes twice";
    Refusal { code: RefusalCode::Unavailable, detail: detail.to_owned(), index: None }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    const LIMITS: Limits = Limits { max_event_bytes: 65_536, max_events: 1_000 };

    fn body(ids: &[&str]) -> Submission {
        let events: Vec<_> =
            ids.iter().map(|id| format!(r#"{{"id":"{id}","event_type":"a.b","source":"s"}}"#)).collect();
        Submission::Body(BodyFormat::Json, format!("[{}]", events.join(",")).into_bytes())
    }

    fn run(
        submissions: Vec<Submission>,
        store: impl FnOnce(Vec<Vec<NewEvent>>) -> Option<Vec<GroupAnswer>>,
    ) -> Vec<Result<Vec<Receipt>, RefusalCode>> {
        let answers = append(submissions, LIMITS, &mut Stamp::new(0, (1, 2)), store);
        answers.into_iter().map(|answer| answer.map_err(|refusal| refusal.code)).collect()
    }

    fn at(seq: Seq) -> Appended {
        Appended { seq, duplicate: seq < 10 }
    }

    #[test]
    fn each_submission_is_told_what_became_of_its_own() {
        let nonsense = Submission::Body(BodyFormat::Json, b"{}".to_vec());
        let answers = run(vec![body(&["a", "b"]), nonsense, body(&["c"]), body(&["d"])], |groups| {
            let ids: Vec<Vec<&str>> = groups.iter().map(|g| g.iter().map(|e| e.id.as_str()).collect()).collect();
            assert_eq!(ids, [vec!["a", "b"], vec!["c"], vec!["d"]]);
            Some(vec![Ok(vec![at(5), at(11)]), Err(0), Ok(vec![at(12)])])
        });
        let first = answers[0].as_ref().unwrap();
        assert_eq!(
            first.iter().map(|r| (r.id.as_str(), r.seq, r.duplicate)).collect::<Vec<_>>(),
            [("a", 5, true), ("b", 11, false)]
        );
        assert_eq!(answers[1], Err(RefusalCode::Invalid));
        assert_eq!(answers[2], Err(RefusalCode::Conflict));
        assert_eq!(answers[3].as_ref().unwrap()[0].seq, 12);
    }

    #[test]
    fn a_store_that_is_away_refuses_only_what_was_accepted() {
        let nonsense = Submission::Body(BodyFormat::Json, b"nonsense".to_vec());
        let answers = run(vec![body(&["a"]), nonsense, body(&["b"])], |_| None);
        let codes: Vec<_> = answers.into_iter().map(Result::unwrap_err).collect();
        assert_eq!(codes, [RefusalCode::Unavailable, RefusalCode::NotJson, RefusalCode::Unavailable]);
    }

    #[test]
    fn a_store_that_lost_count_is_not_believed() {
        let answers = run(vec![body(&["a", "b"]), body(&["c"])], |_| Some(vec![Ok(vec![at(1)])]));
        assert!(answers.iter().all(|answer| *answer == Err(RefusalCode::Unavailable)));
    }

    #[test]
    fn the_store_is_left_alone_when_there_is_nothing_for_it() {
        let nonsense = Submission::Body(BodyFormat::Json, b"{}".to_vec());
        let answers = run(vec![nonsense], |_| unreachable!("nothing was accepted"));
        assert_eq!(answers, [Err(RefusalCode::Invalid)]);
        assert!(run(vec![], |_| unreachable!("nothing was sent")).is_empty());
    }
}
