//! The one task that carries an upload from its media to its end, whoever listens.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chunkwise::Policy;
use chunkwise::core::{ErrorKind, ProcessingPolicy};
use chunkwise::driver::Source;
use chunkwise::hyper::{HyperBackend, ProxyUrl};
use chunkwise::media::{Media, MediaType};
use chunkwise::x::XUploader;
use chunkwise_transport::Secret;
use chunkwise_transport::http::{Authorizer, Backend};
use tokio::time::Instant;

use super::arriving::{Arrived, Arriving};
use super::claim::Replaying;
use super::conclude::{Done, Standing, conclude};
use super::look::LookedAt;
use super::metrics::Ingest;
use super::place::Place;
use super::receive::Received;
use super::running::{Held, Running};
use super::veil::Veiled;
use super::{App, upstream};
use crate::answer::{Refusal, Uploaded};
use crate::spool::SpoolSource;
use crate::store::{KeyId, Phase, Progress, RequestId, UploadChange, UploadId};

/// All that an upload needs.
pub(super) struct Order {
    pub(super) key: KeyId,
    /// The request that has reserved its price.
    pub(super) charged: RequestId,
    pub(super) upload: UploadId,
    pub(super) way: Way,
    pub(super) alt_text: Option<String>,
    pub(super) replaying: Option<Replaying>,
    /// The place among the uploads at once.
    pub(super) place: Option<Arc<Place>>,
}

/// The way to X: as whom, and through what.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) authorizer: Arc<dyn Authorizer>,
    pub(super) proxy: Option<ProxyUrl>,
}

/// Where the media of an upload comes from.
pub(super) enum Coming {
    /// It is here.
    Here(Received),
    /// It is to be fetched.
    At { url: Secret<String>, media_type: Option<String> },
    /// It comes in the body of the request.
    Arriving(Box<Arriving>),
    /// An earlier process had it: the upload goes on from its checkpoint.
    Kept(Kept),
}

/// What is left of an upload that goes on.
pub(super) struct Kept {
    /// Its media, if any of its bytes are still to be sent.
    pub(super) source: Option<Arc<SpoolSource>>,
    pub(super) media_type: String,
    pub(super) size: u64,
}

/// Carries an upload to its end, writes the end down, and tells it.
pub(super) async fn conduct(app: Arc<App>, mut order: Order, coming: Coming, held: Held) {
    let (began, running) = (Instant::now(), held.running.clone());
    let spooled = match &coming {
        Coming::Kept(kept) => kept.source.clone(),
        Coming::Here(_) | Coming::At { .. } | Coming::Arriving(_) => None,
    };
    let mut carrier = Carrier { app: &app, order: &order, running: &running, spooled };
    let carried = tokio::select! {
        biased;
        () = app.cut.cancelled() => None,
        () = running.given_up() => {
            Some(Err(Refusal::new(http::StatusCode::CONFLICT, "The upload was cancelled")))
        }
        carried = carrier.carry(coming) => Some(carried),
    };
    let spooled = carrier.spooled.take();
    let place = order.place.take();
    let result = match carried {
        Some(carried) => {
            let done = carried.unwrap_or_else(Done::refused);
            let state = running.state();
            if state.progress.total.is_some() {
                note(&app, &order, UploadChange::Progress(progress(&state.progress, Phase::Processing)))
                    .await;
            }
            let result = done.result.clone();
            app.metrics.ended(done.end, done.bytes, began.elapsed());
            if done.standing == Standing::Waits {
                set_aside(&app, &order).await;
                drop((held, place));
                running.end(result);
                return;
            }
            // What is in memory is of no use any more.
            let spooled = spooled.filter(|spooled| spooled.id().is_some());
            let end = End { order, done, spooled, held };
            if let Err(end) = end.write_down(&app).await {
                app.work.spawn(tracing::Instrument::in_current_span(end.write_down_later(app.clone())));
            }
            result
        }
        // Its checkpoint, its media and its money wait for whoever goes on with it.
        None => {
            app.metrics.ended("cut off", 0, began.elapsed());
            let sentence = format!(
                "The gateway is stopping; once it is back, ask again with the same Idempotency-Key, or POST {{\"auth_token\": …}} \
                 to /uploads/{}/resume: the upload goes on from where it is, if its media had come in",
                order.upload
            );
            drop(held);
            Err(Refusal::unavailable(sentence))
        }
    };
    // Who is answered may come with the next one.
    drop(place);
    running.end(result);
}

