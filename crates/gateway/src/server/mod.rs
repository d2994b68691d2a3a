//! The server: what is answered on which path.

mod accept;
mod body;
