//! Against the examples of the RFC and of X's documentation.

use bytes::Bytes;
use chunkwise_core::{Action, ByteRange, Last, OpId, Operation, Segment, SegmentIndex, Session, Timestamp};
use chunkwise_transport::http::Protocol as _;
use http::{Method, Uri};

use super::*;
use crate::{Api, Category, Media, MediaType, XProtocol};

/// The parameters of an `Authorization` header's example, then of a query and a form.
fn parameters(protocol: &[(&str, &str)], query: &str, form: &str) -> Parameters {
    let mut parameters = Parameters::default();
    for (name, value) in protocol {
        parameters.add(name.as_bytes(), value.as_bytes());
    }
    parameters.add_form(query.as_bytes());
    parameters.add_form(form.as_bytes());
    parameters
}

#[test]
fn rfc_5849_base_string() {
    // §3.4.1.1: doubled names, empty values, an encoded name, a space in both dresses, an upper-case host.
    let uri: Uri = "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b".parse().unwrap();
    let parameters = parameters(
        &[
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
        ],
        uri.query().unwrap(),
        "c2&a3=2+q",
    );
    assert_eq!(
        signature::base_string(&Method::POST, &base_uri(&uri).unwrap(), parameters),
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D\
         %26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1\
         %26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    );
}

#[test]
fn rfc_5849_signature() {
    // §1.2, the request for the photo.
    let uri: Uri = "http://photos.example.net/photos?file=vacation.jpg&size=original".parse().unwrap();
    let parameters = parameters(
        &[
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ],
        uri.query().unwrap(),
        "",
    );
    let base = signature::base_string(&Method::GET, &base_uri(&uri).unwrap(), parameters);
    assert_eq!(sign(&base, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00").unwrap(), "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
}

#[test]
fn the_example_of_xs_documentation() {
    // "Creating a signature", with the address as it was at first and as it is today.
    for (address, signature) in [
        ("https://api.twitter.com/1/statuses/update.json", "tnnArxj06cWHq44gCs1OSKk/jLY="),
        ("https://api.twitter.com/1.1/statuses/update.json", "hCtSmYh+iHYCEqBWrE7C7hYmtUk="),
    ] {
        let parameters = parameters(
            &[
                ("oauth_consumer_key", "xvz1evFS4wEEPTGEFPHBog"),
                ("oauth_nonce", "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"),
                ("oauth_signature_method", "HMAC-SHA1"),
                ("oauth_timestamp", "1318622958"),
                ("oauth_token", "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"),
                ("oauth_version", "1.0"),
            ],
            "include_entities=true",
            "status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21",
        );
        let base = signature::base_string(&Method::POST, address, parameters);
        let secrets =
            ("kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw", "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE");
        assert_eq!(sign(&base, secrets.0, secrets.1).unwrap(), signature);
    }
}

fn oauth1() -> OAuth1 {
    OAuth1::new(OAuth1Credentials {
        consumer_key: Secret::new("key".to_owned()),
        consumer_secret: Secret::new("hunter1".to_owned()),
        token: Secret::new("42-token".to_owned()),
        token_secret: Secret::new("hunter2".to_owned()),
    })
}

const CONTEXT: EncodeContext =
    EncodeContext { now: Timestamp::from_micros(1_700_000_000_999_999), nonce: 0xabc };

/// The header of a request to this address with this body.
fn authorization(address: &'static str, content_type: &'static str, body: RequestBody) -> String {
    let mut request = Request::new(Method::POST, Uri::from_static(address));
    if !content_type.is_empty() {
        request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    request.body = body;
    oauth1().authorize(&mut request, &CONTEXT).unwrap();
    let value = &request.headers[header::AUTHORIZATION];
    assert!(value.is_sensitive());
    value.to_str().unwrap().to_owned()
}

const ADDRESS: &str = "https://upload.x.com/1.1/media/upload.json";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

#[test]
fn the_header_has_all_that_the_server_needs() {
    // Signature computed with another implementation (Python's hmac) over the base string of these values.
    assert_eq!(
        authorization(ADDRESS, FORM, RequestBody::Bytes(Bytes::from_static(b"command=FINALIZE&media_id=12"))),
        "OAuth oauth_consumer_key=\"key\", oauth_nonce=\"00000000000000000000000000000abc\", \
         oauth_signature=\"9CNRm1c1P3NKO95orsyk%2B%2BgsdeU%3D\", oauth_signature_method=\"HMAC-SHA1\", \
         oauth_timestamp=\"1700000000\", oauth_token=\"42-token\", oauth_version=\"1.0\""
    );
}

#[test]
fn forms_and_queries_are_signed_and_other_bodies_are_not() {
    let form = |text: &'static str| RequestBody::Bytes(Bytes::from_static(text.as_bytes()));
    let unsigned = authorization(ADDRESS, "", RequestBody::Empty);
    assert_ne!(authorization(ADDRESS, FORM, form("a=b")), unsigned);
    assert_ne!(authorization(ADDRESS, FORM, form("a=b")), authorization(ADDRESS, FORM, form("a=c")));
    assert_eq!(
        authorization("https://upload.x.com/1.1/media/upload.json?a=b", "", RequestBody::Empty),
        authorization(ADDRESS, FORM, form("a=b")),
        "a parameter counts the same wherever it stands"
    );
    assert_eq!(authorization(ADDRESS, "application/json", form("{}")), unsigned);
    let parts = RequestBody::Payload { head: Bytes::from_static(b"a=b"), tail: Bytes::new().into() };
    assert_eq!(authorization(ADDRESS, "multipart/form-data; boundary=x", parts), unsigned);
}

/// The header of the request that performs an action through v1.1.
fn of_action(action: Action) -> String {
    let x = XProtocol::new(Api::V1_1, Media::new(MediaType::MP4, Category::TweetVideo));
    let operation = Operation { id: OpId::from_raw(1), attempt: 1, epoch: Default::default(), action };
    let mut request = x.encode(&operation, &CONTEXT).unwrap();
    oauth1().authorize(&mut request, &CONTEXT).unwrap();
    request.headers[header::AUTHORIZATION].to_str().unwrap().to_owned()
}

#[test]
fn of_an_upload_everything_but_the_segments_is_signed() {
    let session = |id: &str| Session::new(id);
    assert_ne!(of_action(Action::Init { total: Some(8) }), of_action(Action::Init { total: Some(9) }));
    assert_ne!(
        of_action(Action::Status { session: session("1") }),
        of_action(Action::Status { session: session("2") })
    );
    let append = |index| {
        let segment = Segment { index: SegmentIndex::new(index), range: ByteRange::at(0, 4) };
        of_action(Action::Append { session: session("1"), segment, last: Last::More })
    };
    assert_eq!(append(0), append(1));
}

#[test]
fn uploads_of_one_user_are_one_account_and_nothing_is_printed() {
    assert_eq!(oauth1().account(), Some(Account::new("x:42")));
    assert_eq!(oauth1().with_account(Account::new("mine")).account(), Some(Account::new("mine")));
    let debug = format!("{:?} {:?}", oauth1(), oauth1().credentials);
    assert!(!debug.contains("hunter") && !debug.contains("token\""), "{debug}");
}

#[test]
fn a_default_port_is_left_out_and_another_is_not() {
    for (address, base) in [
        ("https://API.X.com:443/2/media?x=y", "https://api.x.com/2/media"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("http://x.com:443/a", "http://x.com:443/a"),
    ] {
        assert_eq!(base_uri(&Uri::from_static(address)).unwrap(), base);
    }
    assert_eq!(base_uri(&Uri::from_static("/2/media")), None);
}
