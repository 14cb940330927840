//! Shows every event in the words of its source: what a publisher wrote becomes text, icon and label.

#![cfg(target_family = "wasm")]

use hostile_guests::{Display, Draft, Event, Guest, Presentation};

struct Rules;

impl Guest for Rules {
    fn prepare(draft: Draft) -> Result<Draft, String> {
        Ok(draft)
    }

    fn present(event: Event) -> Presentation {
        let text = event.source;
        Presentation::Show(Display { icon: text.clone(), label: text.clone(), text })
    }
}

hostile_guests::export!(Rules);
