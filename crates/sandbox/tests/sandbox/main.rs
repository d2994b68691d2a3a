//! The sandbox as its clients see it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

mod client;
mod v2_upload;
