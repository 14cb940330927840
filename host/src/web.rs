//! Placeholder
pub mod pages;
