//! Golden vectors: requests header by header, and what every answer comes to.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bytes::Bytes;
use chunkwise_core::{
    Action, ByteRange, Commitment, Delay, Failure, Last, OpId, Operation, Outcome, ProblemKind, Receipt,
    Reply, Segment, SegmentIndex, Session, Taken, Timestamp, Verdict,
};
use chunkwise_transport::http::{EncodeContext, Protocol as _, RequestBody, Response};

use crate::problems::{self, Step};
use crate::{Capabilities, Endpoint, Extension, Metadata, TusProtocol, Way, error_table};

/// The time of all vectors: 2023-11-14 22:13:20 UTC.
const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const SESSION: &str = "https://example.com/files/7#8";

fn tus(way: Way) -> TusProtocol {
    let endpoint = Endpoint::new("https://example.com/files/?tenant=3").unwrap();
    let metadata = Metadata::new().with("filename", "clip.mp4").unwrap().with("empty", "").unwrap();
    TusProtocol::new(endpoint, Capabilities::new(Extension::ALL), way).unwrap().with_metadata(metadata)
}

fn operation(action: Action) -> Operation {
    Operation { id: OpId::from_raw(1), attempt: 1, epoch: Default::default(), action }
}

/// The operation by this name: of four bytes at four of eight.
fn named(name: &str, session: &str) -> Operation {
    let session = Session::new(session);
    let segment = Segment { index: SegmentIndex::new(1), range: ByteRange::at(4, 4) };
    operation(match name {
        "Init" => Action::Init { total: Some(8) },
        "Init?" => Action::Init { total: None },
        "Init0" => Action::Init { total: Some(0) },
        "Append" => Action::Append { session, segment, last: Last::More },
        "Last" => Action::Append { session, segment, last: Last::End },
        "Probe" => Action::Probe { session, page: None },
        "Verify" => Action::Verify { session, total: 8 },
        "Abort" => Action::Abort { session, taken: Taken::No },
        "Status" => Action::Status { session },
        "Finalize" => {
            let receipts = ["/files/1", "https://b.example/2"].map(|url| Receipt::new(url.as_bytes()));
            Action::Finalize { session, total: 8, receipts: Some(receipts.into()) }
        }
        other => panic!("no such operation: {other}"),
    })
}

