//! The command line as its users have it: the real binary, real sockets, a sandbox in between.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod bad_input;
mod bench;
mod bench_elsewhere;
mod big;
mod checking;
mod commands;
mod elsewhere;
mod gateway;
mod gateway_keys;
mod gateway_logs;
mod gateway_page;
mod gateway_process;
mod interruptions;
#[expect(dead_code, reason = "this test asks less of it than those it was written for")]
#[path = "../../../chunkwise/tests/s3/store.rs"]
mod s3_store;
mod sandbox;
mod secrets;
mod support;
#[expect(dead_code, reason = "this test asks less of it than those it was written for")]
#[path = "../../../protocol-tus/tests/uploads/server.rs"]
mod tus_server;
mod uploads;
mod urls;
