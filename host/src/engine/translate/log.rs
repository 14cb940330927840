//! The words of `activity:types`, `activity:store`, `activity:log` and `activity:rules`.

use crate::engine::bindings::event_log::activity::store::event_store as store_wit;
use crate::engine::bindings::event_log::exports::activity::log::event_log as wit;
use crate::engine::bindings::rules::exports::activity::rules::rules as rules_wit;
use crate::engine::bindings::shared;
use crate::engine::words::{
    Body, BodyFormat, Cursor, Display, Draft, Presentation, PublishLimits, Receipt, Redaction, Refusal, RefusalCode,
    Submission,
};
use crate::store::{Appended, Bounds, Conflict, Counts, Event, Filter, NewEvent, Order, Page, Query, StoreError};

// ------------------------------------------------------------------------------------------------ activity:types

impl From<&Event> for shared::Event {
    fn from(e: &Event) -> Self {
        Self {
            seq: e.seq,
            id: e.id.clone(),
            event_type: e.event_type.clone(),
            source: e.source.clone(),
            task_id: e.task_id.clone(),
            agent_id: e.agent_id.clone(),
            timestamp: e.timestamp.clone(),
            data: e.data.clone(),
        }
    }
}

impl From<shared::Filter> for Filter {
    fn from(f: shared::Filter) -> Self {
        Self { types: f.types, sources: f.sources, task_ids: f.task_ids, agent_ids: f.agent_ids }
    }
}

impl From<&Filter> for shared::Filter {
    fn from(f: &Filter) -> Self {
        Self {
            types: f.types.clone(),
            sources: f.sources.clone(),
            task_ids: f.task_ids.clone(),
            agent_ids: f.agent_ids.clone(),
        }
    }
}

impl From<shared::Cursor> for Cursor {
    fn from(c: shared::Cursor) -> Self {
        Self { epoch: c.epoch, seq: c.seq }
    }
}

impl From<shared::Display> for Display {
    fn from(d: shared::Display) -> Self {
        Self { icon: d.icon, label: d.label, text: d.text }
    }
}

impl From<shared::Draft> for Draft {
    fn from(d: shared::Draft) -> Self {
        Self {
            id: d.id,
            event_type: d.event_type,
            source: d.source,
            task_id: d.task_id,
            agent_id: d.agent_id,
            timestamp: d.timestamp,
            data: d.data,
        }
    }
}

impl From<Draft> for shared::Draft {
    fn from(d: Draft) -> Self {
        Self {
            id: d.id,
            event_type: d.event_type,
            source: d.source,
            task_id: d.task_id,
            agent_id: d.agent_id,
            timestamp: d.timestamp,
            data: d.data,
        }
    }
}

// ------------------------------------------------------------------------------------------------ activity:store

impl From<store_wit::NewEvent> for NewEvent {
    fn from(e: store_wit::NewEvent) -> Self {
        Self {
            id: e.id,
            event_type: e.event_type,
            source: e.source,
            task_id: e.task_id,
            agent_id: e.agent_id,
            timestamp: e.timestamp,
            stamped: e.stamped,
            data: e.data,
        }
    }
}

impl From<Appended> for store_wit::Appended {
    fn from(a: Appended) -> Self {
        Self { seq: a.seq, duplicate: a.duplicate }
    }
}

impl From<Conflict> for store_wit::Conflict {
    fn from(c: Conflict) -> Self {
        Self { index: c.index, id: c.id }
    }
}

impl From<StoreError> for store_wit::StoreError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::Busy(detail) => Self::Busy(detail),
            StoreError::Unavailable(detail) => Self::Unavailable(detail),
        }
    }
}

impl From<Bounds> for store_wit::LogBounds {
    fn from(b: Bounds) -> Self {
        Self { epoch: b.epoch, trimmed: b.trimmed, head: b.head }
    }
}

impl From<store_wit::Query> for Query {
    fn from(q: store_wit::Query) -> Self {
        Self {
            filter: q.filter.into(),
            text: q.text,
            after: q.after,
            until: q.until,
            order: match q.order {
                store_wit::Order::Ascending => Order::Ascending,
                store_wit::Order::Descending => Order::Descending,
            },
            limit: q.limit,
        }
    }
}

impl From<Page> for store_wit::Page {
    fn from(p: Page) -> Self {
        Self { events: p.events.iter().map(Into::into).collect(), reached: p.reached, more: p.more }
    }
}

impl From<Counts> for store_wit::Counts {
    fn from(c: Counts) -> Self {
        Self { total: c.total, by_type: c.by_type }
    }
}

// -------------------------------------------------------------------------------------------------- activity:log

impl From<&Body> for wit::Body {
    fn from(b: &Body) -> Self {
        let format = match b.format {
            BodyFormat::Json => wit::BodyFormat::Json,
            BodyFormat::Ndjson => wit::BodyFormat::Ndjson,
            BodyFormat::CloudEvent => wit::BodyFormat::CloudEvent,
            BodyFormat::CloudEventBatch => wit::BodyFormat::CloudEventBatch,
        };
        Self { format, bytes: b.bytes.to_vec() }
    }
}

impl From<Submission> for wit::Submission {
    fn from(s: Submission) -> Self {
        match s {
            Submission::Body(body) => Self::Body((&body).into()),
            Submission::Drafts(drafts) => Self::Drafts(drafts.into_iter().map(Into::into).collect()),
        }
    }
}

impl From<PublishLimits> for wit::Limits {
    fn from(l: PublishLimits) -> Self {
        Self { max_event_bytes: l.max_event_bytes, max_events: l.max_events }
    }
}

impl From<wit::Receipt> for Receipt {
    fn from(r: wit::Receipt) -> Self {
        let redacted = r.redacted.into_iter().map(|r| Redaction { path: r.path, kind: r.kind }).collect();
        Self { id: r.id, seq: r.seq, duplicate: r.duplicate, redacted }
    }
}

impl From<wit::Refusal> for Refusal {
    fn from(r: wit::Refusal) -> Self {
        let code = match r.code {
            wit::RefusalCode::NotJson => RefusalCode::NotJson,
            wit::RefusalCode::Invalid => RefusalCode::Invalid,
            wit::RefusalCode::TooLarge => RefusalCode::TooLarge,
            wit::RefusalCode::Conflict => RefusalCode::Conflict,
            wit::RefusalCode::Unavailable => RefusalCode::Unavailable,
        };
        Self { code, detail: r.detail, index: r.index }
    }
}

// ------------------------------------------------------------------------------------------------ activity:rules

impl From<rules_wit::Presentation> for Presentation {
    fn from(p: rules_wit::Presentation) -> Self {
        match p {
            rules_wit::Presentation::Plain => Self::Plain,
            rules_wit::Presentation::Show(display) => Self::Show(display.into()),
            rules_wit::Presentation::Hide => Self::Hide,
        }
    }
}
