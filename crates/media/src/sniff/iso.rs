//! The ISO base media file format and QuickTime, its ancestor: a row of boxes, each with size and kind
//! (ISO/IEC 14496-12 §4.2). `ftyp` names brands: first the one the file is, then those it is readable as.

use super::{Content, Foreign, media};
use crate::media_type::MediaType;
use crate::read::bytes;
use crate::structure::Header;

/// What a brand stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Brand {
    Mp4,
    QuickTime,
    Heic,
    Avif,
    /// The structure HEIC and AVIF share.
    ImageItems,
    ThreeGp,
    M4a,
    CameraRaw,
    Unknown,
}

pub(super) fn sniff(head: &[u8]) -> Option<Content> {
    // Padding may come first, and so may what streaming puts before a piece.
    for Box { kind, body, .. } in Boxes::of(head) {
        match &kind {
            b"free" | b"skip" | b"wide" | b"styp" | b"sidx" | b"emsg" | b"prft" => {}
            b"ftyp" => return brands(body),
            b"moov" | b"mdat" | b"pnot" => return Some(media(MediaType::QuickTime)),
            b"moof" => return Some(Content::Foreign(Foreign::VideoFragment)),
            _ => return None,
        }
    }
    None
}

/// The end of the furthest box that begins within the head.
pub(super) fn least_size(head: &[u8]) -> Option<u64> {
    // Only kinds that can't be garbage after the end of a small file.
    let certain = |kind: &[u8; 4]| matches!(kind, b"ftyp" | b"moov" | b"mdat" | b"moof");
    Boxes::of(head).filter(|found| certain(&found.kind)).filter_map(|found| found.end).max()
}

fn brands(body: &[u8]) -> Option<Content> {
    let major = brand(&bytes(body, 0)?);
    // Four bytes of version stand between the brand the file is and those it is readable as.
    let compatible = || {
        body.get(8..)
            .unwrap_or_default()
            .chunks_exact(4)
            .filter_map(|name| bytes(name, 0))
            .map(|name| brand(&name))
    };
    let readable_as = |wanted| compatible().any(|brand| brand == wanted);
    match major {
        Brand::ImageItems if readable_as(Brand::Avif) => certain(Brand::Avif),
        Brand::ThreeGp if readable_as(Brand::Mp4) => certain(Brand::Mp4),
        Brand::Unknown => compatible().find_map(certain),
        known => certain(known),
    }
}

/// What a brand says if no other one does.
fn certain(brand: Brand) -> Option<Content> {
    match brand {
        Brand::Mp4 => Some(media(MediaType::Mp4)),
        Brand::QuickTime => Some(media(MediaType::QuickTime)),
        Brand::Heic | Brand::ImageItems => Some(Content::Foreign(Foreign::Heif)),
        Brand::Avif => Some(Content::Foreign(Foreign::Avif)),
        Brand::ThreeGp => Some(Content::Foreign(Foreign::ThreeGp)),
        Brand::M4a => Some(Content::Foreign(Foreign::M4a)),
        Brand::CameraRaw => Some(Content::Foreign(Foreign::CameraRaw)),
        Brand::Unknown => None,
    }
}

fn brand(name: &[u8; 4]) -> Brand {
    match name {
        b"isom" | b"iso2" | b"iso3" | b"iso4" | b"iso5" | b"iso6" | b"iso7" | b"iso8" | b"iso9" | b"isoa"
        | b"isob" | b"isoc" | b"mp41" | b"mp42" | b"mp71" | b"avc1" | b"hvc1" | b"av01" | b"dash"
        | b"cmfc" | b"cmf2" | b"M4V " | b"M4VH" | b"M4VP" | b"F4V " | b"f4v " | b"MSNV" | b"XAVC"
        | b"mmp4" => Brand::Mp4,
        b"qt  " => Brand::QuickTime,
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" => Brand::Heic,
        b"avif" | b"avis" => Brand::Avif,
        b"mif1" | b"mif2" | b"msf1" | b"miaf" => Brand::ImageItems,
        b"M4A " | b"M4B " | b"M4P " => Brand::M4a,
        b"crx " => Brand::CameraRaw,
        [b'3', b'g', b'p' | b'2' | b'r' | b's' | b'g', _] => Brand::ThreeGp,
        _ => Brand::Unknown,
    }
}

struct Box<'a> {
    kind: [u8; 4],
    /// What the head has of the box after size and kind.
    body: &'a [u8],
    /// Where the box ends in the file; `None` for one that goes on to the end of it.
    end: Option<u64>,
}

/// The boxes that begin within a head, until one whose size can't be.
struct Boxes<'a> {
    head: &'a [u8],
    next: Option<u64>,
}

impl<'a> Boxes<'a> {
    fn of(head: &'a [u8]) -> Self {
        Self { head, next: Some(0) }
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Box<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let begin = self.next.take()?;
        let rest = self.head.get(usize::try_from(begin).ok()?..)?;
        let Header { kind, length, size } = Header::read(rest).ok()?;
        let end = match size {
            None => None,
            Some(size) => Some(begin.checked_add(size)?),
        };
        self.next = end;
        let inside = size.and_then(|size| usize::try_from(size).ok()).and_then(|size| rest.get(..size));
        let body = inside.unwrap_or(rest).get(usize::try_from(length).ok()?..).unwrap_or_default();
        Some(Box { kind, body, end })
    }
}
