//! The bodies of requests, read as they stream in.
