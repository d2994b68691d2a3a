//! What can be wrong with spooling.

use std::io;
use std::sync::Arc;

/// Why media can't be spooled.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SpoolError {
    /// Ours: other uploads have all the memory. Later there will be some.
    #[error("no memory is left for a further upload: try again later")]
    MemoryTaken,
    /// Ours: other uploads have all of the disk that is set aside for them. Later there will be some.
    #[error("no disk space is left for this upload: try again later")]
    DiskTaken,
    /// The operator's: the disk is full, or a quota of the system's. Later there may be some.
    #[error("the disk is full: try again later")]
    DiskFull,
    /// The caller's: it is larger than one upload may be.
    #[error("the media is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Whoever sent it: more came than was announced.
    #[error("more than the {expected} bytes came that were announced")]
    Longer {
        /// The length that was announced, in bytes.
        expected: u64,
    },
    /// Whoever sent it: it ended early.
    #[error("only {len} of the {expected} bytes came that were announced")]
    Shorter {
        /// The length that was announced, in bytes.
        expected: u64,
        /// How many came.
        len: u64,
    },
    /// Only what has a known length can be sent while it grows.
    #[error("its length is not known")]
    LengthUnknown,
    /// The operator's: the folder can't be used.
    #[error("the spool can't be used: {0}")]
    Io(Arc<io::Error>),
}

impl SpoolError {
    /// Whether it is worth trying again later: 503 with a `Retry-After`.
    pub const fn is_busy(&self) -> bool {
        matches!(self, Self::MemoryTaken | Self::DiskTaken | Self::DiskFull)
    }
}

impl From<io::Error> for SpoolError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Io(Arc::new(error)),
        }
    }
}
