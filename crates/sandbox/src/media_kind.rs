//! What X calls a media: its category, its MIME type and what follows from them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An id of a media or of an upload session: one to nineteen decimal digits (X fact sheet §2.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaId(u64);

impl MediaId {
    pub(crate) fn new(number: u64) -> Self {
        Self(number)
    }

    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MediaId({})", self.0)
    }
}

/// The text is not a media id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a media id is one to nineteen digits")]
pub struct NotAMediaId;

impl FromStr for MediaId {
    type Err = NotAMediaId;

    fn from_str(text: &str) -> Result<Self, NotAMediaId> {
        if !(1..=19).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAMediaId);
        }
        text.parse().map(Self).map_err(|_| NotAMediaId)
    }
}

impl Serialize for MediaId {
    /// As a string: ids exceed what a double can hold.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MediaId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// X's `media_category` (X fact sheet §1.1, §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are X's and say it all")]
pub enum Category {
    AmplifyVideo,
    TweetGif,
    TweetImage,
    TweetVideo,
    DmGif,
    DmImage,
    DmVideo,
    Subtitles,
}

/// What a media is, whatever it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Image,
    Gif,
    Video,
    Text,
    Model,
}

impl Category {
    /// In the order of X's own schema.
    pub(crate) const ALL: [Self; 8] = [
        Self::AmplifyVideo,
        Self::TweetGif,
        Self::TweetImage,
        Self::TweetVideo,
        Self::DmGif,
        Self::DmImage,
        Self::DmVideo,
        Self::Subtitles,
    ];

    /// X's snake_case name.
    pub fn as_str(self) -> &'static str {
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

    pub(crate) fn from_snake(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.as_str() == name)
    }

    /// v1.1 takes snake_case and CamelCase (X fact sheet §1.1).
    pub(crate) fn from_v1(name: &str) -> Option<Self> {
        Self::from_snake(name).or_else(|| {
            let camel = |category: &Self| {
                let joined: String = category.as_str().split('_').map(capitalized).collect();
                joined == name
            };
            Self::ALL.into_iter().find(camel)
        })
    }

    /// The category X assumes when none is named (X fact sheet §2.9).
    pub(crate) fn assumed_for(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Image => Some(Self::TweetImage),
            Kind::Gif => Some(Self::TweetGif),
            Kind::Video => Some(Self::TweetVideo),
            Kind::Text => Some(Self::Subtitles),
            Kind::Model => None,
        }
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::AmplifyVideo | Self::TweetVideo | Self::DmVideo => Kind::Video,
            Self::TweetGif | Self::DmGif => Kind::Gif,
            Self::TweetImage | Self::DmImage => Kind::Image,
            Self::Subtitles => Kind::Text,
        }
    }

    /// Whether a media of this type can be of this category. A still picture may well be a GIF file.
    pub(crate) fn accepts(self, kind: Kind) -> bool {
        self.kind() == kind || (self.kind() == Kind::Image && kind == Kind::Gif)
    }

    /// The number in front of a `media_key` (X fact sheet §2.2; 5 and 16 are unverified there, the rest of the
    /// direct message ones are the sandbox's own choice).
    pub(crate) fn key_prefix(self) -> u8 {
        match self {
            Self::TweetImage | Self::Subtitles => 3,
            Self::DmImage | Self::DmGif | Self::DmVideo => 5,
            Self::TweetVideo => 7,
            Self::AmplifyVideo => 13,
            Self::TweetGif => 16,
        }
    }

    /// Whether a post may carry it; a direct message's media may not be attached (X fact sheet §2.9).
    pub(crate) fn attachable_to_post(self) -> bool {
        match self {
            Self::AmplifyVideo | Self::TweetGif | Self::TweetImage | Self::TweetVideo => true,
            Self::DmGif | Self::DmImage | Self::DmVideo | Self::Subtitles => false,
        }
    }

    /// Images and subtitles are ready when finalized; videos and GIFs are processed (X fact sheet §1.3).
    pub(crate) fn is_processed(self) -> bool {
        match self.kind() {
            Kind::Video | Kind::Gif => true,
            Kind::Image | Kind::Text | Kind::Model => false,
        }
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// The MIME types that `initialize` takes, in the order of X's schema (X fact sheet §2.2).
pub(crate) const MEDIA_TYPES: [&str; 15] = [
    "video/mp4",
    "video/webm",
    "video/mp2t",
    "video/quicktime",
    "text/srt",
    "text/vtt",
    "image/jpeg",
    "image/gif",
    "image/bmp",
    "image/png",
    "image/webp",
    "image/pjpeg",
    "image/tiff",
    "model/gltf-binary",
    "model/vnd.usdz+zip",
];

/// What a MIME type is, if X takes it.
pub(crate) fn kind_of(media_type: &str) -> Option<Kind> {
    if !MEDIA_TYPES.contains(&media_type) {
        return None;
    }
    match media_type.split_once('/')? {
        ("video", _) => Some(Kind::Video),
        ("text", _) => Some(Kind::Text),
        ("image", "gif") => Some(Kind::Gif),
        ("image", _) => Some(Kind::Image),
        ("model", _) => Some(Kind::Model),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_takes_both_spellings() {
        assert_eq!(Category::from_v1("TweetVideo"), Some(Category::TweetVideo));
        assert_eq!(Category::from_v1("tweet_video"), Some(Category::TweetVideo));
        assert_eq!(Category::from_v1("DmGif"), Some(Category::DmGif));
        assert_eq!(Category::from_v1("Subtitles"), Some(Category::Subtitles));
        assert_eq!(Category::from_v1("Tweet_Video"), None);
        assert_eq!(Category::from_snake("TweetVideo"), None);
    }

    #[test]
    fn ids_are_one_to_nineteen_digits() {
        assert_eq!("9223372036854775807".parse::<MediaId>(), Ok(MediaId(9223372036854775807)));
        for bad in ["", "-1", "+1", "1a", "12345678901234567890"] {
            assert_eq!(bad.parse::<MediaId>(), Err(NotAMediaId), "{bad}");
        }
    }

    #[test]
    fn every_media_type_has_a_kind() {
        for media_type in MEDIA_TYPES {
            assert!(kind_of(media_type).is_some(), "{media_type}");
        }
        assert_eq!(kind_of("application/octet-stream"), None);
    }
}
