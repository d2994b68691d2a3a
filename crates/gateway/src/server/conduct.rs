//! The one task that sees to an upload until it has ended and that is written down, whoever listens.

use std::sync::Arc;
use std::time::Duration;

use chunkwise::hyper::ProxyUrl;
use chunkwise_transport::Secret;
use chunkwise_transport::http::Authorizer;
use tokio::time::Instant;

use super::App;
use super::arriving::Arriving;
use super::carry::{Carrier, note};
use super::claim::Replaying;
use super::conclude::{Done, Standing, conclude};
use super::place::Place;
use super::receive::Received;
use super::running::Held;
use crate::answer::Refusal;
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
            match done.standing {
                Standing::Waits => set_aside(&app, &order, spooled, held).await,
                Standing::Over => {
                    // What is in memory is of no use any more.
                    let spooled = spooled.filter(|spooled| spooled.id().is_some());
                    let end = End { order, done, spooled, held };
                    if let Err(end) = end.write_down(&app).await {
                        let later = end.write_down_later(app.clone());
                        app.work.spawn(tracing::Instrument::in_current_span(later));
                    }
                }
            }
            result
        }
        // Its checkpoint, its media and its money wait for whoever goes on with it.
        None => {
            app.metrics.ended("cut off", 0, began.elapsed());
            let sentence = format!(
                "The gateway is stopping; once it is back, ask again with the same Idempotency-Key, or POST {{\"auth_token\": …}} \
                 to /uploads/{}/resume: what can go on goes on from where it is",
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
/// X has all of its media: nobody reads them again.
async fn set_aside(app: &App, order: &Order, spooled: Option<Arc<SpoolSource>>, held: Held) {
    if let Some(spooled) = spooled {
        spooled.let_go();
    }
    if let Some(Replaying { key, request }) = &order.replaying
        && let Err(error) = app.store.idempotency().abandon(&order.key, key, *request).await
    {
        tracing::error!(%error, upload = %order.upload, "an idempotency key can't be given back");
    }
    drop(held);
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
