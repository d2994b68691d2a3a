//! PNG, and whether it is an animated one.

use super::{Animation, Content};
use crate::media_type::MediaType;
use crate::read::{bytes, stands_at, u32_be};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1A\n";

pub(super) fn sniff(head: &[u8]) -> Option<Content> {
    stands_at(head, 0, SIGNATURE)
        .then(|| Content::Media { media_type: MediaType::Png, animation: animation(head) })
}

/// An animated PNG has the chunk `acTL` before its first image data.
fn animation(head: &[u8]) -> Animation {
    let mut at = SIGNATURE.len();
    while let (Some(length), Some(kind)) = (u32_be(head, at), bytes(head, at.saturating_add(4))) {
        match &kind {
            b"acTL" => return Animation::Animated,
            b"IDAT" | b"IEND" => return Animation::Still,
            _ => {}
        }
        // Length, kind and checksum are 12 bytes.
        at = at.saturating_add(12).saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
    }
    Animation::Unknown
}
