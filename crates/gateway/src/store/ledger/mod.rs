//! What is charged: reserve before the work, settle or refund after it.
//!
//! ```text
//! reserve ──┬─► settle    the upload is there: this is charged
//!           └─► refund    it is not: nothing is
//! ```
//!
//! Every step may be repeated (whoever got no answer, or died, asks again) and counts once. Settle and refund exclude
//! each other. Entries are added and never changed; sums are kept beside them in the same transaction, and
//! [`Ledger::recount`] adds up anew.

mod entries;

use std::ops::Range;

use sqlx::{Row, SqliteConnection};

use super::error::StoreError;
use super::ids::RequestId;
use super::keys::{Billing, KeyId};
use super::money::MicroDollars;
use super::open::{Store, begin};
use super::time::UnixMillis;
use entries::{Entry, Kind, Standing, add, standing};

/// What a finished upload costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// At most what was reserved; the rest is free again.
    pub amount: MicroDollars,
    /// The media's size, in bytes; for the usage only.
    pub bytes: u64,
    /// X's id of the media.
    pub media_id: String,
}

/// Whether a step was taken by this call or by an earlier one. Either way it counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// By this one.
    Now,
    /// By an earlier one.
    Before,
}

/// What a key has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// All that was ever credited.
    pub credited: MicroDollars,
    /// All that was ever charged.
    pub settled: MicroDollars,
    /// What is held for uploads under way.
    pub reserved: MicroDollars,
}

impl Balance {
    /// What is free: credited, less settled, less reserved. `None` if that can't be held in 64 bits.
    pub const fn available(self) -> Option<MicroDollars> {
        match self.credited.checked_sub(self.settled) {
            Some(rest) => rest.checked_sub(self.reserved),
            None => None,
        }
    }
}

/// A number of requests and their money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// How much.
    pub amount: MicroDollars,
}

/// What a key did in a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// What it was given.
    pub credited: Tally,
    /// Uploads that were begun.
    pub reserved: Tally,
    /// Uploads that were charged.
    pub settled: Tally,
    /// Uploads that were not.
    pub refunded: Tally,
    /// Media bytes of the charged ones.
    pub bytes: u64,
}

/// What was reserved and neither settled nor refunded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenReservation {
    /// For this request.
    pub request_id: RequestId,
    /// By this key.
    pub key_id: KeyId,
    /// How much.
    pub amount: MicroDollars,
    /// Since when.
    pub at: UnixMillis,
}

/// A step of the ledger can't be taken. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The client has to pay first (402).
    #[error("the balance is too low: {needed} needed, {available} there")]
    InsufficientBalance {
        /// What is free.
        available: MicroDollars,
        /// What was to be reserved.
        needed: MicroDollars,
    },
    /// The caller's fault: there is no such key.
    #[error("there is no such key")]
    UnknownKey,
    /// The caller's fault: an amount below zero (or a credit of nothing).
    #[error("{0} can't be booked")]
    BadAmount(MicroDollars),
    /// The caller's fault: the request is known with another key or another amount.
    #[error("this request is booked already, with another key or amount")]
    OtherRequest,
    /// The caller's fault: this key has reserved nothing for this request.
    #[error("nothing is reserved for this request")]
    NotReserved,
    /// The caller's fault: more is charged than was reserved.
    #[error("{amount} can't be charged: {reserved} are reserved")]
    MoreThanReserved {
        /// What was to be charged.
        amount: MicroDollars,
        /// What is reserved.
        reserved: MicroDollars,
    },
    /// Another process holds the reservation: it took it over, or this one has to ([`Ledger::adopt_reservations`]).
    #[error("the reservation is another process's")]
    NotHeld,
    /// It was charged; so there is nothing to refund.
    #[error("this request is settled already")]
    Settled,
    /// It was refunded; so it can't be charged any more.
    #[error("this request is refunded already")]
    Refunded,
    /// A sum that 64 bits can't hold.
    #[error("the sum can't be held")]
    Overflow,
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// The ledger.
    pub const fn ledger(&self) -> Ledger<'_> {
        Ledger { store: self }
    }
}

/// The ledger of a store: [`Store::ledger`].
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'a> {
    store: &'a Store,
}

