//! The command line as its users have it: the real binary, real sockets, a sandbox in between.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod bad_input;
mod bench;
mod big;
mod checking;
mod commands;
mod gateway;
mod gateway_keys;
mod gateway_logs;
mod gateway_page;
mod gateway_process;
mod interruptions;
mod sandbox;
mod secrets;
mod support;
mod uploads;
mod urls;
