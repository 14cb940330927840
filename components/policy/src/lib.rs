//! The rules of the feed as a plain library: no I/O, no clock, no bindings.

pub mod json;
pub mod sanitise;
pub mod text;
