//! The rows of requests with idempotency keys, there and back.

use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::super::error::StoreError;
use super::super::ids::{RequestId, UploadId};
use super::super::keys::KeyId;
use super::super::owner::NOBODY;
use super::super::time::UnixMillis;
use super::super::{ledger, uploads};
use super::{ANSWER_MAX, ANSWER_TTL, Answer, IdempotencyError, IdempotencyKey, Running, StoredAnswer};

/// Who says that a row is theirs.
#[derive(Clone, Copy)]
pub(in crate::store) struct Holder<'a> {
    pub(in crate::store) epoch: i64,
    pub(in crate::store) key: &'a KeyId,
    pub(in crate::store) idem: &'a IdempotencyKey,
    pub(in crate::store) request: RequestId,
}

/// What a row is at this time.
pub(super) enum State {
    Done(StoredAnswer),
    Running(Running),
    Orphaned,
    Expired,
}

impl State {
    pub(super) fn of(
        row: &SqliteRow,
        now: UnixMillis,
        lives: impl FnOnce(i64) -> bool,
    ) -> Result<Self, StoreError> {
        let expired = row.try_get::<i64, _>("expires_at")? <= now.get();
        let done = match (row.try_get::<Option<i64>, _>("status")?, row.try_get("body")?) {
            (Some(status), Some(body)) => {
                let status = status.try_into().map_err(|e| StoreError::damaged("status", e))?;
                Some(Answer { status, body })
            }
            (None, _) | (_, None) => None,
        };
        let upload = column_upload(row)?;
        let running = done.is_none() && lives(row.try_get("epoch")?);
        Ok(match done {
            // No request takes a day, so one that does was forgotten by its caller; but an upload is not done twice
            // because a clock has jumped, or a machine slept.
            _ if expired && !(running && upload.is_some()) => Self::Expired,
            Some(answer) => Self::Done(StoredAnswer {
                answer,
                request_id: column_request(row)?,
                fingerprint: row.try_get("fingerprint")?,
            }),
            None if running => Self::Running(Running {
                since: UnixMillis::new(row.try_get("since")?),
                upload,
                fingerprint: row.try_get("fingerprint")?,
            }),
            None => Self::Orphaned,
        })
    }
}

pub(super) async fn select(
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

pub(super) async fn insert(
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
pub(super) async fn take(
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

pub(super) async fn delete(
    tx: &mut SqliteConnection,
    key: &KeyId,
    idem: &IdempotencyKey,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM idempotency WHERE key_id = $1 AND idem = $2")
        .bind(key.as_str())
        .bind(idem.column())
        .execute(tx)
        .await?;
    Ok(())
}

/// The row, if this request has it and it is not done.
pub(super) async fn held(
    tx: &mut SqliteConnection,
    holder: Holder<'_>,
) -> Result<SqliteRow, IdempotencyError> {
    let Holder { epoch, key, idem, request } = holder;
    let row = select(tx, key, idem).await?.ok_or(IdempotencyError::NotHeld)?;
    let ours = row.try_get::<i64, _>("epoch")? == epoch
        && column_request(&row)? == request
        && row.try_get::<Option<i64>, _>("status")?.is_none();
    if ours { Ok(row) } else { Err(IdempotencyError::NotHeld) }
}

/// Says which upload the request has begun.
pub(in crate::store) async fn attach(
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

pub(in crate::store) async fn finish(
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

pub(in crate::store) async fn abandon(
    tx: &mut SqliteConnection,
    holder: Holder<'_>,
) -> Result<(), StoreError> {
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

pub(super) fn column_request(row: &SqliteRow) -> Result<RequestId, StoreError> {
    RequestId::column(row.try_get("request_id")?)
}

pub(super) fn column_upload(row: &SqliteRow) -> Result<Option<UploadId>, StoreError> {
    row.try_get::<Option<&str>, _>("upload_id")?.map(UploadId::column).transpose()
}
