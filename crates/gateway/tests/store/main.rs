//! The store over its public face: what it keeps, whoever dies when.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod canary;
mod client;
mod crash;
mod idempotency;
mod keys;
mod kill;
mod ledger;
mod opening;
mod random;
mod uploads;
mod world;
