//! Gives back as much as it can hold.

#![cfg(target_family = "wasm")]

use hostile_guests::{Display, Draft, Event, Guest, Presentation};

struct Rules;

impl Guest for Rules {
    fn prepare(mut draft: Draft) -> Result<Draft, String> {
        draft.data.clear();
        Err("x".repeat(8 << 20))
    }

    fn present(_: Event) -> Presentation {
        let text = "é".repeat(1 << 20);
        Presentation::Show(Display { icon: text.clone(), label: text.clone(), text })
    }
}

hostile_guests::export!(Rules);