impl Ledger<'_> {
    /// Gives a key money. `request` names this credit, so that a repeated one counts once. A negative amount takes back
    /// one that was a mistake; the balance may get below zero by it.
    ///
    /// # Errors
    /// If there is no such key, the amount is zero, or the request was used otherwise.
    pub async fn credit(
        self,
        key: &KeyId,
        request: RequestId,
        amount: MicroDollars,
        now: UnixMillis,
    ) -> Result<Written, LedgerError> {
        let mut writer = self.store.writer().await;
        let mut tx = begin(&mut writer).await?;
        let written = credit(&mut tx, key, request, amount, now).await?;
        tx.commit().await?;
        Ok(written)
    }

    /// Holds money for a request, if the key has that much or need not have it ([`Billing`]).
    ///
    /// # Errors
    /// [`LedgerError::InsufficientBalance`], or the caller's faults.
    pub async fn reserve(
        self,
        key: &KeyId,
        request: RequestId,
        amount: MicroDollars,
        now: UnixMillis,
    ) -> Result<Written, LedgerError> {
        let mut writer = self.store.writer().await;
        let mut tx = begin(&mut writer).await?;
        let written = reserve(&mut tx, self.store.owner().epoch(), key, request, amount, now).await?;
        tx.commit().await?;
        Ok(written)
    }

    /// Charges for a request.
    ///
    /// # Errors
    /// [`LedgerError::Refunded`] if that was done already, or the caller's faults.
    pub async fn settle(
        self,
        key: &KeyId,
        request: RequestId,
        charge: &Charge,
        now: UnixMillis,
    ) -> Result<Written, LedgerError> {
        let mut writer = self.store.writer().await;
        let mut tx = begin(&mut writer).await?;
        let written = settle(&mut tx, self.store.owner().epoch(), key, request, charge, now).await?;
        tx.commit().await?;
        Ok(written)
    }

    /// Lets go of what was held for a request. `outcome` says in a word why; it is kept, so it must hold no secret.
    ///
    /// # Errors
    /// [`LedgerError::Settled`] if that was done already, or the caller's faults.
    pub async fn refund(
        self,
        key: &KeyId,
        request: RequestId,
        outcome: &str,
        now: UnixMillis,
    ) -> Result<Written, LedgerError> {
        let mut writer = self.store.writer().await;
        let mut tx = begin(&mut writer).await?;
        let written = refund(&mut tx, self.store.owner().epoch(), key, request, outcome, now).await?;
        tx.commit().await?;
        Ok(written)
    }

    /// What a key has: the sums as they are kept.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn balance(self, key: &KeyId) -> Result<Balance, StoreError> {
        let mut reader = self.store.readers().acquire().await?;
        entries::balance(&mut reader, key).await
    }

    /// What a key has, added up from the entries: for an audit. Always equal to [`Ledger::balance`].
    ///
    /// # Errors
    /// If the store fails.
    pub async fn recount(self, key: &KeyId) -> Result<Balance, LedgerError> {
        // One transaction, so that both questions are about the same moment.
        let mut reader = self.store.readers().begin().await?;
        let always = UnixMillis::new(i64::MIN)..UnixMillis::new(i64::MAX);
        let Usage { credited, reserved, settled, refunded, .. } = usage(&mut reader, key, always).await?;
        // A settled request holds nothing any more, whatever part of its reservation was charged.
        let released: i64 = sqlx::query_scalar(
            "SELECT CAST(COALESCE(SUM(r.amount), 0) AS BIGINT) FROM ledger s \
             JOIN ledger r ON r.request_id = s.request_id AND r.kind = 'reserve' \
             WHERE s.kind = 'settle' AND s.key_id = $1",
        )
        .bind(key.as_str())
        .fetch_one(&mut *reader)
        .await?;
        let held = reserved.amount.checked_sub(refunded.amount);
        let reserved = held.and_then(|held| held.checked_sub(MicroDollars::new(released)));
        let reserved = reserved.ok_or(LedgerError::Overflow)?;
        Ok(Balance { credited: credited.amount, settled: settled.amount, reserved })
    }

    /// What a key did, from the start of the range up to, and without, its end.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn usage(self, key: &KeyId, range: Range<UnixMillis>) -> Result<Usage, StoreError> {
        let mut reader = self.store.readers().acquire().await?;
        usage(&mut reader, key, range).await
    }

    /// What is reserved and not resolved, by whomever, oldest first.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn open_reservations(self) -> Result<Vec<OpenReservation>, StoreError> {
        let mut reader = self.store.readers().acquire().await?;
        Ok(open(&mut reader).await?.into_iter().map(|(reservation, _)| reservation).collect())
    }

    /// Takes over what dead processes have left reserved, oldest first. To be called when a process starts: each is
    /// given to one caller only, who settles it or refunds it. If that one dies too, the next is given it.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn adopt_reservations(self) -> Result<Vec<OpenReservation>, StoreError> {
        let owner = self.store.owner();
        let mut writer = self.store.writer().await;
        let mut tx = begin(&mut writer).await?;
        let mut adopted = Vec::new();
        for (reservation, epoch) in open(&mut tx).await? {
            if owner.lives(epoch) {
                continue;
            }
            take(&mut tx, owner.epoch(), reservation.request_id).await?;
            adopted.push(reservation);
        }
        tx.commit().await?;
        Ok(adopted)
    }
}

