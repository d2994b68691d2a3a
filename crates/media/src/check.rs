//! The whole question: what media are, what is inside, and what X will make of it.

use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::{FileError, FileProblem, MediaError};
use crate::finding::{Finding, Severity};
use crate::inspection::{Inspection, Inspector, Media};
use crate::structure::{Caps, Extent, Structure};

/// What media are, what is inside, and what is wrong with that.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Checked {
    /// What X will be told.
    pub media: Media,
    /// What is inside.
    pub structure: Structure,
    /// What is wrong with it, worst first.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// The worst certain failure; `None` if X may take it.
    pub fn refusal(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.severity == Severity::Refuse)
    }

    /// What X may object to.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Warn)
    }
}

/// What the first bytes tell of media that are still on their way ([`Inspector::first_look`]).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FirstLook {
    /// What they are so far. Its size is the one that was announced, or the bytes that were seen; of a GIF it may not
    /// be known yet that it stands still.
    pub media: Media,
    /// What is inside, if the first bytes hold all of it: a video's index may be at the end.
    pub structure: Option<Structure>,
    /// What is wrong already; the end may bring more.
    pub findings: Vec<Finding>,
}

impl FirstLook {
    /// The worst certain failure: the rest need not be fetched.
    pub fn refusal(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.severity == Severity::Refuse)
    }
}

impl Inspection {
    /// Judges the whole of media, inside too. Blocks; reads 64 KiB, headers, the index of a video, the blocks of a
    /// GIF ([`Caps`]).
    ///
    /// What is certain to fail is in [`Checked::findings`], not an error: the caller may show the rest.
    ///
    /// # Errors
    ///
    /// [`FileProblem::Media`] says why X would not take it by its type and size, [`FileProblem::Io`] what reading it
    /// failed with.
    pub fn check(&self, source: &mut (impl Read + Seek)) -> Result<Checked, FileProblem> {
        let size = source.seek(SeekFrom::End(0)).map_err(FileProblem::Io)?;
        source.seek(SeekFrom::Start(0)).map_err(FileProblem::Io)?;
        let media = self.inspect_source(source, size)?;
        let structure =
            Structure::read(source, media.media_type, &Caps::default()).map_err(FileProblem::Io)?;
        let findings = self.held_to().judge(&media, &structure);
        Ok(Checked { media, structure, findings })
    }

    /// The same for a file on disk, as [`inspect_path`](Self::inspect_path) finds it.
    ///
    /// # Errors
    ///
    /// [`FileError`] names the path, what is wrong and what to do.
    pub fn check_path(&self, path: impl AsRef<Path>) -> Result<Checked, FileError> {
        let path = path.as_ref();
        let checked = self.open(path).and_then(|(inspection, mut file, _)| inspection.check(&mut file));
        checked.map_err(|problem| FileError { path: path.to_path_buf(), problem })
    }
}

impl Inspector {
    /// Judges media by the bytes pushed so far, while the rest is on its way: what is known to fail now need not be
    /// fetched. `size` is what was announced, if anything was; without it nothing is said of the size.
    ///
    /// When all is there, [`Inspection::check`] has the last word.
    ///
    /// ```
    /// use chunkwise_media::{Inspection, MediaType};
    /// let mut inspector = Inspection::new().inspector();
    /// inspector.push(b"\0\0\0\x10ftypmp42\0\0\0\0\0\0\xFF\xFFmdat");
    /// let look = inspector.first_look(Some(80_000))?;
    /// assert_eq!(look.media.media_type, MediaType::Mp4);
    /// assert!(look.structure.is_none() && look.refusal().is_none(), "the index may be at the end");
    ///
    /// let error = inspector.first_look(Some(1000)).unwrap_err();
    /// assert!(error.to_string().starts_with("it is cut off"));
    /// # Ok::<(), chunkwise_media::MediaError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`MediaError`] says why X would not take it by its type and size.
    pub fn first_look(&self, size: Option<u64>) -> Result<FirstLook, MediaError> {
        let media = self.judge(size)?;
        let extent = Extent { have: self.head().len() as u64, size };
        let part =
            Structure::read_part(&mut Cursor::new(self.head()), media.media_type, extent, &Caps::default());
        // Nothing can fail in memory.
        let structure = part.unwrap_or_default();
        let findings =
            structure.as_ref().map_or_else(Vec::new, |structure| self.held_to().judge(&media, structure));
        Ok(FirstLook { media, structure, findings })
    }
}
