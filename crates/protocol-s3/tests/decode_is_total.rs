//! Whatever a store answers, decoding gives an outcome that fits the operation, is bounded, and holds no credential.

mod s3_answers;

use bytes::Bytes;
use chunkwise_core::OperationKind;
use chunkwise_testkit::fuzz::Replay;
use chunkwise_testkit::fuzz::decode::{check, operation, run};
use chunkwise_transport::http::Response;
use http::{HeaderValue, StatusCode};
use proptest::prelude::*;

use s3_answers::{S3, rule, s3};

/// Roots of S3's answers, and of others'.
const ROOTS: &[&str] =
    &["InitiateMultipartUploadResult", "ListPartsResult", "CompleteMultipartUploadResult", "Error", "html"];

/// XML of the shapes that S3's answers have, and of none.
fn xml() -> impl Strategy<Value = String> {
    let word = prop_oneof![4 => proptest::sample::select(S3.words).prop_map(str::to_owned), 1 => ".{0,20}"];
    (proptest::sample::select(ROOTS), prop::collection::vec(word, 0..12))
        .prop_map(|(root, words)| format!("<{root}>{}</{root}>", words.concat()))
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => xml().prop_map(String::into_bytes),
        // Cut off somewhere.
        1 => (xml(), any::<prop::sample::Index>()).prop_map(|(xml, at)| {
            let text = xml.into_bytes();
            let end = at.index(text.len() + 1);
            text[..end].to_vec()
        }),
        1 => prop::collection::vec(any::<u8>(), 0..300),
        1 => (1usize..70_000).prop_map(|len| "<a>".repeat(len / 3).into_bytes()),
        1 => (1usize..70_000).prop_map(|len| format!("<Error><Message>{}</Message></Error>", "x".repeat(len)).into_bytes()),
    ]
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, HeaderValue)>> {
    let value = prop_oneof![
        any::<u64>().prop_map(|n| n.to_string().into_bytes()),
        Just(b"Tue, 14 Nov 2023 22:14:20 GMT".to_vec()),
        Just(b"Fri, 31 Dec 9999 23:59:59 GMT".to_vec()),
        Just(b"Mon, 01 Jan 1601 00:00:00 GMT".to_vec()),
        Just(b"00000000000000000000000000000007".to_vec()),
        prop::collection::vec(prop_oneof![Just(b'\t'), 32u8..127, 128u8..=255], 0..600),
    ];
    let value = value.prop_filter_map("a header value", |bytes| HeaderValue::from_bytes(&bytes).ok());
    prop::collection::vec((proptest::sample::select(S3.headers), value), 0..5)
}

fn status() -> impl Strategy<Value = StatusCode> {
    let code = prop_oneof![4 => proptest::sample::select(S3.statuses), 1 => 100u16..=999];
    code.prop_filter_map("a status", |code| StatusCode::from_u16(code).ok())
}

fn response(status: StatusCode, headers: &[(&'static str, HeaderValue)], body: Vec<u8>) -> Response {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    for (name, value) in headers {
        response.headers_mut().append(*name, value.clone());
    }
    response
}

proptest! {
    #[test]
    fn any_answer_gives_a_fitting_outcome(
        status in status(),
        headers in headers(),
        body in body(),
        attempt in 1u32..3,
    ) {
        let response = response(status, &headers, body);
        for kind in OperationKind::ALL {
            let mut operation = operation(kind, S3.session);
            operation.attempt = attempt;
            let outcome = check(&s3(), &operation, &response, None);
            let ruled = outcome.and_then(|outcome| rule(&operation, &outcome));
            prop_assert!(ruled.is_ok(), "{:?}", ruled);
        }
    }

    #[test]
    fn no_failure_shows_a_credential(
        kind in proptest::sample::select(OperationKind::ALL.to_vec()),
        status in status().prop_filter("a failure", |status| !status.is_success()),
        before in "[ -%\\-;=?-~]{0,60}",
        frame in 0usize..4,
        token in "[0-9]{5}[A-Za-z0-9_]{40}[a-z]",
    ) {
        let echo = match frame {
            0 => format!("x-amz-security-token:{token}"),
            1 => format!("<Token>{token}</Token>"),
            2 => format!("X-Amz-Signature={token}"),
            _ => token.clone(),
        };
        let body = format!("<Error><Code>{token}</Code><Message>{before} {echo}</Message><Region>{token}</Region></Error>");
        let headers = [("x-amz-request-id", HeaderValue::from_str(&token).unwrap())];
        let response = response(status, &headers, body.into_bytes());
        let outcome = check(&s3(), &operation(kind, S3.session), &response, Some(&token));
        prop_assert!(outcome.is_ok(), "{:?}", outcome);
    }
}

/// What the fuzz target runs, over its seeds and over noise.
#[test]
fn what_bytes_make_of_an_answer_is_decoded_well() {
    let fuzz = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz");
    let replay = Replay { fuzz, target: "decode_s3", runs: 2_000, longest: 300 };
    replay.run(|bytes| run(&s3(), &S3, &rule, bytes)).unwrap();
}
