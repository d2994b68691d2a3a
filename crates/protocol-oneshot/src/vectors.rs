//! Golden vectors: the request byte for byte, and what every answer comes to.

use std::collections::BTreeSet;

use bytes::Bytes;
use chunkwise_core::{
    Action, ByteRange, Failure, Last, OpId, Operation, Reply, Segment, SegmentIndex, Session, Taken,
    Timestamp,
};
use chunkwise_transport::Secret;
use chunkwise_transport::http::{EncodeContext, Protocol as _, RequestBody, Response, Tail};
use http::{HeaderName, HeaderValue};

use crate::{Form, Id, Invalid, OneShot, error_table, problems};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn raw(id: Id) -> OneShot {
    let form = Form::Raw { content_type: HeaderValue::from_static("video/mp4") };
    OneShot::new("https://example.com/upload?a=b", form, id).unwrap()
}

fn by_pointer() -> OneShot {
    raw(Id::Pointer("/data/id".to_owned()))
}

fn append() -> Operation {
    let segment = Segment { index: SegmentIndex::ZERO, range: ByteRange::at(0, 8) };
    let action = Action::Append { session: Session::new(""), segment, last: Last::End };
    Operation { id: OpId::from_raw(1), attempt: 1, epoch: Default::default(), action }
}

fn encoded(to: &OneShot) -> String {
    let request = to.encode(&append(), &EncodeContext { now: NOW, nonce: 7 }).unwrap();
    let mut text = format!("{} {}\n", request.method, request.uri);
    for (name, value) in &request.headers {
        text += &format!("{name}: {}\n", value.to_str().unwrap());
    }
    match request.body {
        RequestBody::Payload { head, tail: Tail::Fixed(tail) } => {
            let text_of = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap().replace('\r', "");
            text + "\n" + &text_of(head) + "<payload>" + &text_of(tail)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_source_goes_as_the_body_or_in_a_form() {
    let keyed = by_pointer().with_idempotency_key("k7").unwrap();
    assert_eq!(
        encoded(&keyed),
        "POST https://example.com/upload?a=b\nidempotency-key: k7\ncontent-type: video/mp4\n\n<payload>"
    );
    let form = Form::Multipart {
        fields: vec![("album".to_owned(), "7".to_owned())],
        name: "file".to_owned(),
        file_name: "clip.mp4".to_owned(),
        content_type: "video/mp4".to_owned(),
    };
    let to =
        OneShot::new("http://127.0.0.1:1/", form, Id::Header(HeaderName::from_static("location"))).unwrap();
    let boundary = "chunkwise-00000000000000000000000000000007";
    assert_eq!(
        encoded(&to),
        format!(
            "POST http://127.0.0.1:1/\ncontent-type: multipart/form-data; boundary={boundary}\n\n\
             --{boundary}\nContent-Disposition: form-data; name=\"album\"\n\n7\n\
             --{boundary}\nContent-Disposition: form-data; name=\"file\"; filename=\"clip.mp4\"\n\
             Content-Type: video/mp4\n\n<payload>\n--{boundary}--\n"
        )
    );
}

#[test]
fn the_gateway_is_asked_as_it_wants_to_be() {
    let to = OneShot::gateway("https://gw.example/", &Secret::new("tok".to_owned()), "image/png").unwrap();
    let expected = "PUT https://gw.example/uploads\nx-auth-token: tok\ncontent-type: image/png\n\n<payload>";
    assert_eq!(encoded(&to), expected);
    assert!(!format!("{to:?}").contains("tok\""), "{to:?}");
    let answer = r#"{"status":"success","msg":"Media uploaded successfully","data":{"media_id":"20580290","media_type":"image/png","size":8}}"#;
    assert_eq!(told(&to, 200, answer), "completed 20580290");
}

#[test]
fn nothing_else_can_be_asked() {
    let segment = Segment { index: SegmentIndex::new(1), range: ByteRange::at(8, 8) };
    for action in [
        Action::Init { total: Some(8) },
        Action::Append { session: Session::new(""), segment, last: Last::End },
        Action::Probe { session: Session::new(""), page: None },
        Action::Abort { session: Session::new(""), taken: Taken::No },
    ] {
        let operation = Operation { action, ..append() };
        assert!(by_pointer().encode(&operation, &EncodeContext { now: NOW, nonce: 7 }).is_err());
    }
}

#[test]
fn settings_that_no_request_can_be_made_of_are_refused() {
    for url in ["/upload", "ftp://example.com/", "https://u:p@example.com/", ""] {
        let form = Form::Raw { content_type: HeaderValue::from_static("a/b") };
        assert_eq!(OneShot::new(url, form, Id::Pointer(String::new())), Err(Invalid::Url), "{url}");
    }
    assert_eq!(by_pointer().with_idempotency_key("a\nb"), Err(Invalid::Header));
}

fn told(to: &OneShot, status: u16, body: &'static str) -> String {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert("x-id", HeaderValue::from_static("h7"));
    match to.decode(&append(), &response, NOW).result {
        Ok(Reply::Completed(result)) => format!("completed {}", result.id),
        Ok(other) => panic!("{other:?}"),
        Err(Failure::Answered(problem)) => problem.kind.name().to_owned(),
        Err(Failure::Unknown { .. }) => "unknown".to_owned(),
        Err(Failure::NotSent { .. }) => panic!("it was answered"),
    }
}

#[test]
fn the_id_is_where_it_was_said_to_be() {
    for (body, expected) in [
        (r#"{"data":{"id":"abc"}}"#, "completed abc"),
        (r#"{"data":{"id":18446744073709551615}}"#, "completed 18446744073709551615"),
        (r#"{"data":{"id":""}}"#, "unknown"),
        (r#"{"data":{"id":null}}"#, "unknown"),
        (r#"{"data":{}}"#, "unknown"),
        ("<html>", "unknown"),
        ("", "unknown"),
    ] {
        assert_eq!(told(&by_pointer(), 200, body), expected, "{body}");
    }
    let header = |name| raw(Id::Header(HeaderName::from_static(name)));
    assert_eq!(told(&header("x-id"), 201, ""), "completed h7");
    assert_eq!(told(&header("location"), 201, ""), "unknown");
}

#[test]
fn every_bad_answer_falls_under_its_row_and_every_row_is_shown() {
    let mut shown = BTreeSet::new();
    for (status, row, expected) in [
        (401, "unauthorized", "credentials expired"),
        (402, "payment", "refused: quota"),
        (403, "forbidden", "refused: forbidden"),
        (407, "proxy", "refused: forbidden"),
        (408, "timeout", "unknown"),
        (409, "key-in-use", "refused: invalid"),
        (413, "too-large", "too large"),
        (425, "too-early", "transient"),
        (429, "throttled", "throttled"),
        (503, "unavailable", "unknown"),
        (500, "server-error", "unknown"),
        (502, "server-error", "unknown"),
        (302, "refused", "refused: invalid"),
        (400, "refused", "refused: invalid"),
        (422, "refused", "refused: invalid"),
        (101, "no-such-status", "unknown"),
        (999, "no-such-status", "unknown"),
    ] {
        assert_eq!(problems::find(status).unwrap().name(), row);
        assert_eq!(told(&by_pointer(), status, "no"), expected, "{status}");
        shown.insert(row);
    }
    for row in error_table() {
        assert!(shown.contains(row.name()), "no vector shows {row:?}");
    }
    let keyed = by_pointer().with_idempotency_key("k7").unwrap();
    assert_eq!(told(&keyed, 409, "still under way"), "busy");
    assert_eq!([408, 503].map(|status| told(&keyed, status, "no")), ["transient"; 2]);
}
