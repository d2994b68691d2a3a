//! The way of an upload from its media to X's last word.

use std::pin::pin;
use std::sync::Arc;

use chunkwise::Policy;
use chunkwise::core::{ErrorKind, ProcessingPolicy};
use chunkwise::driver::Source;
use chunkwise::hyper::HyperBackend;
use chunkwise::media::{Media, MediaType};
use chunkwise::x::{XHandle, XUploader};
use chunkwise_transport::http::Backend;

use super::arriving::{Arrived, Arriving};
use super::conclude::{Done, Standing};
use super::conduct::{Coming, Kept, Order, Way, checkpoint};
use super::look::LookedAt;
use super::metrics::Ingest;
use super::receive::Received;
use super::running::Running;
use super::veil::Veiled;
use super::{App, upstream};
use crate::answer::{Refusal, Uploaded};
use crate::spool::SpoolSource;
use crate::store::UploadChange;

/// Who carries an upload, and what it has in hand.
pub(super) struct Carrier<'a> {
    pub(super) app: &'a Arc<App>,
    pub(super) order: &'a Order,
    pub(super) running: &'a Running,
    /// The whole media, which outlives this process if it has to.
    pub(super) spooled: Option<Arc<SpoolSource>>,
}

impl Carrier<'_> {
    pub(super) async fn carry(&mut self, coming: Coming) -> Result<Done, Refusal> {
        let (arrived, ingest) = match coming {
            Coming::Kept(kept) => return self.go_on(kept).await,
            Coming::Here(received) => (Arrived::Whole(received), Ingest::Data),
            Coming::Arriving(arriving) => (arriving.take_in(self.app).await?, Ingest::Body),
            Coming::At { url, media_type } => {
                let arriving =
                    Arriving::fetched(self.app, &self.order.key, &url, media_type.as_deref()).await?;
                (arriving.take_in(self.app).await?, Ingest::Url)
            }
        };
        match arrived {
            Arrived::Whole(Received { spooled, media, warnings }) => {
                let (len, digest) = (spooled.len, spooled.digest.to_string());
                let source = Arc::new(spooled.source);
                self.media(&media, warnings).await;
                self.arrived(ingest, source.clone(), len, digest).await;
                self.sent(source, media).await
            }
            Arrived::Growing(media, source, rest) => {
                let (app, order, running) = (self.app, self.order, self.running);
                self.media(&media, Vec::new()).await;
                let sender = Carrier { app, order, running, spooled: None };
                let bringing = async {
                    let looked_at = rest.bring().await?;
                    self.looked_at(ingest, looked_at).await;
                    Ok::<_, Refusal>(())
                };
                let sending = sender.sent(Arc::new(source), media);
                let (mut bringing, mut sending) = (pin!(bringing), pin!(sending));
                tokio::select! {
                    // What broke the source is the reason, whatever the upload says of it; it has its end to come to.
                    brought = &mut bringing => {
                        let sent = sending.await;
                        brought?;
                        sent
                    }
                    // It has failed: nobody waits for the rest.
                    sent = &mut sending => sent,
                }
            }
        }
    }

    /// What it is is known.
    async fn media(&self, media: &Media, warnings: Vec<String>) {
        self.running.note_media_type(media.media_type.as_str());
        let change = UploadChange::Media {
            media_type: media.media_type.as_str().to_owned(),
            media_category: media.category.as_str().to_owned(),
            warnings,
        };
        note(self.app, self.order, change).await;
    }

    /// The last byte of what grew is let go of once it is written down that it may.
    async fn looked_at(&mut self, ingest: Ingest, looked_at: LookedAt) {
        self.media(&looked_at.media, looked_at.warnings.clone()).await;
        let spooled = looked_at.complete().spooled();
        let (len, digest) = (spooled.len, spooled.digest.to_string());
        self.note_spooled(&spooled.source, len, digest).await;
        let received = looked_at.release();
        received.spooled.source.keep();
        self.app.metrics.ingested(ingest, len);
        self.spooled = Some(Arc::new(received.spooled.source));
    }

    /// All of the media is here.
    async fn arrived(&mut self, ingest: Ingest, source: Arc<SpoolSource>, len: u64, digest: String) {
        source.keep();
        // Whoever ends it from here on lets go of it.
        self.spooled = Some(source.clone());
        self.note_spooled(&source, len, digest).await;
        self.app.metrics.ingested(ingest, len);
    }

    async fn note_spooled(&self, source: &SpoolSource, size: u64, digest: String) {
        if let Some(id) = source.id() {
            note(self.app, self.order, UploadChange::Spooled(id.to_string())).await;
        }
        note(self.app, self.order, UploadChange::Received { size, digest }).await;
    }

    /// Sends it to X.
    async fn sent(&self, source: Arc<dyn Source>, media: Media) -> Result<Done, Refusal> {
        let mut upload = uploader(self.app, &self.order.way)?
            .upload_source(source, media)
            .id(checkpoint(&self.order.upload)?);
        if let Some(alt_text) = &self.order.alt_text {
            upload = upload.alt_text(alt_text.as_str());
        }
        let handle = upload.start().await.map_err(|error| {
            tracing::warn!(%error, "an upload could not start");
            upstream::refusal(&error)
        })?;
        Ok(self.followed(handle, media.media_type, media.size).await)
    }

    /// Goes on with it.
    async fn go_on(&mut self, kept: Kept) -> Result<Done, Refusal> {
        let Kept { source, media_type, size } = kept;
        self.running.note_media_type(&media_type);
        let uploader = uploader(self.app, &self.order.way)?;
        let id = checkpoint(&self.order.upload)?;
        let handle = match source {
            Some(source) => uploader.resume_source(&id, source).await,
            None => uploader.resume(&id).await,
        };
        let handle = handle.map_err(|error| {
            tracing::warn!(%error, "an upload could not go on");
            let mut refusal = upstream::refusal(&error);
            if refusal.status == http::StatusCode::INTERNAL_SERVER_ERROR {
                refusal =
                    Refusal::unavailable("The upload could not go on from where it was; ask for it anew");
            }
            refusal
        })?;
        let media_type = media_type.parse().map_err(|_| Refusal::internal())?;
        Ok(self.followed(handle, media_type, size).await)
    }

    async fn followed(&self, handle: XHandle, media_type: MediaType, size: u64) -> Done {
        match self.running.follow(handle).await {
            Ok(media) => {
                let media_id = media.media_id.to_string();
                let uploaded = Uploaded::new(media_id.clone(), media_type.as_str().to_owned(), size);
                let (end, standing) = ("completed", Standing::Over);
                Done { result: Ok(uploaded), media_id, bytes: size, end, standing }
            }
            Err(error) => {
                tracing::warn!(%error, "an upload failed");
                let standing = match error.kind() {
                    Some(ErrorKind::StillProcessing { .. }) => Standing::Waits,
                    Some(_) | None => Standing::Over,
                };
                let (refusal, end) = (upstream::refusal(&error), upstream::end(&error));
                Done { end, standing, ..Done::refused(refusal) }
            }
        }
    }
}

