//! Placeholder

pub mod auth;
pub mod error;
pub mod host_check;
pub mod limits;
pub mod origin;
pub mod session;
