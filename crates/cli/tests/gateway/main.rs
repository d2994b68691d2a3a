//! The gateway as others meet it: the real `chunkwise serve`, and clients, browsers and proxies that others wrote, if they are
//! installed and wanted (`CHUNKWISE_FOREIGN=1`).
//!
//! `CHUNKWISE_PYTHON` is a python with requests (default: `python3`), `CHUNKWISE_CHROMIUM` a Chromium (default: `chromium`).
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod examples;
mod page;
mod proxies;
mod world;
