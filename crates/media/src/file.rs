//! Judging a file on disk.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::content::HEAD_LEN;
use crate::error::{FileError, FileProblem};
use crate::inspection::{Inspection, Media, Wanted};

/// Judges a file for a post, with X's standard limits and nothing overridden: the short form of
/// [`Inspection::inspect_path`].
///
/// # Errors
///
/// [`FileError`] names the path, what is wrong and what to do.
pub fn inspect_path(path: impl AsRef<Path>) -> Result<Media, FileError> {
    Inspection::new().inspect_path(path)
}

impl Inspection {
    /// Judges a file on disk, by its name too unless [`file_name`](Self::file_name) gave another one.
    ///
    /// Blocks. Reads 64 KiB, and of a GIF that is not too large as much more as it takes to find its second
    /// image.
    ///
    /// # Errors
    ///
    /// [`FileError`] names the path, what is wrong and what to do.
    pub fn inspect_path(&self, path: impl AsRef<Path>) -> Result<Media, FileError> {
        let path = path.as_ref();
        self.read(path).map_err(|problem| FileError { path: path.to_path_buf(), problem })
    }

    fn read(&self, path: &Path) -> Result<Media, FileProblem> {
        let (inspection, mut file, size) = self.open(path)?;
        inspection.inspect_source(&mut file, size)
    }

    /// The file, its size, and what is known of it with its name.
    pub(crate) fn open(&self, path: &Path) -> Result<(Self, File, u64), FileProblem> {
        // Asked before opening: opening a pipe would wait for a writer.
        let metadata = fs::metadata(path).map_err(|error| missing(error, path))?;
        if metadata.is_dir() {
            return Err(FileProblem::Directory);
        }
        if !metadata.is_file() {
            return Err(FileProblem::NotAFile);
        }
        let file = File::open(path).map_err(|error| missing(error, path))?;
        // Of the file that was opened, which may no longer be the one asked about.
        let size = file.metadata().map_err(FileProblem::Io)?.len();
        let inspection = match path.file_name().and_then(|name| name.to_str()) {
            Some(name) if !self.has_name() => self.file_name(name),
            Some(_) | None => *self,
        };
        Ok((inspection, file, size))
    }

    /// Judges what `source` holds from where it stands: `size` bytes.
    pub(crate) fn inspect_source(&self, source: &mut impl Read, size: u64) -> Result<Media, FileProblem> {
        let mut inspector = self.inspector();
        // A GIF beyond its limit is refused either way.
        let enough = self.gif_limit().unwrap_or(u64::MAX);
        let mut piece = vec![0; HEAD_LEN];
        let mut seen = 0;
        loop {
            let read = match source.read(&mut piece) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(FileProblem::Io(error)),
            };
            let wanted = inspector.push(piece.get(..read).unwrap_or_default());
            seen += read as u64;
            if read == 0 || wanted == Wanted::Nothing || (size > enough && seen >= HEAD_LEN as u64) {
                return inspector.finish(size).map_err(FileProblem::Media);
            }
        }
    }
}

fn missing(error: io::Error, path: &Path) -> FileProblem {
    match error.kind() {
        io::ErrorKind::NotFound if fs::symlink_metadata(path).is_ok() => FileProblem::DanglingLink,
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileProblem::NotFound,
        io::ErrorKind::PermissionDenied => FileProblem::PermissionDenied,
        _ => FileProblem::Io(error),
    }
}
