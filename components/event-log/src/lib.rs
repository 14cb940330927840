//! The event-log component: glue between `activity:log/event-log` and the policy. It translates and delegates; its one
//! act of its own is the single call of the store with all that was accepted.

#[expect(clippy::all, clippy::pedantic, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/types", "../../wit/store", "../../wit/log"],
        world: "activity:log/event-log-component",
        generate_all,
    });
}

use activity_policy::draft::PlainDraft;
use activity_policy::stamp::Stamp;
use activity_policy::submission::{self, Accepted};
use activity_policy::words;

use bindings::activity::store::event_store;
use bindings::exports::activity::log::event_log::{
    Body, BodyFormat, Draft, Guest, Limits, Moment, Receipt, Redaction, Refusal, RefusalCode, Submission,
};

struct Component;

bindings::export!(Component with_types_in bindings);

impl Guest for Component {
    fn parse(body: Body, limits: Limits) -> Result<Vec<Draft>, Refusal> {
        let drafts = submission::parse(format(body.format), &body.bytes, bounds(limits)).map_err(refusal)?;
        Ok(drafts.into_iter().map(draft).collect())
    }

    fn append(submissions: Vec<Submission>, limits: Limits, moment: Moment) -> Vec<Result<Vec<Receipt>, Refusal>> {
        let mut stamp = Stamp::new(moment.now, moment.seed);
        let limits = bounds(limits);
        let judged: Vec<_> = submissions.into_iter().map(|submission| judge(submission, limits, &mut stamp)).collect();
        store(judged)
    }
}

/// A submission after the policy: what the store takes, and what is told of it afterwards.
type Judged = Result<Vec<Accepted>, Refusal>;

fn judge(submission: Submission, limits: submission::Limits, stamp: &mut Stamp) -> Judged {
    let accepted = match submission {
        Submission::Body(body) => submission::accept_body(format(body.format), &body.bytes, limits, stamp),
        Submission::Drafts(drafts) => {
            let drafts: Vec<PlainDraft> = drafts.into_iter().map(plain_draft).collect();
            submission::accept_drafts(&drafts, limits, stamp)
        }
    };
    accepted.map_err(refusal)
}

/// Append everything that was accepted with one call, and tell each submission what became of it.
fn store(judged: Vec<Judged>) -> Vec<Result<Vec<Receipt>, Refusal>> {
    let mut groups = Vec::new();
    let mut receipts = Vec::with_capacity(judged.len());
    for submission in judged {
        receipts.push(submission.map(|accepted| {
            let mut group = Vec::with_capacity(accepted.len());
            let mut named = Vec::with_capacity(accepted.len());
            for Accepted { event, redacted } in accepted {
                let redacted = redacted.into_iter().map(|r| Redaction { path: r.path, kind: r.kind.to_owned() });
                named.push(Receipt { id: event.id.clone(), seq: 0, duplicate: false, redacted: redacted.collect() });
                group.push(new_event(event));
            }
            groups.push(group);
            named
        }));
    }
    if groups.is_empty() {
        return receipts;
    }
    let mut answers = match event_store::append(&groups) {
        Ok(answers) => answers.into_iter(),
        Err(_) => return receipts.into_iter().map(|submission| submission.and_then(|_| Err(unavailable()))).collect(),
    };
    let settle = |named: Vec<Receipt>| match answers.next() {
        Some(Ok(places)) if places.len() == named.len() => {
            let both = named.into_iter().zip(places);
            Ok(both.map(|(receipt, at)| Receipt { seq: at.seq, duplicate: at.duplicate, ..receipt }).collect())
        }
        Some(Err(conflict)) => Err(Refusal {
            code: RefusalCode::Conflict,
            detail: "this id is kept with another content; an event never changes, so send it with an id of its own"
                .to_owned(),
            index: Some(conflict.index),
        }),
        // A store that answers less than it was asked has lost count: nothing that it says can be told on.
        Some(Ok(_)) | None => Err(unavailable()),
    };
    let mut settle = settle;
    receipts.into_iter().map(|submission| submission.and_then(&mut settle)).collect()
}

fn unavailable() -> Refusal {
    let detail = "the log cannot take events at the moment; try again, with the same ids nothing comes twice";
    Refusal { code: RefusalCode::Unavailable, detail: detail.to_owned(), index: None }
}

fn format(format: BodyFormat) -> submission::BodyFormat {
    match format {
        BodyFormat::Json => submission::BodyFormat::Json,
        BodyFormat::Ndjson => submission::BodyFormat::Ndjson,
        BodyFormat::CloudEvent => submission::BodyFormat::CloudEvent,
        BodyFormat::CloudEventBatch => submission::BodyFormat::CloudEventBatch,
    }
}

fn bounds(limits: Limits) -> submission::Limits {
    submission::Limits { max_event_bytes: limits.max_event_bytes, max_events: limits.max_events }
}

fn refusal(refusal: submission::Refusal) -> Refusal {
    let code = match refusal.code {
        submission::RefusalCode::NotJson => RefusalCode::NotJson,
        submission::RefusalCode::Invalid => RefusalCode::Invalid,
        submission::RefusalCode::TooLarge => RefusalCode::TooLarge,
    };
    Refusal { code, detail: refusal.detail, index: refusal.index }
}

fn draft(draft: PlainDraft) -> Draft {
    let PlainDraft { id, event_type, source, task_id, agent_id, timestamp, data } = draft;
    Draft { id, event_type, source, task_id, agent_id, timestamp, data }
}

fn plain_draft(draft: Draft) -> PlainDraft {
    let Draft { id, event_type, source, task_id, agent_id, timestamp, data } = draft;
    PlainDraft { id, event_type, source, task_id, agent_id, timestamp, data }
}

fn new_event(event: words::NewEvent) -> event_store::NewEvent {
    let words::NewEvent { id, event_type, source, task_id, agent_id, timestamp, stamped, data } = event;
    event_store::NewEvent { id, event_type, source, task_id, agent_id, timestamp, stamped, data }
}
