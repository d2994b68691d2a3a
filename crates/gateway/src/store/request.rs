//! What a request writes, as a whole: the money, the upload and the answer that is kept are of one transaction, so that
//! no crash leaves one without the others. A client that was charged finds its answer; one that finds none was not.

use std::time::Duration;

use super::error::StoreError;
use super::idempotency::{self, Answer, Holder, IdempotencyError, IdempotencyKey};
use super::ids::{RequestId, UploadId};
use super::keys::KeyId;
use super::ledger::{self, Charge, LedgerError, Written};
use super::money::MicroDollars;
use super::open::{Store, begin};
use super::time::UnixMillis;
use super::uploads::{self, NewUpload, UploadEnd, UploadError};

/// What becomes of the money that a request has reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It is charged, but no more than was reserved.
    Settle(Charge),
    /// It is free again; why, in a word.
    Refund(String),
}

/// What becomes of a request's idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// Whoever asks again gets this, for as long.
    Keep(Answer, Duration),
    /// Whoever asks again has it done anew.
    Forget,
}

/// The end of a request.
#[derive(Clone, Debug)]
pub struct Conclusion<'a> {
    /// Whose.
    pub key: &'a KeyId,
    /// Whose money it is: the request that reserved, which is an earlier one if this one has gone on from it.
    pub charged: RequestId,
    /// What becomes of the money.
    pub resolution: &'a Resolution,
    /// The upload and how it ended.
    pub upload: (UploadId, &'a UploadEnd),
    /// The key, the request that holds it now, and what becomes of it.
    pub replay: Option<(&'a IdempotencyKey, RequestId, &'a Replay)>,
}

/// A request can't be begun or ended so. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// For the ledger's sake.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// For the idempotency key's sake.
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    /// For the upload's sake.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RequestError {
    /// Whether the store fails, which may pass, and not what was to be written.
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Store(_)
                | Self::Ledger(LedgerError::Store(_))
                | Self::Idempotency(IdempotencyError::Store(_))
                | Self::Upload(UploadError::Store(_))
        )
    }
}

impl Store {
    /// Begins an upload: reserves its price, puts it down and ties it to the idempotency key, if there is one.
    ///
    /// # Errors
    /// [`LedgerError::InsufficientBalance`] above all; then there is no upload either.
    pub async fn admit(
        &self,
        key: &KeyId,
        upload: &NewUpload,
        price: MicroDollars,
        now: UnixMillis,
    ) -> Result<(), RequestError> {
        let epoch = self.owner().epoch();
        let request = upload.request_id;
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        ledger::reserve(&mut tx, epoch, key, request, price, now).await?;
        uploads::insert(&mut tx, epoch, key, upload, now).await?;
        if let Some(idem) = &upload.idempotency_key {
            let holder = Holder { epoch, key, idem, request };
            idempotency::attach(&mut tx, holder, upload.upload_id).await?;
        }
        Ok(tx.commit().await.map_err(StoreError::from)?)
    }

    /// Ends an upload: the money, the upload and the answer. Told again, it says [`Written::Before`].
    ///
    /// # Errors
    /// If any part of it can't be.
    pub async fn conclude(
        &self,
        conclusion: &Conclusion<'_>,
        now: UnixMillis,
    ) -> Result<Written, RequestError> {
        let epoch = self.owner().epoch();
        let Conclusion { key, charged, resolution, upload: (upload, end), replay } = *conclusion;
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        let written = match resolution {
            Resolution::Settle(charge) => {
                // The price may have risen since.
                let reserved = ledger::reserved(&mut tx, charged).await?;
                let amount = reserved.map_or(charge.amount, |reserved| reserved.min(charge.amount));
                let charge = Charge { amount, ..charge.clone() };
                ledger::settle(&mut tx, epoch, key, charged, &charge, now).await?
            }
            Resolution::Refund(outcome) => ledger::refund(&mut tx, epoch, key, charged, outcome, now).await?,
        };
        uploads::finish(&mut tx, epoch, key, upload, end, now).await?;
        if let Some((idem, request, replay)) = replay {
            let holder = Holder { epoch, key, idem, request };
            match replay {
                Replay::Keep(answer, ttl) => idempotency::finish(&mut tx, holder, answer, *ttl, now).await?,
                Replay::Forget => idempotency::abandon(&mut tx, holder).await?,
            }
        }
        tx.commit().await.map_err(StoreError::from)?;
        Ok(written)
    }
}
