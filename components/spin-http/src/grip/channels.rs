//! Which of the proxy's channels an event wakes, and which ones a subscription has to be on to be woken.
//!
//! Always true: a subscription that an event's type matches is on at least one channel that the event wakes. It may be
//! woken in vain (other lists of its filter are not looked at), which costs a request and tells the client nothing.

use std::collections::BTreeSet;

use crate::bindings::activity::types::types::Filter;

/// Every event wakes it.
pub(crate) const ALL: &str = "activity-feed:all";
/// A proxy takes 20 a socket by default; what a token or a filter names beyond is cheaper woken by everything.
const MOST: usize = 16;

fn of_type(event_type: &str) -> String {
    format!("activity-feed:type:{event_type}")
}

fn below(prefix: &str) -> String {
    format!("activity-feed:below:{prefix}")
}

/// The channel of a session, which is told when the session ends.
pub(crate) fn of_session(session: &str) -> String {
    format!("activity-feed:session:{session}")
}

/// What an event of this type wakes.
pub(crate) fn woken_by(event_type: &str, channels: &mut BTreeSet<String>) {
    channels.insert(ALL.to_owned());
    channels.insert(of_type(event_type));
    channels.extend(event_type.match_indices('.').filter_map(|(dot, _)| event_type.get(..dot)).map(below));
}

/// What subscriptions with these filters have to be on; none is one that shows every type.
pub(crate) fn wanted<'a>(filters: impl Iterator<Item = Option<&'a Filter>>) -> BTreeSet<String> {
    let mut channels = BTreeSet::new();
    for filter in filters {
        let types = filter.map(|filter| filter.types.as_slice()).unwrap_or_default();
        if types.is_empty() {
            channels.insert(ALL.to_owned());
        }
        for pattern in types {
            channels.insert(match pattern.strip_suffix(".*") {
                _ if pattern == "*" => ALL.to_owned(),
                Some(prefix) => below(prefix),
                None => of_type(pattern),
            });
        }
    }
    if channels.contains(ALL) || channels.len() > MOST {
        return BTreeSet::from([ALL.to_owned()]);
    }
    channels
}
