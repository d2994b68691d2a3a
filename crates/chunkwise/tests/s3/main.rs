//! Uploads to S3, over real sockets, against stores that others wrote.
#![cfg(test)]

mod credentials;
mod deletions;
mod faults;
mod foreign;
mod store;
mod uploads;
mod world;
