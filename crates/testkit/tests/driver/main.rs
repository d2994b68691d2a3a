//! The engine and its driver against the model servers, in paused time: the same scenarios that the simulator runs, now with
//! real bytes, real futures, and processes that die.
//!
//! `CHUNKWISE_CASES` sets how many seeds the random tests take, `CHUNKWISE_SEED` where they begin.
#![cfg(test)]

mod accounts;
mod crashes;
mod folder;
mod moments;
mod order;
mod power;
mod process;
mod seeds;
mod sources;
mod wire;
mod world;

/// A setting of the random tests.
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}
