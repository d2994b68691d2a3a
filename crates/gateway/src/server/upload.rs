//! `POST /twitter/media/upload`.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chunkwise::hyper::ProxyUrl;
use chunkwise_transport::http::Authorizer;
use chunkwise_transport::{Account, Secret};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::access::{enter_to_begin, failing};
use super::body::Incoming;
use super::conduct::{Order, Replaying, conduct};
use super::place::Place;
use super::receive::{self, Received};
use super::running::{Running, Stage, State as Seen};
use super::{App, start};
use crate::answer::{self, Refusal, Uploaded};
use crate::ingest::UploadMedia;
use crate::store::{
    AccountRef, Begun, Fingerprint, IdempotencyKey, Key, KeyId, NewUpload, RequestError, RequestId, UploadId,
};

/// When to ask again for what is under way.
const SOON: Duration = Duration::from_secs(5);

/// How the client wants to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// When it is done.
    Result,
    /// At once (RFC 7240 §4.1).
    Receipt,
}

impl Wanted {
    fn of(headers: &HeaderMap) -> Self {
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
    let idempotency = idempotency_key(&headers)?;
    // What was asked for before is known before the body is read.
    let begun = match &idempotency {
        Some(idem) => {
            let begun = app.store.idempotency().begin(&key.id, idem, request, App::now()).await;
            begun.map_err(|error| failing(&error))?
        }
        None => Begun::Fresh,
    };
    if let Begun::Running { .. } = &begun {
        let mut refusal =
            Refusal::new(StatusCode::CONFLICT, "A request with this Idempotency-Key is under way");
        refusal.retry_after = Some(SOON);
        return Err(refusal);
    }
    // Its process died before it came to an end: it is begun anew, and the money of the first try is given back.
    if let Begun::TakenOver { upload: Some(left), .. } = &begun {
        let left = app.store.uploads().get(&key.id, *left).await.map_err(|error| failing(&error))?;
        if let Some(left) = left.filter(|left| left.end.is_none()) {
            start::give_up(&app.store, &left).await;
        }
    }
    let mut claim = match (&idempotency, &begun) {
        (Some(idem), Begun::Fresh | Begun::TakenOver { .. }) => {
            Some(Claim { app: app.clone(), key: key.id.clone(), idem: idem.clone(), request, held: true })
        }
        (Some(_) | None, _) => None,
    };
    let entered = Entered { app: &app, key: &key, request, headers: &headers, begun: &begun };
    let result = entered.go_on(body, idempotency.as_ref(), claim.as_mut()).await;
    if let (Err(_), Some(claim)) = (&result, &mut claim) {
        claim.give_back().await;
    }
    result
}

/// An idempotency key that this request holds. A client that goes away before there is an upload drops the request: the
/// key is given back then too, so that it may come again.
struct Claim {
    app: Arc<App>,
    key: KeyId,
    idem: IdempotencyKey,
    request: RequestId,
    held: bool,
}

impl Claim {
    async fn give_back(&mut self) {
        if std::mem::take(&mut self.held) {
            abandon(&self.app, &self.key, &self.idem, self.request).await;
        }
    }
}

async fn abandon(app: &App, key: &KeyId, idem: &IdempotencyKey, request: RequestId) {
    if let Err(error) = app.store.idempotency().abandon(key, idem, request).await {
        tracing::error!(%error, "an idempotency key can't be given back");
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // A runtime that ends drops what is spawned at once, so that must not be another claim. The next start of the gateway
        // finds the key then.
        if let (true, Ok(runtime)) = (std::mem::take(&mut self.held), Handle::try_current()) {
            let (app, key, idem, request) =
                (self.app.clone(), self.key.clone(), self.idem.clone(), self.request);
            runtime.spawn(async move { abandon(&app, &key, &idem, request).await });
        }
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Refusal> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().and_then(|value| value.parse().ok());
    let sentence = "Idempotency-Key must have 1 to 255 printable ASCII characters";
    key.map(Some).ok_or_else(|| Refusal::bad_request(sentence))
}

/// A request that may be answered, and what is known of it before its body is read.
struct Entered<'a> {
    app: &'a Arc<App>,
    key: &'a Key,
    request: RequestId,
    headers: &'a HeaderMap,
    begun: &'a Begun,
}

impl Entered<'_> {
    async fn go_on(
        self,
        body: Body,
        idempotency: Option<&IdempotencyKey>,
        claim: Option<&mut Claim>,
    ) -> Result<Response, Refusal> {
        let Self { app, key, request, headers, begun } = self;
        let place = app.places.take(key)?;
        let incoming = Incoming::new(app, &key.id, headers, body)?;
        let (body, data) = receive::body(app, incoming).await?;

        let account = AccountRef::of(&app.pepper, &body.auth_token);
        let authorizer = authorizer(app, &body.auth_token, &account)?;
        let proxy = body.proxy.as_ref().map(proxy).transpose()?;
        let received = match (&body.media, data) {
            (UploadMedia::Data { media_type, .. }, Some((spooled, inspector))) => {
                Some(receive::judged(spooled, inspector, media_type)?)
            }
            (UploadMedia::Url { media_type, .. }, _) => {
                if let Some(media_type) = media_type {
                    receive::media_type(media_type)?;
                }
                None
            }
            (UploadMedia::Data { .. }, None) => return Err(Refusal::internal()),
        };

        let fingerprint = fingerprint(&body.media, received.as_ref(), &account);
        match (begun, idempotency) {
            (Begun::Done(stored), _) => {
                let answer = stored.answers(fingerprint);
                let answer = answer
                    .map_err(|error| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, capitalized(&error)))?;
                let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
                let mut response = answer::json(status, answer.body.clone());
                response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
                return Ok(response);
            }
            (_, Some(idem)) => {
                let told = app.store.idempotency().fingerprint(&key.id, idem, request, fingerprint).await;
                told.map_err(|error| match error {
                    crate::store::IdempotencyError::AnotherPayload(error) => {
                        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, capitalized(&error))
                    }
                    error => failing(&error),
                })?;
            }
            (_, None) => {}
        }

        let replaying = idempotency.map(|idem| Replaying { key: idem.clone(), request });
        let (alt_text, media) = (body.alt_text, body.media);
        let asked = Asked { account, authorizer, proxy, alt_text, media, received, replaying, place };
        let (upload_id, mut watch) = begin(app, key, request, asked).await?;
        if let Some(claim) = claim {
            // It is the upload's now.
            claim.held = false;
        }
        if Wanted::of(headers) == Wanted::Receipt {
            let location = format!("/uploads/{upload_id}");
            let mut response = answer::json(
                StatusCode::ACCEPTED,
                json!({ "status": "accepted", "id": upload_id.to_string(), "location": location })
                    .to_string(),
            );
            if let Ok(location) = HeaderValue::try_from(location) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            response.headers_mut().insert("preference-applied", HeaderValue::from_static("respond-async"));
            return Ok(response);
        }
        // Whoever goes away does not kill it: its task is not this one's.
        Ok(match ended(&mut watch).await {
            Ok(uploaded) => answer::json(StatusCode::OK, uploaded.to_body()),
            // It was written down by the task that ran it: there is nothing to give back.
            Err(refusal) => refusal.into_response(),
        })
    }
}

