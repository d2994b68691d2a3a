//! Files to upload.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// The chunk size of these tests.
pub(crate) const CHUNK: u64 = 64 << 10;

/// How many segments of that size the usual file has; the last one is short.
pub(crate) const SEGMENTS: u16 = 5;

/// A file on disk, in a directory of its own.
#[derive(Debug)]
pub(crate) struct File {
    directory: TempDir,
    path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

impl File {
    fn new(name: &str, bytes: Vec<u8>) -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        Self { directory, path, bytes }
    }

    pub(crate) fn path(&self) -> &Path {
        assert!(self.directory.path().exists());
        &self.path
    }

    /// As the sandbox writes digests.
    pub(crate) fn sha256(&self) -> String {
        Sha256::digest(&self.bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
}

fn noise(len: usize) -> Vec<u8> {
    // No two segments are alike.
    (0..len as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8 ^ (i >> 13) as u8).collect()
}

/// A file that begins as an MP4 does and has this many bytes.
pub(crate) fn video_of(size: u64) -> File {
    let mut bytes = noise(usize::try_from(size).unwrap());
    let head = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom";
    bytes[..head.len()].copy_from_slice(head);
    let rest = u32::try_from(size - head.len() as u64).unwrap();
    bytes[head.len()..][..4].copy_from_slice(&rest.to_be_bytes());
    bytes[head.len() + 4..][..4].copy_from_slice(b"mdat");
    File::new("clip.mp4", bytes)
}

fn usual_size() -> u64 {
    u64::from(SEGMENTS) * CHUNK - 777
}

/// A video of [`SEGMENTS`] segments.
pub(crate) fn video() -> File {
    video_of(usual_size())
}

/// A picture of [`SEGMENTS`] segments: X does not process it, and has no STATUS for it.
pub(crate) fn picture() -> File {
    let mut bytes = noise(usize::try_from(usual_size()).unwrap());
    let head = b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\0\x10\0\0\0\x10\x08\x02\0\0\0";
    bytes[..head.len()].copy_from_slice(head);
    // The header's checksum, then the image data.
    bytes[head.len() + 4..][..8].copy_from_slice(b"\0\x04\0\0IDAT");
    File::new("picture.png", bytes)
}
