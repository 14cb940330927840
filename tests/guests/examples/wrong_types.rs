//! The right names with other types.

#![cfg(target_family = "wasm")]
#![expect(missing_docs, reason = "generated")]

wit_bindgen::generate!({
    inline: "
        package activity:rules@0.1.0;
        interface rules { prepare: func(draft: string) -> string; present: func(event: string) -> string; }
        world feed-rules { export rules; }
    ",
});

struct Rules;

impl exports::activity::rules::rules::Guest for Rules {
    fn prepare(draft: String) -> String {
        draft
    }

    fn present(event: String) -> String {
        event
    }
}

export!(Rules);
