//! The one task that carries an upload from its media to its end, whoever listens.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chunkwise::Policy;
use chunkwise::driver::Source;
use chunkwise::hyper::{HyperBackend, ProxyUrl};
use chunkwise::media::Media;
use chunkwise::x::XUploader;
use chunkwise_transport::http::{Authorizer, Backend};
use tokio::time::Instant;

use super::metrics::Ingest;
use super::place::Place;
use super::receive::{self, Fetched, Received};
use super::running::Running;
use super::veil::Veiled;
use super::{App, upstream};
use crate::answer::{Refusal, Uploaded};
use crate::ingest::UploadMedia;
use crate::spool::Spooled;
use crate::store::{
    Answer, Charge, Conclusion, IdempotencyKey, KeyId, MicroDollars, Replay, RequestId, Resolution,
    UploadChange, UploadEnd, UploadId,
};

/// How long an answer can be had again: X keeps a media id for a day (X fact sheet §2.3).
const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// All that an upload needs.
pub(super) struct Order {
    pub(super) key: KeyId,
    pub(super) request: RequestId,
    pub(super) upload: UploadId,
    pub(super) authorizer: Arc<dyn Authorizer>,
    pub(super) proxy: Option<ProxyUrl>,
    pub(super) alt_text: Option<String>,
    pub(super) media: UploadMedia,
    /// What came in the body.
    pub(super) received: Option<Received>,
    pub(super) replaying: Option<Replaying>,
    /// The place among the uploads at once.
    pub(super) place: Place,
}

/// The idempotency key under which the answer is kept.
pub(super) struct Replaying {
    pub(super) key: IdempotencyKey,
    pub(super) request: RequestId,
}

/// What came of it, for the ledger.
struct Done {
    result: Result<Uploaded, Refusal>,
    media_id: String,
    bytes: u64,
    end: &'static str,
}

/// Carries an upload to its end, writes the end down, and tells it.
pub(super) async fn conduct(app: Arc<App>, mut order: Order, running: Arc<Running>) {
    let began = Instant::now();
    let done = match carried(&app, &mut order, &running).await {
        Ok(done) => done,
        Err(refusal) => Done { result: Err(refusal), media_id: String::new(), bytes: 0, end: "failed" },
    };
    conclude(&app, &order, &done).await;
    app.metrics.ended(done.end, done.bytes, began.elapsed());
    running.end(done.result);
    app.uploads.remove(&order.upload);
    drop(order.place);
}

async fn carried(app: &Arc<App>, order: &mut Order, running: &Running) -> Result<Done, Refusal> {
    let (fetched, ingest) = match (order.received.take(), &order.media) {
        (Some(received), _) => (Fetched::Whole(received), Ingest::Data),
        (None, UploadMedia::Url { url, media_type }) => {
            (receive::fetched(app, &order.key, url, media_type.as_deref()).await?, Ingest::Url)
        }
        (None, UploadMedia::Data { .. }) => return Err(Refusal::internal()),
    };
    match fetched {
        Fetched::Whole(Received { spooled, media }) => {
            arrived(app, order, ingest, &spooled).await;
            sent(app, order, running, Arc::new(spooled.source), media).await
        }
        Fetched::Growing(media, source, rest) => {
            let bringing = async {
                let spooled = rest.bring().await?;
                arrived(app, order, ingest, &spooled).await;
                // What is sent reads the file that this holds.
                Ok::<_, Refusal>(spooled)
            };
            let sending = sent(app, order, running, Arc::new(source), media);
            let (mut bringing, mut sending) = (pin!(bringing), pin!(sending));
            tokio::select! {
                // What broke the source is the reason, whatever the upload says of it; it has its end to come to.
                brought = &mut bringing => {
                    let sent = sending.await;
                    let _held = brought?;
                    sent
                }
                // It has failed: nobody waits for the rest.
                sent = &mut sending => sent,
            }
        }
    }
}

/// All of the media is here.
async fn arrived(app: &App, order: &Order, ingest: Ingest, spooled: &Spooled) {
    app.metrics.ingested(ingest, spooled.len);
    note(app, order, UploadChange::Received { size: spooled.len, digest: spooled.digest.to_string() }).await;
}

