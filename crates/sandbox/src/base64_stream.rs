//! Base64 in pieces: what a part with `Content-Transfer-Encoding: base64`, or `media_data`, holds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memchr2;

/// The text is not base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the media is not valid base64")]
pub struct NotBase64;

/// Decodes standard, padded base64, however it is cut. Line ends are skipped, as MIME has it (RFC 2045 §6.8); every other
/// stray character is an error, and so is anything after the padding.
#[derive(Debug, Default)]
pub struct Base64Stream {
    /// Up to three characters that wait for the rest of their group.
    waiting: Vec<u8>,
    padded: bool,
}

impl Base64Stream {
    /// Decodes `text` onto the end of `decoded`.
    pub fn push(&mut self, text: &[u8], decoded: &mut Vec<u8>) -> Result<(), NotBase64> {
        let mut rest = text;
        while let Some(at) = memchr2(b'\r', b'\n', rest) {
            let (run, after) = rest.split_at(at);
            self.run(run, decoded)?;
            rest = after.get(1..).unwrap_or_default();
        }
        self.run(rest, decoded)
    }

    /// The text has ended.
    pub fn finish(&self) -> Result<(), NotBase64> {
        if self.waiting.is_empty() { Ok(()) } else { Err(NotBase64) }
    }

    fn run(&mut self, mut text: &[u8], decoded: &mut Vec<u8>) -> Result<(), NotBase64> {
        if !self.waiting.is_empty() {
            let missing = (4 - self.waiting.len()).min(text.len());
            let (head, after) = text.split_at(missing);
            self.waiting.extend_from_slice(head);
            text = after;
            if self.waiting.len() < 4 {
                return Ok(());
            }
            let group = std::mem::take(&mut self.waiting);
            self.groups(&group, decoded)?;
        }
        let (groups, waiting) = text.split_at(text.len() - text.len() % 4);
        self.groups(groups, decoded)?;
        if self.padded && !waiting.is_empty() {
            return Err(NotBase64);
        }
        self.waiting.extend_from_slice(waiting);
        Ok(())
    }

    fn groups(&mut self, groups: &[u8], decoded: &mut Vec<u8>) -> Result<(), NotBase64> {
        if groups.is_empty() {
            return Ok(());
        }
        if self.padded {
            return Err(NotBase64);
        }
        self.padded = groups.ends_with(b"=");
        STANDARD.decode_vec(groups, decoded).map_err(|_| NotBase64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(text: &[u8], piece: usize) -> Result<Vec<u8>, NotBase64> {
        let mut stream = Base64Stream::default();
        let mut decoded = Vec::new();
        for piece in text.chunks(piece.max(1)) {
            stream.push(piece, &mut decoded)?;
        }
        stream.finish()?;
        Ok(decoded)
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_bytes_come_back(data: Vec<u8>, piece in 1_usize..9, line in 1_usize..80) {
            let text = STANDARD.encode(&data);
            prop_assert_eq!(&decode(text.as_bytes(), piece).unwrap(), &data);
            let lines: Vec<u8> = text.as_bytes().chunks(line).flat_map(|line| [line, b"\r\n"].concat()).collect();
            prop_assert_eq!(&decode(&lines, piece).unwrap(), &data);
        }

        #[test]
        fn what_is_refused_whole_is_refused_in_pieces(text in "[A-C=+ ]{0,12}", piece in 1_usize..6) {
            prop_assert_eq!(decode(text.as_bytes(), piece).ok(), STANDARD.decode(&text).ok());
        }
    }
}
