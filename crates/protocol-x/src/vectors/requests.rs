//! Requests, byte for byte. In the files `\r\n` stands for the two bytes, the payload for itself in angle brackets,
//! and everything else is as it goes over the wire.

use std::fmt::Write as _;

use bytes::Bytes;
use chunkwise_core::{Action, ByteRange, Last, Operation, Segment, SegmentIndex, Session};
use chunkwise_transport::Payload;
use chunkwise_transport::http::{Body, EncodeContext, Protocol as _, Request, RequestBody, Tail};

use super::{MEDIA_ID, NOW, files, named, operation};
use crate::{AltText, Api, BaseUrl, Category, Media, MediaType, Sharing, XProtocol};

const CONTEXT: EncodeContext = EncodeContext { now: NOW, nonce: 0x00c0_ffee };

fn x(api: Api) -> XProtocol {
    XProtocol::new(api, Media::new(MediaType::MP4, Category::TweetVideo))
}

/// With everything set that can be set.
fn full(api: Api) -> XProtocol {
    let owners = vec!["12".parse().unwrap(), "345".parse().unwrap()];
    let media = Media::new(MediaType::new("model/vnd.usdz+zip").unwrap(), Category::DmVideo)
        .with_additional_owners(owners)
        .unwrap()
        .with_sharing(Sharing::Shared);
    XProtocol::new(api, media).with_base_url(BaseUrl::new("http://127.0.0.1:8080/x/").unwrap())
}

fn alt_text(api: Api) -> Request {
    let alt = AltText::new("Größe: \"5\"").unwrap();
    x(api).alt_text_request(&MEDIA_ID.parse().unwrap(), &alt).unwrap()
}

/// Every request there is, under the name of its file.
fn requests() -> Vec<(&'static str, Request)> {
    let encode = |x: XProtocol, operation: &str| x.encode(&named(operation), &CONTEXT).unwrap();
    vec![
        ("alt-text-v1", alt_text(Api::V1_1)),
        ("alt-text-v2", alt_text(Api::V2)),
        ("append-v1", encode(x(Api::V1_1), "Append")),
        ("append-v2", encode(x(Api::V2), "Append")),
        ("finalize-v1", encode(x(Api::V1_1), "Finalize")),
        ("finalize-v2", encode(x(Api::V2), "Finalize")),
        ("init-full-v1", encode(full(Api::V1_1), "Init")),
        ("init-full-v2", encode(full(Api::V2), "Init")),
        ("init-v1", encode(x(Api::V1_1), "Init")),
        ("init-v2", encode(x(Api::V2), "Init")),
        ("status-v1", encode(x(Api::V1_1), "Status")),
        ("status-v2", encode(x(Api::V2), "Status")),
        ("verify-v2", encode(x(Api::V2), "Verify")),
    ]
}

fn text(bytes: &Bytes) -> String {
    std::str::from_utf8(bytes).unwrap().replace("\r\n", "\\r\\n\n")
}

fn readable(request: &Request) -> String {
    let mut out = format!("{} {}\n", request.method, request.uri);
    let mut headers: Vec<_> =
        request.headers.iter().map(|(k, v)| (k.as_str(), v.to_str().unwrap())).collect();
    headers.sort_unstable();
    for (name, value) in headers {
        writeln!(out, "{name}: {value}").unwrap();
    }
    out.push('\n');
    match &request.body {
        RequestBody::Empty => {}
        RequestBody::Bytes(bytes) => out.push_str(&text(bytes)),
        RequestBody::Payload { head, tail: Tail::Fixed(tail) } => {
            write!(out, "{}<payload>{}", text(head), text(tail)).unwrap();
        }
        RequestBody::Payload { tail: Tail::Computed(_), .. } => panic!("X has no computed tails"),
    }
    out.trim_end().to_owned()
}

#[test]
fn every_request_is_as_written() {
    let files = files("requests");
    let requests = requests();
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, requests.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for ((name, expected), (_, request)) in files.iter().zip(&requests) {
        assert_eq!(readable(request), expected.trim_end(), "{name}");
    }
}

