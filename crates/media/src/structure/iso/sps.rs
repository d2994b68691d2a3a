//! The sequence parameter set of H.264: profile, chroma and whether frames are whole (ITU-T H.264 §7.3.2.1.1).

use crate::structure::{Chroma, H264};

/// Reads a parameter set as it stands in `avcC`, its NAL header first. `None` if it ends early or holds what no
/// encoder writes. Never reads a byte twice, and no count in it is believed further than its bytes go.
pub(super) fn read(nal: &[u8]) -> Option<H264> {
    const SEQUENCE_PARAMETER_SET: u32 = 7;
    let mut bits = Bits { rest: nal, zeros: 0, byte: 0, left: 0 };
    if bits.take(8)? & 0x1F != SEQUENCE_PARAMETER_SET {
        return None;
    }
    let profile = u8::try_from(bits.take(8)?).ok()?;
    bits.take(8)?;
    let level = u8::try_from(bits.take(8)?).ok()?;
    bits.unsigned()?;
    let (chroma, bit_depth) = match profile {
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135 => bits.high()?,
        _ => (Chroma::Yuv420, 8),
    };
    bits.unsigned()?;
    match bits.unsigned()? {
        0 => _ = bits.unsigned()?,
        1 => {
            bits.take(1)?;
            bits.unsigned()?;
            bits.unsigned()?;
            for _ in 0..bits.unsigned()?.min(255) {
                bits.unsigned()?;
            }
        }
        _ => {}
    }
    bits.unsigned()?;
    bits.take(1)?;
    bits.unsigned()?;
    bits.unsigned()?;
    let progressive = bits.take(1)? == 1;
    Some(H264 { profile, level, chroma, bit_depth, progressive })
}

/// The bits of a NAL unit, without the bytes that only keep it from looking like a start code (§7.4.1).
struct Bits<'a> {
    rest: &'a [u8],
    zeros: u8,
    byte: u8,
    left: u8,
}

impl Bits<'_> {
    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            self.byte = self.next_byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some(u32::from(self.byte >> self.left & 1))
    }

    fn next_byte(&mut self) -> Option<u8> {
        let mut byte = self.raw()?;
        if self.zeros >= 2 && byte == 3 {
            self.zeros = 0;
            byte = self.raw()?;
        }
        self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        Some(byte)
    }

    fn raw(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    /// The next bits as a number, at most 32.
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0u32, |value, _| Some(value << 1 | self.bit()?))
    }

    /// An Exp-Golomb number (§9.1). Signed ones are as long, and none of theirs is of interest but one.
    fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1u32 << zeros) - 1 + self.take(zeros)?)
    }

    fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.unsigned()?);
        Some(if code % 2 == 0 { -(code / 2) } else { (code + 1) / 2 })
    }

    /// What only the high profiles say.
    fn high(&mut self) -> Option<(Chroma, u8)> {
        let chroma = match self.unsigned()? {
            0 => Chroma::Monochrome,
            1 => Chroma::Yuv420,
            2 => Chroma::Yuv422,
            3 => Chroma::Yuv444,
            _ => return None,
        };
        let lists = if chroma == Chroma::Yuv444 {
            self.take(1)?;
            12
        } else {
            8
        };
        let bit_depth = u8::try_from(self.unsigned()?.checked_add(8)?).ok()?;
        self.unsigned()?;
        self.take(1)?;
        if self.take(1)? == 1 {
            for list in 0..lists {
                if self.take(1)? == 1 {
                    self.skip_scaling_list(if list < 6 { 16 } else { 64 })?;
                }
            }
        }
        Some((chroma, bit_depth))
    }

    /// §7.3.2.1.1.1: a list ends early when its next scale is 0.
    fn skip_scaling_list(&mut self, length: u32) -> Option<()> {
        let mut scale = 8;
        for _ in 0..length {
            scale = (scale + self.signed()?).rem_euclid(256);
            if scale == 0 {
                return Some(());
            }
        }
        Some(())
    }
}
