//! What the fuzz targets run over the parsers: bytes in, what is wrong or nothing out. Not part of the API.

mod json;
mod multipart;

pub use json::json;
pub use multipart::multipart;

/// Returns what is wrong unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+));
        }
    };
}

use ensure;
