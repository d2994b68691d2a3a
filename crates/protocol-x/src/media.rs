//! What is uploaded, as X wants to be told.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::{Category, UserId};

/// The most users who may use a media besides its uploader. Source: X fact sheet §1.1.
pub const MAX_ADDITIONAL_OWNERS: usize = 100;

/// What is uploaded: its type and category, the size limit that counts for it, and who may use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    pub(crate) media_type: MediaType,
    pub(crate) category: Category,
    pub(crate) max_total: u64,
    pub(crate) additional_owners: Vec<UserId>,
    pub(crate) sharing: Sharing,
}

/// Whether direct-message media may be used in more than one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// As X has it by default: once. Nothing is said about it on the wire.
    #[default]
    Default,
    /// In several messages.
    Shared,
}

impl Media {
    /// Media of this type and category, with the category's default size limit.
    pub const fn new(media_type: MediaType, category: Category) -> Self {
        Self {
            media_type,
            category,
            max_total: category.default_max_total(),
            additional_owners: Vec::new(),
            sharing: Sharing::Default,
        }
    }

    /// The same with another size limit in bytes, for accounts that may upload more (or shall upload less). X has
    /// the last word about it; 1,000 segments of 5,000,000 bytes are the most that the protocol can carry.
    #[must_use]
    pub const fn with_max_total(mut self, max_total: u64) -> Self {
        self.max_total = max_total;
        self
    }

    /// The same with users who may use the media besides its uploader.
    ///
    /// # Errors
    ///
    /// [`TooManyOwners`] if there are more than [`MAX_ADDITIONAL_OWNERS`].
    pub fn with_additional_owners(mut self, owners: Vec<UserId>) -> Result<Self, TooManyOwners> {
        if owners.len() > MAX_ADDITIONAL_OWNERS {
            return Err(TooManyOwners { given: owners.len() });
        }
        self.additional_owners = owners;
        Ok(self)
    }

    /// The same with a say about use in several direct messages.
    #[must_use]
    pub const fn with_sharing(mut self, sharing: Sharing) -> Self {
        self.sharing = sharing;
        self
    }

    /// Its type.
    pub const fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// Its category.
    pub const fn category(&self) -> Category {
        self.category
    }

    /// The largest size that counts for it, in bytes.
    pub const fn max_total(&self) -> u64 {
        self.max_total
    }
}

/// More additional owners than X takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given} additional owners, and X takes {MAX_ADDITIONAL_OWNERS} at most")]
pub struct TooManyOwners {
    given: usize,
}

/// A MIME type without parameters, as in `video/mp4`.
///
/// Any well-formed type is taken: X's list changes, and X says itself what it does not take. (It does not take
/// `application/octet-stream`; X fact sheet §2.2.)
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MediaType(Cow<'static, str>);

impl MediaType {
    /// MPEG-4 video.
    pub const MP4: Self = Self(Cow::Borrowed("video/mp4"));
    /// QuickTime video.
    pub const QUICKTIME: Self = Self(Cow::Borrowed("video/quicktime"));
    /// WebM video.
    pub const WEBM: Self = Self(Cow::Borrowed("video/webm"));
    /// A GIF, animated or still.
    pub const GIF: Self = Self(Cow::Borrowed("image/gif"));
    /// A JPEG image.
    pub const JPEG: Self = Self(Cow::Borrowed("image/jpeg"));
    /// A PNG image.
    pub const PNG: Self = Self(Cow::Borrowed("image/png"));
    /// A WebP image.
    pub const WEBP: Self = Self(Cow::Borrowed("image/webp"));
    /// SubRip subtitles.
    pub const SRT: Self = Self(Cow::Borrowed("text/srt"));
    /// WebVTT subtitles.
    pub const VTT: Self = Self(Cow::Borrowed("text/vtt"));

    /// The type by this name; upper case is made lower.
    ///
    /// # Errors
    ///
    /// [`InvalidMediaType`] if it is not of the form `type/subtype` in at most 127 characters.
    pub fn new(name: impl AsRef<str>) -> Result<Self, InvalidMediaType> {
        let name = name.as_ref();
        let mut halves = name.split('/');
        let well_formed = matches!(
            (halves.next(), halves.next(), halves.next()),
            (Some(kind), Some(subtype), None) if is_token(kind) && is_token(subtype)
        );
        if !well_formed || name.len() > 127 {
            return Err(InvalidMediaType);
        }
        Ok(Self(Cow::Owned(name.to_ascii_lowercase())))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text is a restricted name of RFC 6838 §4.2.
fn is_token(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MediaType {
    type Err = InvalidMediaType;

    fn from_str(name: &str) -> Result<Self, InvalidMediaType> {
        Self::new(name)
    }
}

/// A text that is no MIME type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a media type; it has the form type/subtype, as in video/mp4, without parameters")]
pub struct InvalidMediaType;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_checked_and_lower_case() {
        assert_eq!(MediaType::new("Video/MP4"), Ok(MediaType::MP4));
        assert_eq!(MediaType::new("model/vnd.usdz+zip").unwrap().as_str(), "model/vnd.usdz+zip");
        for bad in
            ["", "video", "video/", "/mp4", "video/mp4/x", "video/mp4; codecs=avc1", "video/mp4\r\nx: y"]
        {
            assert_eq!(MediaType::new(bad), Err(InvalidMediaType), "{bad:?}");
        }
    }

    #[test]
    fn there_are_at_most_a_hundred_additional_owners() {
        let media = Media::new(MediaType::MP4, Category::TweetVideo);
        let owner: UserId = "12".parse().unwrap();
        assert!(media.clone().with_additional_owners(vec![owner.clone(); 100]).is_ok());
        assert_eq!(media.with_additional_owners(vec![owner; 101]), Err(TooManyOwners { given: 101 }));
    }
}
