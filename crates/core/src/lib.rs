//! The upload state machine: no I/O, no async, no clock, no randomness of its own.
