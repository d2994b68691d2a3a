//! Sources: where the bytes come from.

mod binding;
mod bytes;
mod file;
mod growing;
mod stream;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ::bytes::Bytes;
use chunkwise_core::{ByteRange, Growth, UploadSpec};
use tokio::sync::watch;

pub use binding::{Fingerprint, Sha256, SourceChange, digest};
pub use bytes::BytesSource;
pub use file::FileSource;
pub use growing::{GrowingFile, GrowthHandle};
pub use stream::StreamSource;
pub(crate) use stream::{Input, Kept};

/// Where the bytes of an upload come from.
///
/// Its methods may block, but for [`read_now`](Self::read_now): the driver calls them on threads made for that.
pub trait Source: Send + Sync + 'static {
    /// What there is to upload.
    fn spec(&self) -> UploadSpec;

    /// Reads bytes at this offset into the buffer, as many as there are at the moment; zero only at the end.
    ///
    /// # Errors
    ///
    /// Whatever stands in the way; an interrupted read is tried again by the caller.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Reads bytes at this offset that can be had without waiting for a disk or a network, and says how many; zero if there
    /// are none, or if they have to be waited for. Unlike everything else here it is called where nothing may block. It
    /// saves a hop to a thread for each frame. Default: none can.
    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let _ = (offset, buffer);
        0
    }

    /// These bytes, if they are in memory already: they are sent as they are, without a copy and without a place in
    /// the byte budget. Default: none.
    fn resident(&self, range: ByteRange) -> Option<Bytes> {
        let _ = range;
        None
    }

    /// The same in as many pieces as they lie in. Default: what [`Source::resident`] has.
    fn pieces(&self, range: ByteRange) -> Option<Vec<Bytes>> {
        self.resident(range).map(|bytes| vec![bytes])
    }

    /// The stream that it is, if it can be read once only: the driver then reads it itself, within the byte budget.
    /// Default: it can be read again and again.
    fn one_pass(&self) -> Option<&StreamSource> {
        None
    }

    /// Whether it is still what it was when it was opened. Asked before and after a segment is read and before
    /// the object is made.
    ///
    /// # Errors
    ///
    /// [`SourceError::Changed`] if it is not, or why nobody can tell. Default: it never changes.
    fn check(&self) -> Result<(), SourceError> {
        Ok(())
    }

    /// What it can be recognised by after a crash. A source whose size or content is not known yet leaves that
    /// out. Default: what can be had from [`Source::spec`] and [`Source::read_at`].
    ///
    /// # Errors
    ///
    /// If it can't be read.
    fn fingerprint(&self) -> Result<Fingerprint, SourceError> {
        Fingerprint::of(self)
    }

    /// How far it has come, for a source that grows. Default: it does not.
    ///
    /// Whoever writes it keeps the sender until it has ended or is broken: dropped before, it breaks the source.
    fn availability(&self) -> Option<watch::Receiver<Availability>> {
        None
    }

    /// The absolute path by which another process would find it. Default: none.
    fn path(&self) -> Option<PathBuf> {
        None
    }

    /// What to call it in messages.
    fn name(&self) -> String {
        self.path().map_or_else(|| "the source".to_owned(), |path| path.display().to_string())
    }
}

impl<S: Source + ?Sized> Source for Arc<S> {
    fn spec(&self) -> UploadSpec {
        (**self).spec()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(offset, buffer)
    }

    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> usize {
        (**self).read_now(offset, buffer)
    }

    fn resident(&self, range: ByteRange) -> Option<Bytes> {
        (**self).resident(range)
    }

    fn pieces(&self, range: ByteRange) -> Option<Vec<Bytes>> {
        (**self).pieces(range)
    }

    fn one_pass(&self) -> Option<&StreamSource> {
        (**self).one_pass()
    }

    fn check(&self) -> Result<(), SourceError> {
        (**self).check()
    }

    fn fingerprint(&self) -> Result<Fingerprint, SourceError> {
        (**self).fingerprint()
    }

    fn availability(&self) -> Option<watch::Receiver<Availability>> {
        (**self).availability()
    }

    fn path(&self) -> Option<PathBuf> {
        (**self).path()
    }

    fn name(&self) -> String {
        (**self).name()
    }
}

/// How far a growing source has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Every byte before this offset can be read.
    UpTo(u64, Growth),
    /// Whoever wrote it gave up, for this reason: what is missing will not come.
    Broken(Arc<str>),
}

/// What is said of a source whose writer went without a word.
pub(crate) const WRITER_GONE: &str = "its writer stopped before the end";

/// What is wrong with a source.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SourceError {
    /// There is nothing at this path.
    #[error("there is no file {}: check the path", .path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// It is something that can't be read again and again.
    #[error("{} is {what} and not a file: give the path of a regular file", .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
    /// The system does not let it be read.
    #[error("{name} can't be read: {error}")]
    Unreadable {
        /// What it is called.
        name: String,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// It is not what it was.
    #[error("{name} changed: {change}; start the upload anew with a file that does not change meanwhile")]
    Changed {
        /// What it is called.
        name: String,
        /// What differs.
        change: SourceChange,
    },
    /// Whoever wrote it gave up before the end.
    #[error("{name} will not be complete: {reason}")]
    Broken {
        /// What it is called.
        name: String,
        /// Why.
        reason: Arc<str>,
    },
    /// Its bytes are needed to go on, and there is no source.
    #[error("the source is needed to go on: give it again")]
    Absent,
}

impl SourceError {
    pub(crate) fn unreadable(name: impl Into<String>, error: io::Error) -> Self {
        Self::Unreadable { name: name.into(), error: Arc::new(error) }
    }

    pub(crate) fn changed(name: impl Into<String>, change: SourceChange) -> Self {
        Self::Changed { name: name.into(), change }
    }
}

/// Reads until the buffer is full: short reads must not become short frames.
pub(crate) fn read_exact(
    source: &(impl Source + ?Sized),
    offset: u64,
    buffer: &mut [u8],
) -> Result<(), SourceError> {
    let mut done = 0;
    while done < buffer.len() {
        match source.read_at(offset + done as u64, &mut buffer[done..]) {
            Ok(0) => {
                let change = SourceChange::EndsEarly { at: offset + done as u64 };
                return Err(SourceError::changed(source.name(), change));
            }
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(SourceError::unreadable(source.name(), error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
