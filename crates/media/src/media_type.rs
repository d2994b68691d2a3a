//! The media types X takes.

use std::fmt;
use std::str::FromStr;

/// A media type that X's v2 `initialize` accepts (X fact sheet §2.2).
///
/// Closed on purpose: what is not in this list, X refuses before the first byte is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaType {
    /// `video/mp4`
    Mp4,
    /// `video/webm`
    WebM,
    /// `video/mp2t`: an MPEG transport stream
    Mp2t,
    /// `video/quicktime`
    QuickTime,
    /// `image/jpeg`
    Jpeg,
    /// `image/gif`
    Gif,
    /// `image/bmp`
    Bmp,
    /// `image/png`
    Png,
    /// `image/webp`
    WebP,
    /// `image/pjpeg`: an old name for progressive JPEG; never the result of sniffing
    Pjpeg,
    /// `image/tiff`
    Tiff,
    /// `text/srt`: SubRip subtitles
    Srt,
    /// `text/vtt`: WebVTT subtitles
    Vtt,
    /// `model/gltf-binary`
    Glb,
    /// `model/vnd.usdz+zip`
    Usdz,
}

/// What a media type is used as; the category and the size limit hang on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// An image that stands still, whatever its type says about animation.
    Image,
    /// A GIF, which may be animated and then is a kind of its own for X.
    Gif,
    /// A video.
    Video,
    /// Subtitles for a video.
    Subtitles,
    /// A 3-D model.
    Model,
}

impl MediaKind {
    /// Several of them, in a sentence.
    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Self::Image => "images",
            Self::Gif => "GIFs",
            Self::Video => "videos",
            Self::Subtitles => "subtitles",
            Self::Model => "3-D models",
        }
    }
}

impl MediaType {
    /// Every media type, in the order of X's own list.
    pub const ALL: [Self; 15] = [
        Self::Mp4,
        Self::WebM,
        Self::Mp2t,
        Self::QuickTime,
        Self::Srt,
        Self::Vtt,
        Self::Jpeg,
        Self::Gif,
        Self::Bmp,
        Self::Png,
        Self::WebP,
        Self::Pjpeg,
        Self::Tiff,
        Self::Glb,
        Self::Usdz,
    ];

