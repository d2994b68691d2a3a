//! What holds for every outcome of tus's protocol beyond what holds for all, and what tus's answers are made of. The fuzz target
//! includes this file too.

use chunkwise_core::{Failure, Operation, OperationKind, Outcome, Reply};
use chunkwise_testkit::fuzz::Finding;
use chunkwise_testkit::fuzz::decode::{TOTAL, Vocabulary};
use chunkwise_tus::{Capabilities, Endpoint, Extension, TusProtocol, Way};

pub(crate) const TUS: Vocabulary = Vocabulary {
    session: "https://example.com/files/7#8",
    words: &[
        "/files/8",
        "https://example.com/files/8",
        "https://evil.example/files/8",
        "http://example.com/8",
        "//example.com/8",
        "ERR_UPLOAD_NOT_FINISHED",
        "ERR_UPLOAD_INTERRUPTED",
        "currently being updated",
        "0",
        "4",
        "8",
        "9",
        "-1",
        "Bearer abc",
    ],
    headers: &[
        "location",
        "upload-offset",
        "upload-length",
        "upload-defer-length",
        "upload-expires",
        "retry-after",
        "tus-version",
        "tus-extension",
        "tus-max-size",
        "x-request-id",
    ],
    statuses: &[200, 201, 204, 301, 400, 401, 403, 404, 409, 410, 412, 413, 415, 423, 429, 460, 500, 503],
    secret: "12345-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdx",
};

/// Every way that an upload can go.
pub(crate) const WAYS: [Way; 3] = [Way::Whole, Way::Deferred, Way::Parts];

pub(crate) fn tus(way: Way) -> TusProtocol {
    let endpoint =
        Endpoint::new("https://example.com/files/").unwrap_or_else(|error| unreachable!("{error}"));
    TusProtocol::new(endpoint, Capabilities::new(Extension::ALL), way)
        .unwrap_or_else(|error| unreachable!("{error}"))
}

/// What is tus's alone: a cursor and an object only where they can be, and nothing at another place.
pub(crate) fn rule(operation: &Operation, outcome: &Outcome) -> Result<(), Finding> {
    let wrong = |what: &str| Err(Finding::new(format!("{}: {what}: {outcome:?}", operation.kind())));
    match &outcome.result {
        Ok(Reply::Opened { session, .. }) if !session.as_str().starts_with("https://example.com/") => {
            wrong("a session at another place")
        }
        Ok(Reply::Stored { receipt: Some(receipt), .. }) if !receipt.as_bytes().starts_with(b"/") => {
            wrong("a receipt at another place")
        }
        Ok(Reply::Completed(result)) if !result.id.starts_with("https://example.com/") => {
            wrong("an object at another place")
        }
        Ok(Reply::Completed(result)) if result.size.is_some_and(|size| size != TOTAL) => {
            wrong("an object of another length")
        }
        Ok(Reply::Probed(_) | Reply::Processing(_) | Reply::AbortPending) => wrong("tus has no such answer"),
        Err(Failure::Unknown { .. })
            if matches!(operation.kind(), OperationKind::Probe | OperationKind::Verify) =>
        {
            wrong("asking is never ambiguous")
        }
        _ => Ok(()),
    }
}
