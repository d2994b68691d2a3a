//! Heads of files. Those with odd numbers in them are the first bytes of files that real programs wrote.

use chunkwise_media::{Animation, Foreign, MediaType};

use crate::random::Random;

pub(crate) const PNG: &[u8] =
    b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\0@\0\0\x000\x08\x02\0\0\0.)\xEBH\0\0\0\x00IDAT\0\0\0\0";
pub(crate) const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01\x02\0\0\x01\0\x01\0\0\xFF\xFE\0\x0F";
pub(crate) const MP4: &[u8] =
    b"\0\0\0 ftypisom\0\0\x02\0isomiso2avc1mp41\0\0\x03umoov\0\0\0lmvhd\0\0\0\0\0\0\0\0";
pub(crate) const MOV: &[u8] = b"\0\0\0\x14ftypqt  \0\0\x02\0qt  \0\0\0\x08wide\0\0\x07>mdat";
pub(crate) const WEBM: &[u8] =
    b"\x1AE\xDF\xA3\x9FB\x86\x81\x01B\xF7\x81\x01B\xF2\x81\x04B\xF3\x81\x08B\x82\x84webmB\x87\x81\x02B\x85\x81\x02\x18S\x80g\x01";
pub(crate) const MKV: &[u8] =
    b"\x1AE\xDF\xA3\xA3B\x86\x81\x01B\xF7\x81\x01B\xF2\x81\x04B\xF3\x81\x08B\x82\x88matroskaB\x87\x81\x04B\x85\x81\x02\x18S\x80g\x01";
pub(crate) const WEBP: &[u8] = b"RIFF\xB0\x02\0\0WEBPVP8 \xA4\x02\0\0\xF0\x12\0\x9D\x01*@\x000\0>\x91@\x97";
pub(crate) const PDF: &[u8] = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n";
pub(crate) const SRT: &[u8] = b"1\n00:00:00,000 --> 00:00:01,000\nhi\n\n";

/// What no reader can recognise.
pub(crate) const NOISE: &[u8] = &[0x03, 0x8A, 0x00, 0x11, 0xC0, 0x7E, 0x00, 0x99, 0xF7, 0x02];

