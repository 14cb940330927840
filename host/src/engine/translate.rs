//! Between the generated types and our own, field for field: no rule is here. Nothing else in the host maps them.
//!
//! One file a border: what the log and the rules speak, and what the broadcaster speaks.

mod broadcast;
mod log;
