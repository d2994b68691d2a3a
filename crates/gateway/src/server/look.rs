//! The look at the whole of media, once all of it is here and before X is told so: what is certain to fail is refused with
//! the reason, what X may object to is noted.

use std::io::{self, Read, Seek, SeekFrom};

use chunkwise::driver::Source;
use chunkwise::media::{Inspection, Media, MediaError};
use http::StatusCode;

use super::receive::Received;
use crate::answer::Refusal;
use crate::spool::Complete;

/// A source as a file that is read from anywhere.
struct Reading<'a> {
    source: &'a dyn Source,
    at: u64,
    len: u64,
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.source.read_at(self.at, buffer)?;
        self.at = self.at.saturating_add(len as u64);
        Ok(len)
    }
}

impl Seek for Reading<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// Media that has been looked at, and the way to let what grows with it have its end.
#[derive(Debug)]
pub(super) struct LookedAt {
    complete: Complete,
    pub(super) media: Media,
    /// What X may object to, in sentences.
    pub(super) warnings: Vec<String>,
}

impl LookedAt {
    pub(super) const fn complete(&self) -> &Complete {
        &self.complete
    }

    pub(super) fn release(self) -> Received {
        let Self { complete, media, warnings } = self;
        Received { spooled: complete.release(), media, warnings }
    }
}

/// Looks at all of it. What grows with media that is refused is broken before its last byte, so that X never makes an
/// object of it.
pub(super) async fn look(complete: Complete, inspection: Inspection) -> Result<LookedAt, Refusal> {
    // The inside is walked with caps, in a thread of its own: a panic there would be this upload's end only (threat T10).
    let looking = tokio::task::spawn_blocking(move || {
        let spooled = complete.spooled();
        let checked = inspection.check(&mut Reading { source: &spooled.source, at: 0, len: spooled.len });
        (complete, checked)
    });
    let (complete, checked) = looking.await.map_err(|error| {
        tracing::error!(%error, "media can't be looked at");
        Refusal::internal()
    })?;
    let refusal = match checked {
        Ok(checked) => match checked.refusal() {
            None => {
                let warnings = checked.warnings().map(ToString::to_string).collect();
                return Ok(LookedAt { complete, media: checked.media, warnings });
            }
            Some(finding) => unusable(finding),
        },
        Err(chunkwise::media::FileProblem::Media(error)) => unfit(&error),
        Err(problem) => {
            tracing::error!(%problem, "spooled media can't be read");
            Refusal::internal()
        }
    };
    complete.refuse(&refusal.sentence);
    Err(refusal)
}

/// Media that nobody can use, and why.
pub(super) fn unusable(why: &impl std::fmt::Display) -> Refusal {
    Refusal::bad_request(format!("The media can't be used: {why}"))
}

/// Media that X would not take, by its type or size.
pub(super) fn unfit(error: &MediaError) -> Refusal {
    let mut refusal = unusable(error);
    if matches!(error, MediaError::TooLarge(_)) {
        refusal.status = StatusCode::PAYLOAD_TOO_LARGE;
    }
    refusal
}
