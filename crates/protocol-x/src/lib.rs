//! X media upload, v2 and v1.1, as a pure codec.
