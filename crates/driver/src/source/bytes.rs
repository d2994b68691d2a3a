//! Bytes in memory.

use std::io;

use bytes::Bytes;
use chunkwise_core::{ByteRange, UploadSpec};

use super::Source;

/// Bytes that are in memory already. They are the caller's memory: sent without a copy, outside the byte budget.
#[derive(Clone, Debug)]
pub struct BytesSource(Bytes);

impl BytesSource {
    /// Of these bytes.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }
}

impl Source for BytesSource {
    fn spec(&self) -> UploadSpec {
        UploadSpec::whole(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.0.get(at..)).unwrap_or(&[]);
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn resident(&self, range: ByteRange) -> Option<Bytes> {
        let start = usize::try_from(range.start()).ok()?;
        let end = usize::try_from(range.end()).ok()?;
        (end <= self.0.len()).then(|| self.0.slice(start..end))
    }

    fn name(&self) -> String {
        format!("{} bytes in memory", self.0.len())
    }
}
