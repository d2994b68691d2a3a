//! Segments on disk: written in large pieces off the runtime's threads, read back as one chain.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::task::{JoinHandle, spawn_blocking};

/// Bytes gathered before they are handed to a write.
const BATCH: usize = 512 * 1024;
const READ: usize = 256 * 1024;

/// Where segment files are made.
#[derive(Debug)]
pub(crate) struct SegmentDirectory {
    path: PathBuf,
    next: AtomicU64,
}

impl SegmentDirectory {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, next: AtomicU64::new(0) }
    }

    /// A writer of a new file.
    pub(crate) fn create(&self) -> SegmentWriter {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let file = SegmentFile { path: self.path.join(format!("segment-{number}")), size: 0 };
        SegmentWriter { file, handle: Handle::NotYetOpen, batch: Vec::new(), batched: 0, unsynced: 0 }
    }
}

/// A finished file; removed when nobody needs it any more.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    path: PathBuf,
    size: u64,
}

impl SegmentFile {
    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}

impl Drop for SegmentFile {
    fn drop(&mut self) {
        // The whole directory goes in the end; a file that can't be removed now costs nothing but space.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[derive(Debug)]
enum Handle {
    NotYetOpen,
    Writing(JoinHandle<io::Result<File>>),
    /// A write has failed; nothing more can be written.
    Lost,
}

/// Takes a segment's bytes; one batch is written while the next is gathered.
#[derive(Debug)]
pub(crate) struct SegmentWriter {
    file: SegmentFile,
    handle: Handle,
    batch: Vec<Bytes>,
    batched: usize,
    unsynced: u64,
}

impl SegmentWriter {
    /// How many bytes have come so far.
    pub(crate) fn size(&self) -> u64 {
        self.unsynced
    }

    pub(crate) async fn write(&mut self, data: Bytes) -> io::Result<()> {
        self.unsynced += data.len() as u64;
        self.batched += data.len();
        self.batch.push(data);
        if self.batched >= BATCH {
            self.start_write().await?;
        }
        Ok(())
    }

    pub(crate) async fn finish(mut self) -> io::Result<SegmentFile> {
        self.start_write().await?;
        drop(self.idle_file().await?);
        self.file.size = self.unsynced;
        Ok(self.file)
    }

    async fn start_write(&mut self) -> io::Result<()> {
        let file = self.idle_file().await?;
        let batch = std::mem::take(&mut self.batch);
        self.batched = 0;
        let path = self.file.path.clone();
        self.handle = Handle::Writing(spawn_blocking(move || {
            let mut file = match file {
                Some(file) => file,
                None => File::create_new(path)?,
            };
            write_all(&mut file, &batch)?;
            Ok(file)
        }));
        Ok(())
    }

    /// The file, once no write is under way; `None` before the first.
    async fn idle_file(&mut self) -> io::Result<Option<File>> {
        match std::mem::replace(&mut self.handle, Handle::Lost) {
            Handle::NotYetOpen => Ok(None),
            Handle::Writing(write) => Ok(Some(write.await.map_err(io::Error::other)??)),
            Handle::Lost => Err(io::Error::other("an earlier write failed")),
        }
    }
}

fn write_all(file: &mut File, batch: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = batch.iter().map(|bytes| IoSlice::new(bytes)).collect();
    let mut slices = slices.as_mut_slice();
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        // What is left may be empty slices only.
        if slices.iter().all(|slice| slice.is_empty()) {
            break;
        }
    }
    Ok(())
}

/// The bytes of a media, in order of its segments. Reading blocks.
#[derive(Debug)]
pub struct MediaReader {
    files: std::vec::IntoIter<Arc<SegmentFile>>,
    /// The file being read; kept so that it is not removed.
    open: Option<(File, Arc<SegmentFile>)>,
}

impl MediaReader {
    pub(crate) fn new(files: Vec<Arc<SegmentFile>>) -> Self {
        Self { files: files.into_iter(), open: None }
    }

    /// SHA-256 of all that is left, in lower-case hexadecimal.
    pub fn sha256(mut self) -> io::Result<String> {
        let mut digest = Sha256::new();
        let mut buffer = vec![0; READ];
        loop {
            let read = self.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            digest.update(buffer.get(..read).unwrap_or_default());
        }
        Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl Read for MediaReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some((file, _)) = &mut self.open {
                let read = file.read(buffer)?;
                if read > 0 {
                    return Ok(read);
                }
            }
            let Some(next) = self.files.next() else { return Ok(0) };
            self.open = Some((open(&next.path)?, next));
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Whether two chains of files hold the same bytes. Blocks.
pub(crate) fn same_bytes(one: Vec<Arc<SegmentFile>>, other: Vec<Arc<SegmentFile>>) -> io::Result<bool> {
    let size = |files: &[Arc<SegmentFile>]| files.iter().map(|file| file.size()).sum::<u64>();
    if size(&one) != size(&other) {
        return Ok(false);
    }
    let (mut one, mut other) = (MediaReader::new(one), MediaReader::new(other));
    let (mut left, mut right) = (vec![0; READ], vec![0; READ]);
    loop {
        let read = one.read(&mut left)?;
        if read == 0 {
            return Ok(true);
        }
        let right = right.get_mut(..read).unwrap_or_default();
        other.read_exact(right)?;
        if left.get(..read) != Some(&*right) {
            return Ok(false);
        }
    }
}
