//! The rows of uploads, there and back.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::super::digest::AccountRef;
use super::super::error::StoreError;
use super::super::idempotency::IdempotencyKey;
use super::super::ids::{RequestId, UploadId};
use super::super::keys::KeyId;
use super::super::time::UnixMillis;
use super::{NewUpload, Phase, Progress, UploadChange, UploadEnd, UploadError, UploadRecord};

pub(super) const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Receiving => "receiving",
        Phase::Transferring => "transferring",
        Phase::Processing => "processing",
        Phase::Succeeded => "succeeded",
        Phase::Failed => "failed",
    }
}

fn phase_of(text: &str) -> Result<Phase, StoreError> {
    [Phase::Receiving, Phase::Transferring, Phase::Processing, Phase::Succeeded, Phase::Failed]
        .into_iter()
        .find(|phase| phase_name(*phase) == text)
        .ok_or_else(|| StoreError::damaged("phase", text))
}

pub(in crate::store) async fn insert(
    connection: &mut SqliteConnection,
    epoch: i64,
    key: &KeyId,
    new: &NewUpload,
    now: UnixMillis,
) -> Result<(), UploadError> {
    let made = sqlx::query(
        "INSERT INTO uploads (upload_id, key_id, request_id, idem, epoch, created_at, updated_at, phase, account_ref) \
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(new.upload_id.to_string())
    .bind(key.as_str())
    .bind(new.request_id.to_string())
    .bind(new.idempotency_key.as_ref().map(IdempotencyKey::column))
    .bind(epoch)
    .bind(now.get())
    .bind(phase_name(Phase::Receiving))
    .bind(new.account.as_str())
    .execute(connection)
    .await?;
    if made.rows_affected() == 1 { Ok(()) } else { Err(UploadError::Known) }
}

pub(super) async fn change(
    connection: &mut SqliteConnection,
    epoch: i64,
    key: &KeyId,
    upload: UploadId,
    change: &UploadChange,
    now: UnixMillis,
) -> Result<(), UploadError> {
    // The condition is the same in each; statements are whole, so that the database can keep them prepared.
    let query = match change {
        UploadChange::Media { media_type, media_category, warnings } => sqlx::query(
            "UPDATE uploads SET updated_at = $4, media_type = $5, media_category = $6, warnings = $7 \
             WHERE upload_id = $1 AND key_id = $2 AND epoch = $3 AND phase NOT IN ('succeeded', 'failed')",
        )
        .bind(upload.to_string())
        .bind(key.as_str())
        .bind(epoch)
        .bind(now.get())
        .bind(media_type)
        .bind(media_category)
        .bind(serde_json::Value::from(warnings.as_slice()).to_string()),
        UploadChange::Received { size, digest } => sqlx::query(
            "UPDATE uploads SET updated_at = $4, size = $5, digest = $6 \
             WHERE upload_id = $1 AND key_id = $2 AND epoch = $3 AND phase NOT IN ('succeeded', 'failed')",
        )
        .bind(upload.to_string())
        .bind(key.as_str())
        .bind(epoch)
        .bind(now.get())
        .bind(number(*size)?)
        .bind(digest),
        UploadChange::Spooled(file) => sqlx::query(
            "UPDATE uploads SET updated_at = $4, spool_file = $5 \
             WHERE upload_id = $1 AND key_id = $2 AND epoch = $3 AND phase NOT IN ('succeeded', 'failed')",
        )
        .bind(upload.to_string())
        .bind(key.as_str())
        .bind(epoch)
        .bind(now.get())
        .bind(file),
        UploadChange::Progress(progress) => {
            match progress.phase {
                Phase::Receiving | Phase::Transferring | Phase::Processing => {}
                Phase::Succeeded | Phase::Failed => {
                    return Err(UploadError::BadValue("an end is no progress"));
                }
            }
            if progress.processed > 100 {
                return Err(UploadError::BadValue("more than 100 per cent"));
            }
            sqlx::query(
                "UPDATE uploads SET updated_at = $4, phase = $5, sent = $6, stored = $7, committed = $8, \
                 processed = $9 \
                 WHERE upload_id = $1 AND key_id = $2 AND epoch = $3 AND phase NOT IN ('succeeded', 'failed')",
            )
            .bind(upload.to_string())
            .bind(key.as_str())
            .bind(epoch)
            .bind(now.get())
            .bind(phase_name(progress.phase))
            .bind(number(progress.sent)?)
            .bind(number(progress.stored)?)
            .bind(number(progress.committed)?)
            .bind(i64::from(progress.processed))
        }
    };
    if query.execute(connection).await?.rows_affected() == 1 { Ok(()) } else { Err(UploadError::NotHeld) }
}

fn number(value: u64) -> Result<i64, UploadError> {
    i64::try_from(value).map_err(|_| UploadError::BadValue("a number of bytes beyond 63 bits"))
}

pub(super) async fn get(
    connection: &mut SqliteConnection,
    key: &KeyId,
    upload: UploadId,
) -> Result<Option<UploadRecord>, StoreError> {
    let row = sqlx::query("SELECT * FROM uploads WHERE upload_id = $1 AND key_id = $2")
        .bind(upload.to_string())
        .bind(key.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(record).transpose()
}

pub(super) async fn take(
    connection: &mut SqliteConnection,
    epoch: i64,
    upload: UploadId,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE uploads SET epoch = $2 WHERE upload_id = $1")
        .bind(upload.to_string())
        .bind(epoch)
        .execute(connection)
        .await?;
    Ok(())
}

/// With whose each is.
pub(super) async fn unfinished(
    connection: &mut SqliteConnection,
) -> Result<Vec<(UploadRecord, i64)>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM uploads WHERE phase NOT IN ('succeeded', 'failed') ORDER BY created_at, upload_id",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok((record(row)?, row.try_get("epoch")?))).collect()
}

pub(super) fn record(row: &SqliteRow) -> Result<UploadRecord, StoreError> {
    let bytes = |column: &str| -> Result<u64, StoreError> {
        row.try_get::<i64, _>(column)?.try_into().map_err(|e| StoreError::damaged(column, e))
    };
    let json = |column: &str| -> Result<Option<serde_json::Value>, StoreError> {
        let text = row.try_get::<Option<&str>, _>(column)?;
        text.map(serde_json::from_str).transpose().map_err(|e| StoreError::damaged(column, e))
    };
    let phase = phase_of(row.try_get("phase")?)?;
    let end = match (phase, json("result")?, json("error")?) {
        (Phase::Succeeded, Some(result), None) => Some(UploadEnd::Succeeded(result)),
        (Phase::Failed, None, Some(error)) => Some(UploadEnd::Failed(error)),
        (Phase::Receiving | Phase::Transferring | Phase::Processing, None, None) => None,
        (_, _, _) => return Err(StoreError::damaged("phase", "does not go with result and error")),
    };
    Ok(UploadRecord {
        upload_id: UploadId::column(row.try_get("upload_id")?)?,
        key_id: KeyId::column(row.try_get("key_id")?),
        request_id: RequestId::column(row.try_get("request_id")?)?,
        account: AccountRef::column(row.try_get("account_ref")?),
        created_at: UnixMillis::new(row.try_get("created_at")?),
        updated_at: UnixMillis::new(row.try_get("updated_at")?),
        progress: Progress {
            phase,
            sent: bytes("sent")?,
            stored: bytes("stored")?,
            committed: bytes("committed")?,
            processed: bytes("processed")?.try_into().map_err(|e| StoreError::damaged("processed", e))?,
        },
        media_type: row.try_get("media_type")?,
        media_category: row.try_get("media_category")?,
        size: match row.try_get::<Option<i64>, _>("size")? {
            Some(size) => Some(size.try_into().map_err(|e| StoreError::damaged("size", e))?),
            None => None,
        },
        digest: row.try_get("digest")?,
        spool_file: row.try_get("spool_file")?,
        warnings: serde_json::from_str(row.try_get("warnings")?)
            .map_err(|e| StoreError::damaged("warnings", e))?,
        end,
    })
}