async fn usage(
    connection: &mut SqliteConnection,
    key: &KeyId,
    range: Range<UnixMillis>,
) -> Result<Usage, StoreError> {
    // SUM gives NUMERIC in PostgreSQL; the casts make it the same type everywhere.
    let rows = sqlx::query(
        "SELECT kind, COUNT(*), CAST(COALESCE(SUM(amount), 0) AS BIGINT), \
             CAST(COALESCE(SUM(bytes), 0) AS BIGINT) \
             FROM ledger WHERE key_id = $1 AND at >= $2 AND at < $3 GROUP BY kind",
    )
    .bind(key.as_str())
    .bind(range.start.get())
    .bind(range.end.get())
    .fetch_all(connection)
    .await?;
    let mut usage = Usage::default();
    for row in rows {
        let number = |index: usize, column: &str| -> Result<u64, StoreError> {
            row.try_get::<i64, _>(index)?.try_into().map_err(|e| StoreError::damaged(column, e))
        };
        let tally =
            Tally { count: number(1, "count")?, amount: MicroDollars::new(row.try_get::<i64, _>(2)?) };
        match Kind::column(row.try_get(0)?)? {
            Kind::Credit => usage.credited = tally,
            Kind::Reserve => usage.reserved = tally,
            Kind::Settle => {
                usage.settled = tally;
                usage.bytes = number(3, "bytes")?;
            }
            Kind::Refund => usage.refunded = tally,
        }
    }
    Ok(usage)
}

async fn open(connection: &mut SqliteConnection) -> Result<Vec<(OpenReservation, i64)>, StoreError> {
    let rows =
        sqlx::query("SELECT request_id, key_id, amount, at, epoch FROM reservations ORDER BY at, request_id")
            .fetch_all(connection)
            .await?;
    rows.iter()
        .map(|row| {
            let reservation = OpenReservation {
                request_id: RequestId::column(row.try_get("request_id")?)?,
                key_id: KeyId::column(row.try_get("key_id")?),
                amount: MicroDollars::new(row.try_get("amount")?),
                at: UnixMillis::new(row.try_get("at")?),
            };
            Ok((reservation, row.try_get("epoch")?))
        })
        .collect()
}

async fn credit(
    tx: &mut SqliteConnection,
    key: &KeyId,
    request: RequestId,
    amount: MicroDollars,
    now: UnixMillis,
) -> Result<Written, LedgerError> {
    if amount == MicroDollars::ZERO {
        return Err(LedgerError::BadAmount(amount));
    }
    entries::billing(tx, key).await?;
    let known = sqlx::query("SELECT key_id, amount FROM ledger WHERE request_id = $1 AND kind = 'credit'")
        .bind(request.to_string())
        .fetch_optional(&mut *tx)
        .await?;
    if let Some(known) = known {
        let same = known.try_get::<&str, _>("key_id")? == key.as_str()
            && known.try_get::<i64, _>("amount")? == amount.get();
        return if same { Ok(Written::Before) } else { Err(LedgerError::OtherRequest) };
    }
    let mut balance = entries::balance(tx, key).await?;
    balance.credited = balance.credited.checked_add(amount).ok_or(LedgerError::Overflow)?;
    add(tx, &Entry::new(Kind::Credit, key, request, amount, now), balance).await?;
    Ok(Written::Now)
}

