//! Why a video can't be played.

use super::FourCc;

/// Why an MP4 or QuickTime video can't be played by anybody. Every message is the end of a sentence that begins with
/// what is damaged, and says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// A box goes on beyond the end of the file.
    #[error("it is cut off: its {kind} box needs {least_size} bytes and the file has {size}; fetch it again")]
    Truncated {
        /// The box.
        kind: FourCc,
        /// What there is, in bytes.
        size: u64,
        /// What that box needs, in bytes from the start of the file.
        least_size: u64,
    },
    /// There is no index (`moov`).
    #[error(
        "it has no index (moov box), without which nothing in it can be played: its recording or its download did not \
         come to an end; make it anew"
    )]
    NoIndex,
    /// The index is larger than [`Caps::index_bytes`](crate::Caps::index_bytes).
    #[error(
        "its index (moov box) has {size} bytes, and {limit} are the most that is read: encode the video anew"
    )]
    IndexTooLarge {
        /// What it has, in bytes.
        size: u64,
        /// What it may have, in bytes.
        limit: u64,
    },
    /// A box is larger than what it stands in, or smaller than its own header.
    #[error("its index is damaged: a box {kind} does not fit where it stands; encode the video anew")]
    Misfit {
        /// The box.
        kind: FourCc,
    },
    /// A table claims more entries than it has room for.
    #[error(
        "its index is damaged: the table {kind} claims {entries} entries and has room for {room}; encode the video anew"
    )]
    Table {
        /// The table.
        kind: FourCc,
        /// What it claims.
        entries: u32,
        /// What fits into it.
        room: u64,
    },
    /// The index points to samples that the file does not reach to.
    #[error(
        "it is cut off: its index needs at least {least_size} bytes and the file has {size}; fetch it again"
    )]
    SamplesBeyond {
        /// What there is, in bytes.
        size: u64,
        /// What is needed at least, in bytes.
        least_size: u64,
    },
    /// There are more boxes than are visited ([`Caps`](crate::Caps)).
    #[error("it is made of more boxes than any video needs: encode it anew")]
    TooManyBoxes,
    /// There is an index, and not one sample.
    #[error("there is nothing in it to play: neither samples nor fragments; make it anew")]
    NothingToPlay,
}

impl Damage {
    /// A short name that stays the same: what programs can act on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Truncated { .. } | Self::SamplesBeyond { .. } => "truncated",
            Self::NoIndex => "no_index",
            Self::IndexTooLarge { .. } => "index_too_large",
            Self::Misfit { .. } | Self::Table { .. } => "damaged_index",
            Self::TooManyBoxes => "too_many_boxes",
            Self::NothingToPlay => "nothing_to_play",
        }
    }
}