/// An uploader of its own for every upload: no connection and no TLS session is shared between accounts (threat T15).
pub(super) fn uploader(app: &App, way: &Way) -> Result<XUploader, Refusal> {
    let failed = |error| {
        tracing::error!(%error, "no backend can be made");
        Refusal::internal()
    };
    let backend = HyperBackend::builder().trust(app.trust.clone());
    let backend: Arc<dyn Backend> = match &way.proxy {
        None => Arc::new(backend.build().map_err(failed)?),
        Some(proxy) => Arc::new(Veiled::new(backend, proxy.clone(), app.addresses.clone()).map_err(failed)?),
    };
    let caps = &app.settings.caps;
    let processing = ProcessingPolicy { deadline: caps.processing(), ..ProcessingPolicy::default() };
    let policy = Policy { deadline: caps.upload(), processing, ..Policy::default() };
    let mut builder =
        XUploader::builder(way.authorizer.clone(), backend).driver(app.driver.clone()).policy(policy);
    if let Some(base_url) = &app.base_url {
        builder = builder.base_url(base_url.clone());
    }
    builder.build().map_err(|_| Refusal::internal())
}

/// What is learnt on the way is for whoever looks; that it can't be written down stops nothing.
pub(super) async fn note(app: &App, order: &Order, change: UploadChange) {
    let noted = app.store.uploads().change(&order.key, order.upload, &change, App::now()).await;
    if let Err(error) = noted {
        tracing::warn!(%error, "how far an upload is can't be written down");
    }
}
