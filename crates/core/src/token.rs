//! Opaque values that a server hands out and wants back.

use alloc::sync::Arc;
use core::fmt;

use bytes::Bytes;

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the token as the server wrote it.
            pub fn new(token: impl Into<Arc<str>>) -> Self {
                Self(token.into())
            }

            /// The token as the server wrote it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

opaque! {
    /// The server's side of an upload: X's media id, an S3 upload id, a tus URL.
    ///
    /// The core never looks into it; cloning it copies a pointer.
    Session
}

opaque! {
    /// Where the next page of a Probe begins, as the server said it.
    PageToken
}

/// What the server returned for a stored segment and wants back at Finalize (an ETag).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Receipt(Bytes);

impl Receipt {
    /// Takes the receipt as the server wrote it.
    pub fn new(receipt: impl Into<Bytes>) -> Self {
        Self(receipt.into())
    }

    /// The receipt as the server wrote it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
