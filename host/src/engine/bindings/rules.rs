//! `activity:rules/feed-rules`: exports a user's rules, imports nothing.

wasmtime::component::bindgen!({
    path: ["../wit/types", "../wit/rules"],
    world: "activity:rules/feed-rules",
    with: { "activity:types/types": super::event_log::activity::types::types },
});
