//! Crashes on `poison`, and counts in its memory how often it was called.

#![cfg(target_family = "wasm")]

use std::sync::atomic::{AtomicU32, Ordering};

use hostile_guests::{Draft, Event, Guest, Presentation};

static CALLS: AtomicU32 = AtomicU32::new(0);

struct Rules;

impl Guest for Rules {
    fn prepare(draft: Draft) -> Result<Draft, String> {
        let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
        assert_ne!(draft.event_type, "poison", "a word that must not reach the log: {}", draft.data);
        Ok(Draft { data: format!("{{\"calls\":{calls}}}"), ..draft })
    }

    fn present(_: Event) -> Presentation {
        Presentation::Plain
    }
}

hostile_guests::export!(Rules);
