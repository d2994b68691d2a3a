//! A request that is sent again is not done again (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! [`Idempotency::begin`] is asked before the body is read, [`Idempotency::fingerprint`] once what the body asks for is
//! known. Whoever got [`Begun::Fresh`] or [`Begun::TakenOver`] owns the row until it is finished or abandoned; if its
//! process dies, the next one that asks takes over.

mod key;
mod rows;

use std::time::Duration;

use sqlx::Row as _;

use super::digest::Fingerprint;
use super::error::StoreError;
use super::ids::{RequestId, UploadId};
use super::keys::KeyId;
use super::open::{Store, begin};
use super::owner::NOBODY;
use super::time::UnixMillis;

pub use key::{IDEMPOTENCY_KEY_MAX, IdempotencyKey, InvalidIdempotencyKey};
pub(super) use rows::{Holder, abandon, attach, finish};

use rows::{State, column_request, column_upload, delete, held, insert, select, take};

/// How long an answer is kept at most. X's media ids live that long (its own example of FINALIZE says 86 400 s).
pub const ANSWER_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an answer's body may be, in bytes: the gateway's own are a few hundred.
pub const ANSWER_MAX: usize = 64 * 1024;

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, JSON; up to [`ANSWER_MAX`] bytes.
    pub body: String,
}

/// An answer that can be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// What was answered.
    pub answer: Answer,
    /// To which request.
    pub request_id: RequestId,
    fingerprint: Option<String>,
}

impl StoredAnswer {
    /// Whether it answers this request too.
    ///
    /// # Errors
    /// [`AnotherPayload`] (422) if the key was used for something else.
    pub fn answers(&self, fingerprint: Fingerprint) -> Result<&Answer, AnotherPayload> {
        match &self.fingerprint {
            Some(known) if *known != fingerprint.hex() => Err(AnotherPayload),
            // An answer that came before the body was understood fits any body.
            Some(_) | None => Ok(&self.answer),
        }
    }
}

/// The idempotency key was used for another request (422).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this Idempotency-Key was used for another request: take a new one")]
pub struct AnotherPayload;

/// What becomes of a request with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is the first; it is the caller's to do.
    Fresh,
    /// An earlier one died with its process, or gave it back. It is the caller's to do; if there is an upload, it goes on
    /// from that one, for the money that the request of that one has reserved. Both are this process's now, even if
    /// another that lives had adopted them.
    TakenOver {
        /// The upload that the earlier one had begun, if it has not ended.
        upload: Option<UploadId>,
        /// When that was.
        since: UnixMillis,
    },
    /// An earlier one is under way (409 and `Retry-After`, or 422 if it is [another](Running::another)).
    Running(Running),
    /// It was answered already. Once the body is read, [`StoredAnswer::answers`] says whether it fits.
    Done(StoredAnswer),
}

/// A request under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Since when.
    pub since: UnixMillis,
    /// Its upload, once there is one.
    pub upload: Option<UploadId>,
    fingerprint: Option<String>,
}

impl Running {
    /// Whether it is known to be about something else (422). Before its body was read nobody knows.
    pub fn another(&self, fingerprint: Fingerprint) -> bool {
        self.fingerprint.as_ref().is_some_and(|known| *known != fingerprint.hex())
    }
}

/// A step of a request with an idempotency key can't be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdempotencyError {
    /// The client used the key for another request (422). The row is free again for one that fits.
    #[error(transparent)]
    AnotherPayload(#[from] AnotherPayload),
    /// The row is not this request's: it was never begun, or was given back, or has expired.
    #[error("the idempotency key is not held by this request")]
    NotHeld,
    /// The caller's fault: an answer that is too long.
    #[error("an answer is kept up to {ANSWER_MAX} bytes")]
    AnswerTooLong,
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for IdempotencyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// The requests with idempotency keys.
    pub const fn idempotency(&self) -> Idempotency<'_> {
        Idempotency { store: self }
    }
}

/// The requests with idempotency keys: [`Store::idempotency`]. All are scoped by the API key.
#[derive(Clone, Copy, Debug)]
pub struct Idempotency<'a> {
    store: &'a Store,
}