/// Every type X takes, as it is found in the wild.
pub(crate) fn accepted() -> Vec<(&'static str, MediaType, Animation, Vec<u8>)> {
    use Animation::{Animated, NotApplicable, Still, Unknown};
    let fixed: &[(&str, MediaType, Animation, &[u8])] = &[
        ("mp4, index first", MediaType::Mp4, NotApplicable, MP4),
        (
            "mp4, data first",
            MediaType::Mp4,
            NotApplicable,
            b"\0\0\0 ftypisom\0\0\x02\0isomiso2avc1mp41\0\0\0\x08free\0\0\x07>mdat",
        ),
        (
            "mp4, fragmented",
            MediaType::Mp4,
            NotApplicable,
            b"\0\0\0$ftypisom\0\0\x02\0isomiso6iso2avc1mp41\0\0\x02\xEDmoov",
        ),
        (
            "mp4 of DASH",
            MediaType::Mp4,
            NotApplicable,
            b"\0\0\0\x1Cftypiso5\0\0\x02\0iso5iso6mp41\0\0\x03\x11moov\0\0\0l",
        ),
        ("m4v", MediaType::Mp4, NotApplicable, b"\0\0\0 ftypM4V \0\0\x02\0M4V isomiso2avc1\0\0\0\x08free"),
        ("mp4 of a phone", MediaType::Mp4, NotApplicable, b"\0\0\0\x18ftypmp42\0\0\0\0isommp42\0\0\x10\0moov"),
        (
            "3gp readable as mp4",
            MediaType::Mp4,
            NotApplicable,
            b"\0\0\0\x1Cftyp3gp4\0\0\x02\x003gp4isomiso2\0\0\0\x08free",
        ),
        (
            "mp4 of an unknown brand",
            MediaType::Mp4,
            NotApplicable,
            b"\0\0\0\x18ftypABCD\0\0\0\0ABCDmp42\0\0\0\x08free",
        ),
        ("padding before ftyp", MediaType::Mp4, NotApplicable, b"\0\0\0\x08free\0\0\0\x14ftypmp42\0\0\0\0isom"),
        (
            "64-bit box sizes",
            MediaType::Mp4,
            NotApplicable,
            b"\0\0\0\x01ftyp\0\0\0\0\0\0\0\x18mp42\0\0\0\0\0\0\0\x08free",
        ),
        ("mov", MediaType::QuickTime, NotApplicable, MOV),
        (
            "mov without ftyp",
            MediaType::QuickTime,
            NotApplicable,
            b"\0\0\x03\xE8moov\0\0\0lmvhd\0\0\0\0\0\0\0\0",
        ),
        ("mov, wide", MediaType::QuickTime, NotApplicable, b"\0\0\0\x08wide\0\0\x03\xE8mdat\0\0\0\0\0\0\0\0"),
        ("webm", MediaType::WebM, NotApplicable, WEBM),
        ("jpeg, JFIF", MediaType::Jpeg, Still, JPEG),
        ("jpeg, Exif", MediaType::Jpeg, Still, b"\xFF\xD8\xFF\xE1\x1F\xFEExif\0\0MM\0*"),
        ("jpeg, raw", MediaType::Jpeg, Still, b"\xFF\xD8\xFF\xDB\0\x43\0"),
        ("png", MediaType::Png, Still, PNG),
        (
            "animated png",
            MediaType::Png,
            Animated,
            b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\0@\0\0\x000\x08\x02\0\0\0.)\xEBH\0\0\0\x09pHYs\0\0\0\x01\0\0\0\x01\0O%\xC4\xD6\0\0\0\x08acTL",
        ),
        (
            "png with a long profile",
            MediaType::Png,
            Unknown,
            b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\0@\0\0\x000\x08\x02\0\0\0.)\xEBH\0\x10\0\0iCCP",
        ),
        ("webp", MediaType::WebP, Still, WEBP),
        (
            "lossless webp",
            MediaType::WebP,
            Still,
            b"RIFF\xFC\0\0\0WEBPVP8L\xEF\0\0\0/?\xC0\x0B\0\x99\x0B,D\xF4?x3\xF0",
        ),
        (
            "extended webp",
            MediaType::WebP,
            Still,
            b"RIFF\xF8\x05\0\0WEBPVP8X\n\0\0\0\x10\0\0\0?\0\0/\0\0VP8 \x06\0\0\0",
        ),
        (
            "animated webp",
            MediaType::WebP,
            Animated,
            b"RIFF\xF8\x05\0\0WEBPVP8X\n\0\0\0\x02\0\0\0?\0\0/\0\0ANIM\x06\0\0\0\xFF\xFF\xFF\xFF\x01\0",
        ),
        ("bmp", MediaType::Bmp, Still, b"BM6$\0\0\0\0\0\x006\0\0\0(\0\0\0@\0\0\x000\0\0\0\x01\0\x18\0\0\0\0\0"),
        ("bmp of OS/2", MediaType::Bmp, Still, b"BM6$\0\0\0\0\0\0\x1A\0\0\0\x0C\0\0\0@\0\x30\0\x01\0\x18\0"),
        ("tiff, little-endian", MediaType::Tiff, Still, b"II*\0t\x1D\0\0\xE9\0\x15\xFF"),
        ("tiff, big-endian", MediaType::Tiff, Still, b"MM\0*\0\0\0\x08\0\x0F"),
        ("BigTIFF", MediaType::Tiff, Still, b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0"),
        (
            "glb",
            MediaType::Glb,
            NotApplicable,
            b"glTF\x02\0\0\0\x84\x02\0\0\x10\x02\0\0JSON{\"asset\":{\"version\":\"2.0\"}}",
        ),
        (
            "usdz",
            MediaType::Usdz,
            NotApplicable,
            b"PK\x03\x04\x0A\0\0\0\0\0\0\0!\0\xAB\xCD\xEF\x01\x10\0\0\0\x10\0\0\0\x0A\0\0\0scene.usdcPXR-USDC",
        ),
        (
            "usdz with a plain usd",
            MediaType::Usdz,
            NotApplicable,
            b"PK\x03\x04\x0A\0\0\0\0\0\0\0!\0\xAB\xCD\xEF\x01\x10\0\0\0\x10\0\0\0\x05\0\0\0a.USDPXR-USDC",
        ),
        ("srt", MediaType::Srt, NotApplicable, SRT),
        (
            "srt of Windows with byte order mark",
            MediaType::Srt,
            NotApplicable,
            b"\xEF\xBB\xBF\r\n0\r\n00:00:01,5 --> 00:00:02,5\r\nhi\r\n",
        ),
        (
            "srt in Latin-1",
            MediaType::Srt,
            NotApplicable,
            b"1\n00:00:01,000 --> 00:00:02,500\nM\xFCnchen\n",
        ),
        ("vtt", MediaType::Vtt, NotApplicable, b"WEBVTT\n\n00:01.000 --> 00:04.000\nhi\n"),
        (
            "vtt with a title and byte order mark",
            MediaType::Vtt,
            NotApplicable,
            b"\xEF\xBB\xBFWEBVTT - a title\r\n\r\n",
        ),
    ];
    let mut all: Vec<_> = fixed
        .iter()
        .map(|&(name, media_type, animation, head)| (name, media_type, animation, head.to_vec()))
        .collect();
    all.push(("mpeg-ts", MediaType::Mp2t, NotApplicable, transport_stream(7)));
    all.push(("mpeg-ts of two packets", MediaType::Mp2t, NotApplicable, transport_stream(2)));
    all.push(("still gif", MediaType::Gif, Still, gif(&mut Random::new(), 1)));
    all.push(("animated gif", MediaType::Gif, Animated, gif(&mut Random::new(), 3)));
    all.push(("gif cut in its screen descriptor", MediaType::Gif, Unknown, b"GIF87a@\x000\0".to_vec()));
    all
}

