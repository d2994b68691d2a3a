//! Media categories: what an upload is for.

use std::fmt;
use std::str::FromStr;

/// What an upload is for. X decides by it which limits count and whether the media is processed.
///
/// Source: X fact sheet §1.1, §2.2 (the same eight names in v1.1 and v2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// A video of the advertising product; formerly also the way to videos longer than 140 seconds.
    AmplifyVideo,
    /// An animated GIF in a post.
    TweetGif,
    /// An image in a post.
    TweetImage,
    /// A video in a post.
    TweetVideo,
    /// An animated GIF in a direct message.
    DmGif,
    /// An image in a direct message.
    DmImage,
    /// A video in a direct message.
    DmVideo,
    /// A subtitle file for a video.
    Subtitles,
}

/// What X does with media after FINALIZE, by category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handling {
    /// It is transcoded, and STATUS knows about it.
    Processed,
    /// It is ready at once, and STATUS always answers that there is no such thing.
    Immediate,
}

impl Category {
    /// Every category.
    pub const ALL: [Self; 8] = [
        Self::AmplifyVideo,
        Self::TweetGif,
        Self::TweetImage,
        Self::TweetVideo,
        Self::DmGif,
        Self::DmImage,
        Self::DmVideo,
        Self::Subtitles,
    ];

    /// Its name on the wire, as in `tweet_video`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AmplifyVideo => "amplify_video",
            Self::TweetGif => "tweet_gif",
            Self::TweetImage => "tweet_image",
            Self::TweetVideo => "tweet_video",
            Self::DmGif => "dm_gif",
            Self::DmImage => "dm_image",
            Self::DmVideo => "dm_video",
            Self::Subtitles => "subtitles",
        }
    }

    /// The largest file that an account without special rights may upload, in bytes: images 5,242,880, GIFs
    /// 15,728,640, videos 536,870,912. X names no limit of its own for subtitles; they get that of videos.
    ///
    /// It is a default: accounts that may do more say so with
    /// [`Media::with_max_total`](crate::Media::with_max_total). Source: X fact sheet §2.9.
    pub const fn default_max_total(self) -> u64 {
        match self {
            Self::TweetImage | Self::DmImage => 5 << 20,
            Self::TweetGif | Self::DmGif => 15 << 20,
            Self::AmplifyVideo | Self::TweetVideo | Self::DmVideo | Self::Subtitles => 512 << 20,
        }
    }

    /// Whether X processes it after FINALIZE. Source: X fact sheet §1.3, §1.4, §2.5.
    pub(crate) const fn handling(self) -> Handling {
        match self {
            Self::AmplifyVideo | Self::TweetGif | Self::TweetVideo | Self::DmGif | Self::DmVideo => {
                Handling::Processed
            }
            Self::TweetImage | Self::DmImage | Self::Subtitles => Handling::Immediate,
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Category {
    type Err = UnknownCategory;

    fn from_str(name: &str) -> Result<Self, UnknownCategory> {
        Self::ALL.into_iter().find(|category| category.name() == name).ok_or(UnknownCategory)
    }
}

/// A name that is no media category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no such media category; there are amplify_video, tweet_gif, tweet_image, tweet_video, dm_gif, dm_image, \
     dm_video and subtitles"
)]
pub struct UnknownCategory;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_goes_by_its_wire_name() {
        for category in Category::ALL {
            assert_eq!(category.name().parse(), Ok(category));
            assert!(UnknownCategory.to_string().contains(category.name()));
        }
        assert_eq!("TweetVideo".parse::<Category>(), Err(UnknownCategory));
    }
}