#[test]
fn a_multipart_body_is_well_formed_and_as_long_as_it_says() {
    let payload = Bytes::from_static(b"\r\n--chunkwise-not-the-boundary\r\n\0\xff");
    for api in [Api::V2, Api::V1_1] {
        let request = x(api).encode(&named("Append"), &CONTEXT).unwrap();
        let content_type = request.headers[http::header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let (_, boundary) = content_type.split_once("multipart/form-data; boundary=").unwrap();
        assert!(boundary.len() <= 70, "RFC 2046 §5.1.1");
        let RequestBody::Payload { head, tail: Tail::Fixed(tail) } = &request.body else {
            panic!("an append has a payload")
        };
        let wire = [head.as_ref(), payload.as_ref(), tail.as_ref()].concat();

        let body = Body::new(request.body, Payload::from_bytes(payload.clone()));
        assert_eq!(body.len(), wire.len() as u64);

        // Taken apart as a server would: delimiters at line starts, a blank line behind each part's headers.
        let delimiter = format!("\r\n--{boundary}");
        let framed = [b"\r\n".as_slice(), &wire].concat();
        let parts = split(&framed, delimiter.as_bytes());
        assert_eq!(parts.first(), Some(&b"".as_slice()));
        assert_eq!(parts.last(), Some(&b"--\r\n".as_slice()));
        let media = parts[parts.len() - 2];
        let blank = media.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        assert_eq!(&media[blank + 4..], payload.as_ref());
        for part in &parts[1..parts.len() - 1] {
            assert!(part.starts_with(b"\r\nContent-Disposition: form-data; name=\""));
        }
    }
}

/// The pieces between the delimiters.
fn split<'a>(mut bytes: &'a [u8], delimiter: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while let Some(at) = bytes.windows(delimiter.len()).position(|window| window == delimiter) {
        pieces.push(&bytes[..at]);
        bytes = &bytes[at + delimiter.len()..];
    }
    pieces.push(bytes);
    pieces
}

/// Everything that names a session, with this one.
fn of_session(session: &str) -> [Operation; 4] {
    let session = Session::new(session);
    let segment = Segment { index: SegmentIndex::ZERO, range: ByteRange::at(0, 4) };
    [
        operation(Action::Append { session: session.clone(), segment, last: Last::End }),
        operation(Action::Finalize { session: session.clone(), total: 4, receipts: None }),
        operation(Action::Status { session: session.clone() }),
        operation(Action::Verify { session, total: 4 }),
    ]
}

#[test]
fn a_session_that_is_no_media_id_goes_nowhere() {
    for session in [
        "",
        "1/../../tweets",
        "1?x=y",
        "1&command=FINALIZE",
        "1%2F2",
        "1\r\nx: y",
        "١",
        "12345678901234567890",
    ] {
        for api in [Api::V2, Api::V1_1] {
            for operation in of_session(session) {
                let error = x(api).encode(&operation, &CONTEXT).unwrap_err();
                assert!(error.to_string().contains("media id"), "{error}");
            }
        }
    }
}

#[test]
fn what_x_has_no_words_for_is_an_error() {
    for api in [Api::V2, Api::V1_1] {
        for name in ["Probe", "Abort"] {
            assert!(x(api).encode(&named(name), &CONTEXT).is_err(), "{name}");
        }
        assert!(x(api).encode(&operation(Action::Init { total: None }), &CONTEXT).is_err());
        let append = |index| {
            let segment = Segment { index: SegmentIndex::new(index), range: ByteRange::at(0, 4) };
            let action = Action::Append { session: Session::new(MEDIA_ID), segment, last: Last::More };
            x(api).encode(&operation(action), &CONTEXT)
        };
        assert!(append(999).is_ok());
        assert!(append(1000).is_err());
    }
}

#[test]
fn no_two_requests_share_a_boundary() {
    let boundary = |nonce| {
        let context = EncodeContext { now: NOW, nonce };
        x(Api::V2).encode(&named("Append"), &context).unwrap().headers[http::header::CONTENT_TYPE].clone()
    };
    assert_ne!(boundary(1), boundary(2));
}
