//! Scripted tests of the engine: exact outputs, one behaviour each.

mod append;
mod append_again;
mod by_hand;
mod control;
mod credentials;
mod finalize;
mod listed;
mod matrix;
mod once;
mod opening;
mod persist;
mod processing;
mod random;
mod replacing;
mod resume;
mod script;
mod source;
mod telling;
mod too_large;
mod transfer;
mod unknown;
mod waiting;
