//! Media comes in out of a body, into the spool, looked at on the way.

use bytes::Bytes;
use chunkwise::media::{Inspection, Inspector, Media, MediaError, MediaType, Wanted};
use http::StatusCode;

use super::App;
use super::body::Incoming;
use super::look::{look, unfit};
use crate::answer::Refusal;
use crate::ingest::{
    CreateBody, CreateReader, IngestLimits, MediaSink, MediaStart, Rejected, SinkRefusal, UploadBody,
    UploadReader,
};
use crate::spool::{Complete, SpoolError, SpoolWriter, Spooled};

/// From which size on media that is too large for its kind is looked for while it comes.
const FIRST_LOOK: u64 = 4 << 20;

/// Media that is here as a whole, what it is, and what X may object to.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) spooled: Spooled,
    pub(super) media: Media,
    pub(super) warnings: Vec<String>,
}

/// Media that is looked at on its way into the spool.
pub(super) struct Spooling {
    pub(super) writer: SpoolWriter,
    pub(super) inspector: Inspector,
    next_look: u64,
}

impl Spooling {
    pub(super) async fn begin(
        app: &App,
        expected: Option<u64>,
        inspection: Inspection,
    ) -> Result<Self, Refusal> {
        let writer = app.spool.begin(expected).await.map_err(|error| spool_refusal(&error))?;
        Ok(Self { writer, inspector: inspection.inspector(), next_look: FIRST_LOOK })
    }

    /// Takes in the next bytes. An image of half a gigabyte is refused at its first megabytes.
    pub(super) async fn take(&mut self, piece: &[u8]) -> Result<Wanted, Refusal> {
        let wanted = self.inspector.push(piece);
        self.writer.write(piece).await.map_err(|error| spool_refusal(&error))?;
        let len = self.writer.len();
        if len >= self.next_look {
            self.next_look = self.next_look.saturating_mul(2);
            if let Err(error @ MediaError::TooLarge(_)) = self.inspector.clone().finish(len) {
                return Err(unfit(&error));
            }
        }
        Ok(wanted)
    }

    pub(super) async fn complete(self) -> Result<Complete, Refusal> {
        self.writer.complete().await.map_err(|error| spool_refusal(&error))
    }
}

/// What a push decoded, to be written before the next one.
#[derive(Default)]
struct Decoded {
    pieces: Vec<Bytes>,
    begun: bool,
}

impl MediaSink for Decoded {
    fn begin(&mut self, _: MediaStart<'_>) -> Result<(), SinkRefusal> {
        self.begun = true;
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), SinkRefusal> {
        self.pieces.push(Bytes::copy_from_slice(bytes));
        Ok(())
    }

    fn end(&mut self) -> Result<(), SinkRefusal> {
        Ok(())
    }
}

/// Reads the body of an upload request; its media, if it has any, is in the spool then, and looked at.
pub(super) async fn body(
    app: &App,
    mut incoming: Incoming,
) -> Result<(UploadBody, Option<Complete>), Refusal> {
    let mut reader = UploadReader::new(IngestLimits::default());
    let (mut decoded, mut spooling) = (Decoded::default(), None);
    while let Some(piece) = incoming.next().await? {
        // Bit by bit, so that what a large piece decodes to is not in memory beside it.
        for part in piece.chunks(64 << 10) {
            reader.push(part, &mut decoded).map_err(|rejected| refused(&rejected))?;
            if decoded.begun && spooling.is_none() {
                spooling = Some(Spooling::begin(app, None, Inspection::new()).await?);
            }
            let Some(spooling) = &mut spooling else { continue };
            for piece in decoded.pieces.drain(..) {
                let _ = spooling.take(&piece).await?;
            }
        }
    }
    let body = reader.finish().map_err(|rejected| refused(&rejected))?;
    let spooled = match spooling {
        Some(spooling) => Some(spooling.complete().await?),
        None => None,
    };
    Ok((body, spooled))
}

/// What it is that came in a body, if that is what the client says that it is.
pub(super) async fn judged(complete: Complete, declared: &str) -> Result<Received, Refusal> {
    let inspection = Inspection::new().declared(media_type(declared)?);
    Ok(look(complete, inspection).await?.release())
}

/// A media type that X has.
pub(super) fn media_type(text: &str) -> Result<MediaType, Refusal> {
    text.parse().map_err(|_| {
        Refusal::bad_request("media_type is none that X takes (image/png, video/mp4 and their like)")
    })
}

fn refused(rejected: &Rejected) -> Refusal {
    let status =
        if rejected.is_too_large() { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
    Refusal::new(status, rejected.to_string())
}

/// Reads the body of a request for a post; its media are in the spool then, in order, and looked at.
pub(super) async fn post(app: &App, mut incoming: Incoming) -> Result<(CreateBody, Vec<Complete>), Refusal> {
    let mut reader = CreateReader::new(IngestLimits::default());
    let (mut decoded, mut spooling, mut done) = (Several::default(), None, Vec::new());
    while let Some(piece) = incoming.next().await? {
        for part in piece.chunks(64 << 10) {
            reader.push(part, &mut decoded).map_err(|rejected| refused(&rejected))?;
            for step in decoded.steps.drain(..) {
                match step {
                    Step::Begin => spooling = Some(Spooling::begin(app, None, Inspection::new()).await?),
                    Step::Bytes(piece) => {
                        if let Some(spooling) = &mut spooling {
                            let _ = spooling.take(&piece).await?;
                        }
                    }
                    Step::End => {
                        if let Some(spooling) = spooling.take() {
                            done.push(spooling.complete().await?);
                        }
                    }
                }
            }
        }
    }
    let body = reader.finish().map_err(|rejected| refused(&rejected))?;
    Ok((body, done))
}

/// What a push brought of several media, in order.
#[derive(Default)]
struct Several {
    steps: Vec<Step>,
}

enum Step {
    Begin,
    Bytes(Bytes),
    End,
}

impl MediaSink for Several {
    fn begin(&mut self, _: MediaStart<'_>) -> Result<(), SinkRefusal> {
        self.steps.push(Step::Begin);
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), SinkRefusal> {
        self.steps.push(Step::Bytes(Bytes::copy_from_slice(bytes)));
        Ok(())
    }

    fn end(&mut self) -> Result<(), SinkRefusal> {
        self.steps.push(Step::End);
        Ok(())
    }
}

pub(super) fn spool_refusal(error: &SpoolError) -> Refusal {
    tracing::warn!(%error, "media can't be spooled");
    match error {
        SpoolError::TooLarge { .. } => {
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "The media is larger than any that X takes")
        }
        SpoolError::Longer { .. } | SpoolError::Shorter { .. } => {
            Refusal::bad_request("The media has another length than was announced")
        }
        error if error.is_busy() => Refusal::unavailable("There is no room for the media now; ask again"),
        SpoolError::MemoryTaken
        | SpoolError::DiskTaken
        | SpoolError::DiskFull
        | SpoolError::LengthUnknown
        | SpoolError::Io(_) => Refusal::internal(),
    }
}
