//! `activity:log/event-log-component`: exports the event-log, imports the event-store. The types that every border
//! shares are made here, and the other two worlds refer to them.

wasmtime::component::bindgen!({
    path: ["../wit/types", "../wit/store", "../wit/log"],
    world: "activity:log/event-log-component",
});