/// Leaves an upload to whoever asks again: nothing of it is written down as ended, and its key is free to go on with it.
async fn set_aside(app: &App, order: &Order) {
    let Some(Replaying { key, request }) = &order.replaying else { return };
    if let Err(error) = app.store.idempotency().abandon(&order.key, key, *request).await {
        tracing::error!(%error, upload = %order.upload, "an idempotency key can't be given back");
    }
}

/// How long is waited before an end that could not be written down is tried again.
const LATER: Duration = Duration::from_secs(5);

/// An end that is to be written down. Until it is, nobody else has the upload in hand.
struct End {
    order: Order,
    done: Done,
    spooled: Option<Arc<SpoolSource>>,
    held: Held,
}

impl End {
    /// Writes it down, and lets go of what was kept for the case that it is needed again.
    async fn write_down(self, app: &App) -> Result<(), Box<Self>> {
        if !conclude(app, &self.order, &self.done).await {
            return Err(Box::new(self));
        }
        let Self { order, spooled, held, .. } = self;
        forget(app, &order.upload).await;
        if let Some(spooled) = spooled {
            spooled.let_go();
        }
        drop(held);
        Ok(())
    }

    /// A disk that is full is not full for ever; once the gateway stops it is the next one's to do.
    async fn write_down_later(mut self: Box<Self>, app: Arc<App>) {
        loop {
            tokio::select! {
                () = app.cut.cancelled() => return,
                () = tokio::time::sleep(LATER) => {}
            }
            match self.write_down(&app).await {
                Ok(()) => return,
                Err(end) => self = end,
            }
        }
    }
}

/// Removes the checkpoint of an upload whose end is written down.
pub(super) async fn forget(app: &App, upload: &UploadId) {
    let Ok(id) = checkpoint(upload) else { return };
    if let Err(error) = app.driver.forget(&id).await {
        tracing::warn!(%error, %upload, "the checkpoint of an upload that ended can't be removed");
    }
}

/// The name of an upload's checkpoint: its own.
pub(super) fn checkpoint(upload: &UploadId) -> Result<chunkwise::driver::UploadId, Refusal> {
    chunkwise::driver::UploadId::new(upload.to_string()).map_err(|_| Refusal::internal())
}

fn progress(seen: &chunkwise::core::Progress, phase: Phase) -> Progress {
    let chunkwise::core::Progress { sent, stored, committed, processed, .. } = *seen;
    Progress { phase, sent, stored, committed, processed: processed.get() }
}

/// What is learnt on the way is for whoever looks; that it can't be written down stops nothing.
async fn note(app: &App, order: &Order, change: UploadChange) {
    let noted = app.store.uploads().change(&order.key, order.upload, &change, App::now()).await;
    if let Err(error) = noted {
        tracing::warn!(%error, "how far an upload is can't be written down");
    }
}

/// Who carries an upload, and what it has in hand.
struct Carrier<'a> {
    app: &'a Arc<App>,
    order: &'a Order,
    running: &'a Running,
    /// The whole media, which outlives this process if it has to.
    spooled: Option<Arc<SpoolSource>>,
}

impl Carrier<'_> {
    async fn carry(&mut self, coming: Coming) -> Result<Done, Refusal> {
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

    async fn followed(&self, handle: chunkwise::x::XHandle, media_type: MediaType, size: u64) -> Done {
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
