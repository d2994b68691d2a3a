//! RIFF: WebP, AVI and WAV.

use super::{Animation, Content, Foreign};
use crate::media_type::MediaType;
use crate::read::{bytes, stands_at, u32_le};

pub(super) fn sniff(head: &[u8]) -> Option<Content> {
    if !stands_at(head, 0, b"RIFF") {
        return None;
    }
    match &bytes(head, 8)? {
        b"WEBP" => Some(Content::Media { media_type: MediaType::WebP, animation: animation(head) }),
        b"AVI " => Some(Content::Foreign(Foreign::Avi)),
        b"WAVE" => Some(Content::Foreign(Foreign::Wav)),
        _ => None,
    }
}

/// An extended WebP says by a flag whether it moves, a simple one can't (RFC 9649 §2.7).
fn animation(head: &[u8]) -> Animation {
    const ANIMATION_FLAG: u8 = 0x02;
    match (head.get(12..16), head.get(20)) {
        (Some(b"VP8X"), Some(flags)) if flags & ANIMATION_FLAG != 0 => Animation::Animated,
        (Some(b"VP8X"), Some(_)) | (Some(b"VP8 " | b"VP8L"), _) => Animation::Still,
        (Some(_) | None, _) => Animation::Unknown,
    }
}

/// The size RIFF says at its start, its own 8 bytes included.
pub(super) fn least_size(head: &[u8]) -> Option<u64> {
    u32_le(head, 4)?.checked_add(8).map(u64::from)
}
