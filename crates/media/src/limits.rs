//! How large media may be.

use crate::category::MediaCategory;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// The largest size per category, in bytes; a category without a limit is not checked.
///
/// X's limits follow the *posting account* and have changed before, so they are data: start from the
/// constructor that fits the account and change what you know better.
///
/// X writes "5 MB" and "8 GB" without saying which megabyte it means. They are read as 1024² and 1024³, as
/// X's own error text (5242880 bytes, X fact sheet §1.5) and schema maximum (17179869184, §2.2) have it.
///
/// ```
/// use chunkwise_media::{Limits, MediaCategory};
/// let limits = Limits::standard().with(MediaCategory::TweetVideo, Some(1_000_000_000));
/// assert!(limits.check(MediaCategory::TweetVideo, 1_000_000_000).is_ok());
/// assert!(limits.check(MediaCategory::TweetVideo, 1_000_000_001).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    tweet_image: Option<u64>,
    tweet_gif: Option<u64>,
    tweet_video: Option<u64>,
    amplify_video: Option<u64>,
    dm_image: Option<u64>,
    dm_gif: Option<u64>,
    dm_video: Option<u64>,
    subtitles: Option<u64>,
}

impl Limits {
    /// What every account may send: images 5 MiB (5,242,880), GIFs 15 MiB (15,728,640), video 512 MiB
    /// (536,870,912). X documents no limit for subtitles, so there is none.
    pub const fn standard() -> Self {
        Self::of(5 * MIB, 15 * MIB, 512 * MIB, 512 * MIB)
    }

    /// The larger limits X documents since 2026 for accounts without a subscription: video of a post 8 GiB,
    /// of a direct message 512 MiB; the rest as in [`standard`](Self::standard) (X fact sheet §2.9).
    pub const fn long_video() -> Self {
        Self::of(5 * MIB, 15 * MIB, 8 * GIB, 512 * MIB)
    }

    /// The larger limits X documents since 2026 for Premium and verified accounts: video of a post 16 GiB, of
    /// a direct message 1 GiB; the rest as in [`standard`](Self::standard) (X fact sheet §2.9).
    pub const fn premium() -> Self {
        Self::of(5 * MIB, 15 * MIB, 16 * GIB, GIB)
    }

    /// No limit at all: X's own answer decides.
    pub const fn none() -> Self {
        Self {
            tweet_image: None,
            tweet_gif: None,
            tweet_video: None,
            amplify_video: None,
            dm_image: None,
            dm_gif: None,
            dm_video: None,
            subtitles: None,
        }
    }

    const fn of(image: u64, gif: u64, post_video: u64, dm_video: u64) -> Self {
        Self {
            tweet_image: Some(image),
            tweet_gif: Some(gif),
            tweet_video: Some(post_video),
            amplify_video: Some(post_video),
            dm_image: Some(image),
            dm_gif: Some(gif),
            dm_video: Some(dm_video),
            subtitles: None,
        }
    }

    /// The same limits with another one for `category`, in bytes; `None` takes it away.
    #[must_use]
    pub const fn with(mut self, category: MediaCategory, limit: Option<u64>) -> Self {
        match category {
            MediaCategory::TweetImage => self.tweet_image = limit,
            MediaCategory::TweetGif => self.tweet_gif = limit,
            MediaCategory::TweetVideo => self.tweet_video = limit,
            MediaCategory::AmplifyVideo => self.amplify_video = limit,
            MediaCategory::DmImage => self.dm_image = limit,
            MediaCategory::DmGif => self.dm_gif = limit,
            MediaCategory::DmVideo => self.dm_video = limit,
            MediaCategory::Subtitles => self.subtitles = limit,
        }
        self
    }

    /// The largest size for `category` in bytes, itself allowed; `None` is no limit.
    pub const fn limit(&self, category: MediaCategory) -> Option<u64> {
        match category {
            MediaCategory::TweetImage => self.tweet_image,
            MediaCategory::TweetGif => self.tweet_gif,
            MediaCategory::TweetVideo => self.tweet_video,
            MediaCategory::AmplifyVideo => self.amplify_video,
            MediaCategory::DmImage => self.dm_image,
            MediaCategory::DmGif => self.dm_gif,
            MediaCategory::DmVideo => self.dm_video,
            MediaCategory::Subtitles => self.subtitles,
        }
    }

    /// Whether `size` bytes are allowed for `category`.
    ///
    /// # Errors
    ///
    /// [`TooLarge`] with the numbers if they are not.
    pub const fn check(&self, category: MediaCategory, size: u64) -> Result<(), TooLarge> {
        match self.limit(category) {
            Some(limit) if size > limit => Err(TooLarge { category, size, limit }),
            Some(_) | None => Ok(()),
        }
    }
}

impl Default for Limits {
    /// [`Limits::standard`]
    fn default() -> Self {
        Self::standard()
    }
}

/// Media larger than its category allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{size} bytes are {} more than the {limit} that {category} may have; {}",
    size.saturating_sub(*limit),
    advice(*category)
)]
#[non_exhaustive]
pub struct TooLarge {
    /// The category whose limit is exceeded.
    pub category: MediaCategory,
    /// What the media has, in bytes.
    pub size: u64,
    /// What it may have at most, in bytes.
    pub limit: u64,
}

const fn advice(category: MediaCategory) -> &'static str {
    match category {
        MediaCategory::TweetImage | MediaCategory::DmImage => {
            "make the picture smaller or compress it more (JPEG or WebP instead of PNG)"
        }
        MediaCategory::TweetGif | MediaCategory::DmGif => {
            "give it fewer frames or a smaller picture, or turn it into an MP4 video"
        }
        MediaCategory::TweetVideo | MediaCategory::AmplifyVideo | MediaCategory::DmVideo => {
            "encode the video smaller, or raise the limit if the account may send more"
        }
        MediaCategory::Subtitles => "split the subtitles or raise the limit",
    }
}
