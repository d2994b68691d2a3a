//! Taking in an upload.

use std::sync::Arc;

use bytes::Bytes;
use chunkwise_driver::{FileSource, GrowingFile, GrowthHandle, Sha256};
use sha2::Digest as _;

use super::file::{FileWriter, PIECE};
use super::source::unusable;
use super::{Share, Shared, SpoolError, SpoolLimits, SpoolSource, Spooled};

/// How much of the beginning is kept to tell its type.
const HEAD: usize = 4 << 10;
/// What every writer may hold, whatever it does: the piece that is filled and the one that is written.
const WORKING: usize = 2 * PIECE;

/// Takes in the bytes of one upload, in order. Dropped before it is finished, it leaves nothing behind; a source that grows
/// with it is broken then.
#[derive(Debug)]
pub struct SpoolWriter {
    shared: Arc<Shared>,
    expected: Option<u64>,
    len: u64,
    head: Vec<u8>,
    place: Place,
    /// Of the memory: [`WORKING`], and what more is in blocks.
    memory: Share,
    failed: Option<SpoolError>,
}

#[derive(Debug)]
enum Place {
    /// Blocks of [`PIECE`] bytes, all but the last one full.
    Memory(Vec<Vec<u8>>),
    File(FileWriter),
}

impl SpoolWriter {
    pub(super) async fn begin(shared: Arc<Shared>, expected: Option<u64>) -> Result<Self, SpoolError> {
        let SpoolLimits { in_memory, per_upload, .. } = shared.limits;
        if expected.is_some_and(|expected| expected > per_upload) {
            return Err(SpoolError::TooLarge { limit: per_upload });
        }
        let memory = shared.memory.take(WORKING as u64).ok_or(SpoolError::MemoryTaken)?;
        let place = match expected {
            Some(expected) if expected > in_memory => {
                Place::File(FileWriter::create(Arc::clone(&shared), expected).await?)
            }
            Some(_) | None => Place::Memory(Vec::new()),
        };
        Ok(Self { shared, expected, len: 0, head: Vec::new(), place, memory, failed: None })
    }

    /// How many bytes it has taken in.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing came yet.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first 4 KiB, as soon as they are there; or all of it, if it is known to be shorter and is there.
    pub fn head(&self) -> Option<&[u8]> {
        let complete = self.head.len() == HEAD || self.expected == Some(self.len);
        complete.then_some(self.head.as_slice())
    }

