//! The command line of chunkwise.
fn main() {}
