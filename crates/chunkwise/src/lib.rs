//! Chunked uploads of large media that survive failing networks.
