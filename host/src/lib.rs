//! The host of activity-feed: sockets, disks, threads and the sandbox. The feed's rules are in the components.
//!
//! An event's way: [`web`] → [`ingest`] → [`engine`] (event-log) → [`store`] → [`hub`] (broadcaster, lanes, shards) →
//! sockets. See ARCHITECTURE.md for who may know whom.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod hub;
pub mod ingest;
pub mod metrics;
pub mod retention;
pub mod server;
pub mod store;
pub mod web;
