//! What a file is, and whether a destination will take it.
