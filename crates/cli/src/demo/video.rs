//! The demo's video: written and hashed in one go.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::mp4;
use crate::exit::Exit;
use crate::failed::Failed;

/// Writes the video and says its SHA-256.
pub(crate) fn make(path: &Path, size: u64, seed: u64, stop: &CancellationToken) -> Result<String, Failed> {
    let failed = |error: io::Error| {
        if stop.is_cancelled() {
            return Failed::new(Exit::Interrupted, "the video is removed");
        }
        let what = format!(
            "the video {} can't be written: {error}; choose another place with --directory, or a smaller --size",
            path.display()
        );
        Failed::new(Exit::Io, what)
    };
    let file = File::create(path).map_err(failed)?;
    let mut out = Hashing { file: BufWriter::new(file), hasher: Sha256::new(), stop };
    mp4::write(&mut out, size, seed)
        .map_err(failed)?
        .map_err(|error| Failed::new(Exit::Usage, error.to_string()))?;
    let Hashing { file, hasher, .. } = out;
    file.into_inner().map_err(|error| failed(error.into_error()))?;
    Ok(hex(&hasher.finalize()))
}

fn hex(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

struct Hashing<'a> {
    file: BufWriter<File>,
    hasher: Sha256,
    stop: &'a CancellationToken,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.stop.is_cancelled() {
            return Err(io::Error::other("interrupted"));
        }
        let written = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
