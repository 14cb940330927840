//! A component, but for something else.

#![cfg(target_family = "wasm")]
#![expect(missing_docs, reason = "generated")]

wit_bindgen::generate!({
    inline: "
        package other:thing;
        world thing { export double: func(n: u32) -> u32; }
    ",
});

struct Thing;

impl Guest for Thing {
    fn double(n: u32) -> u32 {
        n.wrapping_mul(2)
    }
}

export!(Thing);
