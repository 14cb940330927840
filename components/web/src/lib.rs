//! What the feed says over HTTP, whichever server carries it: problems and their statuses, what a session's cookie is and
//! how long it holds, how a page of history is bounded and written, and the pages with their first events in them.
//!
//! Always true: it does no I/O and has no clock; the time, what was read and who asks are arguments. The native host and
//! the Spin application both answer by it, so that they cannot come to differ; their HTTP libraries, their keys and their
//! stores stay outside. It speaks the words of the `http` crate, which both of them speak.

pub mod answer;
pub mod files;
pub mod form;
pub mod history;
pub mod pages;
pub mod problem;
pub mod publish;
pub mod session;

pub use problem::{Cause, Problem};
