//! Formats that a few fixed bytes give away.

use super::{Content, Foreign, media};
use crate::media_type::MediaType;
use crate::read::{bytes, stands_at, u32_be, u32_le};

/// Long enough, or odd enough, to stand for themselves at the start of a file.
const FOREIGN: &[(&[u8], Foreign)] = &[
    (b"%PDF-", Foreign::Pdf),
    (b"\x7FELF", Foreign::Elf),
    (b"\xFE\xED\xFA\xCE", Foreign::MachO),
    (b"\xFE\xED\xFA\xCF", Foreign::MachO),
    (b"\xCE\xFA\xED\xFE", Foreign::MachO),
    (b"\xCF\xFA\xED\xFE", Foreign::MachO),
    (b"\xCA\xFE\xBA\xBE", Foreign::MachO),
    (b"ID3", Foreign::Mp3),
    (b"fLaC", Foreign::Flac),
    (b"OggS", Foreign::Ogg),
    (b"FLV\x01", Foreign::Flv),
    (b"\x30\x26\xB2\x75\x8E\x66\xCF\x11", Foreign::Asf),
    (b"\x00\x00\x01\xBA", Foreign::MpegProgram),
    (b"\x00\x00\x01\xB3", Foreign::MpegProgram),
    (b"8BPS", Foreign::Photoshop),
    (b"\x00\x00\x00\x0CJXL \r\n\x87\n", Foreign::JpegXl),
    (b"\xFF\x0A", Foreign::JpegXl),
    (b"\x00\x00\x00\x0CjP  \r\n\x87\n", Foreign::Jpeg2000),
    (b"\xFF\x4F\xFF\x51", Foreign::Jpeg2000),
    (b"\x1F\x8B\x08", Foreign::Gzip),
    (b"\xFD7zXZ\x00", Foreign::Xz),
    (b"\x28\xB5\x2F\xFD", Foreign::Zstd),
    (b"7z\xBC\xAF\x27\x1C", Foreign::SevenZip),
    (b"Rar!\x1A\x07", Foreign::Rar),
];

pub(super) fn sniff(head: &[u8]) -> Option<Content> {
    accepted(head).map(media).or_else(|| foreign(head).map(Content::Foreign))
}

fn accepted(head: &[u8]) -> Option<MediaType> {
    let begins = |signature: &[u8]| stands_at(head, 0, signature);
    if begins(b"\xFF\xD8\xFF") {
        Some(MediaType::Jpeg)
    } else if begins(b"II*\0") || begins(b"MM\0*") || begins(b"II+\0") || begins(b"MM\0+") {
        // `+` is BigTIFF, which has the same media type.
        Some(MediaType::Tiff)
    } else if begins(b"glTF") && glb_size(head).is_some() {
        Some(MediaType::Glb)
    } else if is_bmp(head) {
        Some(MediaType::Bmp)
    } else if is_transport_stream(head) {
        Some(MediaType::Mp2t)
    } else {
        None
    }
}

fn foreign(head: &[u8]) -> Option<Foreign> {
    if let Some((_, foreign)) = FOREIGN.iter().find(|(signature, _)| stands_at(head, 0, signature)) {
        Some(*foreign)
    } else if is_icon(head) {
        Some(Foreign::Icon)
    } else if is_mp3_frame(head) {
        Some(Foreign::Mp3)
    } else if matches!(bytes(head, 0), Some([0xFF, 0xF0 | 0xF1 | 0xF8 | 0xF9])) {
        Some(Foreign::Aac)
    } else if is_bzip2(head) {
        Some(Foreign::Bzip2)
    } else if is_windows_program(head) {
        Some(Foreign::WindowsProgram)
    } else {
        None
    }
}

/// The length a binary glTF says it has in its header: signature, version, length.
pub(super) fn glb_size(head: &[u8]) -> Option<u64> {
    u32_le(head, 8).map(u64::from)
}

/// "BM" alone begins many a text: the reserved bytes must be zero and the second header of a known length.
fn is_bmp(head: &[u8]) -> bool {
    stands_at(head, 0, b"BM")
        && stands_at(head, 6, &[0; 4])
        && matches!(u32_le(head, 14), Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
}

/// Packets of 188 bytes, each with its sync byte, no error flag and something in it. At least two must be
/// there, five are looked at.
fn is_transport_stream(head: &[u8]) -> bool {
    const PACKET: usize = 188;
    const SYNC: u8 = 0x47;
    let good = |packet: &[u8]| match packet {
        [SYNC, second, _, fourth, ..] => second & 0x80 == 0 && fourth & 0x30 != 0,
        _ => false,
    };
    // A stream is not text. Without this a text with a G in the right places would be one.
    let binary = head.iter().any(|&byte| byte == 0 || byte >= 0xF5);
    let headers = || head.chunks(PACKET).filter(|packet| packet.len() >= 4).take(5);
    binary && headers().count() >= 2 && headers().all(good)
}

/// Between 1 and 255 pictures, the first of which has its reserved byte zero.
fn is_icon(head: &[u8]) -> bool {
    matches!(bytes(head, 0), Some([0, 0, 1, 0, 1..=255, 0, _, _, _, 0]))
}

/// A frame of MPEG layer III: bit rate and sampling rate of known values.
fn is_mp3_frame(head: &[u8]) -> bool {
    u32_be(head, 0).is_some_and(|frame| {
        let layer_three = matches!(frame >> 16, 0xFFFA | 0xFFFB | 0xFFF2 | 0xFFF3 | 0xFFE2 | 0xFFE3);
        let bit_rate = frame >> 12 & 0xF;
        let sampling_rate = frame >> 10 & 0x3;
        layer_three && !matches!(bit_rate, 0 | 0xF) && sampling_rate != 3
    })
}

/// The level, then the first block's or the end's own signature.
fn is_bzip2(head: &[u8]) -> bool {
    matches!(bytes(head, 0), Some([b'B', b'Z', b'h', b'1'..=b'9', 0x31 | 0x17, _]))
}

/// "MZ", and where it points to, "PE".
fn is_windows_program(head: &[u8]) -> bool {
    let points_to = u32_le(head, 0x3C).and_then(|at| usize::try_from(at).ok());
    stands_at(head, 0, b"MZ") && points_to.is_some_and(|at| stands_at(head, at, b"PE\0\0"))
}
