//! `activity:broadcast/broadcaster-component`: exports the broadcaster, imports nothing.

wasmtime::component::bindgen!({
    path: ["../wit/types", "../wit/broadcast"],
    world: "activity:broadcast/broadcaster-component",
    with: { "activity:types/types": super::event_log::activity::types::types },
});
