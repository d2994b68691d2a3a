//! The sandbox as its clients see it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

mod access;
mod client;
mod commands;
mod control;
mod faults;
mod faults_on_the_wire;
mod https;
mod large;
mod media_forms;
mod posts;
mod rates;
mod undocumented;
mod v2_rules;
mod v2_upload;
