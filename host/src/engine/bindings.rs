//! The types and calls that `bindgen!` makes of `wit/`, one module a world. Only `translate.rs`, `imports.rs` and the
//! three handles see them; the rest of the host speaks `words.rs`.

#![allow(missing_docs, unused_qualifications, reason = "generated; documented in wit/")]
#![allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]

pub mod broadcaster;
pub mod event_log;
pub mod rules;

/// The types that every border shares.
pub use event_log::activity::types::types as shared;
