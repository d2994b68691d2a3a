//! What the fuzz targets run, as plain functions: bytes in, a [`Finding`] or nothing out.
//!
//! The folder `fuzz/` feeds them what libFuzzer thinks of; ordinary tests feed them the kept seeds and a few thousand
//! [`noise`] strings.

pub mod checkpoint;
pub mod decode;
mod finding;
pub mod inputs;
mod noise;
pub mod plan;
mod poke;
mod seeds;
mod tape;
mod watch;
mod world;

pub use finding::Finding;
pub use noise::noise;
pub use seeds::seeds;
pub use tape::Tape;
