//! Fetches what a stranger's URL names, and reaches nothing that it should not.
