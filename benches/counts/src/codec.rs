//! The cases of X's codec.

use bytes::Bytes;
use chunkwise_core::{
    Action, ByteRange, CredentialEpoch, Last, OpId, Operation, Segment, SegmentIndex, Session, Timestamp,
};
use chunkwise_transport::Secret;
use chunkwise_transport::http::{Authorizer as _, EncodeContext, Protocol as _, Request, Response};
use chunkwise_x::{Api, Category, Media, MediaType, OAuth1, OAuth1Credentials, XProtocol};

use crate::{Case, counted};

pub(crate) const CASES: &[Case] = &[
    Case { name: "x-encode-init", times: 1, run: |_| encode(Api::V2, init()) },
    Case { name: "x-encode-append", times: 1, run: |_| encode(Api::V2, append()) },
    Case { name: "x-encode-append-v1.1", times: 1, run: |_| encode(Api::V1_1, append()) },
    Case { name: "x-encode-finalize", times: 1, run: |_| encode(Api::V2, finalize()) },
    Case { name: "x-encode-status", times: 1, run: |_| encode(Api::V2, status()) },
    Case { name: "x-sign-append", times: 1, run: |_| sign(append()) },
    Case { name: "x-sign-finalize", times: 1, run: |_| sign(finalize()) },
    Case { name: "x-decode-stored", times: 1, run: |_| decode(append(), 204, "") },
    Case { name: "x-decode-opened", times: 1, run: |_| decode(init(), 200, OPENED) },
    Case { name: "x-decode-processing", times: 1, run: |_| decode(status(), 200, PROCESSING) },
    Case { name: "x-decode-throttled", times: 1, run: |_| decode(append(), 429, THROTTLED) },
    Case { name: "x-decode-unavailable", times: 1, run: |_| decode(append(), 503, "<html>busy</html>") },
];

const ID: &str = "710511363345354753";
const OPENED: &str =
    r#"{"data":{"id":"710511363345354753","media_key":"3_710511363345354753","expires_after_secs":86400}}"#;
const PROCESSING: &str = r#"{"data":{"id":"710511363345354753","media_key":"3_710511363345354753","size":536870912,
    "expires_after_secs":86300,"processing_info":{"state":"in_progress","check_after_secs":5,"progress_percent":33}}}"#;
const THROTTLED: &str =
    r#"{"title":"Too Many Requests","detail":"Too Many Requests","type":"about:blank","status":429}"#;

fn protocol(api: Api) -> XProtocol {
    XProtocol::new(api, Media::new(MediaType::MP4, Category::TweetVideo))
}

pub(crate) const fn context() -> EncodeContext {
    EncodeContext {
        now: Timestamp::from_secs(1_700_000_000),
        nonce: 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef,
    }
}

fn operation(action: Action) -> Operation {
    Operation { id: OpId::from_raw(7), attempt: 1, epoch: CredentialEpoch::default(), action }
}

fn init() -> Operation {
    operation(Action::Init { total: Some(512 << 20) })
}

fn append() -> Operation {
    let segment = Segment { index: SegmentIndex::new(7), range: ByteRange::at(7 * (4 << 20), 4 << 20) };
    operation(Action::Append { session: Session::new(ID), segment, last: Last::More })
}

fn finalize() -> Operation {
    operation(Action::Finalize { session: Session::new(ID), total: 512 << 20, receipts: None })
}

fn status() -> Operation {
    operation(Action::Status { session: Session::new(ID) })
}

fn encode(api: Api, operation: Operation) {
    counted((protocol(api), operation, context()), |(x, operation, context)| {
        (x.encode(&operation, &context), x, operation)
    });
}

fn sign(operation: Operation) {
    let secret = |text: &str| Secret::from(text.to_owned());
    let authorizer = OAuth1::new(OAuth1Credentials {
        consumer_key: secret("xvz1evFS4wEEPTGEFPHBog"),
        consumer_secret: secret("kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw"),
        token: secret("370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"),
        token_secret: secret("LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"),
    });
    let request = protocol(Api::V1_1).encode(&operation, &context());
    let request: Request = request.unwrap_or_else(|error| unreachable!("{error}"));
    counted((authorizer, request, context()), |(authorizer, mut request, context)| {
        (authorizer.authorize(&mut request, &context).is_ok(), request, authorizer)
    });
}

fn decode(operation: Operation, status: u16, body: &'static str) {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-rate-limit-limit", "500"),
        ("x-rate-limit-remaining", "37"),
        ("x-rate-limit-reset", "1700000900"),
    ] {
        response.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    let now = context().now;
    counted((protocol(Api::V2), operation, response), |(x, operation, response)| {
        (x.decode(&operation, &response, now), x, response)
    });
}
