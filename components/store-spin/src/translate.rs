//! The words of the WIT border and those of `activity-store`, into each other, field by field. Nothing is decided here.

use activity_store as store;

use crate::bindings::activity::types::types;
use crate::bindings::exports::activity::store::event_store as wit;

pub(crate) fn new_event(event: wit::NewEvent) -> store::NewEvent {
    let wit::NewEvent { id, event_type, source, task_id, agent_id, timestamp, stamped, data } = event;
    store::NewEvent { id, event_type, source, task_id, agent_id, timestamp, stamped, data }
}

pub(crate) fn event(event: store::Event) -> types::Event {
    let store::Event { seq, id, event_type, source, task_id, agent_id, timestamp, data } = event;
    types::Event { seq, id, event_type, source, task_id, agent_id, timestamp, data }
}

pub(crate) fn group(group: Result<Vec<store::Appended>, store::Conflict>) -> Result<Vec<wit::Appended>, wit::Conflict> {
    let places = group.map_err(|store::Conflict { index, id }| wit::Conflict { index, id })?;
    Ok(places.into_iter().map(|store::Appended { seq, duplicate }| wit::Appended { seq, duplicate }).collect())
}

pub(crate) fn filter(filter: types::Filter) -> store::Filter {
    let types::Filter { types, sources, task_ids, agent_ids } = filter;
    store::Filter { types, sources, task_ids, agent_ids }
}

pub(crate) fn query(query: wit::Query) -> store::Query {
    let wit::Query { filter: which, text, after, until, order, limit } = query;
    let order = match order {
        wit::Order::Ascending => store::Order::Ascending,
        wit::Order::Descending => store::Order::Descending,
    };
    store::Query { filter: filter(which), text, after, until, order, limit }
}

pub(crate) fn bounds(bounds: store::Bounds) -> wit::LogBounds {
    let store::Bounds { epoch, trimmed, head } = bounds;
    wit::LogBounds { epoch, trimmed, head }
}

pub(crate) fn page(page: store::Page) -> wit::Page {
    let store::Page { events, reached, more } = page;
    wit::Page { events: events.into_iter().map(event).collect(), reached, more }
}

pub(crate) fn counts(counts: store::Counts) -> wit::Counts {
    let store::Counts { total, by_type } = counts;
    wit::Counts { total, by_type }
}

pub(crate) fn store_error(error: store::StoreError) -> wit::StoreError {
    match error {
        store::StoreError::Busy(detail) => wit::StoreError::Busy(detail),
        store::StoreError::Unavailable(detail) => wit::StoreError::Unavailable(detail),
    }
}

pub(crate) fn in_words(error: wit::StoreError) -> String {
    let (wit::StoreError::Busy(why) | wit::StoreError::Unavailable(why)) = error;
    why
}