pub(super) async fn reserve(
    tx: &mut SqliteConnection,
    epoch: i64,
    key: &KeyId,
    request: RequestId,
    amount: MicroDollars,
    now: UnixMillis,
) -> Result<Written, LedgerError> {
    if amount < MicroDollars::ZERO {
        return Err(LedgerError::BadAmount(amount));
    }
    let billing = entries::billing(tx, key).await?;
    if let Some(known) = standing(tx, request).await? {
        let same = known.key_id() == key && known.reserved() == amount;
        return if same { Ok(Written::Before) } else { Err(LedgerError::OtherRequest) };
    }
    let mut balance = entries::balance(tx, key).await?;
    let available = balance.available().ok_or(LedgerError::Overflow)?;
    if billing == Billing::Prepaid && available < amount {
        return Err(LedgerError::InsufficientBalance { available, needed: amount });
    }
    balance.reserved = balance.reserved.checked_add(amount).ok_or(LedgerError::Overflow)?;
    add(tx, &Entry::new(Kind::Reserve, key, request, amount, now), balance).await?;
    sqlx::query(
        "INSERT INTO reservations (request_id, key_id, amount, at, epoch) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(request.to_string())
    .bind(key.as_str())
    .bind(amount.get())
    .bind(now.get())
    .bind(epoch)
    .execute(tx)
    .await?;
    Ok(Written::Now)
}

/// What was reserved for a request, whatever became of it.
pub(super) async fn reserved(
    tx: &mut SqliteConnection,
    request: RequestId,
) -> Result<Option<MicroDollars>, StoreError> {
    Ok(standing(tx, request).await?.map(|standing| standing.reserved()))
}

pub(super) async fn settle(
    tx: &mut SqliteConnection,
    epoch: i64,
    key: &KeyId,
    request: RequestId,
    charge: &Charge,
    now: UnixMillis,
) -> Result<Written, LedgerError> {
    let amount = charge.amount;
    if amount < MicroDollars::ZERO {
        return Err(LedgerError::BadAmount(amount));
    }
    let reserved = match standing(tx, request).await? {
        Some(known) if known.key_id() != key => return Err(LedgerError::NotReserved),
        None => return Err(LedgerError::NotReserved),
        Some(Standing::Settled { amount: settled, .. }) if settled != amount => {
            return Err(LedgerError::OtherRequest);
        }
        Some(Standing::Settled { .. }) => return Ok(Written::Before),
        Some(Standing::Refunded { .. }) => return Err(LedgerError::Refunded),
        Some(Standing::Open { reserved, .. }) => reserved,
    };
    held(tx, epoch, request).await?;
    if amount > reserved {
        return Err(LedgerError::MoreThanReserved { amount, reserved });
    }
    let mut balance = entries::balance(tx, key).await?;
    balance.reserved = balance.reserved.checked_sub(reserved).ok_or(LedgerError::Overflow)?;
    balance.settled = balance.settled.checked_add(amount).ok_or(LedgerError::Overflow)?;
    let mut entry = Entry::new(Kind::Settle, key, request, amount, now);
    entry.bytes = Some(i64::try_from(charge.bytes).map_err(|_| LedgerError::Overflow)?);
    entry.outcome = Some("success");
    entry.media_id = Some(&charge.media_id);
    add(tx, &entry, balance).await?;
    close(tx, request).await
}

pub(super) async fn refund(
    tx: &mut SqliteConnection,
    epoch: i64,
    key: &KeyId,
    request: RequestId,
    outcome: &str,
    now: UnixMillis,
) -> Result<Written, LedgerError> {
    let reserved = match standing(tx, request).await? {
        Some(known) if known.key_id() != key => return Err(LedgerError::NotReserved),
        None => return Err(LedgerError::NotReserved),
        Some(Standing::Refunded { .. }) => return Ok(Written::Before),
        Some(Standing::Settled { .. }) => return Err(LedgerError::Settled),
        Some(Standing::Open { reserved, .. }) => reserved,
    };
    held(tx, epoch, request).await?;
    let mut balance = entries::balance(tx, key).await?;
    balance.reserved = balance.reserved.checked_sub(reserved).ok_or(LedgerError::Overflow)?;
    let mut entry = Entry::new(Kind::Refund, key, request, reserved, now);
    entry.outcome = Some(outcome);
    add(tx, &entry, balance).await?;
    close(tx, request).await
}

/// That an open reservation is this process's.
async fn held(tx: &mut SqliteConnection, epoch: i64, request: RequestId) -> Result<(), LedgerError> {
    let holder: Option<i64> = sqlx::query_scalar("SELECT epoch FROM reservations WHERE request_id = $1")
        .bind(request.to_string())
        .fetch_optional(tx)
        .await?;
    if holder == Some(epoch) { Ok(()) } else { Err(LedgerError::NotHeld) }
}

/// Takes a reservation over, if it is still open.
pub(super) async fn take(
    tx: &mut SqliteConnection,
    epoch: i64,
    request: RequestId,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE reservations SET epoch = $2 WHERE request_id = $1")
        .bind(request.to_string())
        .bind(epoch)
        .execute(tx)
        .await?;
    Ok(())
}

async fn close(tx: &mut SqliteConnection, request: RequestId) -> Result<Written, LedgerError> {
    sqlx::query("DELETE FROM reservations WHERE request_id = $1")
        .bind(request.to_string())
        .execute(tx)
        .await?;
    Ok(Written::Now)
}
