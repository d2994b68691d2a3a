//! Whatever a server answers, decoding gives an outcome that fits the operation, is bounded, and holds no credential.

mod x_answers;

use bytes::Bytes;
use chunkwise_core::OperationKind;
use chunkwise_testkit::fuzz::Replay;
use chunkwise_testkit::fuzz::decode::{NOW, check, operation, run};
use chunkwise_transport::http::Response;
use chunkwise_x::{Api, Category, Media, MediaType, XProtocol};
use http::{HeaderValue, StatusCode};
use proptest::prelude::*;

use x_answers::{ID, X, rule};

/// Names and texts that X's answers have, beside arbitrary ones.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![4 => proptest::sample::select(X.words).prop_map(str::to_owned), 1 => ".{0,40}"]
}

/// JSON of the shapes that X's answers have, and of none.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        (0u64..200).prop_map(Into::into),
        word().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            3 => prop::collection::vec((word(), inner), 0..6).prop_map(|pairs| {
                serde_json::Value::Object(pairs.into_iter().collect())
            }),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => json().prop_map(|json| json.to_string().into_bytes()),
        // Cut off somewhere.
        1 => (json(), any::<prop::sample::Index>()).prop_map(|(json, at)| {
            let text = json.to_string().into_bytes();
            let end = at.index(text.len() + 1);
            text[..end].to_vec()
        }),
        1 => prop::collection::vec(any::<u8>(), 0..300),
        1 => "<(html|title|script)>.{0,80}</(title|html)>".prop_map(String::into_bytes),
        1 => (1usize..70_000).prop_map(|len| vec![b'['; len]),
        1 => (1usize..70_000).prop_map(|len| format!("{{\"message\":\"{}\"}}", "x".repeat(len)).into_bytes()),
    ]
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, HeaderValue)>> {
    let value = prop_oneof![
        any::<u64>().prop_map(|n| n.to_string().into_bytes()),
        (0u64..2).prop_map(|n| n.to_string().into_bytes()),
        Just(b"Tue, 14 Nov 2023 22:14:20 GMT".to_vec()),
        Just(b"Mon, 01 Jan 1601 00:00:00 GMT".to_vec()),
        prop::collection::vec(prop_oneof![Just(b'\t'), 32u8..127, 128u8..=255], 0..600),
    ];
    let value = value.prop_filter_map("a header value", |bytes| HeaderValue::from_bytes(&bytes).ok());
    prop::collection::vec((proptest::sample::select(X.headers), value), 0..5)
}

fn response(status: StatusCode, headers: &[(&'static str, HeaderValue)], body: Vec<u8>) -> Response {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    for (name, value) in headers {
        response.headers_mut().append(*name, value.clone());
    }
    response
}

fn status() -> impl Strategy<Value = StatusCode> {
    let code = prop_oneof![4 => proptest::sample::select(X.statuses), 1 => 100u16..=999];
    code.prop_filter_map("a status", |code| StatusCode::from_u16(code).ok())
}

fn api() -> impl Strategy<Value = Api> {
    prop_oneof![Just(Api::V2), Just(Api::V1_1)]
}

fn category() -> impl Strategy<Value = Category> {
    proptest::sample::select(Category::ALL.to_vec())
}

proptest! {
    #[test]
    fn any_answer_gives_a_fitting_outcome(
        api in api(),
        category in category(),
        status in status(),
        headers in headers(),
        body in body(),
    ) {
        let x = XProtocol::new(api, Media::new(MediaType::MP4, category));
        let response = response(status, &headers, body);
        for kind in OperationKind::ALL {
            let operation = operation(kind, ID);
            let outcome = check(&x, &operation, &response, None);
            let ruled = outcome.and_then(|outcome| rule(&operation, &outcome));
            prop_assert!(ruled.is_ok(), "{:?}", ruled);
        }
        let _ = x.decode_alt_text(&response, NOW);
    }

    #[test]
    fn no_failure_shows_a_credential(
        kind in proptest::sample::select(OperationKind::ALL.to_vec()),
        status in status().prop_filter("a failure", |status| !status.is_success()),
        before in "[ -~]{0,60}",
        frame in 0usize..6,
        token in "[0-9]{5}-[A-Za-z0-9_]{40}[a-z]",
        after in "[ -~]{0,60}",
        wrapped in any::<bool>(),
    ) {
        let echo = match frame {
            0 => format!("Authorization: Bearer {token}"),
            1 => format!("oauth_token=\"{token}\""),
            2 => format!("oauth_token%3D{token}%26"),
            3 => format!("{{\"access_token\":\"{token}\"}}"),
            4 => format!("Cookie: auth_token={token}; x=y"),
            _ => token.clone(),
        };
        let text = format!("{before} {echo} {after}");
        let body = if wrapped {
            serde_json::json!({ "errors": [{ "message": text, "code": 5 }], "detail": text }).to_string()
        } else {
            text
        };
        let x = XProtocol::new(Api::V1_1, Media::new(MediaType::MP4, Category::TweetVideo));
        let headers = [("x-request-id", HeaderValue::from_str(&token).unwrap())];
        let response = response(status, &headers, body.into_bytes());
        let outcome = check(&x, &operation(kind, ID), &response, Some(&token));
        prop_assert!(outcome.is_ok(), "{:?}", outcome);
    }
}

/// What the fuzz target runs, over its seeds and over noise.
#[test]
fn what_bytes_make_of_an_answer_is_decoded_well() {
    let fuzz = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz");
    let replay = Replay { fuzz, target: "decode_x", runs: 2_000, longest: 300 };
    for (api, category) in [(Api::V2, Category::TweetVideo), (Api::V1_1, Category::TweetImage)] {
        let x = XProtocol::new(api, Media::new(MediaType::MP4, category));
        replay.run(|bytes| run(&x, &X, &rule, bytes)).unwrap();
    }
}
