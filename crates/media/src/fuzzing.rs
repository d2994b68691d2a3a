//! What the fuzz targets run over what looks into media: bytes in, what is wrong or nothing out. Not part of the API.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use crate::{Caps, Finding, Inspection, Limits, MediaType, Severity, Structure};

/// Returns what is wrong unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+));
        }
    };
}

/// A file that counts what is taken from it.
#[derive(Debug)]
pub struct Counted<R> {
    inner: R,
    /// Bytes that were read.
    pub bytes: u64,
    /// Calls of `read`.
    pub reads: u64,
}

impl<R> Counted<R> {
    /// Nothing is taken yet.
    pub const fn new(inner: R) -> Self {
        Self { inner, bytes: 0, reads: 0 }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.bytes += read as u64;
        self.reads += 1;
        Ok(read)
    }
}

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// Any bytes as an MP4: the answer comes, within bounds, is the same again, and what the first bytes condemn the whole
/// does not acquit.
///
/// # Errors
///
/// What does not hold.
pub fn mp4(bytes: &[u8]) -> Result<(), String> {
    let caps = Caps::default();
    let length = bytes.len() as u64;
    let read = || {
        let mut source = Counted::new(Cursor::new(bytes));
        let structure = Structure::read(&mut source, MediaType::Mp4, &caps);
        (structure.map_err(|error| error.to_string()), source)
    };
    let (structure, source) = read();
    let structure = structure?;
    // A header is read as 16 bytes and takes 8 at least; the index and the brand are read once more.
    ensure!(source.bytes <= 3 * length + 32, "{} bytes were read of {length}", source.bytes);
    let calls = 2 * u64::from(caps.file_boxes) + 64;
    ensure!(source.reads <= calls, "{} reads", source.reads);
    ensure!(read().0.as_ref() == Ok(&structure), "the second time it is something else");
    if let Structure::Damaged(damage) = &structure {
        sentence(&damage.to_string())?;
    }
    as_found(bytes)
}

/// The same bytes as what they look like, whole and from their beginning.
fn as_found(bytes: &[u8]) -> Result<(), String> {
    let inspection = Inspection::new().limits(Limits::none());
    let checked = match inspection.check(&mut Cursor::new(bytes)) {
        Ok(checked) => Some(checked),
        Err(crate::FileProblem::Media(error)) => {
            sentence(&error.to_string())?;
            None
        }
        Err(other) => return Err(format!("memory can't be read: {other}")),
    };
    for finding in checked.iter().flat_map(|checked| &checked.findings) {
        sentence(&finding.to_string())?;
    }
    let refused = |findings: &[Finding]| findings.iter().any(|finding| finding.severity == Severity::Refuse);
    let end_refuses = checked.as_ref().is_none_or(|checked| refused(&checked.findings));
    let length = bytes.len() as u64;
    for (seen, size) in [(length / 2, None), (length / 2, Some(length)), (length, Some(length))] {
        let head = usize::try_from(seen).ok().and_then(|seen| bytes.get(..seen)).unwrap_or(bytes);
        let mut inspector = inspection.inspector();
        inspector.push(head);
        if let Ok(look) = inspector.first_look(size) {
            ensure!(
                end_refuses || !refused(&look.findings),
                "{seen} bytes of {size:?} are refused, the whole is not: {:?}",
                look.findings
            );
        }
    }
    Ok(())
}

/// One line, and not a long one.
fn sentence(text: &str) -> Result<(), String> {
    ensure!(text.len() < 500 && !text.contains(char::is_control), "this is no sentence: {text:?}");
    Ok(())
}
