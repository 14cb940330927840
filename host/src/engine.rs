//! The sandbox.

pub mod words;
