//! The world `activity:rules/feed-rules` for the guests in `examples/`: each is one way of misbehaving, and
//! `tests/components.rs` checks that each has its test. Natively they are empty: the names of WIT exports are no
//! symbols that a native linker takes.

#![expect(missing_docs, reason = "the generated items are documented in wit/")]

wit_bindgen::generate!({
    path: ["../../wit/types", "../../wit/rules"],
    world: "activity:rules/feed-rules",
    pub_export_macro: true,
    default_bindings_module: "hostile_guests",
    generate_all,
});

pub use activity::types::types::{Display, Draft, Event};
pub use exports::activity::rules::rules::{Guest, Presentation};
