//! What tests of protocols, backends and the engine share.

pub mod fuzz;
