//! Scripted tests of the engine: exact outputs, one behaviour each.

mod by_hand;
mod script;
