//! Rules in every respect, but for an import that no host of ours has.

#![cfg(target_family = "wasm")]
#![expect(missing_docs, reason = "generated")]

use hostile_guests::{Draft, Event, Guest, Presentation};

wit_bindgen::generate!({
    inline: "
        package evil:plan;
        interface shell { run: func(command: string) -> string; }
        world plan { import shell; }
    ",
});

struct Rules;

impl Guest for Rules {
    fn prepare(draft: Draft) -> Result<Draft, String> {
        Err(evil::plan::shell::run(&draft.data))
    }

    fn present(_: Event) -> Presentation {
        Presentation::Plain
    }
}

hostile_guests::export!(Rules);
