//! What an earlier process has left: uploads that can go on from their checkpoints once somebody brings their token again,
//! and such as can't, which are ended.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use chunkwise::driver::{self, Record};
use chunkwise_transport::Secret;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::access::{enter_to_begin, failing};
use super::body::{Incoming, check_json};
use super::claim::Claim;
use super::conclude::give_up;
use super::conduct::{Coming, Kept, Order, Way};
use super::upload::{Started, detached, respond, start, way};
use super::uploads::not_found;
use super::{App, StartError};
use crate::answer::Refusal;
use crate::spool::{SpoolId, SpoolSource};
use crate::store::{Key, Phase, Progress, RequestId, UploadChange, UploadId, UploadRecord};

/// What is said of an upload that a restart has ended.
const RESTARTED: &str =
    "The gateway was restarted during this upload; ask again, with the same Idempotency-Key if there was one";

/// The body of a request to go on, in bytes.
const BODY_MAX: u64 = 16 << 10;

/// Sorts out what dead processes have left, before anything else begins.
///
/// # Errors
///
/// If the store or the checkpoints can't be read: nothing is given up then for a folder that may be readable again.
pub(super) async fn recover(app: &App) -> Result<(), StartError> {
    let checkpoints = checkpoints(app).await?;
    // The money first: only who holds it can give it back.
    let reserved = app.store.ledger().adopt_reservations().await?;
    let (mut known, mut waiting, mut going_on) = (HashSet::new(), HashSet::new(), HashSet::new());
    for left in app.store.uploads().adopt_unfinished().await? {
        let checkpoint = checkpoints.get(&left.upload_id.to_string());
        if can_go_on(app, &left, checkpoint) {
            tracing::info!(upload = %left.upload_id, "an upload of an earlier process waits for its token");
            // Of what X has as a whole nothing is read again, and nobody would remove it at the end.
            if checkpoint.and_then(Option::as_ref).is_some_and(Record::needs_source) {
                known.extend(spool_id(&left));
            }
            if let Some(Some(checkpoint)) = checkpoint {
                note_progress(app, &left, checkpoint).await;
            }
            waiting.insert(left.request_id);
            going_on.insert(left.upload_id.to_string());
        } else {
            give_up(app, &left, RESTARTED).await;
        }
    }
    // What was reserved for no upload; of the rest some is given back already, and told so it stays as it is.
    for open in reserved.into_iter().filter(|open| !waiting.contains(&open.request_id)) {
        let refunded =
            app.store.ledger().refund(&open.key_id, open.request_id, "restarted", App::now()).await;
        if let Err(error) = refunded {
            tracing::error!(%error, request_id = %open.request_id, "money can't be given back");
        }
    }
    for id in checkpoints.into_keys().filter(|id| !going_on.contains(id)) {
        if let Ok(id) = chunkwise::driver::UploadId::new(id)
            && let Err(error) = app.driver.forget(&id).await
        {
            tracing::warn!(%error, %id, "a checkpoint that nobody needs can't be removed");
        }
    }
    match app.spool.sweep(&known) {
        Ok(swept) if swept.removed > 0 => {
            tracing::info!(files = swept.removed, bytes = swept.bytes, "media of earlier processes removed");
        }
        Ok(_) => {}
        Err(error) => tracing::error!(%error, "media of earlier processes can't be removed"),
    }
    Ok(())
}

/// How far it had come, for whoever looks at it while it waits. What was under way counts as not sent.
async fn note_progress(app: &App, left: &UploadRecord, record: &Record) {
    let (checkpoint, stored) = (&record.checkpoint, record.checkpoint.stored());
    let phase = if checkpoint.needs_source() { Phase::Transferring } else { Phase::Processing };
    let committed = if checkpoint.needs_source() { 0 } else { checkpoint.total() };
    let progress = Progress { phase, sent: stored, stored, committed, processed: 0 };
    let change = UploadChange::Progress(progress);
    let noted = app.store.uploads().change(&left.key_id, left.upload_id, &change, App::now()).await;
    if let Err(error) = noted {
        tracing::warn!(%error, upload = %left.upload_id, "how far an upload is can't be written down");
    }
}

/// The checkpoints, by the names of their uploads. Who asks has the upload in hand, so nobody drives it; that somebody
/// holds a checkpoint for a moment, because he looks too, says nothing.
async fn checkpoints(app: &App) -> Result<HashMap<String, Option<Record>>, driver::StoreError> {
    let listed = app.driver.uploads().await?;
    Ok(listed.into_iter().map(|listed| (listed.id.as_str().to_owned(), listed.record.ok())).collect())
}

fn spool_id(left: &UploadRecord) -> Option<SpoolId> {
    left.spool_file.as_ref()?.parse().ok()
}

/// Whether nothing but its token is missing. Media that had not come in as a whole has to come again, and then it may be
/// another: such an upload begins anew.
fn can_go_on(app: &App, left: &UploadRecord, checkpoint: Option<&Option<Record>>) -> bool {
    let Some(Some(checkpoint)) = checkpoint else { return false };
    let whole = left.digest.is_some() && spool_id(left).is_some_and(|id| app.spool.has(id));
    left.media_type.is_some() && (whole || !checkpoint.needs_source())
}

