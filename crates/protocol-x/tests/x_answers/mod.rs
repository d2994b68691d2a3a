//! What holds for every outcome of X's protocol beyond what holds for all, and what X's answers are made of. The fuzz
//! target includes this file too.

use chunkwise_core::{Commitment, Failure, Final, Operation, OperationKind, Outcome, Reply, Verdict};
use chunkwise_testkit::fuzz::Finding;
use chunkwise_testkit::fuzz::decode::Vocabulary;
use chunkwise_x::XMedia;

pub(crate) const ID: &str = "1880028106020515840";

pub(crate) const SECRET: &str = "12345-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdx";

pub(crate) const X: Vocabulary = Vocabulary {
    session: ID,
    words: &[
        "data",
        "id",
        "media_id",
        "media_id_string",
        "media_key",
        "size",
        "expires_after_secs",
        "expires_at",
        "processing_info",
        "state",
        "check_after_secs",
        "progress_percent",
        "error",
        "errors",
        "code",
        "name",
        "message",
        "detail",
        "title",
        "type",
        "parameters",
        "parameter",
        "image",
        "video",
        "w",
        "h",
        "image_type",
        "pending",
        "in_progress",
        "succeeded",
        "failed",
        ID,
        "12",
        "BadRequest: Not found",
        "-1",
        "1e999",
        "NaN",
        "Segments do not add up to provided total file size.",
        "https://api.x.com/2/problems/resource-not-found",
        "Bearer abc",
        "oauth_token=abc",
    ],
    headers: &[
        "retry-after",
        "x-rate-limit-remaining",
        "x-rate-limit-reset",
        "x-app-limit-24hour-remaining",
        "x-app-limit-24hour-reset",
        "x-user-limit-24hour-reset",
        "x-transaction-id",
        "x-request-id",
        "content-type",
    ],
    statuses: &[
        200, 201, 202, 204, 301, 400, 401, 402, 403, 404, 408, 413, 425, 429, 431, 500, 502, 503, 504,
    ],
    secret: SECRET,
};

fn wrong(text: String) -> Result<(), Finding> {
    Err(Finding::new(text))
}

fn check_final(kind: OperationKind, result: &Final) -> Result<(), Finding> {
    let of_ours = &*result.id == ID && result.body.len() <= 64 << 10;
    // Only FINALIZE counts what was sent.
    let counted = kind == OperationKind::Finalize || result.size.is_none();
    match XMedia::from_final(result) {
        Ok(_) if of_ours && counted => Ok(()),
        media => wrong(format!("{kind}: {result:?}, as a media {media:?}")),
    }
}

/// What is X's alone.
pub(crate) fn rule(operation: &Operation, outcome: &Outcome) -> Result<(), Finding> {
    let kind = operation.kind();
    match &outcome.result {
        Ok(Reply::Stored { receipt: Some(_), .. } | Reply::Advanced { .. } | Reply::Probed(_)) => {
            wrong(format!("{kind}: X has neither receipts nor cursors nor lists: {outcome:?}"))
        }
        Ok(Reply::Aborted | Reply::AbortPending) => wrong(format!("{kind}: X knows no abort: {outcome:?}")),
        Ok(Reply::Completed(result)) => match kind {
            OperationKind::Finalize | OperationKind::Status => check_final(kind, result),
            OperationKind::Init
            | OperationKind::Append
            | OperationKind::Probe
            | OperationKind::Verify
            | OperationKind::Abort => wrong(format!("{kind} completes nothing: {outcome:?}")),
        },
        Ok(Reply::Verified(Verdict::Committed(Commitment::Ready(result)))) => check_final(kind, result),
        Err(Failure::Unknown { .. }) => match kind {
            OperationKind::Init | OperationKind::Append | OperationKind::Finalize => Ok(()),
            OperationKind::Probe | OperationKind::Status | OperationKind::Verify | OperationKind::Abort => {
                wrong(format!("asking is never ambiguous: {kind}: {outcome:?}"))
            }
        },
        Ok(Reply::Opened { .. } | Reply::Stored { .. } | Reply::Processing(_) | Reply::Verified(_))
        | Err(Failure::Answered(_) | Failure::NotSent { .. }) => Ok(()),
    }
}
