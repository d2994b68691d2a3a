//! `POST /twitter/media/upload`.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use chunkwise_transport::{Account, Secret};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;

use super::access::{authenticate, failing};
use super::body::{Incoming, check_json};
use super::conduct::{Order, Replaying, conduct};
use super::running::{Running, Stage};
use super::{App, receive};
use crate::answer::{self, Refusal};
use crate::ingest::{IngestLimits, UploadMedia};
use crate::store::{
    AccountRef, Begun, Fingerprint, IdempotencyKey, Key, NewUpload, RequestError, RequestId, UploadId,
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
    let key = authenticate(&app.store, &headers, App::now()).await?;
    app.rates.request(&key)?;
    if app.stopping.is_cancelled() {
        return Err(Refusal::unavailable("The gateway is stopping; ask again"));
    }
    check_json(&headers)?;
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
    let result = entered(app.clone(), &key, request, &headers, body, idempotency.as_ref(), &begun).await;
    if result.is_err()
        && let Some(idem) = &idempotency
        && !matches!(begun, Begun::Done(_))
        && let Err(error) = app.store.idempotency().abandon(&key.id, idem, request).await
    {
        tracing::error!(%error, "an idempotency key can't be given back");
    }
    result
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Refusal> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().and_then(|value| value.parse().ok());
    let sentence = "Idempotency-Key must have 1 to 255 printable ASCII characters";
    key.map(Some).ok_or_else(|| Refusal::bad_request(sentence))
}

async fn entered(
    app: Arc<App>,
    key: &Key,
    request: RequestId,
    headers: &HeaderMap,
    body: Body,
    idempotency: Option<&IdempotencyKey>,
    begun: &Begun,
) -> Result<Response, Refusal> {
    if app.uploads.count(&key.id) >= key.limits.uploads_at_once as usize {
        return Err(Refusal::too_many(SOON));
    }
    let busy = || Refusal::unavailable("Too many uploads are under way; ask again");
    let place = app.places.clone().try_acquire_owned().map_err(|_| busy())?;
    let limits = IngestLimits::default();
    let incoming = Incoming::new(headers, body, limits.body, app.settings.caps.idle())?;
    let (body, data) = receive::body(&app, incoming).await?;

    let account = AccountRef::of(&app.pepper, &body.auth_token);
    let paced = Account::new(format!("gateway:{}", account.as_str()));
    let authorizer = app.credentials.authorizer(&body.auth_token, paced);
    let authorizer = authorizer.map_err(|error| Refusal::bad_request(error.to_string()))?;
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
            let answer = answer.map_err(|error| {
                Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, capitalized(&error.to_string()))
            })?;
            let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
            let mut response = answer::json(status, answer.body.clone());
            response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
            return Ok(response);
        }
        (_, Some(idem)) => {
            let told = app.store.idempotency().fingerprint(&key.id, idem, request, fingerprint).await;
            told.map_err(|error| match error {
                crate::store::IdempotencyError::AnotherPayload(error) => {
                    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, capitalized(&error.to_string()))
                }
                error => failing(&error),
            })?;
        }
        (_, None) => {}
    }

    let upload_id = UploadId::new(App::now()).map_err(|error| failing(&error))?;
    let new = NewUpload { upload_id, request_id: request, idempotency_key: idempotency.cloned(), account };
    let price = app.price();
    app.store.admit(&key.id, &new, price, App::now()).await.map_err(admission_refusal)?;
    let running =
        Running::new(key.id.clone(), received.as_ref().map(|r| r.media.media_type.as_str().to_owned()));
    app.uploads.insert(upload_id, running.clone());
    let replaying = idempotency.map(|idem| Replaying { key: idem.clone(), request });
    let order = Order {
        key: key.id.clone(),
        request,
        upload: upload_id,
        authorizer,
        proxy,
        alt_text: body.alt_text,
        media: body.media,
        received,
        replaying,
        place,
    };
    let mut watch = running.watch();
    app.metrics.began();
    app.work.spawn(conduct(app.clone(), order, running));
    if Wanted::of(headers) == Wanted::Receipt {
        let location = format!("/uploads/{upload_id}");
        let mut response = answer::json(
            StatusCode::ACCEPTED,
            json!({ "status": "accepted", "id": upload_id.to_string(), "location": location }).to_string(),
        );
        if let Ok(location) = HeaderValue::try_from(location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response.headers_mut().insert("preference-applied", HeaderValue::from_static("respond-async"));
        return Ok(response);
    }
    // Whoever goes away does not kill it: its task is not this one's.
    let ended = watch.wait_for(|state| matches!(state.stage, Stage::Ended(_))).await;
    match ended.map(|state| state.stage.clone()) {
        Ok(Stage::Ended(result)) => match *result {
            Ok(uploaded) => Ok(answer::json(StatusCode::OK, uploaded.to_body())),
            // It was written down by the task that ran it: there is nothing to give back.
            Err(refusal) => Ok(axum::response::IntoResponse::into_response(refusal)),
        },
        Ok(_) | Err(_) => Ok(axum::response::IntoResponse::into_response(Refusal::internal())),
    }
}

fn capitalized(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

fn proxy(url: &Secret<String>) -> Result<chunkwise::hyper::ProxyUrl, Refusal> {
    let url = url.expose().parse();
    url.map_err(|_| Refusal::bad_request("proxy must be an http, https, socks5 or socks4 URL"))
}

/// What the request asks for: two with one fingerprint ask for the same.
fn fingerprint(
    media: &UploadMedia,
    received: Option<&receive::Received>,
    account: &AccountRef,
) -> Fingerprint {
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
