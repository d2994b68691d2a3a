//! `POST /twitter/media/upload`, and what every way to begin an upload has in common.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chunkwise::hyper::ProxyUrl;
use chunkwise_transport::{Account, Secret};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use tokio::sync::watch;

use super::access::{enter_to_begin, failing};
use super::body::{Incoming, check_json};
use super::claim::{Claim, Entry, replayed, under_way};
use super::conduct::{Coming, Order, Way, conduct};
use super::place::Place;
use super::running::{Held, Stage, State as Seen};
use super::{App, kept, receive};
use crate::answer::{self, Refusal, Uploaded};
use crate::ingest::{IngestLimits, UploadMedia};
use crate::store::{AccountRef, Fingerprint, Key, LedgerError, NewUpload, RequestError, RequestId, UploadId};

/// How the client wants to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// When it is done.
    Result,
    /// At once (RFC 7240 §4.1).
    Receipt,
}

impl Wanted {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let prefer = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let asynchronous = prefer.flat_map(|value| value.split(',')).any(|preference| {
            preference.split(';').next().is_some_and(|p| p.trim().eq_ignore_ascii_case("respond-async"))
        });
        if asynchronous { Self::Receipt } else { Self::Result }
    }
}

pub(super) async fn upload(
    State(app): State<Arc<App>>,
    Extension(request): Extension<RequestId>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let key = enter_to_begin(&app, &headers).await?;
    check_json(&headers)?;
    detached(&app, begun(app.clone(), key, request, headers.clone(), body)).await?.answer(&headers).await
}

/// Does what has to be done whoever goes away in the meantime. A connection that is closed in the midst of a body ends the
/// body, and with it what reads it; one that is closed behind its last byte ends nothing.
pub(super) async fn detached<T: Send + 'static>(
    app: &App,
    work: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    let work = app.work.spawn(tracing::Instrument::in_current_span(work));
    work.await.unwrap_or_else(|_| Err(Refusal::internal()))
}

/// Reads the body and begins what it asks for.
async fn begun(
    app: Arc<App>,
    key: Key,
    request: RequestId,
    headers: HeaderMap,
    body: Body,
) -> Result<Beginning, Refusal> {
    let entry = Entry::of(&app, &key.id, request, &headers).await?;
    let asked = asked(&app, &key, &headers, body).await;
    begin_or_give_back(&app, &key, request, entry, asked).await
}

async fn asked(app: &Arc<App>, key: &Key, headers: &HeaderMap, body: Body) -> Result<Asked, Refusal> {
    let place = Arc::new(app.places.take(key)?);
    let incoming = Incoming::new(app, &key.id, headers, body, IngestLimits::default().body)?;
    let (body, data) = receive::body(app, incoming).await?;
    let (account, way) = way(app, &body.auth_token, body.proxy.as_ref())?;
    let coming = match (body.media, data) {
        (UploadMedia::Data { media_type, .. }, Some(complete)) => {
            Coming::Here(receive::judged(complete, &media_type).await?)
        }
        (UploadMedia::Url { url, media_type }, _) => {
            if let Some(media_type) = &media_type {
                receive::media_type(media_type)?;
            }
            Coming::At { url, media_type }
        }
        (UploadMedia::Data { .. }, None) => return Err(Refusal::internal()),
    };
    Ok(Asked { account, way, alt_text: body.alt_text, coming, place })
}

/// An upload that was asked for, with all that it takes.
pub(super) struct Asked {
    pub(super) account: AccountRef,
    pub(super) way: Way,
    pub(super) alt_text: Option<String>,
    pub(super) coming: Coming,
    pub(super) place: Arc<Place>,
}

/// What has come of asking.
pub(super) enum Beginning {
    /// It is under way.
    Started(Started),
    /// It was done before.
    Answered(Response),
}

impl Beginning {
    /// The answer to whoever has asked so.
    pub(super) async fn answer(self, headers: &HeaderMap) -> Result<Response, Refusal> {
        match self {
            Self::Started(started) => respond(headers, started).await,
            Self::Answered(response) => Ok(response),
        }
    }
}

/// An upload under way.
pub(super) struct Started {
    pub(super) upload: UploadId,
    pub(super) watch: watch::Receiver<Seen>,
}

/// What proves to X who uploads, and the way that the client wants to have gone.
pub(super) fn way(
    app: &App,
    token: &Secret<String>,
    proxy: Option<&Secret<String>>,
) -> Result<(AccountRef, Way), Refusal> {
    let account = AccountRef::of(&app.pepper, token);
    let paced = Account::new(format!("gateway:{}", account.as_str()));
    let authorizer = app.credentials.authorizer(token, paced);
    let authorizer = authorizer.map_err(|error| Refusal::bad_request(error.to_string()))?;
    let bad = || Refusal::bad_request("proxy must be an http, https, socks5 or socks4 URL");
    let proxy = proxy.map(|url| url.expose().parse::<ProxyUrl>().map_err(|_| bad())).transpose()?;
    Ok((account, Way { authorizer, proxy }))
}

