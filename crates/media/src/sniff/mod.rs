//! The recognition of content by its first bytes: one small file per family of formats.

mod ebml;
mod iso;
mod png;
mod riff;
mod signature;
mod text;
mod zip;

use crate::content::{Animation, Content, Foreign, HEAD_LEN};
use crate::gif::{GifMotion, GifWalk};
use crate::media_type::{MediaKind, MediaType};

/// Says what content is by its first bytes; looks at [`HEAD_LEN`] of them at most.
///
/// Total: any bytes, none included, give an answer, and none costs more than one pass over the head.
///
/// ```
/// use chunkwise_media::{Content, Foreign, MediaType, sniff};
/// assert_eq!(sniff(b"%PDF-1.7\n"), Content::Foreign(Foreign::Pdf));
/// assert!(matches!(sniff(&[0xFF, 0xD8, 0xFF, 0xE0]), Content::Media { media_type: MediaType::Jpeg, .. }));
/// assert_eq!(sniff(b""), Content::Unknown);
/// ```
pub fn sniff(head: &[u8]) -> Content {
    let head = head.get(..HEAD_LEN).unwrap_or(head);
    // Signatures first: they are certain. Text and zeros last: they are what is left when nothing else fits.
    let recognisers = [
        gif,
        iso::sniff,
        ebml::sniff,
        riff::sniff,
        png::sniff,
        zip::sniff,
        signature::sniff,
        text::sniff,
        zeros,
    ];
    recognisers.iter().find_map(|recognise| recognise(head)).unwrap_or(Content::Unknown)
}

/// The least size a file must have that begins like this, where its structure says so: a smaller file was cut
/// off beyond doubt.
pub(crate) fn least_size(media_type: MediaType, head: &[u8]) -> Option<u64> {
    match media_type {
        MediaType::Mp4 | MediaType::QuickTime => iso::least_size(head),
        MediaType::WebP => riff::least_size(head),
        MediaType::Glb => signature::glb_size(head),
        MediaType::WebM
        | MediaType::Mp2t
        | MediaType::Jpeg
        | MediaType::Gif
        | MediaType::Bmp
        | MediaType::Png
        | MediaType::Pjpeg
        | MediaType::Tiff
        | MediaType::Srt
        | MediaType::Vtt
        | MediaType::Usdz => None,
    }
}

fn gif(head: &[u8]) -> Option<Content> {
    let animation = match GifWalk::new().push(head) {
        // Fewer bytes than the signature has: as good as nothing.
        GifMotion::Undecided if head.len() < 6 => return None,
        GifMotion::NotGif => return None,
        GifMotion::Undecided => Animation::Unknown,
        GifMotion::Still => Animation::Still,
        GifMotion::Animated => Animation::Animated,
    };
    Some(Content::Media { media_type: MediaType::Gif, animation })
}

fn zeros(head: &[u8]) -> Option<Content> {
    // A few zeros may begin anything; this many begin nothing that plays.
    const ENOUGH: usize = 4096;
    (head.len() >= ENOUGH && head.iter().all(|&byte| byte == 0)).then_some(Content::Foreign(Foreign::Zeros))
}

/// Content of a type that says nothing of animation by itself.
fn media(media_type: MediaType) -> Content {
    let animation = match media_type.kind() {
        MediaKind::Image => Animation::Still,
        MediaKind::Gif => Animation::Unknown,
        MediaKind::Video | MediaKind::Subtitles | MediaKind::Model => Animation::NotApplicable,
    };
    Content::Media { media_type, animation }
}
