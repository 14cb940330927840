//! The harness of the outside tests: it starts the real `activity-feed` binary and speaks to it as a stranger would, over
//! TCP alone. It never sleeps to hope for something: whatever it waits for has a condition and a deadline. What is
//! promised, and so what a test asserts, is left to the files in `tests/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test harness fails by panicking, with the place of its caller"
)]

pub mod binary;
pub mod browser;
pub mod corpus;
pub mod counted;
pub mod cutter;
pub mod echo;
pub mod elsewhere;
pub mod events;
pub mod guests;
pub mod http;
pub mod ledger;
pub mod needs;
pub mod pushpin;
pub mod rawws;
pub mod server;
pub mod spin;
pub mod sse;
pub mod tokens;
pub mod wait;
pub mod ws;

pub use events::{Receipt, event, seq_of};
pub use http::{Client, Response};
pub use ledger::Ledger;
pub use server::Server;
pub use sse::Sse;
pub use wait::{SOON, wait_for};
pub use ws::{Got, Ws};
