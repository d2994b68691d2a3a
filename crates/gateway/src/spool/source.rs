//! What was spooled, as a source of uploads.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use chunkwise_core::{ByteRange, UploadSpec};
use chunkwise_driver::{FileSource, Fingerprint, Sha256, Source, SourceError};

use super::file::{PIECE, SpoolFile};
use super::{Share, SpoolError, SpoolId};

/// Media that is spooled.
#[derive(Debug)]
pub struct Spooled {
    /// Its length in bytes.
    pub len: u64,
    /// Its SHA-256.
    pub digest: Sha256,
    /// Its first 4 KiB, or all of it: what tells its type.
    pub head: Bytes,
    /// Its bytes.
    pub source: SpoolSource,
}

/// Spooled media as a source. Dropped, it gives its memory or its file back.
#[derive(Debug)]
pub struct SpoolSource(Where);

#[derive(Debug)]
enum Where {
    Memory(Blocks),
    File { source: FileSource, file: SpoolFile },
}

/// Blocks of [`PIECE`] bytes, the last one maybe shorter. An upload's segments begin at multiples of that.
#[derive(Debug)]
struct Blocks {
    blocks: Vec<Bytes>,
    len: u64,
    _share: Share,
}

impl SpoolSource {
    pub(super) const fn memory(blocks: Vec<Bytes>, len: u64, share: Share) -> Self {
        Self(Where::Memory(Blocks { blocks, len, _share: share }))
    }

    pub(super) const fn file(source: FileSource, file: SpoolFile) -> Self {
        Self(Where::File { source, file })
    }

    /// The name of its file, if it has one: with it another process finds it by [`Spool::reopen`](super::Spool::reopen).
    pub const fn id(&self) -> Option<SpoolId> {
        match &self.0 {
            Where::Memory(_) => None,
            Where::File { file, .. } => Some(file.id()),
        }
    }

    /// Leaves the file where it is when this is dropped, for a process to come. What is in memory can't be kept.
    pub fn keep(&self) {
        match &self.0 {
            Where::Memory(_) => {}
            Where::File { file, .. } => file.keep(),
        }
    }

    /// Takes [`SpoolSource::keep`] back: the file goes when this is dropped.
    pub fn let_go(&self) {
        match &self.0 {
            Where::Memory(_) => {}
            Where::File { file, .. } => file.let_go(),
        }
    }

    const fn inner(&self) -> &dyn Source {
        match &self.0 {
            Where::Memory(blocks) => blocks,
            Where::File { source, .. } => source,
        }
    }
}

impl Source for SpoolSource {
    fn spec(&self) -> UploadSpec {
        self.inner().spec()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner().read_at(offset, buffer)
    }

    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> usize {
        self.inner().read_now(offset, buffer)
    }

    fn resident(&self, range: ByteRange) -> Option<Bytes> {
        self.inner().resident(range)
    }

    fn check(&self) -> Result<(), SourceError> {
        self.inner().check()
    }

    /// By size and content alone: the same media may come again, into another file.
    fn fingerprint(&self) -> Result<Fingerprint, SourceError> {
        Ok(Fingerprint { modified: None, ..self.inner().fingerprint()? })
    }

    fn path(&self) -> Option<PathBuf> {
        self.inner().path()
    }
}

impl Blocks {
    /// The block that this offset is in, and where in it.
    fn at(&self, offset: u64) -> Option<(&Bytes, usize)> {
        let offset = usize::try_from(offset).ok()?;
        let block = self.blocks.get(offset / PIECE)?;
        let at = offset % PIECE;
        (at < block.len()).then_some((block, at))
    }
}

impl Source for Blocks {
    fn spec(&self) -> UploadSpec {
        UploadSpec::whole(self.len)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.at(offset).map_or(&[][..], |(block, at)| &block[at..]);
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> usize {
        self.read_at(offset, buffer).unwrap_or(0)
    }

    fn resident(&self, range: ByteRange) -> Option<Bytes> {
        let (block, start) = self.at(range.start())?;
        let end = start.checked_add(usize::try_from(range.len()).ok()?)?;
        (end <= block.len()).then(|| block.slice(start..end))
    }
}

/// A file of ours that can't be opened is ours to see to.
pub(super) fn unusable(error: SourceError) -> SpoolError {
    io::Error::other(error).into()
}
