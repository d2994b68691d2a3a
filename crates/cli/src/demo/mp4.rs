//! A valid MP4 of any size: a real clip, padded with a `free` box.

use std::io::{self, Write};

/// Four seconds of H.264 and AAC, index first; see the README beside it.
pub(crate) const CLIP: &[u8] = include_bytes!("../../assets/clip.mp4");

/// The header of a box whose size fits into 32 bits (ISO/IEC 14496-12 §4.2).
const SHORT_HEADER: u64 = 8;
/// The header of a larger one: a size of 1, and the size itself in 64 bits behind the type.
const LONG_HEADER: u64 = 16;
/// How much of the padding is made at once.
const BLOCK: usize = 256 << 10;
/// How often the padding holds its own position.
const STAMP_EVERY: usize = 4 << 10;

/// Why there is no MP4 of the size asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no video of {wanted} bytes: the clip has {clip}, and padding takes {SHORT_HEADER} more at least; give \
     --size {smallest} or more"
)]
pub(crate) struct TooSmall {
    wanted: u64,
    clip: usize,
    smallest: u64,
}

/// Writes an MP4 of exactly `size` bytes: the clip and a `free` box, which players skip.
///
/// The padding is drawn from `seed` and differs everywhere, so that bytes that got lost, doubled or exchanged on the
/// way change the digest.
///
/// # Errors
///
/// [`TooSmall`] if the clip and the padding's header do not fit.
pub(crate) fn write(mut out: impl Write, size: u64, seed: u64) -> io::Result<Result<(), TooSmall>> {
    let clip = CLIP.len() as u64;
    let too_small = TooSmall { wanted: size, clip: CLIP.len(), smallest: clip + SHORT_HEADER };
    let padding = match size.checked_sub(clip) {
        Some(0) => return out.write_all(CLIP).map(Ok),
        Some(padding) if padding >= SHORT_HEADER => padding,
        Some(_) | None => return Ok(Err(too_small)),
    };
    out.write_all(CLIP)?;
    let mut left = padding;
    match u32::try_from(padding) {
        Ok(short) => {
            out.write_all(&short.to_be_bytes())?;
            out.write_all(b"free")?;
            left -= SHORT_HEADER;
        }
        // More than 4 GiB - 1, so the longer header fits too.
        Err(_) => {
            out.write_all(&1u32.to_be_bytes())?;
            out.write_all(b"free")?;
            out.write_all(&padding.to_be_bytes())?;
            left -= LONG_HEADER;
        }
    }
    let mut block = noise(seed);
    let mut position = 0u64;
    while left > 0 {
        for stamp in block.chunks_exact_mut(STAMP_EVERY) {
            if let Some(start) = stamp.first_chunk_mut::<8>() {
                *start = position.to_le_bytes();
            }
            position += STAMP_EVERY as u64;
        }
        let part = usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK);
        out.write_all(block.get(..part).unwrap_or(&block))?;
        left -= part as u64;
    }
    Ok(Ok(()))
}

/// A block of pseudo-random bytes (SplitMix64).
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut block = Vec::with_capacity(BLOCK);
    while block.len() < BLOCK {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        block.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The boxes of an MP4: type and size, walked as a player walks them.
    fn boxes(mut head: &[u8], total: u64) -> Vec<(String, u64)> {
        let mut boxes = Vec::new();
        let mut at = 0;
        while at < total {
            let short = u64::from(u32::from_be_bytes(head[..4].try_into().unwrap()));
            let name = String::from_utf8(head[4..8].to_vec()).unwrap();
            let size = if short == 1 { u64::from_be_bytes(head[8..16].try_into().unwrap()) } else { short };
            at += size;
            head = head.get(usize::try_from(size).unwrap()..).unwrap_or_default();
            boxes.push((name, size));
        }
        assert_eq!(at, total);
        boxes
    }

    fn made(size: u64, seed: u64) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, size, seed).unwrap().unwrap();
        out
    }

    #[test]
    fn any_size_is_made_of_whole_boxes() {
        let clip = CLIP.len() as u64;
        for size in [clip, clip + 8, clip + 9, clip + 4096, clip + (BLOCK as u64) + 8, 1_000_000] {
            let video = made(size, 7);
            assert_eq!(video.len() as u64, size);
            assert!(video.starts_with(CLIP));
            let names: Vec<_> = boxes(&video, size).into_iter().map(|(name, _)| name).collect();
            let padded = ["ftyp", "moov", "free", "mdat", "free"];
            assert_eq!(names, padded[..if size == clip { 4 } else { 5 }]);
        }
    }

    #[test]
    fn a_box_beyond_four_gibibytes_has_a_long_header() {
        /// Keeps the beginning and counts the rest.
        struct Head(Vec<u8>, u64);
        impl Write for Head {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let room = (100_000 - self.0.len()).min(bytes.len());
                self.0.extend_from_slice(&bytes[..room]);
                self.1 += bytes.len() as u64;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let clip = CLIP.len() as u64;
        for (padding, header) in [(u64::from(u32::MAX), 8), (u64::from(u32::MAX) + 1, 16)] {
            let size = clip + padding;
            let mut out = Head(Vec::new(), 0);
            write(&mut out, size, 1).unwrap().unwrap();
            assert_eq!(out.1, size);
            assert_eq!(boxes(&out.0, size).last(), Some(&("free".to_owned(), padding)));
            let first_stamp = CLIP.len() + header;
            assert_eq!(out.0[first_stamp..first_stamp + 8], [0; 8]);
        }
    }

    #[test]
    fn the_padding_never_repeats_and_follows_the_seed() {
        let size = CLIP.len() as u64 + 8 + 4 * BLOCK as u64;
        let video = made(size, 3);
        let pages: Vec<_> = video[CLIP.len() + 8..].chunks(STAMP_EVERY).collect();
        let distinct: std::collections::HashSet<_> = pages.iter().collect();
        assert_eq!(distinct.len(), pages.len());
        assert_eq!(video, made(size, 3));
        assert_ne!(video, made(size, 4));
    }

    #[test]
    fn what_is_too_small_says_what_is_possible() {
        let clip = CLIP.len() as u64;
        for size in [0, clip - 1, clip + 1, clip + 7] {
            let error = write(Vec::new(), size, 1).unwrap().unwrap_err();
            assert!(error.to_string().ends_with(&format!("give --size {} or more", clip + 8)), "{error}");
        }
    }

    #[test]
    fn the_clip_is_the_one_described() {
        use sha2::Digest as _;
        let readme = include_str!("../../assets/README.md");
        let digest: String = sha2::Sha256::digest(CLIP).iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(readme.contains(&digest) && readme.contains("67,426") && CLIP.len() == 67_426);
    }
}
