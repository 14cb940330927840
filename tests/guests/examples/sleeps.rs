//! Waits: it uses no CPU time, so only a ban ends it.

#![cfg(target_family = "wasm")]

use hostile_guests::{Draft, Event, Guest, Presentation};

struct Rules;

impl Guest for Rules {
    fn prepare(draft: Draft) -> Result<Draft, String> {
        std::thread::sleep(std::time::Duration::from_secs(3_600));
        Ok(draft)
    }

    fn present(_: Event) -> Presentation {
        Presentation::Plain
    }
}

hostile_guests::export!(Rules);
