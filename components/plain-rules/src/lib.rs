//! Rules that change nothing. On Spin an application's dependencies are joined before it runs, so there must be some
//! `activity:rules`; these stand in until a user names others in `spin.toml`.
//!
//! They do without the standard library, which would be nine tenths of them, and so import nothing at all.
#![cfg_attr(target_family = "wasm", no_std)]

extern crate alloc;

#[cfg(target_family = "wasm")]
mod bare;

use alloc::borrow::ToOwned as _;
use alloc::string::String;

#[allow(clippy::all, clippy::pedantic, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/types", "../../wit/rules"],
        world: "activity:rules/feed-rules",
        generate_all,
    });
}

use bindings::activity::types::types::{Display, Draft, Event};
use bindings::exports::activity::rules::rules::{Guest, Presentation};

struct Component;

bindings::export!(Component with_types_in bindings);

impl Guest for Component {
    fn prepare(draft: Draft) -> Result<Draft, String> {
        Ok(draft)
    }

    fn present(event: Event) -> Presentation {
        // No event has this place. The application asks so whether it may leave us out (`feed.rs` of spin-http).
        if event.seq == 0 {
            let text = "activity-feed: plain rules".to_owned();
            return Presentation::Show(Display { icon: String::new(), label: String::new(), text });
        }
        Presentation::Plain
    }
}
