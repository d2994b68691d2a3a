//! The gateway as its clients see it: real sockets, the sandbox in X's place.
#![cfg(test)]

mod as_a_client;
mod beyond;
mod contract;
mod described;
mod looking;
#[path = "../../../media/tests/media/mp4.rs"]
#[expect(dead_code, reason = "it makes more kinds of movies than are needed here")]
mod mp4;
mod posts;
mod restarts;
mod together;
mod world;
