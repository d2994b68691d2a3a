//! What X publishes of what media may be inside, as data.

use std::time::Duration;

use crate::category::MediaCategory;
use crate::structure::PictureSize;

const MINUTE: u64 = 60;

/// What X publishes of what media may be inside (X fact sheet §2.9). Like [`Limits`](crate::Limits) they follow the
/// posting account and change, so they are data: start from the constructor that fits and change what you know better.
///
/// Not all of it can be seen without decoding: nobody here looks for open groups of pictures.
///
/// ```
/// use std::time::Duration;
/// use chunkwise_media::{MediaCategory, Rules};
/// let standard = Rules::standard();
/// assert_eq!(standard.longest(MediaCategory::TweetVideo), Some(Duration::from_secs(140)));
/// assert_eq!(Rules::none().longest(MediaCategory::TweetVideo), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rules {
    /// For video; `None` holds it to nothing.
    pub video: Option<VideoRules>,
    /// For animated GIFs; `None` holds them to nothing.
    pub gif: Option<GifRules>,
}

/// What a video may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct VideoRules {
    /// The shortest: 0.5 s. What is shorter is refused, not warned of: no account may send it.
    pub shortest: Duration,
    /// The longest of a post or for Amplify.
    pub longest_post: Duration,
    /// The longest of a direct message.
    pub longest_message: Duration,
    /// The smallest picture: 32x32.
    pub smallest: PictureSize,
    /// The largest picture, whichever way it is held.
    pub largest: PictureSize,
    /// How many times as long as the other a side may be: 3.
    pub ratio: u32,
    /// The most frames a second: 60.
    pub frame_rate: u32,
}

/// What an animated GIF may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct GifRules {
    /// The largest picture, whichever way it is held: 1280x1080.
    pub largest: PictureSize,
    /// The most frames: 350.
    pub frames: u32,
    /// The most pixels of all frames together: 300 million.
    pub pixels: u64,
}

impl Rules {
    /// What every account may send: video of 0.5 to 140 s and 1280x1024.
    pub const fn standard() -> Self {
        Self::of(140, 140, PictureSize { width: 1280, height: 1024 })
    }

    /// The longer video X documents since 2026 for accounts without a subscription: 20 minutes in a post; the rest as
    /// in [`standard`](Self::standard).
    pub const fn long_video() -> Self {
        Self::of(20 * MINUTE, 140, PictureSize { width: 1280, height: 1024 })
    }

    /// What X documents since 2026 for Premium and verified accounts: 125 minutes in a post, 10 in a direct message,
    /// and 1920x1080.
    pub const fn premium() -> Self {
        Self::of(125 * MINUTE, 10 * MINUTE, PictureSize { width: 1920, height: 1080 })
    }

    /// No rule at all: X's own answer decides. What can't be played by anybody is refused all the same.
    pub const fn none() -> Self {
        Self { video: None, gif: None }
    }

    const fn of(longest_post: u64, longest_message: u64, largest: PictureSize) -> Self {
        let video = VideoRules {
            shortest: Duration::from_millis(500),
            longest_post: Duration::from_secs(longest_post),
            longest_message: Duration::from_secs(longest_message),
            smallest: PictureSize { width: 32, height: 32 },
            largest,
            ratio: 3,
            frame_rate: 60,
        };
        let gif =
            GifRules { largest: PictureSize { width: 1280, height: 1080 }, frames: 350, pixels: 300_000_000 };
        Self { video: Some(video), gif: Some(gif) }
    }

    /// The longest video of a category; `None` is no limit.
    pub const fn longest(&self, category: MediaCategory) -> Option<Duration> {
        match (self.video, category) {
            (Some(video), MediaCategory::DmVideo | MediaCategory::DmGif | MediaCategory::DmImage) => {
                Some(video.longest_message)
            }
            (
                Some(video),
                MediaCategory::TweetVideo
                | MediaCategory::AmplifyVideo
                | MediaCategory::TweetGif
                | MediaCategory::TweetImage
                | MediaCategory::Subtitles,
            ) => Some(video.longest_post),
            (None, _) => None,
        }
    }
}

impl Default for Rules {
    /// [`Rules::standard`]
    fn default() -> Self {
        Self::standard()
    }
}
