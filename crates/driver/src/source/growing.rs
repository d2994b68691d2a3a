//! Files that grow while they are uploaded: what a download spools.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chunkwise_core::{Growth, Rewind, SourceLength, UploadSpec};
use tokio::sync::watch;

use super::file::{open_regular, read_at, read_now};
use super::{Availability, Source, SourceChange, SourceError, WRITER_GONE};

/// A file that somebody else writes from start to end while it is uploaded. It can be read again and again as far as
/// it has come.
#[derive(Debug)]
pub struct GrowingFile {
    file: File,
    path: PathBuf,
    length: SourceLength,
    availability: watch::Receiver<Availability>,
}

/// The writer's side of a [`GrowingFile`]: says how far it has come. Dropped without a word, it breaks the source,
/// so that a writer that fails can't make a truncated object.
#[derive(Debug)]
pub struct GrowthHandle(watch::Sender<Availability>);

impl GrowingFile {
    /// Opens the file for reading; of its bytes, the first `available` are there. `length` is how long it will be,
    /// if that is known.
    ///
    /// # Errors
    ///
    /// As [`FileSource::open`](super::FileSource::open).
    pub fn open(
        path: impl AsRef<Path>,
        length: Option<u64>,
        available: u64,
    ) -> Result<(Self, GrowthHandle), SourceError> {
        let path = std::path::absolute(path.as_ref())
            .map_err(|error| SourceError::unreadable(path.as_ref().display().to_string(), error))?;
        let (file, _) = open_regular(&path)?;
        let length = length.map_or(SourceLength::Unknown, SourceLength::Known);
        let (sender, availability) = watch::channel(Availability::UpTo(available, Growth::Growing));
        Ok((Self { file, path, length, availability }, GrowthHandle(sender)))
    }
}

impl GrowthHandle {
    /// Every byte before this offset is in the file. It never goes back: a smaller offset than before is ignored.
    pub fn available(&self, up_to: u64) {
        self.0.send_if_modified(|availability| match availability {
            Availability::UpTo(known, Growth::Growing) if *known < up_to => {
                *known = up_to;
                true
            }
            Availability::UpTo(..) | Availability::Broken(_) => false,
        });
    }

    /// The file is complete: `total` bytes, all of them there.
    pub fn ended(self, total: u64) {
        self.0.send_replace(Availability::UpTo(total, Growth::Ended));
    }

    /// The rest will not come, for this reason (for people).
    pub fn broken(self, reason: impl Into<Arc<str>>) {
        self.0.send_replace(Availability::Broken(reason.into()));
    }
}

impl Drop for GrowthHandle {
    fn drop(&mut self) {
        self.0.send_if_modified(|availability| match availability {
            Availability::UpTo(_, Growth::Growing) => {
                *availability = Availability::Broken(WRITER_GONE.into());
                true
            }
            Availability::UpTo(_, Growth::Ended) | Availability::Broken(_) => false,
        });
    }
}

impl Source for GrowingFile {
    fn spec(&self) -> UploadSpec {
        let (available, growth) = match &*self.availability.borrow() {
            Availability::UpTo(up_to, growth) => (*up_to, *growth),
            Availability::Broken(_) => (0, Growth::Growing),
        };
        let length = match (self.length, growth) {
            (SourceLength::Unknown, Growth::Ended) => SourceLength::Known(available),
            (length, _) => length,
        };
        UploadSpec { length, rewind: Rewind::Possible, available: Some(available) }
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        read_at(&self.file, offset, buffer)
    }

    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> usize {
        read_now(&self.file, offset, buffer)
    }

    fn check(&self) -> Result<(), SourceError> {
        let (up_to, growth) = match &*self.availability.borrow() {
            Availability::UpTo(up_to, growth) => (*up_to, *growth),
            Availability::Broken(reason) => {
                return Err(SourceError::Broken { name: self.name(), reason: Arc::clone(reason) });
            }
        };
        let metadata = self.file.metadata().map_err(|error| SourceError::unreadable(self.name(), error))?;
        let expected = match (self.length, growth) {
            (SourceLength::Known(length), Growth::Ended) => length,
            (_, _) => up_to,
        };
        let is = match growth {
            Growth::Growing => metadata.len(),
            Growth::Ended => metadata.len().min(up_to),
        };
        if is < expected {
            return Err(SourceError::changed(self.name(), SourceChange::Size { was: expected, is }));
        }
        Ok(())
    }

    fn availability(&self) -> Option<watch::Receiver<Availability>> {
        Some(self.availability.clone())
    }

    fn path(&self) -> Option<PathBuf> {
        Some(self.path.clone())
    }
}