/// Begins what is asked for. A request that comes to nothing gives its key back, so that it may come again.
pub(super) async fn begin_or_give_back(
    app: &Arc<App>,
    key: &Key,
    request: RequestId,
    mut entry: Entry,
    asked: Result<Asked, Refusal>,
) -> Result<Beginning, Refusal> {
    let begun = match asked {
        Ok(asked) => begin(app, key, request, &mut entry, asked).await,
        Err(refusal) => Err(refusal),
    };
    if begun.is_err() {
        entry.give_back().await;
    }
    begun
}

/// Begins what is asked for, unless it was done before; goes on with it, where an earlier process had begun.
async fn begin(
    app: &Arc<App>,
    key: &Key,
    request: RequestId,
    entry: &mut Entry,
    asked: Asked,
) -> Result<Beginning, Refusal> {
    let Asked { account, way, alt_text, coming, place } = asked;
    let asked_for = fingerprint(&coming, &account);
    let claim = match entry {
        Entry::Answered(stored) => return Ok(Beginning::Answered(replayed(stored, asked_for)?)),
        Entry::Open(claim) => claim,
    };
    let mut left = None;
    if let Some(claim) = claim {
        claim.asks_for(asked_for).await?;
        if let Some(upload) = claim.left() {
            let held = app.uploads.hold(upload, &key.id).ok_or_else(|| under_way(Some(upload)))?;
            left = kept::left_of(app, key, upload).await?.map(|(record, kept)| (record, kept, held));
        }
    }
    let idem = claim.as_ref().map(|claim| claim.idem().clone());
    let (upload, charged, coming, held) = match left {
        Some((record, kept, held)) => (record.upload_id, record.request_id, Coming::Kept(kept), held),
        None => {
            let upload = UploadId::new(App::now()).map_err(|error| failing(&error))?;
            let held = app.uploads.hold(upload, &key.id).ok_or_else(Refusal::internal)?;
            let new = NewUpload { upload_id: upload, request_id: request, idempotency_key: idem, account };
            app.store.admit(&key.id, &new, app.price(), App::now()).await.map_err(admission_refusal)?;
            (upload, request, coming, held)
        }
    };
    let replaying = claim.take().map(Claim::hand_over);
    let place = Some(place);
    let order = Order { key: key.id.clone(), charged, upload, way, alt_text, replaying, place };
    Ok(Beginning::Started(start(app, order, coming, held)))
}

/// Sets its task going.
pub(super) fn start(app: &Arc<App>, order: Order, coming: Coming, held: Held) -> Started {
    let (upload, watch) = (order.upload, held.running.watch());
    app.metrics.began();
    app.work.spawn(tracing::Instrument::in_current_span(conduct(app.clone(), order, coming, held)));
    Started { upload, watch }
}

/// Answers when it is done, or at once, as the client wants. Who goes away does not kill it: its task is not this one's.
pub(super) async fn respond(headers: &HeaderMap, started: Started) -> Result<Response, Refusal> {
    let Started { upload, mut watch } = started;
    match Wanted::of(headers) {
        Wanted::Receipt => Ok(receipt(upload)),
        Wanted::Result => Ok(match ended(&mut watch).await {
            Ok(uploaded) => answer::json(StatusCode::OK, uploaded.to_body()),
            // It was written down by the task that ran it: there is nothing to give back.
            Err(refusal) => refusal.into_response(),
        }),
    }
}

fn receipt(upload: UploadId) -> Response {
    let location = format!("/uploads/{upload}");
    let told = json!({ "status": "accepted", "id": upload.to_string(), "location": location });
    let mut response = answer::json(StatusCode::ACCEPTED, told.to_string());
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().insert("preference-applied", HeaderValue::from_static("respond-async"));
    response
}

/// Waits for the end of an upload.
pub(super) async fn ended(watch: &mut watch::Receiver<Seen>) -> Result<Uploaded, Refusal> {
    let ended = watch.wait_for(|state| matches!(state.stage, Stage::Ended(_))).await;
    match ended.map(|state| state.stage.clone()) {
        Ok(Stage::Ended(result)) => *result,
        Ok(Stage::Receiving | Stage::Uploading(_)) | Err(_) => Err(Refusal::internal()),
    }
}

/// An error as the sentence that a client reads.
pub(super) fn capitalized(error: &impl std::fmt::Display) -> String {
    let sentence = error.to_string();
    let mut characters = sentence.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// What the request asks for: two with one fingerprint ask for the same.
pub(super) fn fingerprint(coming: &Coming, account: &AccountRef) -> Fingerprint {
    let account = account.as_str().as_bytes();
    match coming {
        Coming::At { url, media_type } => Fingerprint::of(&[
            b"url",
            url.expose().as_bytes(),
            media_type.as_deref().unwrap_or_default().as_bytes(),
            account,
        ]),
        Coming::Here(received) => {
            let digest = received.spooled.digest.to_string();
            let media_type = received.media.media_type.as_str();
            Fingerprint::of(&[b"data", digest.as_bytes(), media_type.as_bytes(), account])
        }
        // What has no key is compared with nothing.
        Coming::Arriving(_) | Coming::Kept(_) => Fingerprint::of(&[account]),
    }
}

fn admission_refusal(error: RequestError) -> Refusal {
    match error {
        RequestError::Ledger(LedgerError::InsufficientBalance { .. }) => {
            Refusal::new(StatusCode::PAYMENT_REQUIRED, "The balance of this API key is too low")
        }
        error => failing(&error),
    }
}
