//! Placeholder
pub mod component;
