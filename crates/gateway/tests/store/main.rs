//! The store over its public face: what it keeps, whoever dies when.

mod keys;
mod opening;
mod world;
