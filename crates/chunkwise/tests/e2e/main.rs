//! The whole, in one process: real files, real sockets, the sandbox of X at the other end.
#![cfg(test)]

mod alt_text;
mod credentials;
mod fault_matrix;
mod fault_table;
mod finalize;
mod large_segments;
mod processing;
mod rate_limits;
mod sessions;
mod sharing;
mod source_changes;
mod support;
mod tls_and_proxies;
mod too_large;
mod undocumented;
