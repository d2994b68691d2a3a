//! MP4 and QuickTime: a walk over the boxes of the file, and the index in memory.

mod boxes;
mod movie;
mod sample_entry;
mod sps;
mod track;

use std::io::{self, Read, Seek, SeekFrom};

use self::boxes::{LONGEST_HEADER, NoHeader};
use super::{Caps, Damage, FourCc, IndexPlace, Movie, Rest};
use crate::read::bytes;

pub(crate) use self::boxes::Header;

/// How much there is to look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// Bytes that can be read now.
    pub(crate) have: u64,
    /// Bytes in all, if that is known; no fewer than `have`.
    pub(crate) size: Option<u64>,
}

impl Extent {
    pub(crate) const fn is_whole(self) -> bool {
        matches!(self.size, Some(size) if size <= self.have)
    }

    fn is_behind(self, at: u64) -> bool {
        self.size.is_some_and(|size| at > size)
    }
}

/// Walks the file. `None` if there is too little of it yet to tell, which never happens with the whole.
///
/// # Errors
///
/// What `source` fails with, and that it has less than the extent says.
pub(crate) fn read(
    source: &mut (impl Read + Seek),
    extent: Extent,
    caps: &Caps,
) -> io::Result<Result<Option<Movie>, Damage>> {
    let mut walk = Walk::default();
    let mut at = 0;
    for _ in 0..caps.file_boxes {
        match walk.step(source, at, extent, caps)? {
            Ok(Step::To(next)) => at = next,
            Ok(Step::End(rest)) => return Ok(walk.finish(rest, extent)),
            Err(damage) => return Ok(Err(damage)),
        }
    }
    Ok(if walk.index.is_some() { walk.finish(Rest::NotWalked, extent) } else { Err(Damage::TooManyBoxes) })
}

/// What came before.
#[derive(Debug, Default)]
struct Walk {
    brand: Option<FourCc>,
    data: bool,
    fragments: u64,
    index: Option<(movie::Index, IndexPlace)>,
}

enum Step {
    /// The next box begins there.
    To(u64),
    /// There is no next one.
    End(Rest),
}

/// Boxes that stand at the top of a file. Anything else there may be what somebody appended.
const TOP: [[u8; 4]; 16] = [
    *b"ftyp", *b"moov", *b"mdat", *b"moof", *b"mfra", *b"free", *b"skip", *b"wide", *b"styp", *b"sidx",
    *b"ssix", *b"meta", *b"udta", *b"uuid", *b"emsg", *b"prft",
];

impl Walk {
    /// The box at `at`.
    fn step(
        &mut self,
        source: &mut (impl Read + Seek),
        at: u64,
        extent: Extent,
        caps: &Caps,
    ) -> io::Result<Result<Step, Damage>> {
        let left = extent.have.saturating_sub(at);
        let mut head = [0; LONGEST_HEADER];
        let length = usize::try_from(left).unwrap_or(LONGEST_HEADER).min(LONGEST_HEADER);
        let head = head.get_mut(..length).unwrap_or_default();
        if length > 0 {
            source.seek(SeekFrom::Start(at))?;
            source.read_exact(head)?;
        }
        let header = match Header::read(head) {
            Ok(header) => header,
            Err(NoHeader::Short | NoHeader::Impossible) => {
                let rest = match (left, extent.is_whole()) {
                    (0, true) => Rest::Nothing,
                    (left, true) => Rest::Trailing(left),
                    (_, false) => Rest::NotWalked,
                };
                return Ok(Ok(Step::End(rest)));
            }
        };
        let Header { kind, length, size } = header;
        let behind = extent.size.map_or(u64::MAX, |size| size.saturating_sub(at));
        if !TOP.contains(&kind) && size.is_none_or(|size| size > behind) {
            return Ok(Ok(Step::End(Rest::Trailing(left))));
        }
        let end = match (size, extent.size) {
            (Some(size), _) => at.checked_add(size),
            // One that goes on to the end ends there.
            (None, Some(size)) => Some(size),
            (None, None) => return Ok(Ok(Step::End(Rest::NotWalked))),
        };
        let Some(end) = end.filter(|&end| !extent.is_behind(end)) else {
            let (size, least_size) = (extent.size.unwrap_or(u64::MAX), end.unwrap_or(u64::MAX));
            return Ok(Err(Damage::Truncated { kind: FourCc(kind), size, least_size }));
        };
        match &kind {
            b"moov" if self.index.is_none() => {
                let content = end.saturating_sub(at).saturating_sub(length);
                if content > caps.index_bytes {
                    return Ok(Err(Damage::IndexTooLarge { size: content, limit: caps.index_bytes }));
                }
                if end > extent.have {
                    return Ok(Ok(Step::To(end)));
                }
                let place = if self.data { IndexPlace::Last } else { IndexPlace::First };
                match movie::read(&read_content(source, at + length, content)?, caps) {
                    Ok(index) => self.index = Some((index, place)),
                    Err(damage) => return Ok(Err(damage)),
                }
            }
            b"ftyp" if self.brand.is_none() && end <= extent.have => {
                let content = end.saturating_sub(at).saturating_sub(length).min(4);
                self.brand = bytes(&read_content(source, at + length, content)?, 0).map(FourCc);
            }
            b"mdat" => self.data = true,
            b"moof" => self.fragments += 1,
            _ => {}
        }
        Ok(Ok(if size.is_none() { Step::End(Rest::Nothing) } else { Step::To(end) }))
    }

    fn finish(self, rest: Rest, extent: Extent) -> Result<Option<Movie>, Damage> {
        let Self { brand, fragments, index, .. } = self;
        let Some((index, place)) = index else {
            return if extent.is_whole() { Err(Damage::NoIndex) } else { Ok(None) };
        };
        let movie::Index {
            duration,
            video,
            audio,
            other_tracks,
            samples,
            fragmented,
            compressed,
            least_size,
        } = index;
        if let (Some(size), Some(least_size)) =
            (extent.size, least_size.filter(|&least| extent.is_behind(least)))
        {
            return Err(Damage::SamplesBeyond { size, least_size });
        }
        if samples == 0 && fragments == 0 && !compressed && extent.is_whole() && rest != Rest::NotWalked {
            return Err(Damage::NothingToPlay);
        }
        let fragmented = fragmented || fragments > 0;
        Ok(Some(Movie {
            brand,
            index: place,
            fragmented,
            compressed,
            duration,
            video,
            audio,
            other_tracks,
            rest,
        }))
    }
}

/// The bytes there; what is kept grows with what was read, so that no more is allocated than the file has.
fn read_content(source: &mut (impl Read + Seek), at: u64, length: u64) -> io::Result<Vec<u8>> {
    source.seek(SeekFrom::Start(at))?;
    let mut content = Vec::new();
    if source.take(length).read_to_end(&mut content)? as u64 == length {
        Ok(content)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}