/// Sends it to X.
async fn sent(
    app: &Arc<App>,
    order: &Order,
    running: &Running,
    source: Arc<dyn Source>,
    media: Media,
) -> Result<Done, Refusal> {
    let (media_type, size) = (media.media_type.as_str().to_owned(), media.size);
    running.note_media_type(&media_type);
    let change = UploadChange::Media {
        media_type: media_type.clone(),
        media_category: media.category.as_str().to_owned(),
        warnings: Vec::new(),
    };
    note(app, order, change).await;
    if running.is_cancelled() {
        return Err(Refusal::new(http::StatusCode::CONFLICT, "The upload was cancelled"));
    }
    let uploader = uploader(app, order.authorizer.clone(), order.proxy.as_ref())?;
    let policy = Policy { deadline: app.settings.caps.upload(), ..Policy::default() };
    let mut upload = uploader.upload_source(source, media).policy(policy);
    if let Some(alt_text) = &order.alt_text {
        upload = upload.alt_text(alt_text.as_str());
    }
    let handle = upload.start().await.map_err(|error| {
        tracing::warn!(%error, "an upload could not start");
        upstream::refusal(&error)
    })?;
    let id = handle.id().clone();
    let (result, end) = running.follow(handle).await;
    if result.is_err()
        && let Err(error) = app.driver.forget(&id).await
    {
        tracing::debug!(%error, "there was no checkpoint of a failed upload");
    }
    let result = result.map(|media| media.media_id.to_string());
    let media_id = result.as_ref().cloned().unwrap_or_default();
    let bytes = if result.is_ok() { size } else { 0 };
    let result = result.map(|media_id| Uploaded::new(media_id, media_type, size));
    Ok(Done { result, media_id, bytes, end })
}

/// What is learnt on the way is for whoever looks; that it can't be written down stops nothing.
async fn note(app: &App, order: &Order, change: UploadChange) {
    let noted = app.store.uploads().change(&order.key, order.upload, &change, App::now()).await;
    if let Err(error) = noted {
        tracing::warn!(%error, "how far an upload is can't be written down");
    }
}

/// An uploader of its own for every upload: no connection and no TLS session is shared between accounts (threat T15).
pub(super) fn uploader(
    app: &App,
    authorizer: Arc<dyn Authorizer>,
    proxy: Option<&ProxyUrl>,
) -> Result<XUploader, Refusal> {
    let failed = |error| {
        tracing::error!(%error, "no backend can be made");
        Refusal::internal()
    };
    let backend = HyperBackend::builder().trust(app.trust.clone());
    let backend: Arc<dyn Backend> = match proxy {
        None => Arc::new(backend.build().map_err(failed)?),
        Some(proxy) => Arc::new(Veiled::new(backend, proxy.clone(), app.addresses.clone()).map_err(failed)?),
    };
    let mut builder = XUploader::builder(authorizer, backend).driver(app.driver.clone());
    if let Some(base_url) = &app.base_url {
        builder = builder.base_url(base_url.clone());
    }
    builder.build().map_err(|_| Refusal::internal())
}

/// The money, the upload and the answer, in one step of the store. Without it the money stays reserved, and the next
/// start of the gateway gives it back.
async fn conclude(app: &App, order: &Order, done: &Done) {
    let (resolution, end) = match &done.result {
        Ok(uploaded) => {
            let charge = Charge { amount: app.price(), bytes: done.bytes, media_id: done.media_id.clone() };
            (Resolution::Settle(charge), UploadEnd::Succeeded(uploaded.data()))
        }
        Err(refusal) => {
            let told = serde_json::from_str(&refusal.body(None)).unwrap_or_default();
            (Resolution::Refund(done.end.to_owned()), UploadEnd::Failed(told))
        }
    };
    // A failure is not kept: whoever asks again has it tried again.
    let replay = match &done.result {
        Ok(uploaded) => Replay::Keep(Answer { status: 200, body: uploaded.to_body() }, KEPT),
        Err(_) => Replay::Forget,
    };
    let conclusion = Conclusion {
        key: &order.key,
        charged: order.request,
        resolution: &resolution,
        upload: (order.upload, &end),
        replay: order.replaying.as_ref().map(|replaying| (&replaying.key, replaying.request, &replay)),
    };
    for wait in [0, 100, 1_000] {
        tokio::time::sleep(Duration::from_millis(wait)).await;
        match app.store.conclude(&conclusion, App::now()).await {
            Ok(_) => return,
            Err(error) => {
                tracing::error!(%error, request_id = %order.request, "the end of an upload can't be written down")
            }
        }
    }
}

impl App {
    /// What an upload costs.
    pub(super) fn price(&self) -> MicroDollars {
        MicroDollars::new(self.settings.price)
    }
}