/// What X does not take, and what it is called.
pub(crate) fn foreign() -> Vec<(Foreign, Vec<u8>)> {
    let mut windows_program = b"MZ\x90\0".to_vec();
    windows_program.resize(0x3C, 0);
    windows_program.extend_from_slice(b"\x80\0\0\0");
    windows_program.resize(0x80, 0);
    windows_program.extend_from_slice(b"PE\0\0d\x86");

    let fixed: &[(Foreign, &[u8])] = &[
        (Foreign::Matroska, MKV),
        (Foreign::Avi, b"RIFF\xFE\"\0\0AVI LIST"),
        (Foreign::ThreeGp, b"\0\0\0\x14ftyp3gp5\0\0\0\x003gp4\0\0\x10\0moov"),
        (Foreign::Flv, b"FLV\x01\x01\0\0\0\x09\0\0\0"),
        (Foreign::Asf, b"0&\xB2u\x8Ef\xCF\x11\xA6\xD9\0\xAA\0b\xCEl"),
        (Foreign::MpegProgram, b"\0\0\x01\xBA!\0\x01\0\x01\xC33g"),
        (
            Foreign::VideoFragment,
            b"\0\0\0\x10stypmsdh\0\0\0\0\0\0\0\x0Csidx\x01\0\0\0\0\0\0\x40moof\0\0\0\x10mfhd",
        ),
        (Foreign::HlsPlaylist, b"#EXTM3U\n#EXT-X-VERSION:3\n"),
        (Foreign::Heif, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\x01\0meta"),
        (Foreign::Heif, b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic\0\0\x01\0meta"),
        (Foreign::Avif, b"\0\0\0 ftypavif\0\0\0\0avifmif1miafMA1A\0\0\0\xF9"),
        (Foreign::Avif, b"\0\0\0,ftypavis\0\0\0\0avisavifmsf1iso8mif1"),
        (Foreign::Avif, b"\0\0\0\x18ftypmif1\0\0\0\0miafavif\0\0\0\xF9meta"),
        (Foreign::CameraRaw, b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom"),
        (Foreign::M4a, b"\0\0\0\x1CftypM4A \0\0\x02\0M4A isomiso2\0\0\0\x08free"),
        (Foreign::JpegXl, b"\xFF\n\xCB\x06\0%\x88\x02"),
        (Foreign::JpegXl, b"\0\0\0\x0CJXL \r\n\x87\n\0\0\0\x14ftypjxl "),
        (Foreign::Jpeg2000, b"\0\0\0\x0CjP  \r\n\x87\n\0\0\0\x14ftypjp2 "),
        (Foreign::Svg, b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
        (Foreign::Svg, b"<?xml version=\"1.0\"?>\n<!-- drawn -->\n<svg width=\"1\"/>"),
        (Foreign::Photoshop, b"8BPS\0\x01\0\0\0\0\0\0"),
        (Foreign::Icon, b"\0\0\x01\0\x02\0\x10\x10\0\0\x01\0\x20\0"),
        (Foreign::Mp3, b"ID3\x04\0\0\0\0\0\"TS"),
        (Foreign::Mp3, b"\xFF\xFBP\xC4\0\0\x07L"),
        (Foreign::Mp3, b"\xFF\xF3@\xC4\0\x12\x98f"),
        (Foreign::Aac, b"\xFF\xF1P@ \xFF\xFC\xDC"),
        (Foreign::Wav, b"RIFF\xCEX\x01\0WAVEfmt "),
        (Foreign::Flac, b"fLaC\0\0\0\""),
        (Foreign::Ogg, b"OggS\0\x02\0\0"),
        (Foreign::Pdf, PDF),
        (
            Foreign::Zip,
            b"PK\x03\x04\x14\0\x08\0\x08\0\0\0!\0\0\0\0\0\0\0\0\0\0\0\0\0\x13\0\0\0[Content_Types].xml",
        ),
        (Foreign::Zip, b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        (Foreign::Gzip, b"\x1F\x8B\x08\0\0\0\0\0\0\x03"),
        (Foreign::Bzip2, b"BZh91AY&SY"),
        (Foreign::Xz, b"\xFD7zXZ\0\0\x04"),
        (Foreign::Zstd, b"\x28\xB5\x2F\xFD\x04\x58"),
        (Foreign::SevenZip, b"7z\xBC\xAF\x27\x1C\0\x04"),
        (Foreign::Rar, b"Rar!\x1A\x07\x01\0"),
        (Foreign::Elf, b"\x7FELF\x02\x01\x01\0"),
        (Foreign::MachO, b"\xCF\xFA\xED\xFE\x07\0\0\x01"),
        (Foreign::Html, b"\n <!DOCTYPE html>\n<html><body>Not found</body></html>"),
        (Foreign::Html, b"<?xml version=\"1.0\"?><!DOCTYPE html><html lang=\"en\">"),
        (Foreign::Xml, b"<?xml version=\"1.0\"?><MPD/>"),
        (Foreign::Json, b"{\n  \"error\": \"no such video\"\n}"),
        (Foreign::Json, b"[{\"error\": 1}]"),
        (Foreign::Text, b"Get the video from the other folder.\n"),
        (Foreign::Text, "Grüße aus München".as_bytes()),
        (Foreign::Text, b"BM is a good beginning for a sentence."),
        (Foreign::Text, b"MZ too, and so is the G of this one."),
        (Foreign::Text, b"WEBVTTX is not a signature"),
        (Foreign::Text, b"1\nnot a time --> not a time either\n"),
        (Foreign::Text, b"[00:01.00] the words of a song\n"),
        (Foreign::Zeros, &[0; 5000]),
    ];
    let mut all: Vec<_> = fixed.iter().map(|&(foreign, head)| (foreign, head.to_vec())).collect();
    all.push((Foreign::WindowsProgram, windows_program));
    all
}

/// Packets of 188 bytes: the programme tables, then data.
pub(crate) fn transport_stream(packets: usize) -> Vec<u8> {
    let packet = |number: usize| {
        let mut packet = vec![0xFF; 188];
        packet[..4].copy_from_slice(&[
            0x47,
            if number == 0 { 0x40 } else { 0x01 },
            0x00,
            0x10 | (number & 0x0F) as u8,
        ]);
        packet
    };
    (0..packets).flat_map(packet).collect()
}

/// A GIF of so many images that is right in every length, with palettes, extensions and data of random sizes.
/// Its data are random too: a walk that loses its way finds block marks everywhere.
pub(crate) fn gif(random: &mut Random, images: usize) -> Vec<u8> {
    let mut gif = Vec::new();
    gif.extend_from_slice(if random.below(2) == 0 { b"GIF87a" } else { b"GIF89a" });
    gif.extend_from_slice(&[64, 0, 48, 0]);
    palette(random, &mut gif, &[0, 0]);
    for _ in 0..images {
        for _ in 0..random.below(3) {
            gif.extend_from_slice(&[b'!', [0xF9, 0xFE, 0xFF, 0x01][random.below(4)]]);
            sub_blocks(random, &mut gif);
        }
        gif.extend_from_slice(&[b',', 0, 0, 0, 0, 64, 0, 48, 0]);
        palette(random, &mut gif, &[]);
        gif.push(8);
        sub_blocks(random, &mut gif);
    }
    gif.push(b';');
    gif
}

/// The flags that announce a palette, what stands between, and the palette.
fn palette(random: &mut Random, gif: &mut Vec<u8>, between: &[u8]) {
    let bits = random.below(8) as u8;
    let present = random.below(2) == 0;
    gif.push(if present { 0x80 | bits } else { bits });
    gif.extend_from_slice(between);
    if present {
        gif.extend_from_slice(&random.bytes(3 << (bits + 1)));
    }
}

fn sub_blocks(random: &mut Random, gif: &mut Vec<u8>) {
    for _ in 0..random.below(5) {
        let length = 1 + random.below(255);
        gif.push(length as u8);
        gif.extend_from_slice(&random.bytes(length));
    }
    gif.push(0);
}
