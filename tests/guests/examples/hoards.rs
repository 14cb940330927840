//! Takes memory without end.

#![cfg(target_family = "wasm")]

use hostile_guests::{Draft, Event, Guest, Presentation};

struct Rules;

impl Guest for Rules {
    fn prepare(draft: Draft) -> Result<Draft, String> {
        let mut hoard = vec![];
        loop {
            hoard.push(vec![1_u8; 1 << 20]);
            if std::hint::black_box(&hoard).len() > 1 << 20 {
                return Ok(draft);
            }
        }
    }

    fn present(_: Event) -> Presentation {
        Presentation::Plain
    }
}

hostile_guests::export!(Rules);
