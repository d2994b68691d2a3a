//! The keys that clients authenticate with.

mod secret;

use std::fmt;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use subtle::ConstantTimeEq;

use chunkwise_transport::Secret;

use super::digest::{hex, sha256};
use super::error::StoreError;
use super::open::Store;
use super::time::UnixMillis;

pub use secret::{Environment, InvalidEnvironment, InvalidKeyId, KeyId};

/// How long a label may be, in characters.
pub const LABEL_MAX: usize = 120;

/// How often another id is tried when one is taken already: with 40 random bits once is next to never needed.
const ID_TRIES: u32 = 4;

/// What a key may do at most. The defaults are a judgement: enough for one busy client, not enough to hurt the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLimits {
    /// Requests in a second, on average. 10 by default.
    pub requests_per_second: u32,
    /// Requests at once, before the average counts. 20 by default.
    pub burst: u32,
    /// Bytes of bodies and fetched media in a minute. 1 GiB by default: two videos of X's largest size.
    pub bytes_per_minute: u64,
    /// Uploads at once. 4 by default.
    pub uploads_at_once: u32,
}

impl Default for KeyLimits {
    fn default() -> Self {
        Self { requests_per_second: 10, burst: 20, bytes_per_minute: 1 << 30, uploads_at_once: 4 }
    }
}

/// How a key pays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Billing {
    /// What it does is counted, and never refused for want of money.
    #[default]
    Metered,
    /// It has a balance, and nothing is reserved that the balance does not cover.
    Prepaid,
}

impl Billing {
    const fn column(self) -> &'static str {
        match self {
            Self::Metered => "metered",
            Self::Prepaid => "prepaid",
        }
    }

    pub(super) fn of_column(text: &str) -> Result<Self, StoreError> {
        [Self::Metered, Self::Prepaid]
            .into_iter()
            .find(|billing| billing.column() == text)
            .ok_or_else(|| StoreError::damaged("billing", text))
    }
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What installation it is for; stands in the key.
    pub environment: Environment,
    /// Whose it is, in the operator's words: up to [`LABEL_MAX`] characters, none of them a control character.
    pub label: String,
    /// What it may do at most.
    pub limits: KeyLimits,
    /// How it pays.
    pub billing: Billing,
    /// From when on it is worth nothing; `None` for never.
    pub expires_at: Option<UnixMillis>,
}

/// What is known of a key. The key itself is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub id: KeyId,
    /// What installation it is for.
    pub environment: String,
    /// Whose it is.
    pub label: String,
    /// What it may do at most.
    pub limits: KeyLimits,
    /// How it pays.
    pub billing: Billing,
    /// When it was made.
    pub created_at: UnixMillis,
    /// From when on it is worth nothing.
    pub expires_at: Option<UnixMillis>,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
    /// The hour in which it was last used.
    pub last_used_at: Option<UnixMillis>,
}

/// A key can't be made like this.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateKeyError {
    /// The label is empty, too long or has a control character.
    #[error("a label has 1 to {LABEL_MAX} characters, and no control characters")]
    Label,
    /// Bytes per minute that the store can't hold.
    #[error("bytes per minute are at most {}", i64::MAX)]
    BytesPerMinute,
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The key is not good. Why, nobody is told: unknown, wrong, revoked and expired are one (401).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unauthorized;

impl fmt::Display for Unauthorized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the API key is not valid")
    }
}

impl std::error::Error for Unauthorized {}

/// Nobody was let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// The client's key is not good (401).
    #[error(transparent)]
    Unauthorized(#[from] Unauthorized),
    /// The store fails (503).
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// The keys.
    pub const fn keys(&self) -> Keys<'_> {
        Keys { store: self }
    }
}

/// The keys of a store: [`Store::keys`].
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    store: &'a Store,
}

