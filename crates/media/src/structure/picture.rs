//! The size of an image, by its header: no pixel is decoded.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use super::Caps;
use crate::gif::GifWalk;
use crate::media_type::MediaType;
use crate::read::{bytes, stands_at, u16_be, u32_be};

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PictureSize {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

impl PictureSize {
    /// The longer side and the shorter one.
    pub(crate) const fn long_and_short(self) -> (u32, u32) {
        let Self { width, height } = self;
        if width < height { (height, width) } else { (width, height) }
    }

    /// How many pixels.
    pub const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }
}

impl fmt::Display for PictureSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// What is inside an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Picture {
    /// Its size; `None` if its header does not say.
    pub size: Option<PictureSize>,
    /// How many frames a GIF has, as far as it was walked ([`Caps::gif_bytes`]); `None` for every other type.
    pub frames: Option<u32>,
}

/// Reads the header of an image, and walks a GIF.
pub(super) fn read(
    source: &mut (impl Read + Seek),
    media_type: MediaType,
    have: u64,
    caps: &Caps,
) -> io::Result<Picture> {
    source.seek(SeekFrom::Start(0))?;
    if media_type == MediaType::Gif {
        return gif(source, caps);
    }
    let head = part(source, 0, 30, have)?;
    let size = match media_type {
        MediaType::Png => png(&head),
        MediaType::WebP => webp(&head),
        MediaType::Jpeg | MediaType::Pjpeg => jpeg(source, have, caps)?,
        _ => None,
    };
    Ok(Picture { size: size.filter(|size| size.pixels() > 0), frames: None })
}

/// At most `length` bytes there.
fn part(source: &mut (impl Read + Seek), at: u64, length: u64, have: u64) -> io::Result<Vec<u8>> {
    let mut part = Vec::new();
    if at < have {
        source.seek(SeekFrom::Start(at))?;
        source.take(length).read_to_end(&mut part)?;
    }
    Ok(part)
}

/// The first chunk is `IHDR` (PNG §11.2.2).
fn png(head: &[u8]) -> Option<PictureSize> {
    stands_at(head, 12, b"IHDR").then_some(())?;
    Some(PictureSize { width: u32_be(head, 16)?, height: u32_be(head, 20)? })
}

/// A canvas, a lossless bitstream or a lossy one (RFC 9649 §2.5–2.7, RFC 6386 §9.1).
fn webp(head: &[u8]) -> Option<PictureSize> {
    let u24 = |at| bytes::<3>(head, at).map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]));
    let u16 = |at| bytes(head, at).map(u16::from_le_bytes).map(u32::from);
    match &bytes(head, 12)? {
        b"VP8X" => Some(PictureSize { width: u24(24)? + 1, height: u24(27)? + 1 }),
        b"VP8L" if head.get(20) == Some(&0x2F) => {
            let bits = u32::from_le_bytes(bytes(head, 21)?);
            Some(PictureSize { width: (bits & 0x3FFF) + 1, height: (bits >> 14 & 0x3FFF) + 1 })
        }
        b"VP8 " if stands_at(head, 23, b"\x9D\x01\x2A") => {
            Some(PictureSize { width: u16(26)? & 0x3FFF, height: u16(28)? & 0x3FFF })
        }
        _ => None,
    }
}

/// From segment to segment until the one that begins a frame (ITU-T T.81 §B.1.1, §B.2.2).
fn jpeg(source: &mut (impl Read + Seek), have: u64, caps: &Caps) -> io::Result<Option<PictureSize>> {
    let mut at = 2;
    for _ in 0..caps.jpeg_segments {
        let segment = part(source, at, 9, have)?;
        let (Some(0xFF), Some(&marker)) = (segment.first(), segment.get(1)) else { return Ok(None) };
        match marker {
            // All that begin a frame; the gaps are tables.
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                let size = u16_be(&segment, 5).zip(u16_be(&segment, 7));
                return Ok(
                    size.map(|(height, width)| PictureSize { width: width.into(), height: height.into() })
                );
            }
            // Padding, and what has no content.
            0xFF => at += 1,
            0x01 | 0xD0..=0xD8 => at += 2,
            // The end, or data before any frame.
            0xD9 | 0xDA | 0x00 => return Ok(None),
            _ => match u16_be(&segment, 2) {
                Some(length @ 2..) => at += 2 + u64::from(length),
                Some(_) | None => return Ok(None),
            },
        }
    }
    Ok(None)
}

fn gif(source: &mut (impl Read + Seek), caps: &Caps) -> io::Result<Picture> {
    const PIECE: usize = 64 * 1024;
    let mut walk = GifWalk::to_the_end();
    let mut piece = vec![0; PIECE];
    let mut left = caps.gif_bytes;
    while left > 0 && !walk.has_ended() {
        let read = match source.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        walk.push(piece.get(..read).unwrap_or_default());
        left = left.saturating_sub(read as u64);
    }
    Ok(Picture { size: walk.screen().filter(|size| size.pixels() > 0), frames: Some(walk.frames()) })
}
