//! The rules of the feed, as a plain library: what is accepted, what is hidden, who gets what and when, and how it reads.
//!
//! It does no I/O, has no clock and no randomness of its own (both are arguments), and knows nothing of WIT, so that the
//! same code runs natively under test and inside the components. What comes from outside is never trusted to be small or
//! well formed: everything has a bound, and nothing that a client, a publisher or a store hands in can make it panic.
//!
//! The way of an event: [`submission`] takes a body apart ([`draft`], [`cloud_event`]), [`validate`] refuses,
//! [`sanitise`] neutralises, [`stamp`] names it, [`append`] hands it to the store; then, once it is in the log, [`lanes`] finds who asked for it
//! ([`filter`]), holds it to the rate ([`throttle`]) and writes it ([`display`], [`format`]), and [`state`] folds it.
//! [`protocol`] and [`query`] read what clients ask.

pub mod append;
pub mod body;
pub mod cloud_event;
pub mod cursor;
pub mod display;
pub mod draft;
pub mod fields;
pub mod filter;
pub mod format;
pub mod json;
pub mod lanes;
mod piece;
pub mod protocol;
pub mod query;
pub mod sanitise;
pub mod scan;
pub mod skipped;
pub mod stamp;
pub mod state;
pub mod submission;
pub mod text;
pub mod throttle;
pub mod time;
pub mod validate;
pub mod words;
