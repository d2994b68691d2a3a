//! Requests, byte for byte. In the files `\r\n` stands for the two bytes, the payload for itself in angle brackets, and
//! everything else is as it goes over the wire, but for the signature.

use std::fmt::Write as _;

use bytes::Bytes;
use chunkwise_core::{Action, ByteRange, Last, PageToken, Receipt, Segment, SegmentIndex, Session};
use chunkwise_transport::Payload;
use chunkwise_transport::http::{Body, EncodeContext, Protocol as _, Request, RequestBody, Tail};
use futures::executor::block_on;
use http_body_util::BodyExt as _;

use super::{NOW, files, named, named_in, operation, ours, s3};
use crate::{AddressStyle, Checksum, MAX_PARTS, Mark, Metadata, Object, S3Protocol, Store};

const CONTEXT: EncodeContext = EncodeContext { now: NOW, nonce: 7 };

/// At a store of which nothing is known, by path.
fn plain() -> S3Protocol {
    let endpoint = "http://127.0.0.1:9000/s3/".parse().unwrap();
    let store = Store { metadata: Metadata::Unsupported, ..Store::COMPATIBLE };
    S3Protocol::new(s3().object, endpoint, Mark::new(0xc0_ffee))
        .with_style(AddressStyle::Path)
        .with_store(store)
}

/// Every request there is, under the name of its file.
fn requests() -> Vec<(&'static str, Request)> {
    let of = |s3: S3Protocol, operation: &str| s3.encode(&named(operation), &CONTEXT).unwrap();
    vec![
        ("abort", of(s3(), "Abort")),
        ("abort-look", of(s3(), "AbortLook")),
        ("append", of(s3(), "Append")),
        ("append-plain", of(plain(), "Append")),
        ("append-sha256", of(s3().with_store(Store::S3.with_checksum(Some(Checksum::Sha256))), "Append")),
        ("finalize", of(s3(), "Finalize")),
        ("init", of(s3().with_content_type("video/mp4").unwrap(), "Init")),
        ("init-plain", of(plain(), "Init")),
        ("probe", of(s3(), "Probe")),
        ("probe-page", of(s3(), "ProbePage")),
        ("verify", of(s3(), "Verify")),
    ]
}

fn readable(request: Request) -> String {
    let mut out = format!("{} {}\n", request.method, request.uri);
    let mut headers: Vec<_> =
        request.headers.iter().map(|(k, v)| (k.as_str(), v.to_str().unwrap())).collect();
    headers.sort_unstable();
    for (name, value) in headers {
        writeln!(out, "{name}: {value}").unwrap();
    }
    let payload = match &request.body {
        RequestBody::Payload { .. } => Payload::from_bytes(Bytes::from_static(b"<in>")),
        RequestBody::Empty | RequestBody::Bytes(_) => Payload::empty(),
    };
    let body = Body::new(request.body, payload);
    let announced = body.len();
    let sent = block_on(body.collect()).unwrap().to_bytes();
    assert_eq!(sent.len() as u64, announced);
    write!(out, "\n{}", std::str::from_utf8(&sent).unwrap().replace("\r\n", "\\r\\n\n")).unwrap();
    out.trim_end().to_owned()
}

#[test]
fn every_request_is_as_written() {
    let files = files("requests");
    let requests = requests();
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, requests.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for ((name, expected), (_, request)) in files.iter().zip(requests) {
        assert_eq!(readable(request), expected.trim_end(), "{name}");
    }
}

#[test]
fn a_session_of_another_upload_goes_nowhere() {
    let other = S3Protocol::new(s3().object, s3().endpoint, Mark::new(1)).with_store(Store::S3);
    for name in ["Append", "Probe", "Finalize", "Verify", "Abort", "AbortLook"] {
        assert!(other.encode(&named(name), &CONTEXT).unwrap_err().to_string().contains("session"), "{name}");
        for session in ["", "x", "../x", "1?x=y", "1\r\nx: y"] {
            let operation = named_in(name, Session::new(session));
            assert!(s3().encode(&operation, &CONTEXT).is_err(), "{name} {session:?}");
        }
    }
}

#[test]
fn a_bucket_with_an_upper_case_letter_goes_into_the_path_alone() {
    let object = Object::new("Media", "k").unwrap();
    let s3 = S3Protocol::new(object, s3().endpoint, Mark::new(1));
    assert!(s3.encode(&named("Init"), &CONTEXT).is_ok());
    let error = s3.with_style(AddressStyle::VirtualHost).encode(&named("Init"), &CONTEXT).unwrap_err();
    assert!(error.to_string().contains("by path"), "{error}");
}

#[test]
fn what_s3_has_no_words_for_is_an_error() {
    assert!(s3().encode(&named("Status"), &CONTEXT).is_err());
    let append = |index| {
        let segment = Segment { index: SegmentIndex::new(index), range: ByteRange::at(0, 4) };
        s3().encode(&operation(Action::Append { session: ours(), segment, last: Last::More }), &CONTEXT)
    };
    assert!(append(MAX_PARTS - 1).is_ok());
    assert!(append(MAX_PARTS).is_err());
    let finalize = |receipts: Option<&[&'static [u8]]>| {
        let receipts = receipts.map(|all| all.iter().map(|one| Receipt::new(*one)).collect());
        s3().encode(&operation(Action::Finalize { session: ours(), total: 8, receipts }), &CONTEXT)
    };
    assert!(finalize(None).is_err());
    assert!(finalize(Some(&[b"\xff"])).is_err());
    assert!(finalize(Some(&[b"\"e\""])).is_ok());
    let probe = Action::Probe { session: ours(), page: Some(PageToken::new("1&uploadId=2")) };
    assert!(s3().encode(&operation(probe), &CONTEXT).is_err());
}

#[test]
fn a_part_without_a_byte_has_an_empty_chunk_alone() {
    let segment = Segment { index: SegmentIndex::ZERO, range: ByteRange::at(0, 0) };
    let append = operation(Action::Append { session: ours(), segment, last: Last::End });
    let RequestBody::Payload { head, tail } = s3().encode(&append, &CONTEXT).unwrap().body else {
        panic!("a part has a payload")
    };
    let Tail::Computed(mut tail) = tail else { panic!("it has a trailer") };
    assert_eq!((head.len(), tail.finish()), (0, "0\r\nx-amz-checksum-crc64nvme:AAAAAAAAAAA=\r\n\r\n".into()));
}
