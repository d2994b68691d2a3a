//! What is inside an MP4 or QuickTime video.

use std::fmt;
use std::time::Duration;

use super::{FourCc, PictureSize};

/// What is inside an MP4 or QuickTime video, as its index says; no sample was looked at.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Movie {
    /// The first of its brands: `isom`, `mp42`, `qt`. Old QuickTime files have none.
    pub brand: Option<FourCc>,
    /// Where its index is.
    pub index: IndexPlace,
    /// Whether samples come in fragments (`mvex`, `moof`), of which the index knows nothing.
    pub fragmented: bool,
    /// Whether the index is compressed, as QuickTime may do: then nothing in it is known.
    pub compressed: bool,
    /// How long it lasts: the longest track, by whichever of its own accounts is longest (header, samples, edits), or
    /// what the fragments are said to last. `None` if nothing says.
    pub duration: Option<Duration>,
    /// The first video track that is enabled; the first one if none is.
    pub video: Option<VideoTrack>,
    /// The same for sound.
    pub audio: Option<AudioTrack>,
    /// Tracks besides those two.
    pub other_tracks: u32,
    /// What stands behind the last box.
    pub rest: Rest,
}

/// Where the index of a video is. X takes both; whoever plays it from a server prefers the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IndexPlace {
    /// Before the data ("fast start").
    First,
    /// Behind the data.
    Last,
}

/// What stands behind the last box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rest {
    /// Nothing.
    Nothing,
    /// So many bytes that are no box.
    Trailing(u64),
    /// The walk ended before the end of the file: it was not all there, or has too many boxes.
    NotWalked,
}

/// A video track.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct VideoTrack {
    /// How its frames are coded.
    pub codec: VideoCodec,
    /// Width and height of the coded picture, before it is turned.
    pub coded: PictureSize,
    /// How a player turns it.
    pub rotation: Rotation,
    /// How long it is shown; edits count. `None` if nothing says.
    pub duration: Option<Duration>,
    /// Frames per second on average; `None` if nothing says.
    pub frame_rate: Option<f64>,
    /// Whether its pixels are as wide as high, by `pasp`; taken for true where that is missing.
    pub square_pixels: bool,
    /// Whether its timescale is 0, so that nothing in it has a time.
    pub no_timescale: bool,
    /// How many samples its tables have.
    pub samples: SampleCounts,
}

impl VideoTrack {
    /// Width and height as it is shown, turned.
    pub const fn shown(&self) -> PictureSize {
        let PictureSize { width, height } = self.coded;
        match self.rotation {
            Rotation::Quarter | Rotation::ThreeQuarters => PictureSize { width: height, height: width },
            Rotation::None | Rotation::Half | Rotation::Other => self.coded,
        }
    }
}

/// How many samples the tables of a track have. They are the same in a sound file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SampleCounts {
    /// Samples that have a size.
    pub sized: u64,
    /// Samples that have a duration.
    pub timed: u64,
}

/// How a player turns a picture, clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Rotation {
    /// Not at all.
    #[default]
    None,
    /// By 90°.
    Quarter,
    /// By 180°.
    Half,
    /// By 270°.
    ThreeQuarters,
    /// It mirrors, skews or scales it.
    Other,
}

impl Rotation {
    /// Of the four cells of a transformation matrix that turn, as 16.16 numbers (ISO/IEC 14496-12 §6.2.2).
    pub(crate) const fn of_matrix(a: i32, b: i32, c: i32, d: i32) -> Self {
        const ONE: i32 = 0x1_0000;
        const MINUS: i32 = -ONE;
        match (a, b, c, d) {
            (ONE, 0, 0, ONE) => Self::None,
            (0, ONE, MINUS, 0) => Self::Quarter,
            (MINUS, 0, 0, MINUS) => Self::Half,
            (0, MINUS, ONE, 0) => Self::ThreeQuarters,
            _ => Self::Other,
        }
    }

    /// In degrees, clockwise; `None` for [`Rotation::Other`].
    pub const fn degrees(self) -> Option<u16> {
        match self {
            Self::None => Some(0),
            Self::Quarter => Some(90),
            Self::Half => Some(180),
            Self::ThreeQuarters => Some(270),
            Self::Other => None,
        }
    }
}