impl Idempotency<'_> {
    const fn holder<'b>(self, key: &'b KeyId, idem: &'b IdempotencyKey, request: RequestId) -> Holder<'b> {
        Holder { epoch: self.store.owner().epoch(), key, idem, request }
    }

    /// Begins a request, unless it runs or is done. Of any number of callers one gets [`Begun::Fresh`].
    ///
    /// # Errors
    /// If the store fails.
    pub async fn begin(
        self,
        key: &KeyId,
        idem: &IdempotencyKey,
        request: RequestId,
        now: UnixMillis,
    ) -> Result<Begun, StoreError> {
        let owner = self.store.owner();
        let mut writer = self.store.writer().await;
        let mut tx = begin(&mut writer).await?;
        let begun = match select(&mut tx, key, idem).await? {
            Some(row) => match State::of(&row, now, |epoch| owner.lives(epoch))? {
                State::Done(answer) => Begun::Done(answer),
                // The caller asks again, having had no answer.
                State::Running(running) if column_request(&row)? == request => match running.upload {
                    None => Begun::Fresh,
                    upload @ Some(_) => Begun::TakenOver { upload, since: running.since },
                },
                State::Running(running) => Begun::Running(running),
                State::Orphaned => {
                    sqlx::query(
                        "UPDATE idempotency SET request_id = $3, epoch = $4, since = $5, expires_at = $6 \
                         WHERE key_id = $1 AND idem = $2",
                    )
                    .bind(key.as_str())
                    .bind(idem.column())
                    .bind(request.to_string())
                    .bind(owner.epoch())
                    .bind(now.get())
                    .bind(now.plus(ANSWER_TTL).get())
                    .execute(&mut *tx)
                    .await?;
                    let since = UnixMillis::new(row.try_get("since")?);
                    let upload = take(&mut tx, owner.epoch(), key, column_upload(&row)?).await?;
                    Begun::TakenOver { upload, since }
                }
                State::Expired => {
                    delete(&mut tx, key, idem).await?;
                    insert(&mut tx, owner.epoch(), key, idem, request, now).await?;
                    Begun::Fresh
                }
            },
            None => {
                insert(&mut tx, owner.epoch(), key, idem, request, now).await?;
                Begun::Fresh
            }
        };
        tx.commit().await?;
        Ok(begun)
    }

    /// Says what the request asks for, once that is known.
    ///
    /// # Errors
    /// [`AnotherPayload`] if the request that this one took over from asked for something else; the row is given back
    /// then, as it was. [`IdempotencyError::NotHeld`] if it is not the caller's.
    pub async fn fingerprint(
        self,
        key: &KeyId,
        idem: &IdempotencyKey,
        request: RequestId,
        fingerprint: Fingerprint,
    ) -> Result<(), IdempotencyError> {
        let mut writer = self.store.writer().await;
        let mut tx = begin(&mut writer).await?;
        let row = held(&mut tx, self.holder(key, idem, request)).await?;
        match row.try_get::<Option<String>, _>("fingerprint")? {
            Some(known) if known == fingerprint.hex() => Ok(()),
            Some(_) => {
                sqlx::query("UPDATE idempotency SET epoch = $3 WHERE key_id = $1 AND idem = $2")
                    .bind(key.as_str())
                    .bind(idem.column())
                    .bind(NOBODY)
                    .execute(&mut *tx)
                    .await?;
                tx.commit().await?;
                Err(AnotherPayload.into())
            }
            None => {
                sqlx::query("UPDATE idempotency SET fingerprint = $3 WHERE key_id = $1 AND idem = $2")
                    .bind(key.as_str())
                    .bind(idem.column())
                    .bind(fingerprint.hex())
                    .execute(&mut *tx)
                    .await?;
                Ok(tx.commit().await?)
            }
        }
    }

    /// Keeps the answer for `ttl`, at most [`ANSWER_TTL`]; a media id that expires sooner makes it shorter.
    ///
    /// # Errors
    /// [`IdempotencyError::NotHeld`] if the row is not the caller's.
    pub async fn finish(
        self,
        key: &KeyId,
        idem: &IdempotencyKey,
        request: RequestId,
        answer: &Answer,
        ttl: Duration,
        now: UnixMillis,
    ) -> Result<(), IdempotencyError> {
        let mut writer = self.store.writer().await;
        let mut tx = begin(&mut writer).await?;
        finish(&mut tx, self.holder(key, idem, request), answer, ttl, now).await?;
        Ok(tx.commit().await?)
    }

    /// Puts another answer in the place of the one that the same request has kept, or forgets that one: for what is
    /// written down before it is known how it ends, because it must not be done twice.
    ///
    /// # Errors
    /// [`IdempotencyError::NotHeld`] if the answer is not this request's.
    pub async fn amend(
        self,
        key: &KeyId,
        idem: &IdempotencyKey,
        request: RequestId,
        answer: Option<&Answer>,
    ) -> Result<(), IdempotencyError> {
        let holder = self.holder(key, idem, request);
        let mut writer = self.store.writer().await;
        let done = match answer {
            Some(answer) if answer.body.len() > ANSWER_MAX => return Err(IdempotencyError::AnswerTooLong),
            Some(answer) => sqlx::query(
                "UPDATE idempotency SET status = $5, body = $6 \
                 WHERE key_id = $1 AND idem = $2 AND request_id = $3 AND epoch = $4",
            )
            .bind(holder.key.as_str())
            .bind(holder.idem.column())
            .bind(holder.request.to_string())
            .bind(holder.epoch)
            .bind(i64::from(answer.status))
            .bind(&answer.body),
            None => sqlx::query(
                "DELETE FROM idempotency WHERE key_id = $1 AND idem = $2 AND request_id = $3 AND epoch = $4",
            )
            .bind(holder.key.as_str())
            .bind(holder.idem.column())
            .bind(holder.request.to_string())
            .bind(holder.epoch),
        };
        let done = done.execute(&mut *writer).await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(IdempotencyError::NotHeld) }
    }

    /// Takes over the key under which an earlier process has begun this upload, for a request that goes on from it
    /// without saying the key. `None` if there was no key.
    ///
    /// # Errors
    /// [`IdempotencyError::NotHeld`] if a request with that key is under way.
    pub async fn take_over(
        self,
        key: &KeyId,
        upload: UploadId,
        request: RequestId,
    ) -> Result<Option<IdempotencyKey>, IdempotencyError> {
        let owner = self.store.owner();
        let mut writer = self.store.writer().await;
        let mut tx = begin(&mut writer).await?;
        let row =
            sqlx::query("SELECT * FROM idempotency WHERE key_id = $1 AND upload_id = $2 AND status IS NULL")
                .bind(key.as_str())
                .bind(upload.to_string())
                .fetch_optional(&mut *tx)
                .await?;
        let Some(row) = row else { return Ok(None) };
        if owner.lives(row.try_get("epoch")?) {
            return Err(IdempotencyError::NotHeld);
        }
        let idem = IdempotencyKey(row.try_get("idem")?);
        sqlx::query("UPDATE idempotency SET request_id = $3, epoch = $4 WHERE key_id = $1 AND idem = $2")
            .bind(key.as_str())
            .bind(idem.column())
            .bind(request.to_string())
            .bind(owner.epoch())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Some(idem))
    }

    /// Gives up without an answer worth keeping: the next request with this key is a fresh one, or goes on from the upload
    /// of this one if that has not ended. A row that is not the caller's, or is done, stays as it is.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn abandon(
        self,
        key: &KeyId,
        idem: &IdempotencyKey,
        request: RequestId,
    ) -> Result<(), StoreError> {
        let mut writer = self.store.writer().await;
        let mut tx = begin(&mut writer).await?;
        abandon(&mut tx, self.holder(key, idem, request)).await?;
        Ok(tx.commit().await?)
    }

    /// Forgets what has expired, but for the keys of uploads that have not ended. Returns how many.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn sweep(self, now: UnixMillis) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM idempotency WHERE expires_at <= $1 AND NOT (status IS NULL AND upload_id IS NOT NULL \
             AND upload_id IN (SELECT upload_id FROM uploads WHERE phase NOT IN ('succeeded', 'failed')))",
        )
        .bind(now.get())
        .execute(&mut *self.store.writer().await)
        .await?;
        Ok(done.rows_affected())
    }
}
