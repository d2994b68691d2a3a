//! The four bytes that name a box, a brand or a codec.

use std::fmt;

/// The four bytes that name a box, a brand or a codec (ISO/IEC 14496-12 §4.2). Shown as text, with what is not
/// printable ASCII as escapes: `avc1`, `\x00abc`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FourCc(pub [u8; 4]);

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String =
            self.0.iter().flat_map(|&byte| std::ascii::escape_default(byte)).map(char::from).collect();
        // QuickTime's names are padded with spaces.
        f.pad(text.trim_end())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FourCc({self})")
    }
}
