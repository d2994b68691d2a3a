//! What the gateway remembers: keys, the ledger, idempotent answers, uploads.
//!
//! One SQLite file, opened with [`Store::open`]; the statements are such that PostgreSQL takes them too. No secret
//! is in it: of a key its SHA-256, of an account's token an HMAC. Time is an argument everywhere, never asked for.

mod digest;
mod error;
mod ids;
mod keys;
mod open;
mod owner;
mod time;

pub use digest::{AccountRef, Fingerprint};
pub use error::StoreError;
pub use ids::{RequestId, UploadId};
pub use keys::{
    AuthenticateError, Billing, CreateKeyError, Environment, InvalidEnvironment, InvalidKeyId, Key, KeyId,
    KeyLimits, Keys, LABEL_MAX, NewKey, Unauthorized,
};
pub use open::Store;
pub use time::UnixMillis;
