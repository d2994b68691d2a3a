//! Whatever a server answers, decoding gives an outcome that fits the operation, is bounded, and holds no credential.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use chunkwise_core::Operation;
use chunkwise_core::{Failure, OperationKind, Outcome, Reply};
use chunkwise_testkit::fuzz::Finding;
use chunkwise_testkit::fuzz::decode::{TOTAL, Vocabulary, check, operation, run};
use chunkwise_transport::http::Response;
use chunkwise_tus::{Capabilities, Endpoint, Extension, TusProtocol, Way};
use http::{HeaderValue, StatusCode};
use proptest::prelude::*;

const TUS: Vocabulary = Vocabulary {
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

fn tus(way: Way) -> TusProtocol {
    let endpoint = Endpoint::new("https://example.com/files/").unwrap();
    TusProtocol::new(endpoint, Capabilities::new(Extension::ALL), way).unwrap()
}

/// What is tus's alone: a cursor and an object only where they can be, and nothing at another place.
fn rule(operation: &Operation, outcome: &Outcome) -> Result<(), Finding> {
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

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![Just(Way::Whole), Just(Way::Deferred), Just(Way::Parts)]
}

fn header() -> impl Strategy<Value = (&'static str, HeaderValue)> {
    let value = prop_oneof![
        (0u64..10).prop_map(|n| n.to_string().into_bytes()),
        any::<u64>().prop_map(|n| n.to_string().into_bytes()),
        proptest::sample::select(TUS.words).prop_map(|word| word.as_bytes().to_vec()),
        Just(b"Tue, 14 Nov 2023 22:14:20 GMT".to_vec()),
        Just(b"Mon, 01 Jan 1601 00:00:00 GMT".to_vec()),
        prop::collection::vec(prop_oneof![Just(b'\t'), 32u8..127, 128u8..=255], 0..3_000),
    ];
    let value = value.prop_filter_map("a header value", |bytes| HeaderValue::from_bytes(&bytes).ok());
    (proptest::sample::select(TUS.headers), value)
}

proptest! {
    #[test]
    fn any_answer_gives_a_fitting_outcome(
        way in way(),
        status in prop_oneof![4 => proptest::sample::select(TUS.statuses), 1 => 100u16..=999],
        headers in prop::collection::vec(header(), 0..6),
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut response = Response::new(body.into());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response.headers_mut().extend(headers.into_iter().map(|(name, value)| (http::HeaderName::from_static(name), value)));
        for kind in OperationKind::ALL {
            let operation = operation(kind, TUS.session);
            let ruled = check(&tus(way), &operation, &response, None)
                .and_then(|outcome| rule(&operation, &outcome));
            prop_assert!(ruled.is_ok(), "{:?}", ruled);
        }
        let _ = Capabilities::decode(&response, chunkwise_testkit::fuzz::decode::NOW);
    }

    #[test]
    fn what_bytes_make_of_an_answer_is_decoded_well(
        way in way(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let ran = run(&tus(way), &TUS, &rule, &bytes);
        prop_assert!(ran.is_ok(), "{:?}", ran);
    }
}
