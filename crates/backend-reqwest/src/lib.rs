//! Backend over an embedder's own reqwest client.
