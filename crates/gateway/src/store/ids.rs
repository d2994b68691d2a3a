//! The names of requests, uploads and ledger entries: UUIDs of version 7 (RFC 9562 §5.7), so that they sort by time.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::error::StoreError;
use super::time::UnixMillis;

/// A UUIDv7 of this moment.
pub(super) fn uuid_v7(now: UnixMillis) -> Result<Uuid, StoreError> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(StoreError::Random)?;
    let millis = u64::try_from(now.get()).unwrap_or(0);
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new one, of this moment.
            ///
            /// # Errors
            /// If the system has no random bytes.
            pub fn new(now: UnixMillis) -> Result<Self, StoreError> {
                uuid_v7(now).map(Self)
            }

            pub(super) fn column(text: &str) -> Result<Self, StoreError> {
                text.parse().map_err(|e| StoreError::damaged(stringify!($name), e))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id! {
    /// One HTTP request to the gateway; what the ledger counts by.
    RequestId
}

id! {
    /// One upload, as the gateway's clients name it.
    UploadId
}