fn encoded(way: Way, name: &str, session: &str) -> String {
    let context = EncodeContext { now: NOW, nonce: 7 };
    let request = match tus(way).encode(&named(name, session), &context) {
        Ok(request) => request,
        Err(error) => return format!("error: {error}"),
    };
    let mut text = format!("{} {}", request.method, request.uri);
    let mut headers: Vec<_> = request.headers.iter().collect();
    headers.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in headers {
        let _ = write!(text, "; {name}: {}", value.to_str().unwrap());
    }
    match request.body {
        RequestBody::Payload { head, tail } if head.is_empty() && tail.is_empty() => text + "; <payload>",
        RequestBody::Empty => text,
        RequestBody::Bytes(bytes) if bytes.is_empty() => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_operation_goes_out_as_it_should() {
    const BYTES: &str = "content-type: application/offset+octet-stream";
    let files = "https://example.com/files";
    let meta = "upload-metadata: filename Y2xpcC5tcDQ=,empty";
    let v = "tus-resumable: 1.0.0";
    for way in [Way::Whole, Way::Deferred] {
        for (name, expected) in [
            ("Init", format!("POST {files}/?tenant=3; {v}; upload-length: 8; {meta}")),
            ("Append", format!("PATCH {files}/7; {BYTES}; {v}; upload-offset: 4; <payload>")),
            ("Probe", format!("HEAD {files}/7; {v}")),
            ("Verify", format!("HEAD {files}/7; {v}")),
            ("Abort", format!("DELETE {files}/7; {v}")),
        ] {
            assert_eq!(encoded(way, name, SESSION), expected);
        }
    }
    let later = "https://example.com/files/7#later";
    let deferred = |name| encoded(Way::Deferred, name, later);
    assert_eq!(deferred("Init?"), format!("POST {files}/?tenant=3; {v}; upload-defer-length: 1; {meta}"));
    let declared = format!("PATCH {files}/7; {BYTES}; {v}; upload-length: 8; upload-offset: 8");
    assert_eq!(deferred("Finalize"), declared);
    assert_eq!(encoded(Way::Deferred, "Finalize", SESSION), format!("HEAD {files}/7; {v}"));

    let part =
        format!("POST {files}/?tenant=3; {BYTES}; {v}; upload-concat: partial; upload-length: 4; <payload>");
    assert_eq!(encoded(Way::Parts, "Append", ""), part);
    let concat = "upload-concat: final;/files/1 https://b.example/2";
    assert_eq!(encoded(Way::Parts, "Finalize", ""), format!("POST {files}/?tenant=3; {v}; {concat}; {meta}"));
    for (way, name) in [
        (Way::Whole, "Init?"),
        (Way::Whole, "Finalize"),
        (Way::Whole, "Status"),
        (Way::Parts, "Init"),
        (Way::Parts, "Probe"),
        (Way::Parts, "Abort"),
    ] {
        assert!(encoded(way, name, SESSION).starts_with("error"), "{way:?} {name}");
    }
}

#[test]
fn nothing_is_said_where_there_is_nothing_to_say() {
    assert_eq!(Metadata::new().header(), None);
    for key in ["", "a b", "a,b", "ä", "a\n"] {
        assert!(Metadata::new().with(key, "value").is_err(), "{key:?}");
    }
    let twice = Metadata::new().with("a", "1").unwrap().with("a", "2").unwrap();
    assert_eq!(twice, Metadata::new().with("a", "2").unwrap());
}

#[test]
fn an_endpoint_is_an_absolute_url_without_a_user() {
    for url in
        ["files", "ftp://example.com/", "https://user:pass@example.com/", "https://example.com/#f", "/files"]
    {
        assert!(Endpoint::new(url).is_err(), "{url}");
    }
    let endpoint = Endpoint::new("https://example.com/files?key=secret").unwrap();
    assert!(!format!("{endpoint} {endpoint:?}").contains("secret"));
}

/// A session comes from a checkpoint, which somebody may have changed.
#[test]
fn a_session_is_checked_before_anything_goes_to_it() {
    for session in [
        "",
        "https://example.com/files/7",
        "https://evil.example/files/7#8",
        "http://example.com/files/7#8",
        "https://example.com:444/files/7#8",
        "https://u:p@example.com/files/7#8",
        "https://example.com/files/7#-8",
        "javascript:alert(1)#8",
    ] {
        for name in ["Append", "Probe", "Abort"] {
            assert!(encoded(Way::Whole, name, session).starts_with("error"), "{session}");
        }
    }
    let long = format!("https://example.com/{}#8", "x".repeat(3_000));
    assert!(encoded(Way::Whole, "Append", &long).starts_with("error"));
}

/// An answer as `STATUS; header: value; …; body`.
fn response(text: &str) -> Response {
    let mut pieces = text.split("; ");
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = pieces.next().unwrap().parse().unwrap();
    for piece in pieces {
        match piece.split_once(": ") {
            Some((name, value)) => {
                let name: http::HeaderName = name.parse().unwrap();
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            None => *response.body_mut() = Bytes::copy_from_slice(piece.as_bytes()),
        }
    }
    response
}

fn told(outcome: &Outcome) -> String {
    let expiry = |expires: &Option<Delay>| match expires {
        None => String::new(),
        Some(Delay::At(at)) => format!(" until {}", at.as_micros() / 1_000_000),
        Some(Delay::After(after)) => format!(" for {after:?}"),
    };
    match &outcome.result {
        Ok(Reply::Opened { session, expires }) => format!("opened {session}{}", expiry(expires)),
        Ok(Reply::Stored { receipt, .. }) => {
            format!("stored {}", String::from_utf8_lossy(receipt.as_ref().unwrap().as_bytes()))
        }
        Ok(Reply::Advanced { cursor, expires }) => format!("advanced {cursor}{}", expiry(expires)),
        Ok(Reply::Completed(result)) => format!("completed {} {:?}", result.id, result.size),
        Ok(Reply::Verified(Verdict::Committed(Commitment::Ready(_)))) => "committed".to_owned(),
        Ok(other) => other.name().to_owned() + if matches!(other, Reply::Verified(_)) { " not" } else { "" },
        Err(Failure::Answered(problem)) => {
            let cursor = match problem.kind {
                ProblemKind::OffsetConflict { cursor } => format!(" {cursor:?}"),
                _ => String::new(),
            };
            format!("{}{cursor}{}", problem.kind.name(), expiry(&problem.after))
        }
        Err(Failure::Unknown { .. }) => "unknown".to_owned(),
        Err(Failure::NotSent { .. }) => panic!("it was answered"),
    }
}

#[test]
fn every_good_answer_is_read() {
    let at = "https://example.com/files/7";
    for (way, name, answer, expected) in [
        (Way::Whole, "Init", "201; location: 7", format!("opened {at}#8")),
        (Way::Whole, "Init", "201; location: /files/7#x", format!("opened {at}#8")),
        (Way::Whole, "Init", "201; location: //example.com/files/7", format!("opened {at}#8")),
        (
            Way::Whole,
            "Init",
            "201; location: 7; upload-expires: Tue, 14 Nov 2023 22:14:20 GMT",
            format!("opened {at}#8 until 1700000060"),
        ),
        // Clocks differ.
        (
            Way::Whole,
            "Init",
            "201; location: 7; upload-expires: Tue, 14 Nov 2023 22:13:20 GMT",
            format!("opened {at}#8"),
        ),
        (Way::Whole, "Init0", "201; location: 7", format!("completed {at} Some(0)")),
        (Way::Deferred, "Init0", "201; location: 7", format!("opened {at}#0")),
        (Way::Deferred, "Init?", "201; location: 7", format!("opened {at}#later")),
        (Way::Whole, "Init", "201; location: https://evil.example/7", "refused: invalid".to_owned()),
        (Way::Whole, "Init", "201; location: http://example.com/files/7", "refused: invalid".to_owned()),
        (Way::Whole, "Init", "201; location: https://u:p@example.com/7", "refused: invalid".to_owned()),
        (Way::Whole, "Init", "201", "protocol broken".to_owned()),
        (Way::Whole, "Append", "204; upload-offset: 6", "advanced 6".to_owned()),
        (
            Way::Whole,
            "Append",
            "204; upload-offset: 8; upload-expires: Tue, 14 Nov 2023 22:14:20 GMT",
            "advanced 8 until 1700000060".to_owned(),
        ),
        (Way::Whole, "Append", "204", "protocol broken".to_owned()),
        (Way::Whole, "Append", "204; upload-offset: -1", "protocol broken".to_owned()),
        (Way::Whole, "Append", "204; upload-offset: +8", "protocol broken".to_owned()),
        (Way::Whole, "Last", "204; upload-offset: 8", format!("completed {at} Some(8)")),
        (Way::Whole, "Last", "204; upload-offset: 9", "advanced 9".to_owned()),
        (Way::Deferred, "Last", "204; upload-offset: 8", "advanced 8".to_owned()),
        (Way::Whole, "Probe", "200; upload-offset: 4; upload-length: 8", "advanced 4".to_owned()),
        (Way::Whole, "Probe", "204; upload-offset: 8; upload-length: 8", format!("completed {at} Some(8)")),
        (Way::Whole, "Probe", "200; upload-offset: 8; upload-length: 9", "session gone".to_owned()),
        (Way::Whole, "Probe", "200; upload-offset: 8", "protocol broken".to_owned()),
        (Way::Deferred, "Probe", "200; upload-offset: 8; upload-length: 8", "advanced 8".to_owned()),
        (Way::Deferred, "Verify", "200; upload-offset: 8; upload-length: 8", "committed".to_owned()),
        (Way::Deferred, "Verify", "200; upload-offset: 7; upload-length: 8", "Verified not".to_owned()),
        (
            Way::Deferred,
            "Finalize",
            "200; upload-offset: 8; upload-length: 8",
            format!("completed {at} Some(8)"),
        ),
        (Way::Deferred, "Finalize", "200; upload-offset: 7; upload-length: 8", "segments missing".to_owned()),
        (Way::Whole, "Abort", "204", "Aborted".to_owned()),
        (Way::Whole, "Status", "200", "protocol broken".to_owned()),
        (Way::Parts, "Append", "201; location: 7; upload-offset: 4", "stored /files/7".to_owned()),
        (Way::Parts, "Append", "201; location: 7?a=b; upload-offset: 4", "stored /files/7?a=b".to_owned()),
        (Way::Parts, "Append", "201; location: 7; upload-offset: 3", "transient".to_owned()),
        (Way::Parts, "Append", "201; location: 7", "refused: invalid".to_owned()),
        (Way::Parts, "Append", "201; location: 7; upload-offset: 5", "protocol broken".to_owned()),
        (Way::Parts, "Finalize", "201; location: 9", "completed https://example.com/files/9 None".to_owned()),
    ] {
        let outcome = tus(way).decode(&named(name, SESSION), &response(answer), NOW);
        assert_eq!(told(&outcome), expected, "{way:?} {name}: {answer}");
    }
    let later = named("Finalize", "https://example.com/files/7#later");
    for (answer, expected) in [
        ("204; upload-offset: 8", "completed https://example.com/files/7 Some(8)"),
        ("204; upload-offset: 7", "segments missing"),
        ("409; another offset", "segments missing"),
    ] {
        assert_eq!(told(&tus(Way::Deferred).decode(&later, &response(answer), NOW)), expected, "{answer}");
    }
}

/// Every row of the error table: a step, an answer, its row, and what it means.
const BAD: &[(Step, Way, &str, &str, &str, &str)] = &[
    (Step::Append, Way::Whole, "Append", "401", "unauthorized", "credentials expired"),
    (Step::Create, Way::Whole, "Init", "402", "payment", "refused: quota"),
    (Step::Append, Way::Whole, "Append", "404", "gone", "session gone"),
    (Step::Append, Way::Whole, "Append", "403", "forbidden", "refused: forbidden"),
    (Step::Ask, Way::Whole, "Probe", "403", "forbidden", "refused: forbidden"),
    (Step::Ask, Way::Whole, "Probe", "410", "gone-for-good", "session gone"),
    (Step::Join, Way::Parts, "Finalize", "404", "part-gone", "session gone"),
    (Step::Join, Way::Parts, "Finalize", "410", "part-expired", "session gone"),
    (Step::Create, Way::Whole, "Init", "403", "forbidden", "refused: forbidden"),
    (Step::Create, Way::Whole, "Init", "404", "refused", "refused: invalid"),
    (Step::Ask, Way::Whole, "Probe", "407", "proxy", "refused: forbidden"),
    (Step::Append, Way::Whole, "Append", "408", "timeout", "unknown"),
    (Step::Ask, Way::Whole, "Probe", "408", "timeout-asking", "transient"),
    (Step::Ask, Way::Whole, "Probe", "425", "too-early", "transient"),
    (Step::Create, Way::Whole, "Init", "429; retry-after: 7", "throttled", "throttled for 7s"),
    (Step::Append, Way::Whole, "Append", "423; ERR_UPLOAD_LOCKED", "locked", "busy"),
    (
        Step::Append,
        Way::Whole,
        "Append",
        "409; File abc is currently being updated. Please try again later",
        "lock-conflict",
        "busy",
    ),
    (Step::Append, Way::Whole, "Append", "409; ERR_MISMATCHED_OFFSET", "offset", "offset conflict None"),
    (Step::Append, Way::Whole, "Append", "409; upload-offset: 6", "offset", "offset conflict Some(6)"),
    (Step::Declare, Way::Deferred, "Finalize", "409", "shorter", "segments missing"),
    (Step::Ask, Way::Whole, "Probe", "409", "busy-conflict", "busy"),
    (
        Step::Append,
        Way::Whole,
        "Append",
        "400; ERR_UPLOAD_INTERRUPTED by another request",
        "interrupted",
        "unknown",
    ),
    (Step::Append, Way::Whole, "Append", "460", "checksum", "segment rejected"),
    (Step::Part, Way::Parts, "Append", "413", "append-large", "too large"),
    (Step::Create, Way::Whole, "Init", "413; tus-max-size: 7", "refused", "refused: invalid"),
    (
        Step::Join,
        Way::Parts,
        "Finalize",
        "400; ERR_UPLOAD_NOT_FINISHED, one of",
        "unfinished",
        "segments missing",
    ),
    (Step::Append, Way::Whole, "Append", "412", "refused", "refused: invalid"),
    (Step::Append, Way::Whole, "Append", "415", "refused", "refused: invalid"),
    (Step::Ask, Way::Whole, "Probe", "502", "asked-in-vain", "transient"),
    (Step::Create, Way::Whole, "Init", "503", "unavailable", "transient"),
    (Step::Append, Way::Whole, "Append", "503", "server-error", "unknown"),
    (Step::Join, Way::Parts, "Finalize", "500", "server-error", "unknown"),
    (Step::Terminate, Way::Whole, "Abort", "404", "gone", "session gone"),
    (Step::Create, Way::Whole, "Init", "307; location: /files", "moved", "refused: invalid"),
    (Step::Ask, Way::Whole, "Probe", "302", "redirect", "protocol broken"),
    (Step::Append, Way::Whole, "Append", "101", "no-such-status", "protocol broken"),
];

#[test]
fn every_bad_answer_falls_under_its_row_and_every_row_is_shown() {
    let mut shown = BTreeSet::new();
    for (step, way, name, answer, row, expected) in BAD {
        let response = response(answer);
        let session = if *step == Step::Declare { "https://example.com/files/7#later" } else { SESSION };
        assert_eq!(problems::find(*step, &response).unwrap().name(), *row, "{answer}");
        let outcome = tus(*way).decode(&named(name, session), &response, NOW);
        assert_eq!(told(&outcome), *expected, "{name}: {answer}");
        shown.insert(*row);
    }
    for row in error_table() {
        assert!(shown.contains(row.name()), "no vector shows {row}");
    }
}
