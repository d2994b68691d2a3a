//! Where fetched media is kept while it goes up: a file that has no name as soon as the system allows it, so that nothing
//! is left of it however this process ends.

use std::io::Seek as _;
use std::path::{Path, PathBuf};

use chunkwise::driver::{FileSource, GrowingFile, GrowthHandle, SourceError};
use chunkwise::media::{Checked, FileProblem, Inspection};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt as _;

use crate::exit::Exit;
use crate::failed::Failed;

pub(crate) struct Spool {
    file: tokio::fs::File,
    /// It is there until it is dropped.
    path: TempPath,
    /// Once there is no name any more, this says which it was.
    name: PathBuf,
    len: u64,
}

fn io(folder: &Path, error: &dyn std::fmt::Display) -> Failed {
    let folder = folder.display();
    Failed::new(
        Exit::Io,
        format!("what is fetched can't be kept in {folder} ({error}): make room, or give --state-dir"),
    )
}

impl Spool {
    pub(crate) fn new(folder: &Path) -> Result<Self, Failed> {
        let failed = |error: std::io::Error| io(folder, &error);
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(failed)?;
        let made = tempfile::Builder::new().prefix("fetched-").suffix(".part").tempfile_in(folder);
        let (file, path) = made.map_err(failed)?.into_parts();
        let name = path.to_path_buf();
        Ok(Self { file: tokio::fs::File::from_std(file), path, name, len: 0 })
    }

    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> Failed {
        io(self.name.parent().unwrap_or(&self.name), error)
    }

    pub(crate) async fn write(&mut self, piece: &[u8]) -> Result<(), Failed> {
        self.file.write_all(piece).await.map_err(|error| self.failed(&error))?;
        self.len += piece.len() as u64;
        Ok(())
    }

    /// After that, what was written can be read.
    pub(crate) async fn flush(&mut self) -> Result<(), Failed> {
        self.file.flush().await.map_err(|error| self.failed(&error))
    }

    /// The name goes where the system lets go of it while the file is open.
    fn forget_name(&mut self) {
        if cfg!(unix) {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// A source that grows as this does, to so many bytes.
    pub(crate) async fn growing(&mut self, len: u64) -> Result<(GrowingFile, GrowthHandle), Failed> {
        self.flush().await?;
        let grown = GrowingFile::open(&self.name, Some(len), self.len);
        let grown = grown.map_err(|error: SourceError| self.failed(&error))?;
        self.forget_name();
        Ok(grown)
    }

    /// What is inside, when all of it is here.
    pub(crate) async fn check(&mut self, inspection: Inspection) -> Result<Checked, Failed> {
        self.flush().await?;
        let file = self.file.try_clone().await.map_err(|error| self.failed(&error))?;
        let mut file = file.into_std().await;
        let looked = tokio::task::spawn_blocking(move || {
            file.rewind().map_err(FileProblem::Io)?;
            inspection.check(&mut file)
        });
        let looked =
            looked.await.map_err(|error| Failed::new(Exit::Bug, format!("the check broke down: {error}")))?;
        looked.map_err(|problem| match problem {
            FileProblem::Media(error) => super::bad(&error),
            problem => self.failed(&problem),
        })
    }

    /// A source of all of it, and what is inside.
    pub(crate) async fn whole(mut self, inspection: Inspection) -> Result<(Checked, FileSource), Failed> {
        let checked = self.check(inspection).await?;
        let source = FileSource::open(&self.name).map_err(|error| self.failed(&error))?;
        self.forget_name();
        Ok((checked, source))
    }
}
