//! The broadcaster component: glue between `activity:broadcast/broadcaster` and the policy. It keeps one instance of
//! the lanes and their settings, and otherwise translates and delegates.

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/types", "../../wit/broadcast"],
        world: "activity:broadcast/broadcaster-component",
        generate_all,
    });
}

mod translate;

use std::cell::RefCell;

use activity_policy::lanes::Lanes;
use activity_policy::{filter, format, protocol, query};

use bindings::exports::activity::broadcast::broadcaster::{
    ClientMessage, Guest, HistoryQuery, Item, LaneId, LaneKey, MonotonicMs, Output, ProtocolError, Seq, Settings,
    Shown, Skipped, Subscription,
};
use translate::{from, into};

thread_local! {
    static LANES: RefCell<Lanes> = RefCell::default();
}

#[cfg(target_family = "wasm")]
#[global_allocator]
static HEAP: activity_heap::Heap = activity_heap::Heap::new();

struct Component;

bindings::export!(Component with_types_in bindings);

/// A component has one thread, and none of these calls leads to another one of them.
fn read<R>(work: impl FnOnce(&Lanes) -> R) -> R {
    LANES.with_borrow(work)
}

fn change<R>(work: impl FnOnce(&mut Lanes) -> R) -> R {
    LANES.with_borrow_mut(work)
}

impl Guest for Component {
    fn configure(settings: Settings) {
        change(|lanes| lanes.configure(into::settings(settings)));
    }

    fn read_message(text: String, grant: Option<Vec<String>>) -> ClientMessage {
        from::message(read(|lanes| protocol::read_message(&text, lanes.settings(), grant.as_deref())))
    }

    fn read_stream_query(
        query: String,
        last_event_id: Option<String>,
        socket: bool,
        grant: Option<Vec<String>>,
    ) -> Result<Subscription, ProtocolError> {
        let read = read(|lanes| {
            query::read_stream(&query, last_event_id.as_deref(), socket, lanes.settings(), grant.as_deref())
        });
        read.map(from::subscription).map_err(from::error)
    }

    fn read_history_query(query: String, grant: Option<Vec<String>>) -> Result<HistoryQuery, ProtocolError> {
        query::read_history(&query, grant.as_deref()).map(from::history).map_err(from::error)
    }

    fn allows(grant: Vec<String>, event_type: String) -> bool {
        filter::allows(&grant, &event_type)
    }

    fn render(lane: LaneKey, items: Vec<Item>) -> Vec<String> {
        let items = items.into_iter().map(into::item).collect();
        read(|lanes| lanes.render(&into::lane_key(lane), items))
    }

    fn payloads(events: Vec<Shown>) -> Vec<String> {
        read(|lanes| lanes.payloads(into::all_shown(events)))
    }

    fn skipped_payload(skipped: Skipped) -> String {
        let mut out = String::with_capacity(256);
        read(|lanes| format::json::skipped(&into::skipped(skipped), &lanes.settings().epoch, &mut out));
        out
    }

    fn open_lane(key: LaneKey, settled: Seq, sent: Vec<MonotonicMs>) -> LaneId {
        change(|lanes| lanes.open(into::lane_key(key), settled, &sent))
    }

    fn close_lane(lane: LaneId) {
        change(|lanes| lanes.close(lane));
    }

    fn publish(events: Vec<Shown>, head: Seq, now: MonotonicMs) -> Output {
        from::output(change(|lanes| lanes.publish(into::all_shown(events), head, now)))
    }

    fn tick(now: MonotonicMs) -> Output {
        from::output(change(|lanes| lanes.tick(now)))
    }

    fn fold(events: Vec<Shown>, head: Seq) {
        change(|lanes| lanes.fold(into::all_shown(events), head));
    }

    fn state() -> String {
        read(|lanes| lanes.state().json())
    }

    fn snapshot() -> (Seq, Vec<u8>) {
        read(|lanes| (lanes.state().seq(), lanes.state().snapshot()))
    }

    fn restore(state: Vec<u8>) -> bool {
        change(|lanes| lanes.restore(&state))
    }
}
