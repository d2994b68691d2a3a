//! The cases of S3's and tus's codecs.

use std::fmt::Write as _;

use bytes::Bytes;
use chunkwise_core::{
    Action, ByteRange, CredentialEpoch, Last, OpId, Operation, Reply, Segment, SegmentIndex, Session,
};
use chunkwise_s3::{AddressStyle, Credentials, Mark, Object, S3Protocol, SigV4, Store, aws_endpoint};
use chunkwise_transport::http::{Authorizer as _, Protocol, Response};
use chunkwise_tus::{Capabilities, Endpoint, Extension, TusProtocol, Way};

use crate::codec::context;
use crate::{Case, counted};

pub(crate) const CASES: &[Case] = &[
    Case { name: "s3-encode-part", times: 1, run: |_| encode(s3(), part()) },
    Case { name: "s3-sign-part", times: 1, run: |_| sign() },
    Case { name: "s3-decode-stored", times: 1, run: |_| decode(s3(), part(), 200, "") },
    Case { name: "s3-decode-list-1000", times: 1, run: |_| decode(s3(), probe(session()), 200, &listing()) },
    Case { name: "s3-decode-unavailable", times: 1, run: |_| decode(s3(), part(), 503, SLOW_DOWN) },
    Case { name: "tus-encode-patch", times: 1, run: |_| encode(tus(), patch()) },
    Case { name: "tus-decode-advanced", times: 1, run: |_| decode(tus(), patch(), 204, "") },
];

const UPLOAD_ID: &str = "VXBsb2FkIElEIGZvciA2aWWpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZA";
const SLOW_DOWN: &str =
    "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";

fn s3() -> S3Protocol {
    let object = Object::new("media", "clips/2026/clip.mp4").unwrap_or_else(|error| unreachable!("{error}"));
    let endpoint = aws_endpoint("eu-central-1").unwrap_or_else(|| unreachable!("it is a region"));
    S3Protocol::new(object, endpoint, Mark::new(0xc0_ffee))
        .with_style(AddressStyle::VirtualHost)
        .with_store(Store::S3)
}

fn tus() -> TusProtocol {
    let endpoint =
        Endpoint::new("https://tus.example/files/").unwrap_or_else(|error| unreachable!("{error}"));
    TusProtocol::new(endpoint, Capabilities::new(Extension::ALL), Way::Whole)
        .unwrap_or_else(|error| unreachable!("{error}"))
}

fn operation(action: Action) -> Operation {
    Operation { id: OpId::from_raw(7), attempt: 1, epoch: CredentialEpoch::default(), action }
}

/// The session that a store's answer names.
fn session() -> Session {
    let body = format!(
        "<InitiateMultipartUploadResult><UploadId>{UPLOAD_ID}</UploadId></InitiateMultipartUploadResult>"
    );
    let init = operation(Action::Init { total: Some(512 << 20) });
    match s3().decode(&init, &response(200, &body), context().now).result {
        Ok(Reply::Opened { session, .. }) => session,
        other => unreachable!("{other:?}"),
    }
}

fn append(session: Session) -> Operation {
    let segment = Segment { index: SegmentIndex::new(7), range: ByteRange::at(7 * (8 << 20), 8 << 20) };
    operation(Action::Append { session, segment, last: Last::More })
}

fn part() -> Operation {
    append(session())
}

fn patch() -> Operation {
    append(Session::new("https://tus.example/files/24e533e02ec3bc40c387f1a0e460e216#536870912"))
}

fn probe(session: Session) -> Operation {
    operation(Action::Probe { session, page: None })
}

fn listing() -> String {
    let mut body =
        format!("<ListPartsResult><UploadId>{UPLOAD_ID}</UploadId><IsTruncated>false</IsTruncated>");
    for number in 1..=1_000 {
        let _ = write!(
            body,
            "<Part><PartNumber>{number}</PartNumber><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag>\
             <Size>8388608</Size></Part>"
        );
    }
    body + "</ListPartsResult>"
}

fn response(status: u16, body: &str) -> Response {
    let mut response = Response::new(Bytes::from(body.to_owned()));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    for (name, value) in [
        ("content-type", "application/xml"),
        ("date", "Tue, 14 Nov 2023 22:13:20 GMT"),
        ("etag", "\"d41d8cd98f00b204e9800998ecf8427e\""),
        ("tus-resumable", "1.0.0"),
        ("upload-offset", "67108864"),
    ] {
        response.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    response
}

fn encode(protocol: impl Protocol, operation: Operation) {
    counted((protocol, operation, context()), |(protocol, operation, context)| {
        (protocol.encode(&operation, &context), protocol, operation)
    });
}

fn sign() {
    let authorizer = SigV4::new(
        "eu-central-1",
        Credentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned().into(),
            session_token: None,
        },
    );
    let request = s3().encode(&part(), &context()).unwrap_or_else(|error| unreachable!("{error}"));
    counted((authorizer, request, context()), |(authorizer, mut request, context)| {
        (authorizer.authorize(&mut request, &context).is_ok(), request, authorizer)
    });
}

fn decode(protocol: impl Protocol, operation: Operation, status: u16, body: &str) {
    let (response, now) = (response(status, body), context().now);
    counted((protocol, operation, response), |(protocol, operation, response)| {
        (protocol.decode(&operation, &response, now), protocol, response)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_the_good_way() {
        let now = context().now;
        let stored = s3().decode(&part(), &response(200, ""), now).result;
        assert!(matches!(stored, Ok(Reply::Stored { receipt: Some(_), .. })), "{stored:?}");
        match s3().decode(&probe(session()), &response(200, &listing()), now).result {
            Ok(Reply::Probed(page)) => assert_eq!(page.parts.len(), 1_000),
            other => panic!("{other:?}"),
        }
        let advanced = tus().decode(&patch(), &response(204, ""), now).result;
        assert!(matches!(advanced, Ok(Reply::Advanced { cursor, .. }) if cursor == 64 << 20), "{advanced:?}");
        assert!(s3().encode(&part(), &context()).is_ok() && tus().encode(&patch(), &context()).is_ok());
    }
}
