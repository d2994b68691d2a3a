//! A file of the spool, and the writing of it on threads made for blocking.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chunkwise_driver::{GrowingFile, GrowthHandle, Sha256};
use sha2::Digest as _;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::source::unusable;
use super::{Share, Shared, SpoolError, SpoolId};

/// Bytes that are written at once, and a block of what is in memory.
pub(super) const PIECE: usize = 128 << 10;

/// A file that vanishes when this is dropped, and its share of the disk with it.
#[derive(Debug)]
pub(super) struct SpoolFile {
    shared: Arc<Shared>,
    id: SpoolId,
    share: Share,
    kept: AtomicBool,
}

impl SpoolFile {
    /// One that is there.
    pub(super) fn existing(shared: Arc<Shared>, id: SpoolId, share: Share) -> Self {
        shared.live().insert(id);
        Self { shared, id, share, kept: AtomicBool::new(false) }
    }

    /// A new one, of nobody else's (0600).
    fn create(shared: Arc<Shared>, share: Share) -> io::Result<(Self, File)> {
        let this = Self::existing(shared, SpoolId(Uuid::now_v7()), share);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(this.path())?;
        Ok((this, file))
    }

    pub(super) const fn id(&self) -> SpoolId {
        self.id
    }

    pub(super) fn path(&self) -> PathBuf {
        self.shared.path(self.id)
    }

    /// It is to stay when this is dropped.
    pub(super) fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }

    /// It is to go after all.
    pub(super) fn let_go(&self) {
        self.kept.store(false, Ordering::Relaxed);
    }

    /// Takes disk space for so many bytes in all.
    fn reserve(&mut self, len: u64) -> Result<(), SpoolError> {
        let lacking = len.saturating_sub(self.share.bytes());
        if self.share.grow(lacking) { Ok(()) } else { Err(SpoolError::DiskTaken) }
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        if self.kept.load(Ordering::Relaxed) {
            // The disk has it still.
            self.shared.waiting().insert(self.id, self.share.take_all());
        } else if let Err(error) = std::fs::remove_file(self.path())
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(id = %self.id.0, %error, "a spooled file can't be removed");
        }
        // Gone first: a sweep must find it known or not at all.
        self.shared.live().remove(&self.id);
    }
}

/// Writes a file: one piece is under way while the next one is filled.
#[derive(Debug)]
pub(super) struct FileWriter {
    file: SpoolFile,
    filling: Vec<u8>,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle(Box<Disk>, Vec<u8>),
    /// It gives back what it was given, and what became of it.
    Writing(JoinHandle<(Box<Disk>, Vec<u8>, io::Result<()>)>),
    /// It failed, or is on its way between the two above.
    Lost,
}

/// What is needed to write.
#[derive(Debug)]
struct Disk {
    file: File,
    hasher: sha2::Sha256,
    written: u64,
    /// What grows with it, and how far it may as long as nobody has looked at the whole.
    growth: Vec<(GrowthHandle, u64)>,
}

impl Disk {
    /// Blocks.
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let result = self.file.write_all(piece);
        match &result {
            Ok(()) => {
                self.hasher.update(piece);
                self.written += piece.len() as u64;
                self.growth.iter().for_each(|(growth, most)| growth.available(self.written.min(*most)));
            }
            Err(error) => {
                let reason: Arc<str> = format!("it can't be spooled: {error}").into();
                self.growth.drain(..).for_each(|(growth, _)| growth.broken(Arc::clone(&reason)));
            }
        }
        result
    }
}

/// A task of ours can only fail by a panic, or when the runtime goes down.
fn lost() -> SpoolError {
    io::Error::other("a write was lost").into()
}

impl FileWriter {
    /// Of a new file, with disk space for `len` bytes taken.
    pub(super) async fn create(shared: Arc<Shared>, len: u64) -> Result<Self, SpoolError> {
        let share = shared.disk.take(len).ok_or(SpoolError::DiskTaken)?;
        let made = tokio::task::spawn_blocking(move || SpoolFile::create(shared, share)).await;
        let (file, opened) = made.map_err(|_| lost())??;
        let disk = Disk { file: opened, hasher: sha2::Sha256::new(), written: 0, growth: Vec::new() };
        let buffer = || Vec::with_capacity(PIECE);
        Ok(Self { file, filling: buffer(), state: State::Idle(Box::new(disk), buffer()) })
    }

    /// Takes in bytes; `len` is how many there will be then in all. It waits while the disk is busy and a piece is full.
    pub(super) async fn write(&mut self, mut bytes: &[u8], len: u64) -> Result<(), SpoolError> {
        self.file.reserve(len)?;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.filling.len()));
            self.filling.extend_from_slice(now);
            bytes = later;
            let idle = match &self.state {
                State::Idle(..) | State::Lost => true,
                State::Writing(writing) => writing.is_finished(),
            };
            if idle || self.filling.len() == PIECE {
                self.submit().await?;
            }
        }
        Ok(())
    }

    /// Gives what is filled to the disk, once it is done with what it has.
    async fn submit(&mut self) -> Result<(), SpoolError> {
        self.settle().await?;
        let State::Idle(mut disk, mut spare) = std::mem::replace(&mut self.state, State::Lost) else {
            return Err(lost());
        };
        spare.clear();
        let piece = std::mem::replace(&mut self.filling, spare);
        self.state = State::Writing(tokio::task::spawn_blocking(move || {
            let result = disk.write(&piece);
            (disk, piece, result)
        }));
        Ok(())
    }

    /// Waits until the disk has what it was given.
    async fn settle(&mut self) -> Result<(), SpoolError> {
        let State::Writing(writing) = &mut self.state else { return Ok(()) };
        let ended = writing.await;
        self.state = State::Lost;
        let (disk, buffer, result) = ended.map_err(|_| lost())?;
        result?;
        self.state = State::Idle(disk, buffer);
        Ok(())
    }

    /// The file as a source that grows with what is written from now on.
    pub(super) async fn growing(&mut self, length: u64) -> Result<GrowingFile, SpoolError> {
        if !self.filling.is_empty() {
            self.submit().await?;
        }
        self.settle().await?;
        let State::Idle(disk, _) = &mut self.state else { return Err(lost()) };
        let most = length.saturating_sub(1);
        let (path, available) = (self.file.path(), disk.written.min(most));
        let opened =
            tokio::task::spawn_blocking(move || GrowingFile::open(path, Some(length), available)).await;
        let (growing, handle) = opened.map_err(|_| lost())?.map_err(unusable)?;
        disk.growth.push((handle, most));
        Ok(growing)
    }

    /// All `len` bytes are written; what grows with it is yet to be told.
    pub(super) async fn complete(
        mut self,
        len: u64,
    ) -> Result<(SpoolFile, Sha256, Vec<GrowthHandle>), SpoolError> {
        if !self.filling.is_empty() {
            self.submit().await?;
        }
        self.settle().await?;
        let State::Idle(disk, _) = self.state else { return Err(lost()) };
        self.file.share.shrink_to(len);
        let Disk { hasher, growth, .. } = *disk;
        let digest: [u8; 32] = hasher.finalize().into();
        Ok((self.file, digest.into(), growth.into_iter().map(|(growth, _)| growth).collect()))
    }
}
