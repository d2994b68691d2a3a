//! ZIP, of which USDZ is one whose first file is the scene (`.usd`, `.usda` or `.usdc`).

use super::{Content, Foreign, media};
use crate::media_type::MediaType;
use crate::read::{bytes, stands_at};

const NAME_LENGTH: usize = 26;
const NAME: usize = 30;

pub(super) fn sniff(head: &[u8]) -> Option<Content> {
    // A file, the end of an empty archive, a piece of a spanned one.
    if ![b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"].iter().any(|signature| stands_at(head, 0, *signature)) {
        return None;
    }
    Some(if first_is_scene(head) { media(MediaType::Usdz) } else { Content::Foreign(Foreign::Zip) })
}

fn first_is_scene(head: &[u8]) -> bool {
    let name = bytes(head, NAME_LENGTH)
        .and_then(|length| head.get(NAME..NAME.saturating_add(usize::from(u16::from_le_bytes(length)))));
    name.is_some_and(|name| {
        [&b".usd"[..], b".usda", b".usdc"].iter().any(|ending| {
            name.len() > ending.len()
                && name.last_chunk::<5>().is_some_and(|tail| tail.to_ascii_lowercase().ends_with(ending))
        })
    })
}