/// What is left of it, to go on with; none if it has to begin anew.
async fn kept(app: &Arc<App>, left: &UploadRecord) -> Result<Option<Kept>, Refusal> {
    let checkpoints = checkpoints(app).await.map_err(|error| failing(&error))?;
    let checkpoint = checkpoints.get(&left.upload_id.to_string());
    let (true, Some(Some(record)), Some(media_type)) =
        (can_go_on(app, left, checkpoint), checkpoint, left.media_type.clone())
    else {
        return Ok(None);
    };
    let source = match spool_id(left).filter(|_| record.needs_source()) {
        Some(id) => match reopen(app, id).await {
            Some(source) => Some(Arc::new(source)),
            None => return Ok(None),
        },
        None => None,
    };
    let size = left.size.unwrap_or_else(|| record.checkpoint.total());
    Ok(Some(Kept { source, media_type, size }))
}

async fn reopen(app: &Arc<App>, id: SpoolId) -> Option<SpoolSource> {
    let spool = app.spool.clone();
    // It stays, whatever becomes of this try.
    let opened =
        tokio::task::spawn_blocking(move || spool.reopen(id).inspect(SpoolSource::keep)).await.ok()?;
    opened.inspect_err(|error| tracing::warn!(%error, "kept media can't be opened")).ok()
}

/// Removes the media of an upload that has ended in another process.
pub(super) async fn remove_media(app: &App, left: &UploadRecord) {
    let Some(id) = spool_id(left) else { return };
    let spool = app.spool.clone();
    let removed = tokio::task::spawn_blocking(move || spool.remove(id)).await;
    if let Ok(Err(error)) = removed {
        tracing::warn!(%error, upload = %left.upload_id, "media can't be removed");
    }
}

/// The upload that an earlier process has begun, if it goes on: its order, and what is left of it. One that can't go on is
/// ended. The caller has it in hand.
pub(super) async fn left_of(
    app: &Arc<App>,
    key: &Key,
    upload: UploadId,
) -> Result<Option<(UploadRecord, Kept)>, Refusal> {
    let left = app.store.uploads().get(&key.id, upload).await.map_err(|error| failing(&error))?;
    let Some(left) = left.filter(|left| left.end.is_none()) else { return Ok(None) };
    match kept(app, &left).await? {
        Some(kept) => Ok(Some((left, kept))),
        None => {
            give_up(app, &left, RESTARTED).await;
            Ok(None)
        }
    }
}

/// What brings the token of an upload again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoOn {
    auth_token: String,
    #[serde(default)]
    proxy: Option<String>,
}

/// `POST /uploads/{id}/resume`: an upload that a restart has cut off goes on from its checkpoint. Its media need not come
/// again.
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    Extension(request): Extension<RequestId>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let key = enter_to_begin(&app, &headers).await?;
    check_json(&headers)?;
    let id: UploadId = id.parse().map_err(|_| not_found())?;
    let mut incoming = Incoming::new(&app, &key.id, &headers, body, BODY_MAX)?;
    let mut text = Vec::new();
    while let Some(piece) = incoming.next().await? {
        text.extend_from_slice(&piece);
    }
    // What is wrong with it is not quoted: it holds a token.
    let GoOn { auth_token, proxy } = serde_json::from_slice(&text).map_err(|_| {
        Refusal::bad_request("The body must be {\"auth_token\": …}, with the proxy if there is one")
    })?;
    let (token, proxy) = (Secret::new(auth_token), proxy.map(Secret::new));
    let (_, way) = way(&app, &token, proxy.as_ref())?;
    let going_on = going_on(app.clone(), key, request, id, way);
    respond(&headers, detached(&app, going_on).await?).await
}

/// Takes the upload in hand, and goes on with it.
async fn going_on(
    app: Arc<App>,
    key: Key,
    request: RequestId,
    id: UploadId,
    way: Way,
) -> Result<Started, Refusal> {
    let ended =
        || Refusal::new(StatusCode::CONFLICT, "The upload does not wait for anybody to go on with it");
    if app.uploads.of(&id, &key.id).is_some() {
        return Err(ended());
    }
    if app.store.uploads().get(&key.id, id).await.map_err(|error| failing(&error))?.is_none() {
        return Err(not_found());
    }
    let place = Some(Arc::new(app.places.take(&key)?));
    // The key first, as who asks with it does: so one of the two goes on.
    let claim = Claim::of_left(&app, &key.id, id, request).await?;
    let held = app.uploads.hold(id, &key.id).ok_or_else(ended)?;
    let (left, kept) = left_of(&app, &key, id).await?.ok_or_else(ended)?;
    let (charged, replaying) = (left.request_id, claim.map(Claim::hand_over));
    let order = Order { key: key.id, charged, upload: id, way, alt_text: None, replaying, place };
    Ok(start(&app, order, Coming::Kept(kept), held))
}
