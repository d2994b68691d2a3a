//! Whole uploads: codec, engine, driver and the hyper backend over real sockets, against a strict tus server.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that can't go on has failed"
)]

mod checksums;
mod deferred;
mod discovery;
mod faults;
mod foreign;
mod parts;
mod refusals;
mod server;
mod whole;
mod world;