/// How frames are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// H.264, with its parameter set where that can be read.
    H264(Option<H264>),
    /// H.265
    Hevc,
    /// AV1
    Av1,
    /// VP9
    Vp9,
    /// Another one, by its sample entry.
    Other(FourCc),
}

impl VideoCodec {
    pub(crate) const fn of(format: [u8; 4], h264: Option<H264>) -> Self {
        match &format {
            b"avc1" | b"avc2" | b"avc3" | b"avc4" => Self::H264(h264),
            b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => Self::Hevc,
            b"av01" => Self::Av1,
            b"vp09" => Self::Vp9,
            _ => Self::Other(FourCc(format)),
        }
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::H264(None) => f.write_str("H.264"),
            Self::H264(Some(h264)) => match h264.profile_name() {
                Some(name) => write!(f, "H.264 {name}"),
                None => write!(f, "H.264 (profile {})", h264.profile),
            },
            Self::Hevc => f.write_str("H.265"),
            Self::Av1 => f.write_str("AV1"),
            Self::Vp9 => f.write_str("VP9"),
            Self::Other(format) => write!(f, "{format}"),
        }
    }
}

/// What the parameter set of an H.264 stream says (ITU-T H.264 §7.4.2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct H264 {
    /// `profile_idc`: 66 is Baseline, 77 Main, 100 High.
    pub profile: u8,
    /// `level_idc`: ten times the level.
    pub level: u8,
    /// How colours are kept.
    pub chroma: Chroma,
    /// Bits per sample of brightness, 8 or more.
    pub bit_depth: u8,
    /// Whether every picture is a whole frame; if not, it may be interlaced.
    pub progressive: bool,
}

impl H264 {
    /// The profile's name, if it is one of the usual ones.
    pub const fn profile_name(&self) -> Option<&'static str> {
        match self.profile {
            66 => Some("Baseline"),
            77 => Some("Main"),
            88 => Some("Extended"),
            100 => Some("High"),
            110 => Some("High 10"),
            122 => Some("High 4:2:2"),
            244 => Some("High 4:4:4"),
            _ => None,
        }
    }
}

/// How colours are kept beside brightness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Chroma {
    /// Not at all.
    Monochrome,
    /// 4:2:0
    Yuv420,
    /// 4:2:2
    Yuv422,
    /// 4:4:4
    Yuv444,
}

impl fmt::Display for Chroma {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Monochrome => "monochrome",
            Self::Yuv420 => "4:2:0",
            Self::Yuv422 => "4:2:2",
            Self::Yuv444 => "4:4:4",
        })
    }
}

/// A sound track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AudioTrack {
    /// How it is coded.
    pub codec: AudioCodec,
    /// How many channels; 2 is stereo.
    pub channels: u32,
    /// Samples per second as the track's entry says; 0 where it says nothing.
    pub sample_rate: u32,
    /// How long it lasts; edits count. `None` if nothing says.
    pub duration: Option<Duration>,
}

/// How sound is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// AAC, with its audio object type (ISO/IEC 14496-3 §1.5.1.1) where that can be read: 2 is LC, 5 and 29 are HE.
    Aac {
        /// The audio object type.
        object_type: Option<u8>,
    },
    /// MP3
    Mp3,
    /// Another one, by its sample entry.
    Other(FourCc),
}

impl AudioCodec {
    /// The audio object type of AAC-LC.
    pub const AAC_LC: u8 = 2;

    pub(crate) const fn of(format: [u8; 4]) -> Self {
        match &format {
            b"mp4a" => Self::Aac { object_type: None },
            b".mp3" => Self::Mp3,
            _ => Self::Other(FourCc(format)),
        }
    }
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aac { object_type: None } => f.write_str("AAC"),
            Self::Aac { object_type: Some(1) } => f.write_str("AAC Main"),
            Self::Aac { object_type: Some(Self::AAC_LC) } => f.write_str("AAC-LC"),
            Self::Aac { object_type: Some(5) } => f.write_str("HE-AAC"),
            Self::Aac { object_type: Some(29) } => f.write_str("HE-AAC v2"),
            Self::Aac { object_type: Some(other) } => write!(f, "AAC (object type {other})"),
            Self::Mp3 => f.write_str("MP3"),
            Self::Other(format) => write!(f, "{format}"),
        }
    }
}
