//! WebM and Matroska: an EBML header whose `DocType` tells them apart (RFC 8794 §11.2).

use super::{Content, Foreign, media};
use crate::media_type::MediaType;
use crate::read::stands_at;

const DOC_TYPE: u64 = 0x4282;

pub(super) fn sniff(head: &[u8]) -> Option<Content> {
    if !stands_at(head, 0, &[0x1A, 0x45, 0xDF, 0xA3]) {
        return None;
    }
    match doc_type(head.get(4..)?) {
        Some(b"webm") => Some(media(MediaType::WebM)),
        Some(b"matroska") => Some(Content::Foreign(Foreign::Matroska)),
        // Another EBML format, or a head too short to tell.
        Some(_) | None => None,
    }
}

/// The value of `DocType` in a header that begins with its own length.
fn doc_type(header: &[u8]) -> Option<&[u8]> {
    let (length, mut rest) = number(header, Marker::Cut)?;
    if let Some(inside) = usize::try_from(length).ok().and_then(|length| rest.get(..length)) {
        rest = inside;
    }
    loop {
        let (id, after_id) = number(rest, Marker::Keep)?;
        let (length, after_length) = number(after_id, Marker::Cut)?;
        let length = usize::try_from(length).ok()?;
        let value = after_length.get(..length)?;
        if id == DOC_TYPE {
            // Strings may be padded with zeros.
            let end = value.iter().position(|&byte| byte == 0).unwrap_or(value.len());
            return value.get(..end);
        }
        rest = after_length.get(length..)?;
    }
}

/// Whether the bit that marks a number's length belongs to its value: in ids it does, in lengths it doesn't.
#[derive(Clone, Copy)]
enum Marker {
    Keep,
    Cut,
}

/// A number of 1 to 8 bytes, whose first byte says how many by its leading zero bits; and what follows it.
fn number(bytes: &[u8], marker: Marker) -> Option<(u64, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let more = usize::try_from(first.leading_zeros()).ok().filter(|&more| more < 8)?;
    let first = match marker {
        Marker::Keep => first,
        // All bits below the marker: the marker is bit 7 - `more`.
        Marker::Cut => first & (0x7F >> more),
    };
    let (tail, rest) = rest.split_at_checked(more)?;
    Some((tail.iter().fold(u64::from(first), |value, &byte| value << 8 | u64::from(byte)), rest))
}
