//! The whole, in one process: real files, real sockets, the sandbox of X at the other end.
#![cfg(test)]

mod fault_matrix;
mod fault_table;
mod finalize;
mod processing;
mod support;
