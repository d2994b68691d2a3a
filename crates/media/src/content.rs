//! What the first bytes of a file say it is.

use std::fmt;

use crate::media_type::MediaType;

/// How many of the first bytes are looked at: 64 KiB. No more are needed to tell the type, and
/// none are kept; only whether a GIF moves can take more ([`GifWalk`](crate::GifWalk)).
pub const HEAD_LEN: usize = 64 * 1024;

/// What the first bytes of a file say it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Something X takes.
    Media {
        /// Its type.
        media_type: MediaType,
        /// Whether it moves, as far as the bytes looked at tell.
        animation: Animation,
    },
    /// Something well known that X does not take.
    Foreign(Foreign),
    /// Nothing known.
    Unknown,
}

/// Whether an image moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Animation {
    /// No image.
    NotApplicable,
    /// It stands still.
    Still,
    /// It has several frames. Only a GIF has a category for that: an animated PNG or WebP goes as an image, and
    /// may be shown still.
    Animated,
    /// The bytes looked at do not tell.
    Unknown,
}

/// What files are that X does not take, so that an error can name it. Its `Display` is a noun with its
/// article.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Foreign {
    /// Matroska that is not WebM.
    Matroska,
    /// AVI
    Avi,
    /// 3GP or 3G2 that does not claim to be MP4 as well.
    ThreeGp,
    /// Flash video
    Flv,
    /// Windows media (ASF): WMV or WMA.
    Asf,
    /// An MPEG program stream: `.mpg`, `.vob`.
    MpegProgram,
    /// One piece of a segmented MP4 (DASH, HLS) without the header that tells what is in it.
    VideoFragment,
    /// An HLS playlist: a list of video pieces, not the video.
    HlsPlaylist,
    /// HEIC or another HEIF.
    Heif,
    /// AVIF
    Avif,
    /// JPEG XL
    JpegXl,
    /// JPEG 2000
    Jpeg2000,
    /// SVG
    Svg,
    /// A Photoshop document.
    Photoshop,
    /// A Windows icon.
    Icon,
    /// A camera's raw image in the ISO container (CR3).
    CameraRaw,
    /// MP3
    Mp3,
    /// AAC without a container.
    Aac,
    /// MP4 with sound only: `.m4a`, `.m4b`.
    M4a,
    /// WAV
    Wav,
    /// FLAC
    Flac,
    /// Ogg: Vorbis, Opus or Theora.
    Ogg,
    /// PDF
    Pdf,
    /// ZIP, and what is built on it: office documents, apps, books.
    Zip,
    /// gzip
    Gzip,
    /// bzip2
    Bzip2,
    /// xz
    Xz,
    /// Zstandard
    Zstd,
    /// 7z
    SevenZip,
    /// RAR
    Rar,
    /// A Linux program or library (ELF).
    Elf,
    /// A macOS program or library (Mach-O), or a Java class.
    MachO,
    /// A Windows program or library.
    WindowsProgram,
    /// HTML: often the error page that came instead of a download.
    Html,
    /// XML that is not SVG.
    Xml,
    /// JSON: often the error that came instead of a download.
    Json,
    /// Any other text.
    Text,
    /// Nothing but zero bytes in the whole head: often a download that was only reserved.
    Zeros,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Matroska => "a Matroska video (MKV)",
            Self::Avi => "an AVI video",
            Self::ThreeGp => "a 3GP video",
            Self::Flv => "a Flash video (FLV)",
            Self::Asf => "a Windows Media file (WMV or WMA)",
            Self::MpegProgram => "an MPEG program stream (MPG or VOB)",
            Self::VideoFragment => "one piece of a segmented MP4 video",
            Self::HlsPlaylist => "an HLS playlist, not a video",
            Self::Heif => "a HEIC image",
            Self::Avif => "an AVIF image",
            Self::JpegXl => "a JPEG XL image",
            Self::Jpeg2000 => "a JPEG 2000 image",
            Self::Svg => "an SVG image",
            Self::Photoshop => "a Photoshop document",
            Self::Icon => "a Windows icon",
            Self::CameraRaw => "a raw camera image (CR3)",
            Self::Mp3 => "an MP3 audio file",
            Self::Aac => "an AAC audio file",
            Self::M4a => "an M4A audio file",
            Self::Wav => "a WAV audio file",
            Self::Flac => "a FLAC audio file",
            Self::Ogg => "an Ogg file",
            Self::Pdf => "a PDF document",
            Self::Zip => "a ZIP archive or an office document",
            Self::Gzip => "a gzip archive",
            Self::Bzip2 => "a bzip2 archive",
            Self::Xz => "an xz archive",
            Self::Zstd => "a Zstandard archive",
            Self::SevenZip => "a 7z archive",
            Self::Rar => "a RAR archive",
            Self::Elf => "an ELF program",
            Self::MachO => "a macOS program or a Java class",
            Self::WindowsProgram => "a Windows program",
            Self::Html => "an HTML page",
            Self::Xml => "an XML document",
            Self::Json => "a JSON document",
            Self::Text => "a text file",
            Self::Zeros => "nothing but zero bytes",
        })
    }
}

impl Foreign {
    /// What to do with such a file instead, as the end of a sentence.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Matroska
            | Self::Avi
            | Self::ThreeGp
            | Self::Flv
            | Self::Asf
            | Self::MpegProgram
            | Self::Ogg => "convert it to MP4 (H.264 and AAC)",
            Self::VideoFragment | Self::HlsPlaylist => "download the whole video as one MP4 file",
            Self::Heif
            | Self::Avif
            | Self::JpegXl
            | Self::Jpeg2000
            | Self::Svg
            | Self::Photoshop
            | Self::Icon
            | Self::CameraRaw => "convert it to JPEG or PNG",
            Self::Mp3 | Self::Aac | Self::M4a | Self::Wav | Self::Flac => "put the sound into an MP4 video",
            Self::Zip | Self::Gzip | Self::Bzip2 | Self::Xz | Self::Zstd | Self::SevenZip | Self::Rar => {
                "unpack it and send the media inside"
            }
            Self::Html | Self::Xml | Self::Json | Self::Zeros => {
                "check whether the download it came from succeeded"
            }
            Self::Pdf | Self::Elf | Self::MachO | Self::WindowsProgram | Self::Text => {
                "check that this is the right file"
            }
        }
    }
}
