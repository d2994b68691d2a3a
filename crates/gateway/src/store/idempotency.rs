//! A request that is sent again is not done again (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! [`Idempotency::begin`] is asked before the body is read, [`Idempotency::fingerprint`] once what the body asks for is
//! known. Whoever got [`Begun::Fresh`] or [`Begun::TakenOver`] owns the row until it is finished or abandoned; if its
//! process dies, the next one that asks takes over.

use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::digest::{Fingerprint, hex, sha256};
use super::error::StoreError;
use super::ids::{RequestId, UploadId};
use super::keys::KeyId;
use super::ledger;
use super::open::{Store, begin};
use super::owner::NOBODY;
use super::time::UnixMillis;
use super::uploads;

/// How long an answer is kept at most. X's media ids live that long (its own example of FINALIZE says 86 400 s).
pub const ANSWER_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an idempotency key may be, in characters. The draft leaves it to the service; a UUID has 36.
pub const IDEMPOTENCY_KEY_MAX: usize = 255;

/// How long an answer's body may be, in bytes: the gateway's own are a few hundred.
pub const ANSWER_MAX: usize = 64 * 1024;

/// What a client calls a request that it may send again. Kept as its SHA-256: clients put all sorts of things there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    pub(super) fn column(&self) -> &str {
        &self.0
    }

    /// The key of a part of what this key names: of a post's first medium, its second. No client can name it.
    #[must_use]
    pub fn part(&self, number: usize) -> Self {
        Self(hex(&sha256(format!("{}\n{number}", self.0).as_bytes())))
    }
}

/// This is no idempotency key (400).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an Idempotency-Key has 1 to {IDEMPOTENCY_KEY_MAX} printable ASCII characters")]
pub struct InvalidIdempotencyKey;

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    /// Reads the header's value: a string in quotes, as the draft has it (RFC 8941 §3.3.3), or bare, as most clients
    /// send it. `"a"` and `a` are the same.
    fn from_str(value: &str) -> Result<Self, InvalidIdempotencyKey> {
        let value = value.trim_matches([' ', '\t']);
        let text = match value.strip_prefix('"') {
            None => value.to_owned(),
            Some(rest) => unquote(rest).ok_or(InvalidIdempotencyKey)?,
        };
        let fits = (1..=IDEMPOTENCY_KEY_MAX).contains(&text.len())
            && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if fits { Ok(Self(hex(&sha256(text.as_bytes())))) } else { Err(InvalidIdempotencyKey) }
    }
}

/// What is between the quotes, of which the first is gone already.
fn unquote(rest: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(text),
            '\\' => text.push(characters.next().filter(|c| matches!(c, '"' | '\\'))?),
            other => text.push(other),
        }
    }
}

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

    /// Forgets what has expired. Returns how many.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn sweep(self, now: UnixMillis) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM idempotency WHERE expires_at <= $1")
            .bind(now.get())
            .execute(&mut *self.store.writer().await)
            .await?;
        Ok(done.rows_affected())
    }
}

/// Who says that a row is theirs.
#[derive(Clone, Copy)]
pub(super) struct Holder<'a> {
    pub(super) epoch: i64,
    pub(super) key: &'a KeyId,
    pub(super) idem: &'a IdempotencyKey,
    pub(super) request: RequestId,
}

/// What a row is at this time.
enum State {
    Done(StoredAnswer),
    Running(Running),
    Orphaned,
    Expired,
}

impl State {
    fn of(row: &SqliteRow, now: UnixMillis, lives: impl FnOnce(i64) -> bool) -> Result<Self, StoreError> {
        let expired = row.try_get::<i64, _>("expires_at")? <= now.get();
        let done = match (row.try_get::<Option<i64>, _>("status")?, row.try_get("body")?) {
            (Some(status), Some(body)) => {
                let status = status.try_into().map_err(|e| StoreError::damaged("status", e))?;
                Some(Answer { status, body })
            }
            (None, _) | (_, None) => None,
        };
        Ok(match done {
            // However it stands: no request takes a day, so one that does was forgotten by its caller.
            _ if expired => Self::Expired,
            Some(answer) => Self::Done(StoredAnswer {
                answer,
                request_id: column_request(row)?,
                fingerprint: row.try_get("fingerprint")?,
            }),
            None if lives(row.try_get("epoch")?) => Self::Running(Running {
                since: UnixMillis::new(row.try_get("since")?),
                upload: column_upload(row)?,
                fingerprint: row.try_get("fingerprint")?,
            }),
            None => Self::Orphaned,
        })
    }
}

async fn select(
    tx: &mut SqliteConnection,
    key: &KeyId,
    idem: &IdempotencyKey,
) -> Result<Option<SqliteRow>, StoreError> {
    Ok(sqlx::query("SELECT * FROM idempotency WHERE key_id = $1 AND idem = $2")
        .bind(key.as_str())
        .bind(idem.column())
        .fetch_optional(tx)
        .await?)
}

