//! Checksums of a part: what they are called, and how one is made while the part goes by.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chunkwise_transport::http::ComputeTail;
use crc_fast::CrcAlgorithm;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A checksum that the store compares with what has arrived of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checksum {
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// SHA-256: slower, and collisions can't be made.
    Sha256,
}

impl Checksum {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Crc32c, Self::Crc64Nvme, Self::Sha256];

    /// S3's name for it, as in `CRC32C`. Source: S3 API Reference, `ChecksumAlgorithm`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header and trailer that has it.
    pub(crate) const fn header(self) -> &'static str {
        match self {
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The XML element that has it.
    pub(crate) const fn element(self) -> &'static str {
        match self {
            Self::Crc32c => "ChecksumCRC32C",
            Self::Crc64Nvme => "ChecksumCRC64NVME",
            Self::Sha256 => "ChecksumSHA256",
        }
    }

    /// How many characters it has in base64.
    const fn encoded_len(self) -> usize {
        match self {
            Self::Crc32c => 8,
            Self::Crc64Nvme => 12,
            Self::Sha256 => 44,
        }
    }

    /// A text that can be it; a server's word is checked before it goes into an XML document.
    pub(crate) fn is_one(self, text: &str) -> bool {
        text.len() == self.encoded_len() && STANDARD.decode(text).is_ok()
    }
}

#[derive(Clone)]
enum Running {
    Crc32c(crc_fast::Digest),
    Crc64Nvme(crc_fast::Digest),
    Sha256(Sha256),
}

/// The end of an `aws-chunked` body of one chunk: the last chunk, and the trailer with the checksum. Source: S3 API
/// Reference, "Signature calculations: including trailing headers (chunked uploads)".
#[derive(Clone)]
pub(crate) struct Trailer {
    checksum: Checksum,
    running: Running,
    /// What ends the chunk of data, if there is one.
    chunk_end: &'static str,
}

impl Trailer {
    /// Behind a payload of so many bytes.
    pub(crate) fn new(checksum: Checksum, payload: u64) -> Self {
        let running = match checksum {
            Checksum::Crc32c => Running::Crc32c(crc_fast::Digest::new(CrcAlgorithm::Crc32Iscsi)),
            Checksum::Crc64Nvme => Running::Crc64Nvme(crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme)),
            Checksum::Sha256 => Running::Sha256(Sha256::new()),
        };
        Self { checksum, running, chunk_end: if payload == 0 { "" } else { "\r\n" } }
    }

    fn text(&self, value: &str) -> String {
        format!("{}0\r\n{}:{value}\r\n\r\n", self.chunk_end, self.checksum.header())
    }
}

impl ComputeTail for Trailer {
    fn len(&self) -> usize {
        self.text("").len() + self.checksum.encoded_len()
    }

    fn update(&mut self, frame: &[u8]) {
        match &mut self.running {
            Running::Crc32c(crc) | Running::Crc64Nvme(crc) => crc.update(frame),
            Running::Sha256(sha) => sha.update(frame),
        }
    }

    fn finish(&mut self) -> Bytes {
        let value = match &self.running {
            // A CRC of 32 bits is in the lower half.
            Running::Crc32c(crc) => STANDARD.encode((crc.finalize() as u32).to_be_bytes()),
            Running::Crc64Nvme(crc) => STANDARD.encode(crc.finalize().to_be_bytes()),
            Running::Sha256(sha) => STANDARD.encode(sha.clone().finalize()),
        };
        self.text(&value).into()
    }

    fn boxed_clone(&self) -> Box<dyn ComputeTail> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the catalogue of CRCs (reveng) for `123456789`, and SHA-256 as `sha256sum` has it.
    #[test]
    fn the_trailer_has_the_checksum_of_all_frames() {
        let base64 = |hex: &str| {
            let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            STANDARD.encode(bytes.collect::<Vec<_>>())
        };
        for (checksum, hex) in [
            (Checksum::Crc32c, "e3069283"),
            (Checksum::Crc64Nvme, "ae8b14860a799888"),
            (Checksum::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ] {
            let mut trailer = Trailer::new(checksum, 9);
            trailer.update(b"1234");
            trailer.update(b"56789");
            let value = base64(hex);
            assert!(checksum.is_one(&value));
            let expected = format!("\r\n0\r\n{}:{value}\r\n\r\n", checksum.header());
            assert_eq!((trailer.len(), trailer.finish()), (expected.len(), expected.into()));
        }
    }

    #[test]
    fn without_a_byte_there_is_no_chunk_to_end() {
        let mut trailer = Trailer::new(Checksum::Crc32c, 0);
        assert_eq!(
            (trailer.len(), trailer.finish()),
            (37, "0\r\nx-amz-checksum-crc32c:AAAAAA==\r\n\r\n".into())
        );
    }
}
