//! What a check finds.

use std::fmt;
use std::time::Duration;

use crate::structure::{AudioCodec, Chroma, Damage, PictureSize, SampleCounts, VideoCodec};

/// Something that a check finds. Its `Display` is one sentence that says what is wrong and what to do.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// How sure it is that X will not take it.
    pub severity: Severity,
    /// What it is.
    pub problem: Problem,
}

/// How sure it is that X will not take media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// X's own rules advise against it, or a part of it can't be made out; X decides.
    Warn,
    /// It can't work.
    Refuse,
}

impl Severity {
    /// `warning` or `refused`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warning",
            Self::Refuse => "refused",
        }
    }
}

impl Finding {
    /// A short name that stays the same: what programs can act on.
    pub const fn code(&self) -> &'static str {
        self.problem.code()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

/// What can be wrong inside media.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nobody can play it.
    #[error(transparent)]
    Damaged(Damage),
    /// The whole of it is too short.
    #[error("it lasts {}, and X takes no video shorter than {}: make it longer", seconds(*duration), seconds(*shortest))]
    TooShort {
        /// How long it is.
        duration: Duration,
        /// How long it must be.
        shortest: Duration,
    },
    /// Its video track is too short, but something else in it is not.
    #[error("its picture lasts {} of {}, and X takes no video shorter than {}: make it longer",
        seconds(*duration), seconds(*whole), seconds(*shortest))]
    PictureTooShort {
        /// How long the video track is shown.
        duration: Duration,
        /// How long the longest track is.
        whole: Duration,
        /// How long it must be.
        shortest: Duration,
    },
    /// It is too long for the account.
    #[error("it lasts {}, which is longer than the {} of this account: cut it, unless the account may send more",
        seconds(*duration), seconds(*longest))]
    TooLong {
        /// How long it is.
        duration: Duration,
        /// How long it may be.
        longest: Duration,
    },
    /// There is no video track.
    #[error("there is no picture in it, only {}: put one in", if *sound { "sound" } else { "other tracks" })]
    NoVideo {
        /// Whether there is sound.
        sound: bool,
    },
    /// The codec of the picture is not H.264.
    #[error("its picture is coded as {0}, and X names H.264: encode it as H.264")]
    VideoCodec(VideoCodec),
    /// The codec of the sound is not AAC-LC.
    #[error("its sound is coded as {0}, and X names AAC-LC: encode it as AAC-LC")]
    AudioCodec(AudioCodec),
    /// There are more than two channels.
    #[error("its sound has {0} channels, and X names mono and stereo: mix it down")]
    Channels(u32),
    /// The picture is too small.
    #[error("its picture is {size}, smaller than X's {smallest}: make it larger")]
    TooSmall {
        /// What it is.
        size: PictureSize,
        /// What it must be.
        smallest: PictureSize,
    },
    /// The picture is too large.
    #[error(
        "its picture is {size}, larger than X's {largest}: make it smaller, unless the account may send more"
    )]
    TooWide {
        /// What it is.
        size: PictureSize,
        /// What it may be.
        largest: PictureSize,
    },
    /// The picture is too long and narrow.
    #[error("its picture is {size}, and X takes 1:{ratio} to {ratio}:1: crop it or put bars around it")]
    Ratio {
        /// What it is.
        size: PictureSize,
        /// How many times as long as the other a side may be.
        ratio: u32,
    },
    /// There are too many frames a second.
    #[error("it has {rate:.2} frames a second, and X takes {most}: encode it with fewer")]
    FrameRate {
        /// What it has.
        rate: f64,
        /// What it may have.
        most: u32,
    },
    /// Colours are not kept as 4:2:0.
    #[error("its colours are kept as {0}, and X names 4:2:0: encode it as yuv420p")]
    Chroma(Chroma),
    /// There are more than 8 bits per sample.
    #[error("it has {0} bits per sample, where players expect 8: encode it as yuv420p")]
    BitDepth(u8),
    /// Its pictures may be half frames.
    #[error("it may be interlaced, and X names progressive video: deinterlace it")]
    Interlaced,
    /// Its pixels are not square.
    #[error("its pixels are not square, as X wants them: scale it to its true shape")]
    PixelShape,
    /// Its samples come in fragments.
    #[error(
        "it is a fragmented MP4, of which X says nothing: write it in one piece (ffmpeg -c copy -movflags +faststart)"
    )]
    Fragmented,
    /// Its index is compressed.
    #[error("its index is compressed, so that nothing in it can be checked: write it anew as MP4")]
    CompressedIndex,
    /// Nothing in its video track has a time.
    #[error("its video track has a timescale of 0, so that no frame has a time: write it anew")]
    NoTimescale,
    /// The tables of its video track contradict each other.
    #[error("its index has sizes for {} frames and times for {}: write it anew", .0.sized, .0.timed)]
    SampleCounts(SampleCounts),
    /// What stands behind the last box is no box.
    #[error("{0} bytes behind its end belong to nothing: check that the download is complete")]
    Trailing(u64),
    /// An image whose type has no category for moving ones.
    #[error(
        "it moves, and X takes only GIFs as moving images: it may be shown still; make it a GIF or a video"
    )]
    ShownStill,
    /// The header of an image does not say how large it is.
    #[error("its header does not say how large the picture is: it may be damaged")]
    NoPictureSize,
    /// A GIF has too many frames.
    #[error("it has {frames} frames, and X takes {most}: leave some out, or make it a video")]
    GifFrames {
        /// What it has.
        frames: u32,
        /// What it may have.
        most: u32,
    },
    /// A GIF has too many pixels in all its frames.
    #[error(
        "its {frames} frames of {size} have {pixels} pixels, and X takes {most}: make it smaller, or a video"
    )]
    GifPixels {
        /// How many frames.
        frames: u32,
        /// How large each is.
        size: PictureSize,
        /// What they have together.
        pixels: u64,
        /// What they may have.
        most: u64,
    },
}

impl Problem {
    /// A short name that stays the same: what programs can act on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Damaged(damage) => damage.code(),
            Self::TooShort { .. } => "too_short",
            Self::PictureTooShort { .. } => "picture_too_short",
            Self::TooLong { .. } => "too_long",
            Self::NoVideo { .. } => "no_video",
            Self::VideoCodec(_) => "video_codec",
            Self::AudioCodec(_) => "audio_codec",
            Self::Channels(_) => "channels",
            Self::TooSmall { .. } => "picture_too_small",
            Self::TooWide { .. } => "picture_too_large",
            Self::Ratio { .. } => "ratio",
            Self::FrameRate { .. } => "frame_rate",
            Self::Chroma(_) => "chroma",
            Self::BitDepth(_) => "bit_depth",
            Self::Interlaced => "interlaced",
            Self::PixelShape => "pixel_shape",
            Self::Fragmented => "fragmented",
            Self::CompressedIndex => "compressed_index",
            Self::NoTimescale => "no_timescale",
            Self::SampleCounts(_) => "sample_counts",
            Self::Trailing(_) => "trailing_bytes",
            Self::ShownStill => "shown_still",
            Self::NoPictureSize => "no_picture_size",
            Self::GifFrames { .. } => "gif_frames",
            Self::GifPixels { .. } => "gif_pixels",
        }
    }
}

/// `0.48 s`, `140 s`: to the hundredth, downwards, so that what is too short never reads as long enough.
fn seconds(duration: Duration) -> String {
    let hundredths = duration.as_millis() / 10;
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}
