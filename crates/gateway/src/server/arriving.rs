//! Media whose bytes come one after the other, from a URL or in a plain body: as soon as it is known what it is, and how long,
//! it goes on to X while the rest still comes.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use chunkwise::driver::GrowingFile;
use chunkwise::media::{Inspection, Media, OnContradiction, Wanted};
use chunkwise_fetch::{FetchError, FetchedBody};
use chunkwise_transport::Secret;

use super::App;
use super::access::Meter;
use super::body::Incoming;
use super::look::{LookedAt, look, unfit};
use super::receive::{Received, Spooling, media_type, spool_refusal};
use crate::answer::Refusal;
use crate::store::KeyId;

/// Media on its way in.
pub(super) struct Arriving {
    pub(super) from: From,
    /// Its length in bytes, if that was announced.
    pub(super) len: Option<u64>,
    /// What is known of it besides its bytes.
    pub(super) inspection: Inspection,
}

/// Where its bytes come from.
pub(super) enum From {
    /// A URL; what comes is counted.
    Origin(Box<FetchedBody>, Meter),
    /// The body of a request.
    Body(Incoming),
}

impl From {
    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        match self {
            Self::Origin(body, meter) => {
                let piece = body.next_chunk().await.map_err(|error| fetch_refusal(&error))?;
                meter.count(piece.as_ref().map_or(0, Bytes::len));
                Ok(piece)
            }
            Self::Body(incoming) => incoming.next().await,
        }
    }
}

/// How far it has come when what it is is known.
pub(super) enum Arrived {
    /// It is here.
    Whole(Received),
    /// It still comes, and goes to X on the way.
    Growing(Media, GrowingFile, Box<Rest>),
}

/// What is still to come.
pub(super) struct Rest {
    from: From,
    spooling: Spooling,
    inspection: Inspection,
}

impl Rest {
    /// Brings it in and looks at the whole. If either fails, the source that grows with it is broken before its last byte,
    /// and so is its upload: no object is made of it.
    pub(super) async fn bring(self) -> Result<LookedAt, Refusal> {
        let Self { mut from, mut spooling, inspection } = self;
        while let Some(piece) = from.next().await? {
            let _ = spooling.take(&piece).await?;
        }
        look(spooling.complete().await?, inspection).await
    }
}

impl Arriving {
    /// The media at a URL.
    pub(super) async fn fetched(
        app: &Arc<App>,
        key: &KeyId,
        url: &Secret<String>,
        declared: Option<&str>,
    ) -> Result<Self, Refusal> {
        let fetched = app.fetcher.get(url).await.map_err(|error| fetch_refusal(&error))?;
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
        Ok(Self {
            from: From::Origin(Box::new(fetched.body), Meter::of(app, key)),
            len: fetched.len,
            inspection,
        })
    }

    /// Takes it in: as far as it takes to know what it is, if its length is known; otherwise all of it.
    pub(super) async fn take_in(self, app: &App) -> Result<Arrived, Refusal> {
        let Self { mut from, len, inspection } = self;
        let mut spooling = Spooling::begin(app, len, inspection).await?;
        while let Some(piece) = from.next().await? {
            let wanted = spooling.take(&piece).await?;
            let Some(len) = len.filter(|len| wanted == Wanted::Nothing && spooling.writer.len() < *len)
            else {
                continue;
            };
            // What is known to fail by now need not come.
            let first = spooling.inspector.first_look(Some(len)).map_err(|error| unfit(&error))?;
            if let Some(finding) = first.refusal() {
                return Err(super::look::unusable(finding));
            }
            let source = spooling.writer.growing().await.map_err(|error| spool_refusal(&error))?;
            return Ok(Arrived::Growing(first.media, source, Box::new(Rest { from, spooling, inspection })));
        }
        Ok(Arrived::Whole(look(spooling.complete().await?, inspection).await?.release()))
    }
}

fn fetch_refusal(error: &FetchError) -> Refusal {
    tracing::warn!(%error, "media_url can't be fetched");
    let sentence: Cow<'static, str> = error.public().to_string().into();
    Refusal::bad_request(sentence)
}
