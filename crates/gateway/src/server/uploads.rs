//! What a key can see of its uploads and of its account.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::App;
use super::access::{enter, failing};
use super::conclude::give_up;
use super::running::{Stage, State as Seen};
use super::upload::detached;
use crate::answer::{self, Refusal};
use crate::store::{Billing, Key, UnixMillis, UploadEnd, UploadId, UploadRecord};

/// The phase of an upload that a restart has cut off, and that waits for its token.
const INTERRUPTED: &str = "interrupted";

/// What is to be done about such a one.
fn go_on(upload: &UploadId) -> String {
    format!(
        "Nobody is at it since the gateway was restarted, or X took very long; it goes on when you ask again with the same Idempotency-Key, or POST \
         {{\"auth_token\": …}} to /uploads/{upload}/resume"
    )
}

/// How many uploads are listed.
const LISTED: u32 = 100;

pub(super) fn not_found() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "There is no such upload")
}

/// The uploads of a key, the newest first.
pub(super) async fn list(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let key = enter(&app, &headers).await?;
    let records = app.store.uploads().recent(&key.id, LISTED).await.map_err(|error| failing(&error))?;
    let uploads: Vec<_> = records.iter().map(|record| told(&app, record)).collect();
    Ok(answer::json(StatusCode::OK, json!({ "uploads": uploads }).to_string()))
}

/// One upload.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let key = enter(&app, &headers).await?;
    let id: UploadId = id.parse().map_err(|_| not_found())?;
    let record = app.store.uploads().get(&key.id, id).await.map_err(|error| failing(&error))?;
    let record = record.ok_or_else(not_found)?;
    Ok(answer::json(StatusCode::OK, told(&app, &record).to_string()))
}

/// Gives an upload up.
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let key = enter(&app, &headers).await?;
    let id: UploadId = id.parse().map_err(|_| not_found())?;
    detached(&app, cancelled(app.clone(), key, id)).await?;
    Ok(answer::json(StatusCode::ACCEPTED, json!({ "id": id.to_string() }).to_string()))
}

async fn cancelled(app: Arc<App>, key: Key, id: UploadId) -> Result<(), Refusal> {
    let ended = || Refusal::new(StatusCode::CONFLICT, "The upload is not under way any more");
    let record = async || app.store.uploads().get(&key.id, id).await.map_err(|error| failing(&error));
    if record().await?.ok_or_else(not_found)?.end.is_some() {
        return Err(ended());
    }
    let Some(held) = app.uploads.hold(id, &key.id) else {
        app.uploads.of(&id, &key.id).ok_or_else(ended)?.cancel();
        return Ok(());
    };
    // It waits for somebody to go on with it, unless it has ended just now.
    let left = record().await?.filter(|left| left.end.is_none()).ok_or_else(ended)?;
    give_up(&app, &left, "The upload was cancelled").await;
    drop(held);
    Ok(())
}

/// What a key has used, of all time, and what it has left.
pub(super) async fn usage(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let key = enter(&app, &headers).await?;
    let ledger = app.store.ledger();
    let all = UnixMillis::new(0)..UnixMillis::new(i64::MAX);
    let usage = ledger.usage(&key.id, all).await.map_err(|error| failing(&error))?;
    let balance = ledger.balance(&key.id).await.map_err(|error| failing(&error))?;
    let mut told = json!({
        "calls": usage.settled.count,
        "charged_micro_dollars": usage.settled.amount.get(),
        "reserved_micro_dollars": balance.reserved.get(),
        "bytes": usage.bytes,
    });
    if key.billing == Billing::Prepaid {
        told["balance_micro_dollars"] = json!(balance.available().map(crate::store::MicroDollars::get));
    }
    Ok(answer::json(StatusCode::OK, told.to_string()))
}

/// An upload as a client sees it: as it is at the moment where it is under way, as it was written down otherwise.
pub(super) fn told(app: &App, record: &UploadRecord) -> Value {
    let running = app.uploads.of(&record.upload_id, &record.key_id);
    let mut told = match running.map(|running| running.state()) {
        Some(Seen { stage, progress, media_type }) if !matches!(stage, Stage::Ended(_)) => json!({
            "id": record.upload_id.to_string(),
            "phase": stage.name(),
            "media_type": media_type,
            "progress": {
                "total": progress.total.or(record.size), "sent": progress.sent, "stored": progress.stored,
                "committed": progress.committed, "processed": progress.processed.get(),
            },
            "ended": false,
        }),
        seen => json!({
            "id": record.upload_id.to_string(),
            "phase": match seen {
                _ if record.end.is_some() => ended(record),
                // Its end could not be written down yet.
                Some(Seen { stage, .. }) => stage.name(),
                None => INTERRUPTED,
            },
            "media_type": record.media_type,
            "progress": {
                "total": record.size, "sent": record.progress.sent, "stored": record.progress.stored,
                "committed": record.progress.committed, "processed": record.progress.processed,
            },
            "ended": record.end.is_some(),
        }),
    };
    match &record.end {
        Some(UploadEnd::Succeeded(data)) => told["media_id"] = data["media_id"].clone(),
        Some(UploadEnd::Failed(error)) => told["error"] = error["error"].clone(),
        None => {}
    }
    if told["phase"] == INTERRUPTED {
        told["hint"] = json!(go_on(&record.upload_id));
    }
    if !record.warnings.is_empty() {
        told["warnings"] = json!(record.warnings);
    }
    told["created_at_ms"] = json!(record.created_at.get());
    told
}

const fn ended(record: &UploadRecord) -> &'static str {
    match record.end {
        Some(UploadEnd::Succeeded(_)) => "completed",
        Some(UploadEnd::Failed(_)) | None => "failed",
    }
}
