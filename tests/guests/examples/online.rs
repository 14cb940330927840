//! Imports a part of WASI that no rules are given, as a toolchain's runtime may, and calls it on `online`.

#![cfg(target_family = "wasm")]
#![expect(missing_docs, reason = "generated")]

use hostile_guests::{Draft, Event, Guest, Presentation};

wit_bindgen::generate!({
    inline: "
        package wasi:letters@0.1.0;
        interface types {
            resource request { constructor(url: string); }
            send: func(request: request) -> bool;
        }
        world online { import types; }
    ",
});

struct Rules;

impl Guest for Rules {
    fn prepare(draft: Draft) -> Result<Draft, String> {
        if draft.event_type == "online" {
            wasi::letters::types::send(wasi::letters::types::Request::new(&draft.data));
        }
        Ok(draft)
    }

    fn present(_: Event) -> Presentation {
        Presentation::Plain
    }
}

hostile_guests::export!(Rules);
