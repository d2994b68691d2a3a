//! Requests beside an upload, which no engine watches over: an alt text, the end of an object.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chunkwise_core::{CredentialEpoch, Cut, Detail, Failure, NotSent, ProblemKind, Timestamp};
use chunkwise_transport::Transport as _;
use chunkwise_transport::http::{EncodeError, HttpTransport, Request, Response};

use crate::failed::within;

/// How often a request is tried, and how long is waited for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tries {
    /// What is waited before each of them.
    waits: [Duration; 3],
    /// How long an answer may take.
    longest: Duration,
}

impl Tries {
    /// Of what has no policy.
    pub(crate) const USUAL: Self = Self {
        waits: [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(4)],
        longest: Duration::from_secs(30),
    };

    /// With the backoff of this policy.
    #[cfg(feature = "tus")]
    pub(crate) fn of(policy: &chunkwise_core::Policy) -> Self {
        let (base, cap) = (policy.retry.backoff_base, policy.retry.backoff_cap);
        let waits = [Duration::ZERO, base.min(cap), base.saturating_mul(2).min(cap)];
        Self { waits, longest: policy.timeouts.response }
    }
}

/// Sends a request that does no harm if it is done twice, and again while what is in its way may pass. Credentials that have
/// expired are renewed.
pub(crate) async fn repeated<T>(
    Tries { waits, longest }: Tries,
    transport: &HttpTransport,
    request: impl Fn() -> Result<Request, EncodeError>,
    decode: impl Fn(&Response, Timestamp) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut result = Err(Failure::Unknown { cut: Cut::Ambiguous { after: None }, detail: Detail::EMPTY });
    let mut epoch = CredentialEpoch::default();
    for wait in waits {
        tokio::time::sleep(wait).await;
        let request = request().map_err(|error| unsayable(&error))?;
        result = match within(longest, transport.send(request)).await {
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
