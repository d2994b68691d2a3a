//! Signatures as AWS publishes them, and what the signer does with credentials and clocks.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use chunkwise_core::{CredentialEpoch, Timestamp};
use chunkwise_transport::RefreshError;
use chunkwise_transport::http::{EncodeContext, Request, RequestBody, Response, Tail};
use futures::executor::block_on;
use http::{HeaderMap, HeaderValue, Method, Uri, header};

use super::*;
use crate::said::{SKEWED, Said};
use crate::{MintUrl, Presigned};

/// 2013-05-24 00:00:00 UTC, the time of AWS's examples.
const THEN: Timestamp = Timestamp::from_secs(1_369_353_600);
const CONTEXT: EncodeContext = EncodeContext { now: THEN, nonce: 0 };
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn keys(session_token: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_access_key: SECRET.to_owned().into(),
        session_token: session_token.map(|token| token.to_owned().into()),
    }
}

fn signer() -> SigV4 {
    SigV4::new("us-east-1", keys(None))
}

fn request(method: Method, uri: &'static str, headers: &[(&'static str, &'static str)]) -> Request {
    let mut request = Request::new(method, Uri::from_static(uri));
    for (name, value) in headers {
        request.headers.insert(*name, HeaderValue::from_static(value));
    }
    request
}

fn authorization(signer: &SigV4, mut request: Request) -> (String, Request) {
    signer.authorize(&mut request, &CONTEXT).unwrap();
    (request.headers[header::AUTHORIZATION].to_str().unwrap().to_owned(), request)
}

