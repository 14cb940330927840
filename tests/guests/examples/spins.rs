//! Never comes back.

#![cfg(target_family = "wasm")]

use hostile_guests::{Draft, Event, Guest, Presentation};

struct Rules;

impl Guest for Rules {
    fn prepare(draft: Draft) -> Result<Draft, String> {
        let mut n = draft.data.len();
        while std::hint::black_box(n) < usize::MAX {
            n = n.wrapping_add(2) / 2;
        }
        Ok(draft)
    }

    fn present(_: Event) -> Presentation {
        loop {
            std::hint::spin_loop();
        }
    }
}

hostile_guests::export!(Rules);
