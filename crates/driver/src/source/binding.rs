//! What binds a checkpoint to its source.

use std::fmt;
use std::sync::Arc;

use chunkwise_core::SourceLength;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::{Source, SourceError, read_exact};

/// How much of each end of a source goes into its fingerprint.
const EDGE: u64 = 64 << 10;

/// What a source can be recognised by: size, time of last change, and a digest of its first and last 64 KiB.
///
/// What is not known of a source (the end of one that still grows) is left out and not compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Its length in bytes.
    pub size: Option<u64>,
    /// When it was last changed, in nanoseconds since the Unix epoch.
    pub modified: Option<i64>,
    /// SHA-256 of its first 64 KiB (of all of it, if it is shorter).
    pub head: Option<Sha256>,
    /// SHA-256 of its last 64 KiB (of all of it, if it is shorter).
    pub tail: Option<Sha256>,
}

impl Fingerprint {
    /// Of what can be read of the source now.
    pub(crate) fn of(source: &(impl Source + ?Sized)) -> Result<Self, SourceError> {
        let spec = source.spec();
        let size = match spec.length {
            SourceLength::Known(size) => Some(size),
            SourceLength::Unknown => None,
        };
        let available = spec.available.or(size).unwrap_or(0);
        let complete = size == Some(available);
        let edge = EDGE.min(available);
        let head = if complete || available >= EDGE { Some(digest_of(source, 0, edge)?) } else { None };
        let tail = if complete { Some(digest_of(source, available - edge, edge)?) } else { None };
        Ok(Self { size, modified: None, head, tail })
    }

    /// What differs from an earlier fingerprint of what should be the same source; the first that does.
    pub fn difference(&self, earlier: &Self) -> Option<SourceChange> {
        fn differ<T: PartialEq + Clone>(was: &Option<T>, is: &Option<T>) -> Option<(T, T)> {
            match (was, is) {
                (Some(was), Some(is)) if was != is => Some((was.clone(), is.clone())),
                _ => None,
            }
        }
        if let Some((was, is)) = differ(&earlier.size, &self.size) {
            return Some(SourceChange::Size { was, is });
        }
        if differ(&earlier.head, &self.head).is_some() {
            return Some(SourceChange::Head);
        }
        if differ(&earlier.tail, &self.tail).is_some() {
            return Some(SourceChange::Tail);
        }
        differ(&earlier.modified, &self.modified).map(|_| SourceChange::Modified)
    }
}

/// How a source differs from what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceChange {
    /// It has another length.
    Size {
        /// The length it had, in bytes.
        was: u64,
        /// The length it has.
        is: u64,
    },
    /// It was written to.
    Modified,
    /// Its first 64 KiB are others.
    Head,
    /// Its last 64 KiB are others.
    Tail,
    /// It ended where more was to come.
    EndsEarly {
        /// Where, in bytes from the start.
        at: u64,
    },
}

impl fmt::Display for SourceChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { was, is } => write!(f, "it had {was} bytes and now has {is}"),
            Self::Modified => f.write_str("it was written to meanwhile"),
            Self::Head => f.write_str("its first 64 KiB are not what they were"),
            Self::Tail => f.write_str("its last 64 KiB are not what they were"),
            Self::EndsEarly { at } => write!(f, "it now ends after {at} bytes"),
        }
    }
}

/// A SHA-256 digest; written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest's bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<[u8; 32]> for Sha256 {
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl From<Sha256> for String {
    fn from(digest: Sha256) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Sha256 {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        const WRONG: &str = "a SHA-256 digest has 64 hexadecimal digits";
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(WRONG);
        }
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| WRONG)?;
        }
        Ok(Self(bytes))
    }
}

/// The SHA-256 digest of a whole source. It reads all of it: segments are sent in any order, so the digest can't
/// come for free with the sending.
///
/// # Errors
///
/// If the source can't be read, or changes meanwhile.
pub async fn digest(source: Arc<dyn Source>) -> Result<Sha256, SourceError> {
    crate::blocking(move || {
        let spec = source.spec();
        let len = match (spec.length, spec.available) {
            (SourceLength::Known(len), _) => len,
            (SourceLength::Unknown, available) => available.unwrap_or(0),
        };
        source.check()?;
        let digest = digest_of(&*source, 0, len)?;
        source.check()?;
        Ok(digest)
    })
    .await
    .unwrap_or_else(|panicked| Err(SourceError::unreadable("the source", panicked)))
}

fn digest_of(source: &(impl Source + ?Sized), start: u64, len: u64) -> Result<Sha256, SourceError> {
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; usize::try_from(len).unwrap_or(usize::MAX).min(256 << 10)];
    let mut done = 0;
    while done < len {
        let piece = usize::try_from(len - done).unwrap_or(usize::MAX).min(buffer.len());
        read_exact(source, start + done, &mut buffer[..piece])?;
        hasher.update(&buffer[..piece]);
        done += piece as u64;
    }
    Ok(Sha256(hasher.finalize().into()))
}
