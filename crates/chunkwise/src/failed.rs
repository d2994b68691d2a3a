//! What the uploads to every destination have in common when something fails.

use std::time::Duration;

use chunkwise_core::{Cut, Detail, Failure};
use chunkwise_driver::DriverError;

/// What to do next about an upload that has failed.
pub(crate) fn advice(error: &DriverError) -> String {
    match error {
        DriverError::Upload { error, .. } => error.advice(),
        DriverError::Panicked(_) => "Resume, and report this as a bug.".to_owned(),
    }
}

/// What comes of a request that is no operation of an upload, and that no engine watches over: whoever says nothing for so
/// long will not.
pub(crate) async fn within<T>(
    longest: Duration,
    exchange: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let late = || Failure::Unknown { cut: Cut::TimedOut, detail: Detail::new("there was no answer in time") };
    tokio::time::timeout(longest, exchange).await.unwrap_or_else(|_| Err(late()))
}
