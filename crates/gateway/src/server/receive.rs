//! Media comes in: out of a body or from a URL, into the spool, looked at on the way.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use chunkwise::driver::GrowingFile;
use chunkwise::media::{Inspection, Inspector, Media, MediaError, MediaType, OnContradiction, Wanted};
use chunkwise_fetch::{FetchError, FetchedBody};
use chunkwise_transport::Secret;
use http::StatusCode;

use super::App;
use super::access::Meter;
use super::body::Incoming;
use crate::answer::Refusal;
use crate::ingest::{
    CreateBody, CreateReader, IngestLimits, MediaSink, MediaStart, Rejected, SinkRefusal, UploadBody,
    UploadReader,
};
use crate::spool::{SpoolError, SpoolWriter, Spooled};
use crate::store::KeyId;

/// From which size on media that is too large for its kind is looked for while it comes.
const FIRST_LOOK: u64 = 4 << 20;

/// Media that is here as a whole, and what it is.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) spooled: Spooled,
    pub(super) media: Media,
}

/// Media that is looked at on its way into the spool.
pub(super) struct Spooling {
    writer: SpoolWriter,
    inspector: Inspector,
    next_look: u64,
}

impl Spooling {
    async fn begin(app: &App, expected: Option<u64>, inspection: Inspection) -> Result<Self, Refusal> {
        let writer = app.spool.begin(expected).await.map_err(|error| spool_refusal(&error))?;
        Ok(Self { writer, inspector: inspection.inspector(), next_look: FIRST_LOOK })
    }

    /// Takes in the next bytes. An image of half a gigabyte is refused at its first megabytes.
    async fn take(&mut self, piece: &[u8]) -> Result<Wanted, Refusal> {
        let wanted = self.inspector.push(piece);
        self.writer.write(piece).await.map_err(|error| spool_refusal(&error))?;
        let len = self.writer.len();
        if len >= self.next_look {
            self.next_look = self.next_look.saturating_mul(2);
            if let Err(error @ MediaError::TooLarge(_)) = self.inspector.clone().finish(len) {
                return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()));
            }
        }
        Ok(wanted)
    }

    async fn finish(self) -> Result<(Spooled, Inspector), Refusal> {
        let Self { writer, inspector, .. } = self;
        Ok((writer.finish().await.map_err(|error| spool_refusal(&error))?, inspector))
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
) -> Result<(UploadBody, Option<(Spooled, Inspector)>), Refusal> {
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
        Some(spooling) => Some(spooling.finish().await?),
        None => None,
    };
    Ok((body, spooled))
}

/// What it is that came in a body, if that is what the client says that it is.
pub(super) fn judged(spooled: Spooled, head: Inspector, declared: &str) -> Result<Received, Refusal> {
    let declared = media_type(declared)?;
    let media = head.declared(declared).finish(spooled.len);
    let media = media.map_err(|error| Refusal::bad_request(error.to_string()))?;
    Ok(Received { spooled, media })
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
pub(super) async fn post(
    app: &App,
    mut incoming: Incoming,
) -> Result<(CreateBody, Vec<(Spooled, Inspector)>), Refusal> {
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
                            done.push(spooling.finish().await?);
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

/// Media from a URL.
pub(super) enum Fetched {
    /// It is here.
    Whole(Received),
    /// It still comes, and what it is is known: it goes to X on the way.
    Growing(Media, GrowingFile, Box<Rest>),
}

/// What is still to come.
pub(super) struct Rest {
    body: FetchedBody,
    spooling: Spooling,
    meter: Meter,
}

impl Rest {
    /// Brings it in. If that fails, the source that grows with it is broken, and so is its upload.
    pub(super) async fn bring(self) -> Result<Spooled, Refusal> {
        let Self { mut body, mut spooling, meter } = self;
        while let Some(piece) = body.next_chunk().await.map_err(|error| fetch_refusal(&error))? {
            meter.count(piece.len());
            let _ = spooling.take(&piece).await?;
        }
        Ok(spooling.finish().await?.0)
    }
}

/// Fetches the media at a URL: as far as it takes to know what it is, if its length is known; otherwise all of it.
pub(super) async fn fetched(
    app: &Arc<App>,
    key: &KeyId,
    url: &Secret<String>,
    declared: Option<&str>,
) -> Result<Fetched, Refusal> {
    let meter = Meter::of(app, key);
    let mut fetched = app.fetcher.get(url).await.map_err(|error| fetch_refusal(&error))?;
    let mut inspection = Inspection::new().on_contradiction(OnContradiction::BelieveContent);
    // What the client says counts more than what the origin says.
    let told = match declared {
        Some(declared) => Some(media_type(declared)?),
        None => fetched.media_type.as_deref().and_then(|told| told.parse().ok()),
    };
    if let Some(told) = told {
        inspection = inspection.declared(told);
    }
    if let Some(extension) = &fetched.extension {
        inspection = inspection.file_name(&format!("media.{extension}"));
    }
    let bad = |error: MediaError| Refusal::bad_request(error.to_string());
    let mut spooling = Spooling::begin(app, fetched.len, inspection).await?;
    while let Some(piece) = fetched.body.next_chunk().await.map_err(|error| fetch_refusal(&error))? {
        meter.count(piece.len());
        let wanted = spooling.take(&piece).await?;
        let Some(len) = fetched.len.filter(|len| wanted == Wanted::Nothing && spooling.writer.len() < *len)
        else {
            continue;
        };
        let media = spooling.inspector.clone().finish(len).map_err(bad)?;
        let source = spooling.writer.growing().await.map_err(|error| spool_refusal(&error))?;
        return Ok(Fetched::Growing(media, source, Box::new(Rest { body: fetched.body, spooling, meter })));
    }
    let (spooled, inspector) = spooling.finish().await?;
    let media = inspector.finish(spooled.len).map_err(bad)?;
    Ok(Fetched::Whole(Received { spooled, media }))
}

fn fetch_refusal(error: &FetchError) -> Refusal {
    tracing::warn!(%error, "media_url can't be fetched");
    let sentence: Cow<'static, str> = error.public().to_string().into();
    Refusal::bad_request(sentence)
}
