//! Names of uploads.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chunkwise_core::Timestamp;
use serde::{Deserialize, Serialize};

/// The name of an upload on this machine, under which its checkpoint is kept. It fits into a file name and on a
/// command line: 1 to 64 of `a-z A-Z 0-9 . _ -`, the first a letter or a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UploadId(Arc<str>);

impl UploadId {
    /// The id with this name.
    ///
    /// # Errors
    ///
    /// [`InvalidUploadId`] if it is no such name.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, InvalidUploadId> {
        let name = name.into();
        let fits = name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if fits { Ok(Self(name)) } else { Err(InvalidUploadId) }
    }

    /// A new one; ids made later sort behind.
    pub(crate) fn generate(now: Timestamp) -> Result<Self, getrandom::Error> {
        let random = getrandom::u32()?;
        Ok(Self(format!("{:010x}-{random:08x}", now.as_micros() / 1000).into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name that no upload can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of an upload has 1 to 64 letters, digits, dots, dashes or underscores, and begins with a letter or a digit"
)]
pub struct InvalidUploadId;

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for UploadId {
    type Err = InvalidUploadId;

    fn from_str(name: &str) -> Result<Self, InvalidUploadId> {
        Self::new(name)
    }
}

impl TryFrom<String> for UploadId {
    type Error = InvalidUploadId;

    fn try_from(name: String) -> Result<Self, InvalidUploadId> {
        Self::new(name)
    }
}

impl From<UploadId> for String {
    fn from(id: UploadId) -> Self {
        id.0.as_ref().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_do_no_harm_in_a_path() {
        for bad in ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "-flag", "a b", "a\0", &"a".repeat(65)] {
            assert_eq!(UploadId::new(bad), Err(InvalidUploadId), "{bad:?}");
        }
        for good in ["a", "0190-beef", "My_video.2", &"a".repeat(64)] {
            assert!(UploadId::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn generated_names_are_valid_differ_and_sort_by_age() {
        let ids: Vec<_> = (1..100u64)
            .map(|secs| UploadId::generate(Timestamp::from_secs(1_700_000_000 + secs)).unwrap())
            .collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| UploadId::new(id.as_str()).is_ok()));
        let now = Timestamp::from_secs(5);
        assert_ne!(UploadId::generate(now).unwrap(), UploadId::generate(now).unwrap());
    }
}
