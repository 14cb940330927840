//! Calls itself until the stack ends.

#![cfg(target_family = "wasm")]

use hostile_guests::{Draft, Event, Guest, Presentation};

struct Rules;

impl Guest for Rules {
    fn prepare(draft: Draft) -> Result<Draft, String> {
        if deeper(draft.data.len() as u64) == 7 { Err(String::new()) } else { Ok(draft) }
    }

    fn present(_: Event) -> Presentation {
        Presentation::Plain
    }
}

hostile_guests::export!(Rules);

#[expect(unconditional_recursion, reason = "what it is for")]
fn deeper(n: u64) -> u64 {
    let frame = std::hint::black_box([n; 64]);
    deeper(frame.iter().sum::<u64>() + 1) + 1
}
