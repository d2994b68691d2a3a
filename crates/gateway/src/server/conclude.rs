//! The end of an upload, written down: the money, the upload and the answer in one step.

use std::time::Duration;

use serde_json::json;

use super::App;
use super::conduct::{Order, forget};
use crate::answer::{Refusal, Uploaded};
use crate::store::{Answer, Charge, Conclusion, MicroDollars, Replay, Resolution, UploadEnd, UploadRecord};

/// How long an answer can be had again: X keeps a media id for a day (X fact sheet §2.3).
pub(super) const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// What came of an upload.
pub(super) struct Done {
    pub(super) result: Result<Uploaded, Refusal>,
    pub(super) media_id: String,
    pub(super) bytes: u64,
    /// Its name in metrics and in the ledger.
    pub(super) end: &'static str,
    pub(super) standing: Standing,
}

/// Whether an upload that nobody carries any more is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is.
    Over,
    /// X still works on it: whoever asks again goes on with it, and nothing is sent again.
    Waits,
}

impl Done {
    /// It came to nothing.
    pub(super) const fn refused(refusal: Refusal) -> Self {
        Self {
            result: Err(refusal),
            media_id: String::new(),
            bytes: 0,
            end: "failed",
            standing: Standing::Over,
        }
    }
}

/// The money, the upload and the answer. Without it the money stays reserved, and the next start of the gateway gives it
/// back, or goes on. False if it is not written down now, and may be later.
pub(super) async fn conclude(app: &App, order: &Order, done: &Done) -> bool {
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
        charged: order.charged,
        resolution: &resolution,
        upload: (order.upload, &end),
        replay: order.replaying.as_ref().map(|replaying| (&replaying.key, replaying.request, &replay)),
    };
    for wait in [0, 100, 1_000] {
        tokio::time::sleep(Duration::from_millis(wait)).await;
        match app.store.conclude(&conclusion, App::now()).await {
            Ok(_) => return true,
            Err(error) => {
                tracing::error!(%error, upload = %order.upload, "the end of an upload can't be written down");
                if !error.may_pass() {
                    return true;
                }
            }
        }
    }
    false
}

/// Ends an upload that nobody goes on with: nobody is charged for it, and nobody waits for it.
pub(super) async fn give_up(app: &App, left: &UploadRecord, why: &str) {
    let end = UploadEnd::Failed(json!({ "error": why }));
    let conclusion = Conclusion {
        key: &left.key_id,
        charged: left.request_id,
        resolution: &Resolution::Refund("given up".to_owned()),
        upload: (left.upload_id, &end),
        replay: None,
    };
    match app.store.conclude(&conclusion, App::now()).await {
        Ok(_) => {
            tracing::warn!(upload = %left.upload_id, why, "an upload was given up");
            forget(app, &left.upload_id).await;
            super::kept::remove_media(app, left).await;
        }
        Err(error) => tracing::error!(%error, upload = %left.upload_id, "an upload can't be given up"),
    }
}

impl App {
    /// What an upload costs.
    pub(super) fn price(&self) -> MicroDollars {
        MicroDollars::new(self.settings.price)
    }
}