/// An upload that was asked for, with all that it takes.
pub(super) struct Asked {
    pub(super) account: AccountRef,
    pub(super) authorizer: Arc<dyn Authorizer>,
    pub(super) proxy: Option<ProxyUrl>,
    pub(super) alt_text: Option<String>,
    pub(super) media: UploadMedia,
    pub(super) received: Option<Received>,
    pub(super) replaying: Option<Replaying>,
    pub(super) place: Place,
}

/// What proves to X who uploads.
pub(super) fn authorizer(
    app: &App,
    token: &Secret<String>,
    account: &AccountRef,
) -> Result<Arc<dyn Authorizer>, Refusal> {
    let paced = Account::new(format!("gateway:{}", account.as_str()));
    let authorizer = app.credentials.authorizer(token, paced);
    authorizer.map_err(|error| Refusal::bad_request(error.to_string()))
}

/// Reserves the price, writes the upload down and sets its task going.
pub(super) async fn begin(
    app: &Arc<App>,
    key: &Key,
    request: RequestId,
    asked: Asked,
) -> Result<(UploadId, watch::Receiver<Seen>), Refusal> {
    let Asked { account, authorizer, proxy, alt_text, media, received, replaying, place } = asked;
    let upload = UploadId::new(App::now()).map_err(|error| failing(&error))?;
    let idempotency_key = replaying.as_ref().map(|replaying| replaying.key.clone());
    let new = NewUpload { upload_id: upload, request_id: request, idempotency_key, account };
    app.store.admit(&key.id, &new, app.price(), App::now()).await.map_err(admission_refusal)?;
    let media_type = received.as_ref().map(|received| received.media.media_type.as_str().to_owned());
    let running = Running::new(key.id.clone(), media_type);
    app.uploads.insert(upload, running.clone());
    let key = key.id.clone();
    let order =
        Order { key, request, upload, authorizer, proxy, alt_text, media, received, replaying, place };
    let watch = running.watch();
    app.metrics.began();
    app.work.spawn(conduct(app.clone(), order, running));
    Ok((upload, watch))
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

/// The way to X that a client wants to have gone.
pub(super) fn proxy(url: &Secret<String>) -> Result<ProxyUrl, Refusal> {
    let url = url.expose().parse();
    url.map_err(|_| Refusal::bad_request("proxy must be an http, https, socks5 or socks4 URL"))
}

/// What the request asks for: two with one fingerprint ask for the same.
fn fingerprint(media: &UploadMedia, received: Option<&Received>, account: &AccountRef) -> Fingerprint {
    match (media, received) {
        (UploadMedia::Url { url, media_type }, _) => Fingerprint::of(&[
            b"url",
            url.expose().as_bytes(),
            media_type.as_deref().unwrap_or_default().as_bytes(),
            account.as_str().as_bytes(),
        ]),
        (UploadMedia::Data { media_type, .. }, received) => {
            let digest = received.map(|received| received.spooled.digest.to_string()).unwrap_or_default();
            Fingerprint::of(&[b"data", digest.as_bytes(), media_type.as_bytes(), account.as_str().as_bytes()])
        }
    }
}

fn admission_refusal(error: RequestError) -> Refusal {
    match error {
        RequestError::Ledger(crate::store::LedgerError::InsufficientBalance { .. }) => {
            Refusal::new(StatusCode::PAYMENT_REQUIRED, "The balance of this API key is too low")
        }
        error => failing(&error),
    }
}