impl Keys<'_> {
    /// Makes a key and returns it, for the only time: the store has its SHA-256 alone.
    ///
    /// # Errors
    /// If the label won't do, or the store fails.
    pub async fn create(
        self,
        new: &NewKey,
        now: UnixMillis,
    ) -> Result<(KeyId, Secret<String>), CreateKeyError> {
        let length = new.label.chars().count();
        if length == 0 || length > LABEL_MAX || new.label.chars().any(char::is_control) {
            return Err(CreateKeyError::Label);
        }
        let bytes = i64::try_from(new.limits.bytes_per_minute).map_err(|_| CreateKeyError::BytesPerMinute)?;
        let mut writer = self.store.writer().await;
        for _ in 0..ID_TRIES {
            let (id, key) = secret::generate(&new.environment).map_err(StoreError::Random)?;
            let made = sqlx::query(
                "INSERT INTO keys (key_id, environment, digest, label, requests_per_second, burst, \
                 bytes_per_minute, uploads_at_once, billing, created_at, expires_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (key_id) DO NOTHING",
            )
            .bind(id.as_str())
            .bind(new.environment.as_str())
            .bind(hex(&sha256(key.expose().as_bytes())))
            .bind(&new.label)
            .bind(i64::from(new.limits.requests_per_second))
            .bind(i64::from(new.limits.burst))
            .bind(bytes)
            .bind(i64::from(new.limits.uploads_at_once))
            .bind(new.billing.column())
            .bind(now.get())
            .bind(new.expires_at.map(UnixMillis::get))
            .execute(&mut *writer)
            .await
            .map_err(StoreError::from)?;
            if made.rows_affected() == 1 {
                return Ok((id, key));
            }
        }
        Err(StoreError::damaged("key_id", "random ids are all taken").into())
    }

    /// All keys there ever were, oldest first.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn list(self) -> Result<Vec<Key>, StoreError> {
        let rows = sqlx::query("SELECT * FROM keys ORDER BY created_at, key_id")
            .fetch_all(self.store.readers())
            .await?;
        rows.iter().map(key_of).collect()
    }

    /// Makes a key worthless, from the next request on. Says whether there is such a key; one that was revoked
    /// already stays so since then.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn revoke(self, id: &KeyId, now: UnixMillis) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE keys SET revoked_at = COALESCE(revoked_at, $2) WHERE key_id = $1")
            .bind(id.as_str())
            .bind(now.get())
            .execute(&mut *self.store.writer().await)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Whose key this is. Takes as long whether or not there is such a key, and compares in constant time.
    ///
    /// # Errors
    /// [`Unauthorized`], whatever is wrong with the key; or the store fails.
    pub async fn authenticate(self, key: &Secret<String>, now: UnixMillis) -> Result<Key, AuthenticateError> {
        let presented = hex(&sha256(key.expose().as_bytes()));
        // An id that can't be: asked for all the same.
        let id = secret::id_of(key.expose()).unwrap_or("");
        let row = sqlx::query("SELECT * FROM keys WHERE key_id = $1")
            .bind(id)
            .fetch_optional(self.store.readers())
            .await
            .map_err(StoreError::from)?;
        let (found, expected) = match &row {
            Some(row) => (true, row.try_get::<String, _>("digest").map_err(StoreError::from)?),
            None => (false, hex(&[0; 32])),
        };
        let same = bool::from(presented.as_bytes().ct_eq(expected.as_bytes()));
        let Some(row) = row.filter(|_| found && same) else { return Err(Unauthorized.into()) };
        let key = key_of(&row)?;
        if key.revoked_at.is_some() || key.expires_at.is_some_and(|end| end <= now) {
            return Err(Unauthorized.into());
        }
        if key.last_used_at.is_none_or(|last| last < now.hour()) {
            self.used(&key.id, now).await;
        }
        Ok(key)
    }

    /// Notes the hour. Whether that works is not the client's concern.
    async fn used(self, id: &KeyId, now: UnixMillis) {
        let noted = sqlx::query(
            "UPDATE keys SET last_used_at = $2 WHERE key_id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
        )
        .bind(id.as_str())
        .bind(now.hour().get())
        .execute(&mut *self.store.writer().await)
        .await;
        if let Err(error) = noted {
            tracing::warn!(key = %id, %error, "the hour of a key's use was not noted");
        }
    }
}

fn key_of(row: &SqliteRow) -> Result<Key, StoreError> {
    let small = |column: &str| -> Result<u32, StoreError> {
        row.try_get::<i64, _>(column)?.try_into().map_err(|e| StoreError::damaged(column, e))
    };
    let time = |column: &str| -> Result<Option<UnixMillis>, StoreError> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(UnixMillis::new))
    };
    Ok(Key {
        id: KeyId::column(row.try_get("key_id")?),
        environment: row.try_get("environment")?,
        label: row.try_get("label")?,
        limits: KeyLimits {
            requests_per_second: small("requests_per_second")?,
            burst: small("burst")?,
            bytes_per_minute: row
                .try_get::<i64, _>("bytes_per_minute")?
                .try_into()
                .map_err(|e| StoreError::damaged("bytes_per_minute", e))?,
            uploads_at_once: small("uploads_at_once")?,
        },
        billing: Billing::of_column(row.try_get("billing")?)?,
        created_at: UnixMillis::new(row.try_get("created_at")?),
        expires_at: time("expires_at")?,
        revoked_at: time("revoked_at")?,
        last_used_at: time("last_used_at")?,
    })
}
