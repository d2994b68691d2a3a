//! Requests beside an upload, which no engine watches over: an alt text, the end of an object.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chunkwise_core::{CredentialEpoch, Cut, Detail, Failure, NotSent, ProblemKind, Timestamp};
use chunkwise_transport::Transport as _;
use chunkwise_transport::http::{EncodeError, HttpTransport, Request, Response};

use crate::failed::within;

/// How often it is tried, and how long is waited in between.
const WAITS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(4)];

/// How long an answer may take.
const LONGEST: Duration = Duration::from_secs(30);

/// Sends a request that does no harm if it is done twice, and again while what is in its way may pass. Credentials that have
/// expired are renewed.
pub(crate) async fn repeated<T>(
    transport: &HttpTransport,
    request: impl Fn() -> Result<Request, EncodeError>,
    decode: impl Fn(&Response, Timestamp) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut result = Err(Failure::Unknown { cut: Cut::Ambiguous { after: None }, detail: Detail::EMPTY });
    let mut epoch = CredentialEpoch::default();
    for wait in WAITS {
        tokio::time::sleep(wait).await;
        let request = request().map_err(|error| unsayable(&error))?;
        result = match within(LONGEST, transport.send(request)).await {
            Ok(response) => decode(&response, now()),
            Err(failure) => Err(failure),
        };
        match &result {
            Ok(_) | Err(Failure::NotSent { cause: NotSent::Misconfigured, .. }) => break,
            Err(Failure::NotSent { cause: NotSent::Unreachable, .. } | Failure::Unknown { .. }) => {}
            Err(Failure::Answered(problem)) => match problem.kind {
                ProblemKind::Transient | ProblemKind::Throttled | ProblemKind::Busy => {}
                ProblemKind::CredentialsExpired => match transport.refresh(epoch).await {
                    Ok(renewed) => epoch = renewed,
                    Err(_) => break,
                },
                ProblemKind::OffsetConflict { .. }
                | ProblemKind::AlreadyStored { .. }
                | ProblemKind::SegmentRejected
                | ProblemKind::SegmentsMissing
                | ProblemKind::SizeMismatch
                | ProblemKind::TooLarge { .. }
                | ProblemKind::SessionGone
                | ProblemKind::Refused(_)
                | ProblemKind::Broken => break,
            },
        }
    }
    result
}

/// What can't be put into a request is not sent.
pub(crate) fn unsayable(error: &dyn std::error::Error) -> Failure {
    Failure::NotSent { cause: NotSent::Misconfigured, detail: Detail::new(error.to_string()) }
}

fn now() -> Timestamp {
    Timestamp::EPOCH.after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
