//! Sizes and counts, as data.

use serde::{Deserialize, Serialize};

use crate::media_kind::Category;

/// The largest media of each category, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SizeLimits {
    /// `tweet_image`, `dm_image`. Default 5,242,880.
    pub image: u64,
    /// `tweet_gif`, `dm_gif`. Default 15,728,640.
    pub gif: u64,
    /// `tweet_video`, `amplify_video`. Default 536,870,912.
    pub video: u64,
    /// `dm_video`. Default 536,870,912.
    pub dm_video: u64,
    /// `subtitles`. Default 1,048,576, the sandbox's own choice: X documents none.
    pub subtitles: u64,
}

impl SizeLimits {
    /// What was in force up to August 2026: 512 MiB of video. The default (X fact sheet §2.9).
    pub fn classic() -> Self {
        Self {
            image: 5_242_880,
            gif: 15_728_640,
            video: 536_870_912,
            dm_video: 536_870_912,
            subtitles: 1_048_576,
        }
    }

    /// The newer ones for a default account: 8 GB of video (X fact sheet §2.9).
    pub fn long_video() -> Self {
        Self { video: 8 << 30, ..Self::classic() }
    }

    /// The newer ones for a Premium account: 16 GB of video, 1 GB in a direct message (X fact sheet §2.9).
    pub fn premium() -> Self {
        Self { video: 16 << 30, dm_video: 1 << 30, ..Self::classic() }
    }

    pub(crate) fn of(&self, category: Category) -> u64 {
        match category {
            Category::TweetImage | Category::DmImage => self.image,
            Category::TweetGif | Category::DmGif => self.gif,
            Category::TweetVideo | Category::AmplifyVideo => self.video,
            Category::DmVideo => self.dm_video,
            Category::Subtitles => self.subtitles,
        }
    }
}

impl Default for SizeLimits {
    fn default() -> Self {
        Self::classic()
    }
}

/// Sizes and counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// By category.
    pub media: SizeLimits,
    /// The most media bytes of one APPEND, decoded. Default 5,000,000: the smallest of the figures that X's "5 MB" may
    /// mean. Beyond it the answer is 413 with an empty body, as from X's edge (X fact sheet §2.3).
    pub append_bytes: u64,
    /// The most bytes of a whole multipart APPEND, framing included. Default 5,242,880 (X fact sheet §2.3: a segment of
    /// exactly that, plus framing, was refused). Base64 forms are bounded by `append_bytes` alone.
    pub append_body_bytes: u64,
    /// The highest segment index. Default 999 (X fact sheet §1.2).
    pub last_segment_index: u16,
    /// v1.1: without a category, a larger media can't be finalized ("Large file can not be finalized synchronously.",
    /// X fact sheet §1.3). Default 15,728,640, the sandbox's own choice.
    pub synchronous_bytes: u64,
    /// The largest `total_bytes` that the schema of v2 `initialize` takes. Default 17,179,869,184 (X fact sheet §2.2).
    pub schema_total_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            media: SizeLimits::default(),
            append_bytes: 5_000_000,
            append_body_bytes: 5_242_880,
            last_segment_index: 999,
            synchronous_bytes: 15_728_640,
            schema_total_bytes: 17_179_869_184,
        }
    }
}
