//! Files.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use chunkwise_core::UploadSpec;

use super::{Fingerprint, Source, SourceChange, SourceError};

/// A file that does not change while it is uploaded.
///
/// It is opened once. A file that is written to meanwhile is an error; one that is replaced (another file takes its
/// name) is not: the one that was opened goes up.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    path: PathBuf,
    size: u64,
    modified: Option<i64>,
}

impl FileSource {
    /// Opens the file. It blocks for as long as the file system takes.
    ///
    /// # Errors
    ///
    /// [`SourceError::Missing`], [`SourceError::NotAFile`] or [`SourceError::Unreadable`]. An empty file is no
    /// error here: whether there can be an empty object is the destination's to say.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SourceError> {
        let path = std::path::absolute(path.as_ref())
            .map_err(|error| SourceError::unreadable(path.as_ref().display().to_string(), error))?;
        let (file, metadata) = open_regular(&path)?;
        Ok(Self { file, size: metadata.len(), modified: modified(&metadata), path })
    }
}

/// Opens a regular file. Anything else is found out before it is opened: opening a pipe would block.
pub(super) fn open_regular(path: &Path) -> Result<(File, Metadata), SourceError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => SourceError::Missing { path: path.to_owned() },
        _ => SourceError::unreadable(path.display().to_string(), error),
    };
    let metadata = path.metadata().map_err(failed)?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a directory" } else { "a device or a pipe" };
        return Err(SourceError::NotAFile { path: path.to_owned(), what });
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    Ok((file, metadata))
}

fn modified(metadata: &Metadata) -> Option<i64> {
    let modified = metadata.modified().ok()?;
    match modified.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).ok(),
        Err(before) => i64::try_from(before.duration().as_nanos()).ok().map(|nanos| -nanos),
    }
}

#[cfg(unix)]
pub(super) fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
pub(super) fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    // It moves the file's cursor, which nobody else uses.
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// What of it the page cache holds; the system is asked not to wait for more. Where it can't be asked, or a file system does
/// not know the question, it is none.
#[cfg(target_os = "linux")]
pub(super) fn read_now(file: &File, offset: u64, buffer: &mut [u8]) -> usize {
    use rustix::io::{ReadWriteFlags, preadv2};
    preadv2(file, &mut [io::IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT).unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
pub(super) const fn read_now(_: &File, _: u64, _: &mut [u8]) -> usize {
    0
}

impl Source for FileSource {
    fn spec(&self) -> UploadSpec {
        UploadSpec::whole(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        read_at(&self.file, offset, buffer)
    }

    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> usize {
        read_now(&self.file, offset, buffer)
    }

    fn check(&self) -> Result<(), SourceError> {
        let metadata = self.file.metadata().map_err(|error| SourceError::unreadable(self.name(), error))?;
        if metadata.len() != self.size {
            let change = SourceChange::Size { was: self.size, is: metadata.len() };
            return Err(SourceError::changed(self.name(), change));
        }
        if modified(&metadata) != self.modified {
            return Err(SourceError::changed(self.name(), SourceChange::Modified));
        }
        Ok(())
    }

    fn fingerprint(&self) -> Result<Fingerprint, SourceError> {
        self.check()?;
        let fingerprint = Fingerprint { modified: self.modified, ..Fingerprint::of(self)? };
        self.check()?;
        Ok(fingerprint)
    }

    fn path(&self) -> Option<PathBuf> {
        Some(self.path.clone())
    }
}