/// S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk (AWS
/// Signature Version 4)", the four examples.
#[test]
fn the_signatures_of_awss_examples_come_out() {
    let mut put = request(
        Method::PUT,
        "https://examplebucket.s3.amazonaws.com/test%24file.text",
        &[("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
    );
    put.body = RequestBody::Bytes(Bytes::from_static(b"Welcome to Amazon S3."));
    for (request, signed, signature) in [
        (
            request(
                Method::GET,
                "https://examplebucket.s3.amazonaws.com/test.txt",
                &[("range", "bytes=0-9")],
            ),
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            put,
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            request(Method::GET, "https://examplebucket.s3.amazonaws.com/?lifecycle", &[]),
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            request(Method::GET, "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", &[]),
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ] {
        let uri = request.uri.clone();
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders={signed}, Signature={signature}"
        );
        assert_eq!(authorization(&signer(), request).0, expected, "{uri}");
    }
}

/// S3 API Reference, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)", the example.
#[test]
fn the_presigned_address_of_awss_example_comes_out() {
    let request = request(Method::GET, "https://examplebucket.s3.amazonaws.com/test.txt", &[]);
    let uri = signer().presign(&request, Duration::from_secs(86_400), THEN).unwrap();
    let expected = "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z\
        &X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    assert_eq!(uri, expected);
}

#[test]
fn a_part_is_signed_without_its_bytes() {
    let payload = |headers: &[(&'static str, &'static str)]| {
        let mut part = request(Method::PUT, "https://s3.example/b/k?partNumber=1&uploadId=u", headers);
        part.body = RequestBody::Payload { head: Bytes::new(), tail: Tail::Fixed(Bytes::new()) };
        authorization(&signer(), part).1.headers["x-amz-content-sha256"].clone()
    };
    assert_eq!(payload(&[]), "UNSIGNED-PAYLOAD");
    assert_eq!(payload(&[("x-amz-trailer", "x-amz-checksum-crc32c")]), "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
}

#[test]
fn a_session_token_goes_along_and_nothing_prints_a_secret() {
    let signer = SigV4::new("us-east-1", keys(Some("hunter2")));
    let get = || request(Method::GET, "http://127.0.0.1:9000/b/k", &[]);
    let (authorization, signed) = authorization(&signer, get());
    assert_eq!(signed.headers["x-amz-security-token"], "hunter2");
    assert!(authorization.contains("host;x-amz-content-sha256;x-amz-date;x-amz-security-token"));
    let presigned = signer.presign(&get(), Duration::from_secs(1), THEN).unwrap();
    assert!(presigned.query().unwrap().contains("X-Amz-Security-Token=hunter2"));
    let shown = format!("{signer:?} {:?} {:?}", keys(Some("hunter2")), signed.headers);
    assert!(!shown.contains(SECRET) && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn what_can_not_be_signed_is_an_error() {
    let signer = SigV4::new("us-east-1", keys(Some("a\nb")));
    let mut get = request(Method::GET, "http://127.0.0.1/", &[]);
    assert!(!signer.authorize(&mut get, &CONTEXT).unwrap_err().to_string().contains("a\nb"));
    let mut relative = request(Method::GET, "/b/k", &[]);
    assert!(SigV4::new("r", keys(None)).authorize(&mut relative, &CONTEXT).is_err());
}

const E0: CredentialEpoch = CredentialEpoch::new(0);

fn skewed(date: &'static str) -> Response {
    let body = "<Error><Code>RequestTimeTooSkewed</Code></Error>";
    http::Response::builder()
        .status(403)
        .header("date", date)
        .body(Bytes::from_static(body.as_bytes()))
        .unwrap()
}

#[test]
fn a_clock_is_corrected_by_what_the_store_said_and_once_for_each_time() {
    let signer = signer();
    let date = |signer: &SigV4| {
        let mut get = request(Method::GET, "http://127.0.0.1/", &[]);
        signer.authorize(&mut get, &CONTEXT).unwrap();
        get.headers["x-amz-date"].to_str().unwrap().to_owned()
    };
    signer.observe(&skewed("Fri, 24 May 2013 01:00:00 GMT"), THEN);
    assert_eq!(date(&signer), "20130524T000000Z", "not before it is asked for");
    assert_eq!(block_on(signer.refresh(E0)).unwrap(), E0.next());
    assert_eq!(date(&signer), "20130524T010000Z");
    // The same difference again is no news: the clock is not what the store objects to.
    signer.observe(&skewed("Fri, 24 May 2013 01:00:10 GMT"), THEN);
    assert!(block_on(signer.refresh(E0.next())).is_err());
    signer.observe(&skewed("Thu, 23 May 2013 23:00:00 GMT"), THEN);
    assert_eq!(block_on(signer.refresh(E0.next())).unwrap(), E0.next().next());
    assert_eq!(date(&signer), "20130523T230000Z");
}

#[test]
fn a_refusal_without_a_word_is_the_clocks_fault_until_that_is_corrected() {
    let signer = signer();
    let denied = skewed("Fri, 24 May 2013 01:00:00 GMT").map(|_| Bytes::new());
    let code = |signer: &dyn Authorizer| Said::of(&denied, None, signer.clock(&denied, THEN)).code;
    assert_eq!(code(&signer), SKEWED);
    signer.observe(&denied, THEN);
    block_on(signer.refresh(E0)).unwrap();
    assert_eq!(code(&signer), "");

    struct Nobody;
    #[async_trait]
    impl MintUrl for Nobody {
        async fn mint(&self, _: &Method, uri: &Uri, _: &HeaderMap) -> Result<Uri, AuthorizeError> {
            Ok(uri.clone())
        }
    }
    assert_eq!(code(&Presigned::new(Nobody)), "", "ours signs nothing");
}

#[test]
fn other_answers_teach_no_clock() {
    let signer = signer();
    let mut other = skewed("Fri, 24 May 2013 01:00:00 GMT");
    *other.body_mut() = Bytes::from_static(b"<Error><Code>AccessDenied</Code></Error>");
    signer.observe(&other, THEN);
    signer.observe(
        &http::Response::builder()
            .header("date", "Fri, 24 May 2013 01:00:00 GMT")
            .body(Bytes::new())
            .unwrap(),
        THEN,
    );
    assert!(block_on(signer.refresh(E0)).is_err());
}

#[test]
fn new_credentials_are_asked_for_once_an_epoch() {
    struct Counting(AtomicU32);

    #[async_trait]
    impl ProvideCredentials for Counting {
        async fn provide(&self) -> Result<Credentials, RefreshError> {
            let n = self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Credentials { access_key_id: format!("AK{n}"), ..keys(None) })
        }
    }

    let signer = signer().with_refresh(Counting(AtomicU32::new(0)));
    for _ in 0..3 {
        assert_eq!(block_on(signer.refresh(E0)).unwrap(), E0.next());
    }
    let get = || request(Method::GET, "http://127.0.0.1/", &[]);
    assert!(authorization(&signer, get()).0.contains("Credential=AK0/"));
    assert!(block_on(SigV4::new("r", keys(None)).refresh(E0)).is_err());
}
