//! Requests that may come again: the idempotency key that a request holds until there is something that holds it longer.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::runtime::Handle;

use super::App;
use super::access::failing;
use super::upload::capitalized;
use crate::answer::{self, Refusal};
use crate::store::{
    Begun, Fingerprint, IdempotencyError, IdempotencyKey, KeyId, RequestId, StoredAnswer, UploadId,
};

/// When to ask again for what is under way.
const SOON: Duration = Duration::from_secs(5);

/// How a request with an idempotency key stands, or one without.
pub(super) enum Entry {
    /// It is to be done.
    Open(Option<Claim>),
    /// It was answered already.
    Answered(StoredAnswer),
}

/// An idempotency key that a request holds. Who goes away before there is an upload drops it: it is given back then too, so
/// that the request may come again.
pub(super) struct Claim {
    app: Arc<App>,
    key: KeyId,
    idem: IdempotencyKey,
    request: RequestId,
    left: Option<UploadId>,
    held: bool,
}

/// The idempotency key under which the answer of an upload is kept.
pub(super) struct Replaying {
    pub(super) key: IdempotencyKey,
    pub(super) request: RequestId,
}

impl Entry {
    /// Of the request with these headers; known before its body is read.
    pub(super) async fn of(
        app: &Arc<App>,
        key: &KeyId,
        request: RequestId,
        headers: &HeaderMap,
    ) -> Result<Self, Refusal> {
        match idempotency_key(headers)? {
            Some(idem) => Self::with(app, key, request, idem).await,
            None => Ok(Self::Open(None)),
        }
    }

    /// Of a request with this key.
    pub(super) async fn with(
        app: &Arc<App>,
        key: &KeyId,
        request: RequestId,
        idem: IdempotencyKey,
    ) -> Result<Self, Refusal> {
        let begun = app.store.idempotency().begin(key, &idem, request, App::now()).await;
        let left = match begun.map_err(|error| failing(&error))? {
            Begun::Done(stored) => return Ok(Self::Answered(stored)),
            Begun::Running(running) => return Err(under_way(running.upload)),
            Begun::Fresh => None,
            Begun::TakenOver { upload, .. } => upload,
        };
        Ok(Self::Open(Some(Claim { app: app.clone(), key: key.clone(), idem, request, left, held: true })))
    }

    /// The request came to nothing: gives its key back, if it still holds one, so that it may come again.
    pub(super) async fn give_back(self) {
        if let Self::Open(Some(claim)) = self {
            claim.give_back().await;
        }
    }
}

/// A request with this key is being answered; its upload, if there is one yet, can be looked at.
pub(super) fn under_way(upload: Option<UploadId>) -> Refusal {
    let mut refusal = Refusal::new(StatusCode::CONFLICT, "A request with this Idempotency-Key is under way");
    refusal.retry_after = Some(SOON);
    refusal.location = upload.map(|upload| format!("/uploads/{upload}"));
    refusal
}

/// The answer that was given already, if it answers this request too.
pub(super) fn replayed(stored: &StoredAnswer, fingerprint: Fingerprint) -> Result<Response, Refusal> {
    let answer = stored.answers(fingerprint).map_err(|error| another(&error))?;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = answer::json(status, answer.body.clone());
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    Ok(response)
}

fn another(error: &crate::store::AnotherPayload) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, capitalized(error))
}

impl Claim {
    /// The key under which an earlier process has begun this upload, if there was one: whoever asks with it finds the
    /// answer too.
    pub(super) async fn of_left(
        app: &Arc<App>,
        key: &KeyId,
        upload: UploadId,
        request: RequestId,
    ) -> Result<Option<Self>, Refusal> {
        let taken = app.store.idempotency().take_over(key, upload, request).await;
        let idem = taken.map_err(|error| match error {
            IdempotencyError::NotHeld => under_way(Some(upload)),
            error => failing(&error),
        })?;
        let claim =
            |idem| Self { app: app.clone(), key: key.clone(), idem, request, left: Some(upload), held: true };
        Ok(idem.map(claim))
    }

    /// The request that holds it.
    pub(super) const fn request(&self) -> RequestId {
        self.request
    }

    /// The upload that an earlier process has begun for this key, and not ended.
    pub(super) const fn left(&self) -> Option<UploadId> {
        self.left
    }

    /// What it is called.
    pub(super) const fn idem(&self) -> &IdempotencyKey {
        &self.idem
    }

    /// Says what the request asks for, once that is known.
    pub(super) async fn asks_for(&self, fingerprint: Fingerprint) -> Result<(), Refusal> {
        let told = self.app.store.idempotency().fingerprint(&self.key, &self.idem, self.request, fingerprint);
        told.await.map_err(|error| match error {
            IdempotencyError::AnotherPayload(error) => match self.left {
                None => another(&error),
                // Tokens live for two hours, uploads wait for longer.
                Some(left) => {
                    let sentence = format!(
                        "{}; if only the auth_token is another, POST it to /uploads/{left}/resume",
                        capitalized(&error)
                    );
                    let mut refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, sentence);
                    refusal.location = Some(format!("/uploads/{left}"));
                    refusal
                }
            },
            error => failing(&error),
        })
    }

    /// It is an upload's from now on.
    pub(super) fn hand_over(mut self) -> Replaying {
        self.held = false;
        Replaying { key: self.idem.clone(), request: self.request }
    }

    /// Gives the key back, so that the request may come again.
    pub(super) async fn give_back(mut self) {
        self.held = false;
        self.abandon().await;
    }

    async fn abandon(&self) {
        let abandoned = self.app.store.idempotency().abandon(&self.key, &self.idem, self.request).await;
        if let Err(error) = abandoned {
            tracing::error!(%error, "an idempotency key can't be given back");
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // A runtime that ends drops what is spawned at once; the next start of the gateway finds the key then.
        if let (true, Ok(runtime)) = (std::mem::take(&mut self.held), Handle::try_current()) {
            let (app, request, left) = (self.app.clone(), self.request, self.left);
            let claim =
                Self { app, key: self.key.clone(), idem: self.idem.clone(), request, left, held: false };
            runtime.spawn(async move { claim.abandon().await });
        }
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Refusal> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().and_then(|value| value.parse().ok());
    let sentence = "Idempotency-Key must have 1 to 255 printable ASCII characters";
    key.map(Some).ok_or_else(|| Refusal::bad_request(sentence))
}
