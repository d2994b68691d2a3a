//! What is inside media: tracks, codecs, durations, picture sizes.
//!
//! # Why a reader of our own
//!
//! The bytes come from strangers, and the readers there are were tried with that in mind: one dies of a file of 1,643
//! bytes that claims four billion samples, one panics on a short table, two are dormant with such reports open. Those
//! that stand firm are two further dependencies for what is needed here: some twenty boxes, of which no sample is ever
//! looked at. So this reads them itself, in a few hundred lines that are bounded by construction:
//!
//! - Of the file only box headers are read, and the index (`moov`) as a whole: at most [`Caps::index_bytes`].
//! - Nothing is allocated by a number in the file. What is kept grows with the bytes that were really read.
//! - A table is walked within its own box, whatever length it claims; a longer claim is a [`Damage`].
//! - Nesting is followed to a fixed depth, along the few boxes that matter; the number of boxes is capped.
//! - Every read of bytes can say no; there is no index that could be out of range, and arithmetic saturates.
//!
//! What it is stricter and laxer in than a player: [`Damage`] is only what no player could mend (cut off, no index, an
//! index that contradicts itself). Odd things behind a sample's description, a QuickTime list that ends in zeros, or
//! bytes behind the last box are let pass.

mod caps;
mod damage;
mod four_cc;
mod iso;
mod movie;
mod picture;

use std::io::{self, Read, Seek};

use crate::media_type::MediaType;

pub use caps::Caps;
pub use damage::Damage;
pub use four_cc::FourCc;
pub(crate) use iso::{Extent, Header};
pub use movie::{
    AudioCodec, AudioTrack, Chroma, H264, IndexPlace, Movie, Rest, Rotation, SampleCounts, VideoCodec,
    VideoTrack,
};
pub use picture::{Picture, PictureSize};

/// What is inside media.
#[derive(Debug, Clone, PartialEq)]
pub enum Structure {
    /// An MP4 or QuickTime video.
    Movie(Box<Movie>),
    /// A PNG, JPEG, GIF or WebP.
    Picture(Picture),
    /// An MP4 or QuickTime video that can't be played.
    Damaged(Damage),
    /// A type that isn't looked into: WebM, MPEG-TS, BMP, TIFF, subtitles, 3-D models.
    NotRead,
}

impl Structure {
    /// Looks into the whole of a media. Blocks; reads headers, the index of a video, and the blocks of a GIF.
    ///
    /// ```
    /// use std::io::Cursor;
    /// use chunkwise_media::{Caps, Damage, MediaType, Structure};
    /// let file = b"\0\0\0\x10ftypmp42\0\0\0\0\0\0\0\x08mdat";
    /// let structure = Structure::read(&mut Cursor::new(file), MediaType::Mp4, &Caps::default())?;
    /// assert_eq!(structure, Structure::Damaged(Damage::NoIndex));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What `source` fails with; [`io::ErrorKind::UnexpectedEof`] if it shrinks meanwhile.
    pub fn read(source: &mut (impl Read + Seek), media_type: MediaType, caps: &Caps) -> io::Result<Self> {
        let have = source.seek(io::SeekFrom::End(0))?;
        let whole = Extent { have, size: Some(have) };
        Ok(Self::read_part(source, media_type, whole, caps)?.unwrap_or(Self::NotRead))
    }

    /// The same with what there is so far; `None` if that is too little.
    pub(crate) fn read_part(
        source: &mut (impl Read + Seek),
        media_type: MediaType,
        extent: Extent,
        caps: &Caps,
    ) -> io::Result<Option<Self>> {
        Ok(match media_type {
            MediaType::Mp4 | MediaType::QuickTime => match iso::read(source, extent, caps)? {
                Ok(movie) => movie.map(|movie| Self::Movie(movie.into())),
                Err(damage) => Some(Self::Damaged(damage)),
            },
            MediaType::Png | MediaType::Jpeg | MediaType::Pjpeg | MediaType::Gif | MediaType::WebP => {
                let picture = picture::read(source, media_type, extent.have, caps)?;
                (picture.size.is_some() || extent.is_whole()).then_some(Self::Picture(picture))
            }
            MediaType::WebM
            | MediaType::Mp2t
            | MediaType::Bmp
            | MediaType::Tiff
            | MediaType::Srt
            | MediaType::Vtt
            | MediaType::Glb
            | MediaType::Usdz => Some(Self::NotRead),
        })
    }
}