    /// The name X wants in `media_type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mp4 => "video/mp4",
            Self::WebM => "video/webm",
            Self::Mp2t => "video/mp2t",
            Self::QuickTime => "video/quicktime",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Bmp => "image/bmp",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Pjpeg => "image/pjpeg",
            Self::Tiff => "image/tiff",
            Self::Srt => "text/srt",
            Self::Vtt => "text/vtt",
            Self::Glb => "model/gltf-binary",
            Self::Usdz => "model/vnd.usdz+zip",
        }
    }

    /// What this type is used as.
    pub const fn kind(self) -> MediaKind {
        match self {
            Self::Mp4 | Self::WebM | Self::Mp2t | Self::QuickTime => MediaKind::Video,
            Self::Jpeg | Self::Bmp | Self::Png | Self::WebP | Self::Pjpeg | Self::Tiff => MediaKind::Image,
            Self::Gif => MediaKind::Gif,
            Self::Srt | Self::Vtt => MediaKind::Subtitles,
            Self::Glb | Self::Usdz => MediaKind::Model,
        }
    }

    /// The type a file name extension stands for, without the dot and in any case; `None` for one that
    /// stands for nothing X takes.
    ///
    /// ```
    /// use chunkwise_media::MediaType;
    /// assert_eq!(MediaType::from_extension("JPG"), Some(MediaType::Jpeg));
    /// assert_eq!(MediaType::from_extension("mkv"), None);
    /// ```
    pub fn from_extension(extension: &str) -> Option<Self> {
        let media_type = match extension.to_ascii_lowercase().as_str() {
            "mp4" | "m4v" | "mp4v" => Self::Mp4,
            "webm" => Self::WebM,
            "ts" | "mts" | "m2ts" | "m2t" => Self::Mp2t,
            "mov" | "qt" => Self::QuickTime,
            "jpg" | "jpeg" | "jpe" | "jfif" => Self::Jpeg,
            "pjpg" | "pjpeg" => Self::Pjpeg,
            "gif" => Self::Gif,
            "bmp" | "dib" => Self::Bmp,
            "png" | "apng" => Self::Png,
            "webp" => Self::WebP,
            "tif" | "tiff" => Self::Tiff,
            "srt" => Self::Srt,
            "vtt" => Self::Vtt,
            "glb" => Self::Glb,
            "usdz" => Self::Usdz,
            _ => return None,
        };
        Some(media_type)
    }

    /// The type the extension of a file name stands for. Folders before the name may be there (`/` or `\`);
    /// a name that only begins with a dot (`.png`) has no extension.
    pub fn from_file_name(file_name: &str) -> Option<Self> {
        let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
        match name.rsplit_once('.') {
            None | Some(("", _)) => None,
            Some((_, extension)) => Self::from_extension(extension),
        }
    }

    /// Whether a file of this type can do without a signature at its start, so that a name may speak for
    /// content that says nothing: QuickTime files older than `ftyp`, transport streams that begin inside a
    /// packet or have longer packets, SubRip in an old encoding. Every other type has a signature, always.
    pub(crate) const fn may_lack_signature(self) -> bool {
        match self {
            Self::Mp4 | Self::QuickTime | Self::Mp2t | Self::Srt => true,
            Self::WebM
            | Self::Jpeg
            | Self::Gif
            | Self::Bmp
            | Self::Png
            | Self::WebP
            | Self::Pjpeg
            | Self::Tiff
            | Self::Vtt
            | Self::Glb
            | Self::Usdz => false,
        }
    }

    /// Whether calling content of type `found` by this name is no contradiction: the same type, another name
    /// of it, or MP4 and QuickTime, which are one format with two names and carry each other's extension
    /// daily.
    pub(crate) fn agrees_with(self, found: Self) -> bool {
        let same_format = |media_type| match media_type {
            Self::Pjpeg => Self::Jpeg,
            Self::QuickTime => Self::Mp4,
            other => other,
        };
        same_format(self) == same_format(found)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no media type X takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no media type X takes; give one of {}", list(&MediaType::ALL, MediaType::as_str))]
#[non_exhaustive]
pub struct UnknownMediaType {
    /// What was given, cut after 100 characters.
    pub given: String,
}

impl FromStr for MediaType {
    type Err = UnknownMediaType;

    /// Reads the value of a `Content-Type` header or of a `media_type` field: any case, parameters after `;`
    /// are ignored, and the usual unregistered names (`image/jpg`, `image/x-ms-bmp`, `video/x-m4v`,
    /// `application/x-subrip` …) are understood.
    fn from_str(given: &str) -> Result<Self, Self::Err> {
        let essence = given.split(';').next().unwrap_or(given).trim().to_ascii_lowercase();
        if let Some(known) = Self::ALL.into_iter().find(|known| known.as_str() == essence) {
            return Ok(known);
        }
        match essence.as_str() {
            "image/jpg" => Ok(Self::Jpeg),
            "image/apng" | "image/x-png" => Ok(Self::Png),
            "image/x-ms-bmp" | "image/x-bmp" => Ok(Self::Bmp),
            "image/tif" => Ok(Self::Tiff),
            "video/x-m4v" => Ok(Self::Mp4),
            "video/mov" => Ok(Self::QuickTime),
            "application/x-subrip" | "text/x-srt" => Ok(Self::Srt),
            _ => Err(UnknownMediaType { given: shortened(given) }),
        }
    }
}

/// What an error quotes of a text it was given.
pub(crate) fn shortened(given: &str) -> String {
    given.chars().take(100).collect()
}

/// "a, b, c" of everything known, for an error that tells what would have been right.
pub(crate) fn list<T: Copy>(known: &[T], name: impl Fn(T) -> &'static str) -> String {
    known.iter().map(|&one| name(one)).collect::<Vec<_>>().join(", ")
}
