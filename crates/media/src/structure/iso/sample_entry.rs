//! What a track's samples are: the first entry of `stsd` (ISO/IEC 14496-12 §8.5.2), `avcC` (14496-15 §5.3.3) and
//! `esds` (14496-1 §7.2.6).

use super::boxes::{Budget, Child, Children};
use super::sps;
use crate::read::{bytes, u16_be, u32_be, u64_be};
use crate::structure::{AudioCodec, H264, PictureSize};

/// A picture's entry, as far as it is of interest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visual {
    pub(super) format: [u8; 4],
    pub(super) size: PictureSize,
    pub(super) square_pixels: bool,
    pub(super) h264: Option<H264>,
}

/// A sound's entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sound {
    pub(super) codec: AudioCodec,
    pub(super) channels: u32,
    pub(super) sample_rate: u32,
}

/// Where the boxes of a picture's entry begin.
const VISUAL_CHILDREN: usize = 78;
/// Where those of a sound's entry begin, of version 0, and how much more there is in QuickTime's 1 and 2.
const SOUND_CHILDREN: usize = 28;
const SOUND_V1: usize = 16;
const SOUND_V2: usize = 36;

/// An entry of a video track's table; `None` if it ends early.
pub(super) fn visual(format: [u8; 4], body: &[u8], budget: &Budget) -> Option<Visual> {
    let (width, height) = (u16_be(body, 24)?, u16_be(body, 26)?);
    let size = PictureSize { width: width.into(), height: height.into() };
    let mut entry = Visual { format, size, square_pixels: true, h264: None };
    for child in readable(body, VISUAL_CHILDREN, budget) {
        match &child.kind {
            b"pasp" => {
                let ratio = (u32_be(child.body, 0), u32_be(child.body, 4));
                // Zeros mean that nothing is known.
                if let (Some(across @ 1..), Some(down @ 1..)) = ratio {
                    entry.square_pixels = across == down;
                }
            }
            b"avcC" => entry.h264 = first_parameter_set(child.body).and_then(sps::read),
            _ => {}
        }
    }
    Some(entry)
}

/// The boxes from there on, as far as they can be read: writers leave all sorts of things behind an entry, and nothing
/// in it is worth a refusal.
fn readable<'a>(body: &'a [u8], from: usize, budget: &'a Budget) -> impl Iterator<Item = Child<'a>> {
    Children::of(body.get(from..).unwrap_or_default(), budget).map_while(Result::ok)
}

fn first_parameter_set(avcc: &[u8]) -> Option<&[u8]> {
    if avcc.get(5)? & 0x1F == 0 {
        return None;
    }
    avcc.get(8..)?.get(..usize::from(u16_be(avcc, 6)?))
}

/// An entry of a sound track's table; `None` if it ends early.
pub(super) fn sound(format: [u8; 4], body: &[u8], budget: &Budget) -> Option<Sound> {
    let (version, channels, rate) = (u16_be(body, 8)?, u16_be(body, 16)?, u32_be(body, 24)?);
    let mut entry =
        Sound { codec: AudioCodec::of(format), channels: channels.into(), sample_rate: rate >> 16 };
    let more = match version {
        1 => SOUND_V1,
        2 => {
            entry.channels = u32_be(body, 40).unwrap_or(entry.channels);
            let rate = u64_be(body, 32).map(f64::from_bits).filter(|rate| (1.0..1e6).contains(rate));
            // In range, and the fraction does not matter.
            entry.sample_rate = rate.map_or(entry.sample_rate, |rate| rate as u32);
            SOUND_V2
        }
        _ => 0,
    };
    for child in readable(body, SOUND_CHILDREN + more, budget) {
        match &child.kind {
            b"esds" => entry.describe(child.body),
            // QuickTime puts it one box deeper.
            b"wave" => {
                for inner in readable(child.body, 0, budget) {
                    if &inner.kind == b"esds" {
                        entry.describe(inner.body);
                    }
                }
            }
            _ => {}
        }
    }
    Some(entry)
}

impl Sound {
    /// Takes what the elementary stream's descriptor says in place of the entry's own fields.
    fn describe(&mut self, esds: &[u8]) {
        const AAC: u8 = 0x40;
        let Some((object, config)) = decoder_config(esds) else { return };
        self.codec = match object {
            AAC => {
                let config = config.and_then(audio_specific);
                self.channels = config.and_then(|config| config.1).unwrap_or(self.channels);
                AudioCodec::Aac { object_type: config.map(|config| config.0) }
            }
            // MPEG-2 AAC: Main, LC and SSR are numbered as MPEG-4 numbers its object types, from 1.
            0x66..=0x68 => AudioCodec::Aac { object_type: Some(object - 0x65) },
            0x69 | 0x6B => AudioCodec::Mp3,
            _ => return,
        };
    }
}

/// The object type indication and the decoder's own configuration.
fn decoder_config(esds: &[u8]) -> Option<(u8, Option<&[u8]>)> {
    const STREAM: u8 = 3;
    const DECODER_CONFIG: u8 = 4;
    const DECODER_SPECIFIC: u8 = 5;
    let (stream, _) = descriptor(esds.get(4..)?, STREAM)?;
    let flags = *stream.get(2)?;
    let mut at = 3;
    if flags & 0x80 != 0 {
        at += 2;
    }
    if flags & 0x40 != 0 {
        at += 1 + usize::from(*stream.get(at)?);
    }
    if flags & 0x20 != 0 {
        at += 2;
    }
    let (config, _) = descriptor(stream.get(at..)?, DECODER_CONFIG)?;
    let specific = config.get(13..).and_then(|rest| descriptor(rest, DECODER_SPECIFIC));
    Some((*config.first()?, specific.map(|(specific, _)| specific)))
}

/// The content of the descriptor with this tag that the bytes begin with, and what follows it. One that claims more
/// than there is has what there is.
fn descriptor(from: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, mut rest) = from.split_first()?;
    if found != tag {
        return None;
    }
    let mut length = 0usize;
    for _ in 0..4 {
        let (&byte, tail) = rest.split_first()?;
        rest = tail;
        length = length << 7 | usize::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(rest.split_at(length.min(rest.len())))
}

/// The object type and the channels, if the configuration says how many (ISO/IEC 14496-3 §1.6.2.1).
fn audio_specific(config: &[u8]) -> Option<(u8, Option<u32>)> {
    const ESCAPE: u64 = 31;
    let mut padded = [0; 8];
    padded.iter_mut().zip(config).for_each(|(to, &from)| *to = from);
    if config.len() < 2 {
        return None;
    }
    let bits = u64::from_be_bytes(bytes(&padded, 0)?);
    let field = |at: u32, length: u32| bits << at >> (64 - length);
    let (object, at) = match field(0, 5) {
        ESCAPE => (32 + field(5, 6), 11),
        object => (object, 5),
    };
    let at = if field(at, 4) == 15 { at + 28 } else { at + 4 };
    let channels = match field(at, 4) {
        channels @ 1..=6 => u32::try_from(channels).ok(),
        7 => Some(8),
        _ => None,
    };
    Some((u8::try_from(object).ok()?, channels))
}
