//! The alt text: a request of its own, after the upload.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chunkwise_core::{Cut, Detail, Failure, NotSent, Timestamp};
use chunkwise_transport::http::HttpTransport;
use chunkwise_x::{AltText, MediaId};

use super::Destination;
use crate::failed::within;

/// How often it is tried, and how long is waited in between: setting an alt text twice does no harm.
const WAITS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(4)];

/// How long an answer may take.
const LONGEST: Duration = Duration::from_secs(30);

pub(super) async fn set(
    transport: &HttpTransport,
    destination: &Destination,
    media_id: &MediaId,
    text: &str,
) -> Result<(), Failure> {
    let unsayable =
        |reason: String| Failure::NotSent { cause: NotSent::Misconfigured, detail: Detail::new(reason) };
    let protocol = destination.protocol().map_err(|error| unsayable(error.to_string()))?;
    let text = AltText::new(text).map_err(|error| unsayable(error.to_string()))?;
    let mut result = Err(Failure::Unknown { cut: Cut::Ambiguous { after: None }, detail: Detail::EMPTY });
    for wait in WAITS {
        tokio::time::sleep(wait).await;
        let request =
            protocol.alt_text_request(media_id, &text).map_err(|error| unsayable(error.to_string()))?;
        result = match within(LONGEST, transport.send(request)).await {
            Ok(response) => protocol.decode_alt_text(&response, now()),
            Err(failure) => Err(failure),
        };
        match &result {
            Err(Failure::NotSent { cause: NotSent::Unreachable, .. } | Failure::Unknown { .. }) => {}
            Err(Failure::Answered(problem)) if problem.kind == chunkwise_core::ProblemKind::Transient => {}
            Ok(()) | Err(Failure::NotSent { .. } | Failure::Answered(_)) => break,
        }
    }
    result
}

fn now() -> Timestamp {
    Timestamp::EPOCH.after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