    /// Takes in the next bytes. It waits for the disk when that has two pieces (128 KiB each) to write.
    ///
    /// If it is dropped while it waits, some of the bytes were taken in: drop the writer too.
    ///
    /// # Errors
    ///
    /// If they are more than there may be, or if the disk or its budget is full. Then it can only be dropped.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let result = self.take_in(bytes).await;
        self.failed = result.as_ref().err().cloned();
        result
    }

    async fn take_in(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        let len = self.len + bytes.len() as u64;
        if let Some(expected) = self.expected
            && len > expected
        {
            return Err(SpoolError::Longer { expected });
        }
        let SpoolLimits { in_memory, per_upload: limit, .. } = self.shared.limits;
        if len > limit {
            return Err(SpoolError::TooLarge { limit });
        }
        let lacking = HEAD - self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(lacking)]);
        if let Place::Memory(blocks) = &mut self.place {
            if len <= in_memory && remember(blocks, bytes, &mut self.memory) {
                self.len = len;
                return Ok(());
            }
            self.spill().await?;
        }
        if let Place::File(file) = &mut self.place {
            file.write(bytes, len).await?;
        }
        self.len = len;
        Ok(())
    }

    /// Moves from memory to a file; its memory comes back block by block.
    async fn spill(&mut self) -> Result<(), SpoolError> {
        let Place::Memory(blocks) = &mut self.place else { return Ok(()) };
        let blocks = std::mem::take(blocks);
        let expected = self.expected.unwrap_or(self.len);
        let mut file = FileWriter::create(Arc::clone(&self.shared), expected).await?;
        let mut written = 0;
        for block in blocks {
            written += block.len() as u64;
            file.write(&block, written).await?;
            drop(block);
            let left = self.memory.bytes().saturating_sub(PIECE as u64).max(WORKING as u64);
            self.memory.shrink_to(left);
        }
        self.memory.shrink_to(WORKING as u64);
        self.place = Place::File(file);
        Ok(())
    }

    /// What is written, and is to be written, as a source for an upload that begins now. Its length must be known. It
    /// moves to a file, if it is not there yet. Its last byte is withheld until [`Complete::release`].
    ///
    /// # Errors
    ///
    /// [`SpoolError::LengthUnknown`], or why there can't be a file.
    pub async fn growing(&mut self) -> Result<GrowingFile, SpoolError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let expected = self.expected.ok_or(SpoolError::LengthUnknown)?;
        let result = match self.spill().await {
            Ok(()) => match &mut self.place {
                Place::File(file) => file.growing(expected).await,
                Place::Memory(_) => Err(SpoolError::LengthUnknown),
            },
            Err(error) => Err(error),
        };
        self.failed = result.as_ref().err().cloned();
        result
    }

    /// That was all of it: it is in its place, but a source that grows with it does not know so yet.
    ///
    /// # Errors
    ///
    /// If it is shorter than it should be, or could not be written.
    pub async fn complete(mut self) -> Result<Complete, SpoolError> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let len = self.len;
        if let Some(expected) = self.expected
            && len < expected
        {
            return Err(SpoolError::Shorter { expected, len });
        }
        let (digest, source, growth) = match self.place {
            Place::Memory(blocks) => {
                let hashed = tokio::task::spawn_blocking(move || (digest(&blocks), blocks)).await;
                let (digest, blocks) = hashed.map_err(std::io::Error::other)?;
                let blocks: Vec<_> = blocks.into_iter().map(Bytes::from).collect();
                self.memory.shrink_to((blocks.len() * PIECE) as u64);
                (digest, SpoolSource::memory(blocks, len, self.memory), Vec::new())
            }
            Place::File(file) => {
                let (file, digest, growth) = file.complete(len).await?;
                let opened = tokio::task::spawn_blocking(move || (FileSource::open(file.path()), file)).await;
                let (source, file) = opened.map_err(std::io::Error::other)?;
                (digest, SpoolSource::file(source.map_err(unusable)?, file), growth)
            }
        };
        Ok(Complete { spooled: Spooled { len, digest, head: self.head.into(), source }, growth })
    }

    /// The same, with nothing left to be looked at.
    ///
    /// # Errors
    ///
    /// As [`SpoolWriter::complete`].
    pub async fn finish(self) -> Result<Spooled, SpoolError> {
        Ok(self.complete().await?.release())
    }
}

/// All of an upload, before anything that grows with it has its last byte: whoever has to look at the whole first does it
/// now. Dropped, it breaks what grows with it.
#[derive(Debug)]
pub struct Complete {
    spooled: Spooled,
    growth: Vec<GrowthHandle>,
}

impl Complete {
    /// What is spooled.
    pub const fn spooled(&self) -> &Spooled {
        &self.spooled
    }

    /// It is good: what grows with it has its end.
    pub fn release(self) -> Spooled {
        let Self { spooled, growth } = self;
        growth.into_iter().for_each(|growth| growth.ended(spooled.len));
        spooled
    }

    /// It is not, for this reason (for people): what grows with it is broken before its last byte.
    pub fn refuse(self, reason: &str) {
        self.growth.into_iter().for_each(|growth| growth.broken(reason));
    }
}

/// Puts the bytes into blocks; false, and nothing done, if there is not the memory for it.
fn remember(blocks: &mut Vec<Vec<u8>>, mut bytes: &[u8], memory: &mut Share) -> bool {
    let room = blocks.last().map_or(0, |last| PIECE - last.len());
    let further = bytes.len().saturating_sub(room).div_ceil(PIECE);
    let needed = ((blocks.len() + further) * PIECE) as u64;
    if !memory.grow_at_leisure(needed.saturating_sub(memory.bytes())) {
        return false;
    }
    while !bytes.is_empty() {
        let block = match blocks.pop() {
            Some(last) if last.len() < PIECE => last,
            full => {
                blocks.extend(full);
                Vec::with_capacity(PIECE)
            }
        };
        let mut block = block;
        let (now, later) = bytes.split_at(bytes.len().min(PIECE - block.len()));
        block.extend_from_slice(now);
        blocks.push(block);
        bytes = later;
    }
    true
}

/// Blocks for as long as hashing takes.
fn digest(blocks: &[Vec<u8>]) -> Sha256 {
    let mut hasher = sha2::Sha256::new();
    blocks.iter().for_each(|block| hasher.update(block));
    let digest: [u8; 32] = hasher.finalize().into();
    digest.into()
}
