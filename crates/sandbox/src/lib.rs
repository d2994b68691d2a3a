//! A byte-exact local sandbox of X's media upload API.
