//! Uploads: how far each is, and what came of it.
//!
//! No token, URL or proxy has a place here: an account is an [`AccountRef`], and what the caller puts into results,
//! errors and warnings must be such as the client may see.

mod rows;

use sqlx::SqliteConnection;

use super::digest::AccountRef;
use super::error::StoreError;
use super::idempotency::IdempotencyKey;
use super::ids::{RequestId, UploadId};
use super::keys::KeyId;
use super::open::{Store, begin};
use super::time::UnixMillis;

/// How many uploads one listing has at most.
pub const LIST_MAX: u32 = 500;

/// Where an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Its media comes in, from the body or a URL.
    Receiving,
    /// The driver sends it to X.
    Transferring,
    /// X works on it.
    Processing,
    /// It is there.
    Succeeded,
    /// It won't be.
    Failed,
}

/// An upload to be put down.
#[derive(Clone, Debug)]
pub struct NewUpload {
    /// Its name.
    pub upload_id: UploadId,
    /// The request that began it. One request has one upload.
    pub request_id: RequestId,
    /// What its client calls the request.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Whose account it is for.
    pub account: AccountRef,
}

/// What is learnt about an upload on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadChange {
    /// What the media is.
    Media {
        /// `image/png`.
        media_type: String,
        /// `tweet_image`.
        media_category: String,
        /// What X may not like, in sentences for the client.
        warnings: Vec<String>,
    },
    /// All of it is here.
    Received {
        /// In bytes.
        size: u64,
        /// Of all of it, in hex.
        digest: String,
    },
    /// In which file of the spool it is, so that it can be gone on with after a restart.
    Spooled(String),
    /// How far it is.
    Progress(Progress),
}

/// How far an upload is; the four numbers of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Where it is: not an end, which [`Uploads::finish`] tells.
    pub phase: Phase,
    /// Bytes handed to the wire at least once.
    pub sent: u64,
    /// Bytes that X acknowledged.
    pub stored: u64,
    /// Bytes of the finalized object.
    pub committed: u64,
    /// How far X's processing is, in per cent.
    pub processed: u8,
}

/// What came of an upload. Both are JSON that the client may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadEnd {
    /// It is there: the answer's `data`.
    Succeeded(serde_json::Value),
    /// It is not, and why.
    Failed(serde_json::Value),
}

/// An upload as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRecord {
    /// Its name.
    pub upload_id: UploadId,
    /// Whose key began it.
    pub key_id: KeyId,
    /// The request that began it.
    pub request_id: RequestId,
    /// Whose account it is for.
    pub account: AccountRef,
    /// When it was begun.
    pub created_at: UnixMillis,
    /// When anything of this was last changed.
    pub updated_at: UnixMillis,
    /// How far it is.
    pub progress: Progress,
    /// What the media is, once known.
    pub media_type: Option<String>,
    /// What X is told that it is for.
    pub media_category: Option<String>,
    /// In bytes, once known.
    pub size: Option<u64>,
    /// Of all of it, in hex.
    pub digest: Option<String>,
    /// In which file of the spool it is; `None` once it has ended.
    pub spool_file: Option<String>,
    /// What X may not like.
    pub warnings: Vec<String>,
    /// What came of it.
    pub end: Option<UploadEnd>,
}

/// A step of an upload can't be taken. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// The caller's fault: the name or the request is taken.
    #[error("this upload, or an upload of this request, is known already")]
    Known,
    /// It is not this process's to change: unknown, another key's, taken over, or at its end.
    #[error("there is no such upload under way here")]
    NotHeld,
    /// The caller's fault: a number that can't be kept, or an end given as progress.
    #[error("this can't be kept: {0}")]
    BadValue(&'static str),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for UploadError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// The uploads.
    pub const fn uploads(&self) -> Uploads<'_> {
        Uploads { store: self }
    }
}

/// The uploads of a store: [`Store::uploads`].
#[derive(Clone, Copy, Debug)]
pub struct Uploads<'a> {
    store: &'a Store,
}

