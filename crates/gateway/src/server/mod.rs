//! The server: what is answered on which path.

mod accept;
mod body;
mod cors;
mod metrics;
mod page;
mod upstream;
