//! What holds for every outcome of S3's protocol beyond what holds for all, and what S3's answers are made of. The fuzz target
//! includes this file too.

use chunkwise_core::{Commitment, Failure, Final, Operation, OperationKind, Outcome, Reply, Verdict};
use chunkwise_s3::{MAX_PARTS, Mark, Object, S3Protocol, Store};
use chunkwise_testkit::fuzz::Finding;
use chunkwise_testkit::fuzz::decode::Vocabulary;

pub(crate) const SECRET: &str = "FwoGZXIvYXdzEAbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdx";

pub(crate) const S3: Vocabulary = Vocabulary {
    session: "00000000000000000000000000000007/b/k/up1",
    words: &[
        "<?xml version=\"1.0\"?>",
        "<InitiateMultipartUploadResult>",
        "</InitiateMultipartUploadResult>",
        "<ListPartsResult>",
        "</ListPartsResult>",
        "<CompleteMultipartUploadResult>",
        "</CompleteMultipartUploadResult>",
        "<Error>",
        "</Error>",
        "<Code>NoSuchUpload</Code>",
        "<Code>InternalError</Code>",
        "<Code>RequestTimeTooSkewed</Code>",
        "<Code>InvalidPart</Code>",
        "<Message>",
        "</Message>",
        "<Bucket>b</Bucket>",
        "<Key>k</Key>",
        "<UploadId>up1</UploadId>",
        "<UploadId>a/b&amp;c</UploadId>",
        "<IsTruncated>true</IsTruncated>",
        "<NextPartNumberMarker>2</NextPartNumberMarker>",
        "<Part><PartNumber>1</PartNumber><ETag>\"e\"</ETag><Size>8</Size></Part>",
        "<Part><PartNumber>",
        "</PartNumber><Size>",
        "</Size><ETag>",
        "</ETag></Part>",
        "<![CDATA[",
        "]]>",
        "&amp;",
        "&#x0;",
        "00000000000000000000000000000007",
        "e",
    ],
    headers: &[
        "etag",
        "date",
        "retry-after",
        "x-amz-abort-date",
        "x-amz-request-id",
        "x-amz-bucket-region",
        "x-amz-meta-chunkwise-nonce",
        "x-amz-checksum-crc64nvme",
        "content-length",
    ],
    statuses: &[
        200, 204, 206, 301, 307, 400, 401, 403, 404, 408, 409, 412, 413, 429, 500, 501, 502, 503, 507,
    ],
    secret: SECRET,
};

pub(crate) fn s3() -> S3Protocol {
    let object = Object::new("b", "k").unwrap_or_else(|error| unreachable!("{error}"));
    let endpoint = "http://127.0.0.1:9000".parse().unwrap_or_else(|error| unreachable!("{error}"));
    S3Protocol::new(object, endpoint, Mark::new(7)).with_store(Store::S3)
}

fn wrong(text: String) -> Result<(), Finding> {
    Err(Finding::new(text))
}

fn check_final(kind: OperationKind, result: &Final) -> Result<(), Finding> {
    // Complete says no size; HEAD has no body to speak of.
    let sized = kind == OperationKind::Verify || result.size.is_none();
    if &*result.id == "s3://b/k" && sized { Ok(()) } else { wrong(format!("{kind}: {result:?}")) }
}

/// What is S3's alone.
pub(crate) fn rule(operation: &Operation, outcome: &Outcome) -> Result<(), Finding> {
    let kind = operation.kind();
    match &outcome.result {
        Ok(Reply::Stored { receipt: None, .. }) => wrong("a part without a receipt".into()),
        Ok(Reply::Probed(page)) => match page.parts.iter().find(|part| part.index.get() >= MAX_PARTS) {
            Some(part) => wrong(format!("no such part: {part:?}")),
            None => Ok(()),
        },
        Ok(Reply::Advanced { .. } | Reply::Processing(_)) => {
            wrong(format!("{kind}: S3 has neither cursors nor processing: {outcome:?}"))
        }
        Ok(Reply::Completed(result)) => match kind {
            OperationKind::Finalize => check_final(kind, result),
            OperationKind::Init
            | OperationKind::Append
            | OperationKind::Probe
            | OperationKind::Status
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
        Ok(
            Reply::Opened { .. }
            | Reply::Stored { .. }
            | Reply::Verified(_)
            | Reply::Aborted
            | Reply::AbortPending,
        )
        | Err(Failure::Answered(_) | Failure::NotSent { .. }) => Ok(()),
    }
}
