//! The event-log component: glue between `activity:log/event-log` and the policy. It translates, delegates, and calls
//! the store when the policy does.

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/types", "../../wit/store", "../../wit/log"],
        world: "activity:log/event-log-component",
        generate_all,
    });
}

use activity_policy::append::{self, Appended, GroupAnswer};
use activity_policy::draft::PlainDraft;
use activity_policy::stamp::Stamp;
use activity_policy::{submission, words};

use bindings::activity::store::event_store;
use bindings::exports::activity::log::event_log::{
    Body, BodyFormat, Draft, Guest, Limits, Moment, Receipt, Redaction, Refusal, RefusalCode, Submission,
};

#[cfg(target_family = "wasm")]
#[global_allocator]
static HEAP: activity_heap::Heap = activity_heap::Heap::new();

struct Component;

bindings::export!(Component with_types_in bindings);

impl Guest for Component {
    fn parse(body: Body, limits: Limits) -> Result<Vec<Draft>, Refusal> {
        let drafts = submission::parse(to_format(body.format), &body.bytes, to_limits(limits)).map_err(from_refusal)?;
        Ok(drafts.into_iter().map(from_draft).collect())
    }

    fn append(submissions: Vec<Submission>, limits: Limits, moment: Moment) -> Vec<Result<Vec<Receipt>, Refusal>> {
        let submissions = submissions.into_iter().map(to_submission).collect();
        let mut stamp = Stamp::new(moment.now, moment.seed);
        let answers = append::append(submissions, to_limits(limits), &mut stamp, store);
        let receipts = |receipts: Vec<_>| receipts.into_iter().map(from_receipt).collect();
        answers.into_iter().map(|answer| answer.map(receipts).map_err(from_refusal)).collect()
    }
}

fn store(groups: Vec<Vec<words::NewEvent>>) -> Option<Vec<GroupAnswer>> {
    let groups: Vec<Vec<_>> = groups.into_iter().map(|group| group.into_iter().map(from_event).collect()).collect();
    let answers = event_store::append(&groups).ok()?;
    let places = |places: Vec<event_store::Appended>| {
        places.into_iter().map(|at| Appended { seq: at.seq, duplicate: at.duplicate }).collect()
    };
    Some(answers.into_iter().map(|answer| answer.map(places).map_err(|conflict| conflict.index)).collect())
}

fn to_submission(submission: Submission) -> append::Submission {
    match submission {
        Submission::Body(body) => append::Submission::Body(to_format(body.format), body.bytes),
        Submission::Drafts(drafts) => append::Submission::Drafts(drafts.into_iter().map(to_draft).collect()),
    }
}

fn to_format(format: BodyFormat) -> submission::BodyFormat {
    match format {
        BodyFormat::Json => submission::BodyFormat::Json,
        BodyFormat::Ndjson => submission::BodyFormat::Ndjson,
        BodyFormat::CloudEvent => submission::BodyFormat::CloudEvent,
        BodyFormat::CloudEventBatch => submission::BodyFormat::CloudEventBatch,
    }
}

fn to_limits(limits: Limits) -> submission::Limits {
    submission::Limits { max_event_bytes: limits.max_event_bytes, max_events: limits.max_events }
}

fn to_draft(draft: Draft) -> PlainDraft {
    let Draft { id, event_type, source, task_id, agent_id, timestamp, data } = draft;
    PlainDraft { id, event_type, source, task_id, agent_id, timestamp, data }
}

fn from_draft(draft: PlainDraft) -> Draft {
    let PlainDraft { id, event_type, source, task_id, agent_id, timestamp, data } = draft;
    Draft { id, event_type, source, task_id, agent_id, timestamp, data }
}

fn from_event(event: words::NewEvent) -> event_store::NewEvent {
    let words::NewEvent { id, event_type, source, task_id, agent_id, timestamp, stamped, data } = event;
    event_store::NewEvent { id, event_type, source, task_id, agent_id, timestamp, stamped, data }
}

fn from_receipt(receipt: append::Receipt) -> Receipt {
    let append::Receipt { id, seq, duplicate, redacted } = receipt;
    let redacted = redacted.into_iter().map(|r| Redaction { path: r.path, kind: r.kind.to_owned() }).collect();
    Receipt { id, seq, duplicate, redacted }
}

fn from_refusal(refusal: submission::Refusal) -> Refusal {
    let code = match refusal.code {
        submission::RefusalCode::NotJson => RefusalCode::NotJson,
        submission::RefusalCode::Invalid => RefusalCode::Invalid,
        submission::RefusalCode::TooLarge => RefusalCode::TooLarge,
        submission::RefusalCode::Conflict => RefusalCode::Conflict,
        submission::RefusalCode::Unavailable => RefusalCode::Unavailable,
    };
    Refusal { code, detail: refusal.detail, index: refusal.index }
}
