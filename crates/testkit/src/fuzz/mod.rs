//! What the fuzz targets run, as plain functions: bytes in, a [`Finding`] or nothing out.
//!
//! The folder `fuzz/` feeds them what libFuzzer thinks of; ordinary tests feed them the kept seeds and a few thousand
//! [`noise`] strings.

pub mod checkpoint;
#[cfg(feature = "transport")]
pub mod decode;
mod finding;
pub mod inputs;
mod noise;
pub mod plan;
mod poke;
mod replay;
mod tape;
mod watch;
mod world;

pub use finding::Finding;
pub use noise::noise;
pub use replay::Replay;
pub use tape::Tape;
