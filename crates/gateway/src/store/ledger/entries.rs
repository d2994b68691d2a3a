//! The rows of the ledger and the sums beside them; all within the caller's transaction.

use sqlx::{Row, SqliteConnection};

use super::super::error::StoreError;
use super::super::ids::{RequestId, uuid_v7};
use super::super::keys::{Billing, KeyId};
use super::super::money::MicroDollars;
use super::super::time::UnixMillis;
use super::{Balance, LedgerError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Credit,
    Reserve,
    Settle,
    Refund,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Reserve => "reserve",
            Self::Settle => "settle",
            Self::Refund => "refund",
        }
    }

    pub(super) fn column(text: &str) -> Result<Self, StoreError> {
        [Self::Credit, Self::Reserve, Self::Settle, Self::Refund]
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| StoreError::damaged("kind", text))
    }
}

/// A row to be added.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    kind: Kind,
    key: &'a KeyId,
    request: RequestId,
    amount: MicroDollars,
    at: UnixMillis,
    pub(super) bytes: Option<i64>,
    pub(super) outcome: Option<&'a str>,
    pub(super) media_id: Option<&'a str>,
}

impl<'a> Entry<'a> {
    pub(super) const fn new(
        kind: Kind,
        key: &'a KeyId,
        request: RequestId,
        amount: MicroDollars,
        at: UnixMillis,
    ) -> Self {
        Self { kind, key, request, amount, at, bytes: None, outcome: None, media_id: None }
    }
}

/// How far a request has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Open { key_id: KeyId, reserved: MicroDollars },
    Settled { key_id: KeyId, reserved: MicroDollars, amount: MicroDollars },
    Refunded { key_id: KeyId, reserved: MicroDollars },
}

impl Standing {
    pub(super) const fn key_id(&self) -> &KeyId {
        let (Self::Open { key_id, .. } | Self::Settled { key_id, .. } | Self::Refunded { key_id, .. }) = self;
        key_id
    }

    pub(super) const fn reserved(&self) -> MicroDollars {
        let (Self::Open { reserved, .. } | Self::Settled { reserved, .. } | Self::Refunded { reserved, .. }) =
            self;
        *reserved
    }
}

/// What the ledger knows of a request; credits aside.
pub(super) async fn standing(
    tx: &mut SqliteConnection,
    request: RequestId,
) -> Result<Option<Standing>, StoreError> {
    let rows = sqlx::query("SELECT kind, key_id, amount FROM ledger WHERE request_id = $1")
        .bind(request.to_string())
        .fetch_all(tx)
        .await?;
    let (mut reserve, mut settle, mut refund) = (None, None, None);
    for row in rows {
        let key_id = KeyId::column(row.try_get("key_id")?);
        let amount = MicroDollars::new(row.try_get("amount")?);
        match Kind::column(row.try_get("kind")?)? {
            Kind::Credit => {}
            Kind::Reserve => reserve = Some((key_id, amount)),
            Kind::Settle => settle = Some(amount),
            Kind::Refund => refund = Some(amount),
        }
    }
    match (reserve, settle, refund) {
        (None, None, None) => Ok(None),
        (Some((key_id, reserved)), None, None) => Ok(Some(Standing::Open { key_id, reserved })),
        (Some((key_id, reserved)), Some(amount), None) => {
            Ok(Some(Standing::Settled { key_id, reserved, amount }))
        }
        (Some((key_id, reserved)), None, Some(_)) => Ok(Some(Standing::Refunded { key_id, reserved })),
        (None, Some(_), _) | (None, _, Some(_)) | (Some(_), Some(_), Some(_)) => {
            Err(StoreError::damaged("kind", "a request is resolved twice, or was never reserved"))
        }
    }
}

/// How a key pays.
pub(super) async fn billing(tx: &mut SqliteConnection, key: &KeyId) -> Result<Billing, LedgerError> {
    let row = sqlx::query("SELECT billing FROM keys WHERE key_id = $1")
        .bind(key.as_str())
        .fetch_optional(tx)
        .await?
        .ok_or(LedgerError::UnknownKey)?;
    Ok(Billing::of_column(row.try_get("billing")?)?)
}

/// The sums as they are kept; all zero for a key that never had anything booked.
pub(super) async fn balance(connection: &mut SqliteConnection, key: &KeyId) -> Result<Balance, StoreError> {
    let row = sqlx::query("SELECT credited, settled, reserved FROM balances WHERE key_id = $1")
        .bind(key.as_str())
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(Balance::default()) };
    Ok(Balance {
        credited: MicroDollars::new(row.try_get("credited")?),
        settled: MicroDollars::new(row.try_get("settled")?),
        reserved: MicroDollars::new(row.try_get("reserved")?),
    })
}

/// Adds an entry, and puts down what the key has after it.
pub(super) async fn add(
    tx: &mut SqliteConnection,
    entry: &Entry<'_>,
    after: Balance,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO ledger (entry_id, at, key_id, request_id, kind, amount, bytes, outcome, media_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(uuid_v7(entry.at)?.to_string())
    .bind(entry.at.get())
    .bind(entry.key.as_str())
    .bind(entry.request.to_string())
    .bind(entry.kind.name())
    .bind(entry.amount.get())
    .bind(entry.bytes)
    .bind(entry.outcome)
    .bind(entry.media_id)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO balances (key_id, credited, settled, reserved) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (key_id) DO UPDATE SET \
         credited = excluded.credited, settled = excluded.settled, reserved = excluded.reserved",
    )
    .bind(entry.key.as_str())
    .bind(after.credited.get())
    .bind(after.settled.get())
    .bind(after.reserved.get())
    .execute(tx)
    .await?;
    Ok(())
}
