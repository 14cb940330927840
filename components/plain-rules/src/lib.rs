//! Rules that change nothing. On Spin an application's dependencies are joined before it runs, so there must be some
//! `activity:rules`; these stand in until a user names others in `spin.toml`.

#[allow(clippy::all, clippy::pedantic, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/types", "../../wit/rules"],
        world: "activity:rules/feed-rules",
        generate_all,
    });
}

use bindings::activity::types::types::{Draft, Event};
use bindings::exports::activity::rules::rules::{Guest, Presentation};

struct Component;

bindings::export!(Component with_types_in bindings);

impl Guest for Component {
    fn prepare(draft: Draft) -> Result<Draft, String> {
        Ok(draft)
    }

    fn present(_: Event) -> Presentation {
        Presentation::Plain
    }
}