async fn insert(
    tx: &mut SqliteConnection,
    epoch: i64,
    key: &KeyId,
    idem: &IdempotencyKey,
    request: RequestId,
    now: UnixMillis,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO idempotency (key_id, idem, request_id, epoch, since, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(key.as_str())
    .bind(idem.column())
    .bind(request.to_string())
    .bind(epoch)
    .bind(now.get())
    .bind(now.plus(ANSWER_TTL).get())
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes over what an earlier request has begun: the upload and the money that is reserved for it.
async fn take(
    tx: &mut SqliteConnection,
    epoch: i64,
    key: &KeyId,
    upload: Option<UploadId>,
) -> Result<Option<UploadId>, StoreError> {
    let Some(upload) = upload else { return Ok(None) };
    let Some(request) = uploads::take(tx, epoch, key, upload).await? else { return Ok(None) };
    ledger::take(tx, epoch, request).await?;
    Ok(Some(upload))
}

async fn delete(tx: &mut SqliteConnection, key: &KeyId, idem: &IdempotencyKey) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM idempotency WHERE key_id = $1 AND idem = $2")
        .bind(key.as_str())
        .bind(idem.column())
        .execute(tx)
        .await?;
    Ok(())
}

/// The row, if this request has it and it is not done.
async fn held(tx: &mut SqliteConnection, holder: Holder<'_>) -> Result<SqliteRow, IdempotencyError> {
    let Holder { epoch, key, idem, request } = holder;
    let row = select(tx, key, idem).await?.ok_or(IdempotencyError::NotHeld)?;
    let ours = row.try_get::<i64, _>("epoch")? == epoch
        && column_request(&row)? == request
        && row.try_get::<Option<i64>, _>("status")?.is_none();
    if ours { Ok(row) } else { Err(IdempotencyError::NotHeld) }
}

/// Says which upload the request has begun.
pub(super) async fn attach(
    tx: &mut SqliteConnection,
    holder: Holder<'_>,
    upload: UploadId,
) -> Result<(), IdempotencyError> {
    held(tx, holder).await?;
    sqlx::query("UPDATE idempotency SET upload_id = $3 WHERE key_id = $1 AND idem = $2")
        .bind(holder.key.as_str())
        .bind(holder.idem.column())
        .bind(upload.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn finish(
    tx: &mut SqliteConnection,
    holder: Holder<'_>,
    answer: &Answer,
    ttl: Duration,
    now: UnixMillis,
) -> Result<(), IdempotencyError> {
    if answer.body.len() > ANSWER_MAX {
        return Err(IdempotencyError::AnswerTooLong);
    }
    let row = select(tx, holder.key, holder.idem).await?.ok_or(IdempotencyError::NotHeld)?;
    let same = row.try_get::<Option<i64>, _>("status")? == Some(i64::from(answer.status))
        && row.try_get::<Option<String>, _>("body")?.as_ref() == Some(&answer.body);
    if same && column_request(&row)? == holder.request {
        return Ok(());
    }
    held(tx, holder).await?;
    sqlx::query(
        "UPDATE idempotency SET status = $3, body = $4, expires_at = $5 WHERE key_id = $1 AND idem = $2",
    )
    .bind(holder.key.as_str())
    .bind(holder.idem.column())
    .bind(i64::from(answer.status))
    .bind(&answer.body)
    .bind(now.plus(ttl.min(ANSWER_TTL)).get())
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn abandon(tx: &mut SqliteConnection, holder: Holder<'_>) -> Result<(), StoreError> {
    // What has not ended is gone on with by whoever asks next.
    sqlx::query(
        "UPDATE idempotency SET epoch = $5 \
         WHERE key_id = $1 AND idem = $2 AND request_id = $3 AND epoch = $4 AND status IS NULL \
         AND upload_id IN (SELECT upload_id FROM uploads WHERE phase NOT IN ('succeeded', 'failed'))",
    )
    .bind(holder.key.as_str())
    .bind(holder.idem.column())
    .bind(holder.request.to_string())
    .bind(holder.epoch)
    .bind(NOBODY)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "DELETE FROM idempotency \
         WHERE key_id = $1 AND idem = $2 AND request_id = $3 AND epoch = $4 AND status IS NULL",
    )
    .bind(holder.key.as_str())
    .bind(holder.idem.column())
    .bind(holder.request.to_string())
    .bind(holder.epoch)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

fn column_request(row: &SqliteRow) -> Result<RequestId, StoreError> {
    RequestId::column(row.try_get("request_id")?)
}

fn column_upload(row: &SqliteRow) -> Result<Option<UploadId>, StoreError> {
    row.try_get::<Option<&str>, _>("upload_id")?.map(UploadId::column).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_with_and_without_quotes() {
        let key = |text: &str| text.parse::<IdempotencyKey>();
        assert_eq!(key("8e03978e-40d5-43dd"), key(" \"8e03978e-40d5-43dd\" "));
        assert_eq!(key(r#""a\"b\\""#), key(r#"a"b\"#));
        assert_ne!(key("a"), key("b"));
        for text in ["", "  ", "\"\"", "\"a", "\"a\"b", r#""\x""#, "ä", "a\u{7}", &"x".repeat(256)] {
            assert_eq!(key(text), Err(InvalidIdempotencyKey), "{text:?}");
        }
        assert!(key(&"x".repeat(255)).is_ok());
    }
}
