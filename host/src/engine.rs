//! The sandbox.

pub mod words;
mod bindings;
