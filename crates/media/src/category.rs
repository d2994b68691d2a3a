//! What X is told the media is for.

use std::fmt;
use std::str::FromStr;

use crate::content::Animation;
use crate::media_type::{MediaKind, MediaType, list, shortened};

/// What the uploaded media will be attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Use {
    /// A post. Media of a direct message can't be attached to one (X fact sheet §2.9).
    #[default]
    Post,
    /// A direct message.
    DirectMessage,
    /// A video for Amplify (publisher content and ads).
    Amplify,
}

impl Use {
    /// Every use.
    pub const ALL: [Self; 3] = [Self::Post, Self::DirectMessage, Self::Amplify];

    /// `post`, `dm` or `amplify`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::DirectMessage => "dm",
            Self::Amplify => "amplify",
        }
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no [`Use`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no use of media; give one of {}", list(&Use::ALL, Use::as_str))]
#[non_exhaustive]
pub struct UnknownUse {
    /// What was given, cut after 100 characters.
    pub given: String,
}

impl FromStr for Use {
    type Err = UnknownUse;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|known| known.as_str() == given)
            .ok_or_else(|| UnknownUse { given: shortened(given) })
    }
}

/// X's `media_category` (X fact sheet §1.1 and §2.2): it chooses the size limit and whether the upload is
/// processed after finalize.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaCategory {
    /// `tweet_image`
    TweetImage,
    /// `tweet_gif`: an animated GIF
    TweetGif,
    /// `tweet_video`
    TweetVideo,
    /// `amplify_video`
    AmplifyVideo,
    /// `dm_image`
    DmImage,
    /// `dm_gif`: an animated GIF
    DmGif,
    /// `dm_video`
    DmVideo,
    /// `subtitles`
    Subtitles,
}

impl MediaCategory {
    /// Every category.
    pub const ALL: [Self; 8] = [
        Self::TweetImage,
        Self::TweetGif,
        Self::TweetVideo,
        Self::AmplifyVideo,
        Self::DmImage,
        Self::DmGif,
        Self::DmVideo,
        Self::Subtitles,
    ];

    /// The name X wants in `media_category`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TweetImage => "tweet_image",
            Self::TweetGif => "tweet_gif",
            Self::TweetVideo => "tweet_video",
            Self::AmplifyVideo => "amplify_video",
            Self::DmImage => "dm_image",
            Self::DmGif => "dm_gif",
            Self::DmVideo => "dm_video",
            Self::Subtitles => "subtitles",
        }
    }

    /// The category of media of this type for this use, or `None` where X has none: 3-D models, subtitles of
    /// a direct message, anything but video for Amplify.
    ///
    /// A GIF known to stand still is an image. One that is animated, or that may be ([`Animation::Unknown`]),
    /// is a GIF: that category takes both, and the larger size.
    ///
    /// ```
    /// use chunkwise_media::{Animation, MediaCategory, MediaType, Use};
    /// let category = |animation| MediaCategory::of(MediaType::Gif, animation, Use::Post);
    /// assert_eq!(category(Animation::Animated), Some(MediaCategory::TweetGif));
    /// assert_eq!(category(Animation::Still), Some(MediaCategory::TweetImage));
    /// ```
    pub const fn of(media_type: MediaType, animation: Animation, destined_for: Use) -> Option<Self> {
        let moving = match animation {
            Animation::Animated | Animation::Unknown => true,
            Animation::Still | Animation::NotApplicable => false,
        };
        match (media_type.kind(), destined_for) {
            (MediaKind::Gif, Use::Post) if moving => Some(Self::TweetGif),
            (MediaKind::Gif, Use::DirectMessage) if moving => Some(Self::DmGif),
            (MediaKind::Gif | MediaKind::Image, Use::Post) => Some(Self::TweetImage),
            (MediaKind::Gif | MediaKind::Image, Use::DirectMessage) => Some(Self::DmImage),
            (MediaKind::Gif | MediaKind::Image, Use::Amplify) => None,
            (MediaKind::Video, Use::Post) => Some(Self::TweetVideo),
            (MediaKind::Video, Use::DirectMessage) => Some(Self::DmVideo),
            (MediaKind::Video, Use::Amplify) => Some(Self::AmplifyVideo),
            (MediaKind::Subtitles, Use::Post | Use::Amplify) => Some(Self::Subtitles),
            (MediaKind::Subtitles, Use::DirectMessage) => None,
            (MediaKind::Model, Use::Post | Use::DirectMessage | Use::Amplify) => None,
        }
    }
}

impl MediaCategory {
    /// Whether media of this kind are beyond doubt nothing for it. In doubt it is X's to say: whether a GIF may go as
    /// video, what a 3-D model may go as.
    pub(crate) const fn rules_out(self, kind: MediaKind) -> bool {
        match self {
            Self::TweetImage | Self::DmImage | Self::TweetGif | Self::DmGif => {
                matches!(kind, MediaKind::Video | MediaKind::Subtitles)
            }
            Self::TweetVideo | Self::AmplifyVideo | Self::DmVideo => {
                matches!(kind, MediaKind::Image | MediaKind::Subtitles)
            }
            Self::Subtitles => !matches!(kind, MediaKind::Subtitles),
        }
    }

    /// What it is for.
    pub(crate) const fn takes(self) -> &'static str {
        match self {
            Self::TweetImage | Self::DmImage => MediaKind::Image.plural(),
            Self::TweetGif | Self::DmGif => MediaKind::Gif.plural(),
            Self::TweetVideo | Self::AmplifyVideo | Self::DmVideo => MediaKind::Video.plural(),
            Self::Subtitles => MediaKind::Subtitles.plural(),
        }
    }
}

impl fmt::Display for MediaCategory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no media category.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no media category of X; give one of {}", list(&MediaCategory::ALL, MediaCategory::as_str))]
#[non_exhaustive]
pub struct UnknownMediaCategory {
    /// What was given, cut after 100 characters.
    pub given: String,
}

impl FromStr for MediaCategory {
    type Err = UnknownMediaCategory;

    /// Reads `tweet_video` and the form `TweetVideo` that v1.1 clients also use (X fact sheet §1.1).
    fn from_str(given: &str) -> Result<Self, Self::Err> {
        match given {
            "tweet_image" | "TweetImage" => Ok(Self::TweetImage),
            "tweet_gif" | "TweetGif" => Ok(Self::TweetGif),
            "tweet_video" | "TweetVideo" => Ok(Self::TweetVideo),
            "amplify_video" | "AmplifyVideo" => Ok(Self::AmplifyVideo),
            "dm_image" | "DmImage" => Ok(Self::DmImage),
            "dm_gif" | "DmGif" => Ok(Self::DmGif),
            "dm_video" | "DmVideo" => Ok(Self::DmVideo),
            "subtitles" | "Subtitles" => Ok(Self::Subtitles),
            _ => Err(UnknownMediaCategory { given: shortened(given) }),
        }
    }
}
