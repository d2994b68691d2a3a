//! What the gateway remembers: keys, the ledger, idempotent answers, uploads.
//!
//! One SQLite file, opened with [`Store::open`]; the statements are such that PostgreSQL takes them too. No secret
//! is in it: of a key its SHA-256, of an account's token an HMAC. Time is an argument everywhere, never asked for.

mod digest;
mod error;
mod idempotency;
mod ids;
mod keys;
mod ledger;
mod money;
mod open;
mod owner;
mod request;
mod time;
mod uploads;

pub use digest::{AccountRef, Fingerprint};
pub use error::StoreError;
pub use idempotency::{
    ANSWER_MAX, ANSWER_TTL, AnotherPayload, Answer, Begun, IDEMPOTENCY_KEY_MAX, Idempotency,
    IdempotencyError, IdempotencyKey, InvalidIdempotencyKey, Running, StoredAnswer,
};
pub use ids::{RequestId, UploadId};
pub use keys::{
    AuthenticateError, Billing, CreateKeyError, Environment, InvalidEnvironment, InvalidKeyId, Key, KeyId,
    KeyLimits, Keys, LABEL_MAX, NewKey, Unauthorized,
};
pub use ledger::{Balance, Charge, Ledger, LedgerError, OpenReservation, Tally, Usage, Written};
pub use money::MicroDollars;
pub use open::Store;
pub use request::{Conclusion, Replay, RequestError, Resolution};
pub use time::UnixMillis;
pub use uploads::{
    LIST_MAX, NewUpload, Phase, Progress, UploadChange, UploadEnd, UploadError, UploadRecord, Uploads,
};