impl Uploads<'_> {
    /// Puts an upload down, receiving.
    ///
    /// # Errors
    /// [`UploadError::Known`] if there is one of this name or of this request.
    pub async fn insert(self, key: &KeyId, new: &NewUpload, now: UnixMillis) -> Result<(), UploadError> {
        let mut writer = self.store.writer().await;
        rows::insert(&mut writer, self.store.owner().epoch(), key, new, now).await
    }

    /// Puts down what was learnt. Each call waits for the disk: the caller limits how often progress is told.
    ///
    /// # Errors
    /// [`UploadError::NotHeld`] if it is not under way in this process.
    pub async fn change(
        self,
        key: &KeyId,
        upload: UploadId,
        change: &UploadChange,
        now: UnixMillis,
    ) -> Result<(), UploadError> {
        let mut writer = self.store.writer().await;
        rows::change(&mut writer, self.store.owner().epoch(), key, upload, change, now).await
    }

    /// Puts down how it ended, and that its spool file is not needed any more. The same end told again is no error.
    ///
    /// # Errors
    /// [`UploadError::NotHeld`] if it is not under way in this process.
    pub async fn finish(
        self,
        key: &KeyId,
        upload: UploadId,
        end: &UploadEnd,
        now: UnixMillis,
    ) -> Result<(), UploadError> {
        let mut writer = self.store.writer().await;
        let mut tx = begin(&mut writer).await?;
        finish(&mut tx, self.store.owner().epoch(), key, upload, end, now).await?;
        Ok(tx.commit().await?)
    }

    /// One upload, if it is this key's.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn get(self, key: &KeyId, upload: UploadId) -> Result<Option<UploadRecord>, StoreError> {
        let mut reader = self.store.readers().acquire().await?;
        rows::get(&mut reader, key, upload).await
    }

    /// The newest uploads of a key, newest first; up to [`LIST_MAX`].
    ///
    /// # Errors
    /// If the store fails.
    pub async fn recent(self, key: &KeyId, limit: u32) -> Result<Vec<UploadRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM uploads WHERE key_id = $1 ORDER BY created_at DESC, upload_id DESC LIMIT $2",
        )
        .bind(key.as_str())
        .bind(i64::from(limit.min(LIST_MAX)))
        .fetch_all(self.store.readers())
        .await?;
        rows.iter().map(rows::record).collect()
    }

    /// Every upload that has not ended, of whatever key and process, oldest first.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn unfinished(self) -> Result<Vec<UploadRecord>, StoreError> {
        let mut reader = self.store.readers().acquire().await?;
        Ok(rows::unfinished(&mut reader).await?.into_iter().map(|(record, _)| record).collect())
    }

    /// Takes over the uploads that dead processes have left, oldest first; each is given to one caller only. To be
    /// called when a process starts. An upload whose client has to bring its token again stays unfinished until it
    /// does, or until the caller ends it.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn adopt_unfinished(self) -> Result<Vec<UploadRecord>, StoreError> {
        let owner = self.store.owner();
        let mut writer = self.store.writer().await;
        let mut tx = begin(&mut writer).await?;
        let mut adopted = Vec::new();
        for (record, epoch) in rows::unfinished(&mut tx).await? {
            if owner.lives(epoch) {
                continue;
            }
            rows::take(&mut tx, owner.epoch(), record.upload_id).await?;
            adopted.push(record);
        }
        tx.commit().await?;
        Ok(adopted)
    }

    /// Forgets the uploads that ended and were last changed before this time. Returns how many.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn sweep(self, older_than: UnixMillis) -> Result<u64, StoreError> {
        let done =
            sqlx::query("DELETE FROM uploads WHERE phase IN ('succeeded', 'failed') AND updated_at < $1")
                .bind(older_than.get())
                .execute(&mut *self.store.writer().await)
                .await?;
        Ok(done.rows_affected())
    }
}

pub(super) use rows::insert;

/// Takes an upload over, whoever has it, if it has not ended; within the caller's transaction. Returns the request that
/// began it.
pub(super) async fn take(
    tx: &mut SqliteConnection,
    epoch: i64,
    key: &KeyId,
    upload: UploadId,
) -> Result<Option<RequestId>, StoreError> {
    match rows::get(tx, key, upload).await? {
        Some(record) if record.end.is_none() => {
            rows::take(tx, epoch, upload).await?;
            Ok(Some(record.request_id))
        }
        Some(_) | None => Ok(None),
    }
}

/// Within the caller's transaction.
pub(super) async fn finish(
    tx: &mut SqliteConnection,
    epoch: i64,
    key: &KeyId,
    upload: UploadId,
    end: &UploadEnd,
    now: UnixMillis,
) -> Result<(), UploadError> {
    let (phase, result, error) = match end {
        UploadEnd::Succeeded(result) => (Phase::Succeeded, Some(result.to_string()), None),
        UploadEnd::Failed(error) => (Phase::Failed, None, Some(error.to_string())),
    };
    let done = sqlx::query(
        "UPDATE uploads SET phase = $4, result = $5, error = $6, spool_file = NULL, updated_at = $7 \
         WHERE upload_id = $1 AND key_id = $2 AND epoch = $3 AND phase NOT IN ('succeeded', 'failed')",
    )
    .bind(upload.to_string())
    .bind(key.as_str())
    .bind(epoch)
    .bind(rows::phase_name(phase))
    .bind(result)
    .bind(error)
    .bind(now.get())
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    match rows::get(tx, key, upload).await? {
        Some(record) if record.end.as_ref() == Some(end) => Ok(()),
        Some(_) | None => Err(UploadError::NotHeld),
    }
}
