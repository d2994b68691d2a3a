//! What is to be uploaded.

/// What is to be uploaded, as far as the engine needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct UploadSpec {
    /// How many bytes the source has.
    pub length: SourceLength,
    /// Whether its bytes can be read a second time.
    pub rewind: Rewind,
    /// How many of its bytes can be read from the start; `None`: all of them, or none if the length is not known. A source
    /// that grows says more by [`Input::Available`](crate::Input::Available).
    pub available: Option<u64>,
}

impl UploadSpec {
    /// A source that is there as a whole and can be read again and again: a file, bytes in memory.
    pub const fn whole(len: u64) -> Self {
        Self { length: SourceLength::Known(len), rewind: Rewind::Possible, available: None }
    }
}

/// How many bytes a source has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SourceLength {
    /// This many.
    Known(u64),
    /// Nobody knows before it has ended.
    Unknown,
}

/// Whether a source's bytes can be read a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Rewind {
    /// They can, as often as wanted.
    Possible,
    /// They can until they are released.
    UntilReleased,
}
