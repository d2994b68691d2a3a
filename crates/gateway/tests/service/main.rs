//! The gateway as its clients see it: real sockets, the sandbox in X's place.
#![cfg(test)]

mod contract;
mod world;
