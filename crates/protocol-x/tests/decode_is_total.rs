//! Whatever a server answers, decoding gives an outcome that fits the operation, is bounded, and holds no credential.

use bytes::Bytes;
use chunkwise_core::{
    Action, ByteRange, Commitment, Failure, Last, OpId, Operation, OperationKind, Processing, Reply, Segment,
    SegmentIndex, ServerError, Session, Timestamp, Verdict,
};
use chunkwise_transport::http::{Protocol as _, Response};
use chunkwise_x::{Api, Category, Media, MediaId, MediaType, XMedia, XProtocol};
use http::{HeaderValue, StatusCode};
use proptest::prelude::*;

const ID: &str = "1880028106020515840";
const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn operation(kind: OperationKind) -> Operation {
    let session = Session::new(ID);
    let action = match kind {
        OperationKind::Init => Action::Init { total: Some(8) },
        OperationKind::Append => {
            let segment = Segment { index: SegmentIndex::ZERO, range: ByteRange::at(0, 8) };
            Action::Append { session, segment, last: Last::End }
        }
        OperationKind::Probe => Action::Probe { session, page: None },
        OperationKind::Finalize => Action::Finalize { session, total: 8, receipts: None },
        OperationKind::Status => Action::Status { session },
        OperationKind::Verify => Action::Verify { session, total: 8 },
        OperationKind::Abort => Action::Abort { session },
    };
    Operation { id: OpId::from_raw(1), attempt: 1, epoch: Default::default(), action }
}

/// Names and texts that X's answers have, beside arbitrary ones.
fn word() -> impl Strategy<Value = String> {
    let known = [
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
    ];
    prop_oneof![4 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,40}"]
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
    let names = [
        "retry-after",
        "x-rate-limit-remaining",
        "x-rate-limit-reset",
        "x-app-limit-24hour-remaining",
        "x-app-limit-24hour-reset",
        "x-user-limit-24hour-reset",
        "x-transaction-id",
        "x-request-id",
        "content-type",
    ];
    let value = prop_oneof![
        any::<u64>().prop_map(|n| n.to_string().into_bytes()),
        (0u64..2).prop_map(|n| n.to_string().into_bytes()),
        Just(b"Tue, 14 Nov 2023 22:14:20 GMT".to_vec()),
        Just(b"Mon, 01 Jan 1601 00:00:00 GMT".to_vec()),
        prop::collection::vec(prop_oneof![Just(b'\t'), 32u8..127, 128u8..=255], 0..600),
    ];
    let value = value.prop_filter_map("a header value", |bytes| HeaderValue::from_bytes(&bytes).ok());
    prop::collection::vec((proptest::sample::select(names.to_vec()), value), 0..5)
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
    let usual =
        [200u16, 201, 202, 204, 301, 400, 401, 402, 403, 404, 408, 413, 425, 429, 431, 500, 502, 503, 504];
    let code = prop_oneof![4 => proptest::sample::select(usual.to_vec()), 1 => 100u16..=999];
    code.prop_filter_map("a status", |code| StatusCode::from_u16(code).ok())
}

fn api() -> impl Strategy<Value = Api> {
    prop_oneof![Just(Api::V2), Just(Api::V1_1)]
}

fn category() -> impl Strategy<Value = Category> {
    proptest::sample::select(Category::ALL.to_vec())
}

fn check_bounded(error: &ServerError) {
    let fields = error.fields();
    for text in [&fields.status, &fields.code, &fields.name, &fields.message, &fields.request_id, &fields.raw]
    {
        assert!(text.as_str().len() <= chunkwise_core::MAX_DETAIL);
        assert!(!text.as_str().chars().any(char::is_control));
    }
}

fn check_processing(processing: &Processing) {
    match processing {
        Processing::Running { percent, .. } => assert!(percent.is_none_or(|percent| percent.get() <= 100)),
        Processing::Failed(error) => check_bounded(error),
    }
}

/// Whether a reply may be given to the operation at all.
fn check_reply(kind: OperationKind, good: bool, reply: &Reply) {
    let fits = match (kind, reply) {
        (OperationKind::Init, Reply::Opened { session, .. }) => {
            assert!(session.as_str().parse::<MediaId>().is_ok());
            good
        }
        (OperationKind::Append, Reply::Stored { receipt: None, .. }) => good,
        (OperationKind::Finalize | OperationKind::Status, Reply::Processing(processing)) => {
            check_processing(processing);
            good
        }
        (OperationKind::Finalize | OperationKind::Status, Reply::Completed(result))
        | (OperationKind::Verify, Reply::Verified(Verdict::Committed(Commitment::Ready(result)))) => {
            assert_eq!(&*result.id, ID);
            assert!(result.body.len() <= 64 << 10);
            assert!(XMedia::from_final(result).is_ok());
            assert!(kind == OperationKind::Finalize || result.size.is_none());
            good
        }
        (OperationKind::Verify, Reply::Verified(Verdict::Committed(Commitment::Processing(processing)))) => {
            check_processing(processing);
            good
        }
        (OperationKind::Verify, Reply::Verified(Verdict::NotCommitted | Verdict::CannotTell)) => true,
        _ => false,
    };
    assert!(fits, "{kind}: {reply:?} to a {} answer", if good { "good" } else { "bad" });
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
        let good = status.is_success();
        for kind in OperationKind::ALL {
            let outcome = x.decode(&operation(kind), &response, NOW);
            prop_assert_eq!(&outcome, &x.decode(&operation(kind), &response, NOW));
            match &outcome.result {
                Ok(reply) => check_reply(kind, good, reply),
                Err(Failure::Answered(problem)) => check_bounded(&problem.server),
                Err(Failure::Unknown { .. }) => {
                    let changing =
                        matches!(kind, OperationKind::Init | OperationKind::Append | OperationKind::Finalize);
                    prop_assert!(changing, "asking is never ambiguous: {}", kind);
                }
                Err(Failure::NotSent { .. }) => prop_assert!(false, "there was an answer"),
            }
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
        let outcome = x.decode(&operation(kind), &response(status, &headers, body.into_bytes()), NOW);
        let shown = format!("{outcome:?}");
        prop_assert!(!shown.contains(&token), "{}", shown);
    }
}
