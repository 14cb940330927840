//! The feed as a Spin HTTP application: contract section 3 over `wasi:http`, with the event-log, the store, the
//! broadcaster and the user's rules as components beside it.
//!
//! Always true: what an instance keeps in memory (settings, lanes, a connection) is a cache. Instances come and go, and
//! several run side by side, so whatever must hold between two requests is in the log. Nothing here panics: one trap
//! would end every stream of its instance. Sockets, WebSockets and TLS are Spin's, or a proxy's.
//!
//! Spin's SDK is for WebAssembly alone, and so is this crate: on any other target it is empty.
#![cfg(target_family = "wasm")]

#[allow(clippy::all, clippy::pedantic, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/types", "../../wit/store", "../../wit/log", "../../wit/broadcast", "../../wit/rules"],
        inline: "
            package activity:spin-http@0.1.0;
            world feed {
                import activity:store/event-store@0.1.0;
                import activity:store/ended@0.1.0;
                import activity:log/event-log@0.1.0;
                import activity:broadcast/broadcaster@0.1.0;
                import activity:rules/rules@0.1.0;
            }
        ",
        world: "activity:spin-http/feed",
        additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
        generate_all,
    });
}

mod auth;
mod clock;
mod config;
mod doors;
mod feed;
mod grip;
mod history;
mod join;
mod jws;
mod lanes;
mod pages;
mod painted;
mod problem;
mod publish;
mod reply;
mod retention;
mod router;
mod session;
mod state;
mod stream;

use spin_sdk::http::{Request, Response};
use spin_sdk::http_service;

use reply::Body;

#[http_service]
async fn handle(request: Request) -> Response<Body> {
    router::answer(request).await
}
